"""Files that declare more than they hold: what is refused by the header alone, before anything is decoded or taken."""

import tracemalloc
import warnings
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import constriction
import numpy as np
import pytest
from PIL import PngImagePlugin

import hvaecodec
from hvaecodec.codec import images, registry
from hvaecodec.codec.errors import CodecError, CorruptFile, ModelMismatch
from hvaecodec.codec.format.container import ALPHA, Header, pack
from hvaecodec.codec.format.limits import DECODED_PIXELS, MAX_PIXELS
from hvaecodec.codec.format.wire_ids import CODECS

GOLDEN = sorted((Path(__file__).parents[1] / "golden").glob("*.hvc"))
N_LEVELS = {"dct-vae-photo": 6}  # one in all others
STEP_INDEX = {"dct-vae-photo": 392, "hqa-photo": 3, "dct-vae-cifar10": 1, "srvae-cifar10": 1}


def file_of(codec: str, height: int, width: int, **changes: Any) -> bytes:
    """A file whose checksums are right and whose streams are empty."""
    mode, extras = changes.pop("mode", "RGB"), changes.pop("extras", ())
    header = Header(codec, mode, height, width, changes.pop("step_index", STEP_INDEX[codec]), b"abcd", b"ef")
    return pack(header, [b""] * changes.pop("levels", N_LEVELS.get(codec, 1)), extras)


def codec_class(name: str) -> Any:
    return import_module(registry.CODECS[name].module).CODEC


def without_weights(name: str) -> Any:
    """A codec that fails with an AttributeError as soon as it asks for its weights."""
    cls = codec_class(name)
    return cls.__new__(cls)


def calls_of(codec: Any) -> list[Any]:
    """What a codec does with a file whose symbols it decodes."""
    return [
        codec.decode,
        codec.decode_with_metadata,
        codec.symbols,
        lambda data, **limit: codec.info(data, estimate=True, **limit),
    ]


@pytest.fixture
def no_weights(monkeypatch):
    """No codec can be loaded: whoever asks for weights fails."""
    monkeypatch.setattr(registry, "shared", lambda name: pytest.fail("weights are loaded"))
    monkeypatch.setattr(registry, "load", lambda name: pytest.fail("weights are loaded"))


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(("height", "width"), [(16384, 16384), (65535, 65535), (13377, 13377)])
def test_a_bomb_is_refused_by_its_header_alone(name, height, width, no_weights, monkeypatch):
    """Neither weights nor payloads are looked at, and no memory is taken."""
    bomb = file_of(name, height, width)
    monkeypatch.setattr("hvaecodec.codec.images.alpha_and_grey.unpack", lambda *_, **__: pytest.fail("unpacked"))
    codec = without_weights(name)
    calls = [*calls_of(codec), codec.info, codec.describe, hvaecodec.decode, hvaecodec.info, hvaecodec.symbols]
    for call in [*calls, lambda data: hvaecodec.info(data, estimate=True)]:
        tracemalloc.start()
        with pytest.raises(CodecError, match=f"above the limit of {DECODED_PIXELS}.*--max-pixels"):
            call(bomb)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 100_000


@pytest.mark.parametrize("name", CODECS)
def test_pixels_are_counted_in_whole_tiles(name, no_weights):
    data = file_of(name, 33, 1)  # two tiles of 1024
    for call in (hvaecodec.info, codec_class(name).describe, without_weights(name).info):
        with pytest.raises(CodecError, match="33 x 1 pixels, 2048 in whole tiles, is above the limit of 2047"):
            call(data, max_pixels=2047)
        with pytest.warns(UserWarning, match="above half the limit of 4095") as warned:
            assert call(data, max_pixels=4095)["height"] == 33
        assert len(warned) == 1
        assert call(data, max_pixels=4096)["height"] == 33
        with pytest.raises(ValueError, match="max_pixels must be at least 1"):
            call(data, max_pixels=0)
    for call in calls_of(without_weights(name)):
        with pytest.raises(CodecError, match="above the limit of 2047"):
            call(data, max_pixels=2047)
        with pytest.raises(ValueError, match="max_pixels must be at least 1"):
            call(data, max_pixels=0)


@pytest.mark.parametrize("name", CODECS)
def test_info_without_an_estimate_decodes_nothing(name, no_weights):
    """Header, lengths and checksums alone: no weights, and no byte of any stream is understood."""
    data = file_of(name, 65535, 65535, mode="RGBA", extras=((ALPHA, b"no plane"),))
    facts = hvaecodec.info(data, max_pixels=2 * MAX_PIXELS)
    assert (facts["codec"], facts["height"], facts["width"], facts["mode"]) == (name, 65535, 65535, "RGBA")
    assert facts["n_bytes"] == len(data) and facts["payload_bytes"]["alpha"] == 8 and "est_bits" not in facts
    assert facts["quality"] == 50
    for end in (20, len(data) - 1):
        with pytest.raises(CorruptFile):
            hvaecodec.info(data[:end], max_pixels=MAX_PIXELS * 2)


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_info_of_a_whole_file_asks_no_decoder(path, no_weights, monkeypatch):
    """Neither the entropy coder nor the alpha plane's is asked, and hardly more memory is taken than the file has."""
    monkeypatch.setattr(constriction.stream.queue, "RangeDecoder", lambda *_: pytest.fail("a stream is decoded"))
    monkeypatch.setattr("hvaecodec.codec.images.alpha.zlib.decompressobj", lambda: pytest.fail("alpha is inflated"))
    monkeypatch.setattr(PngImagePlugin.PngImageFile, "__init__", lambda *_: pytest.fail("alpha is decoded"))
    data = path.read_bytes()
    hvaecodec.info(data)  # imports what it needs
    tracemalloc.start()
    assert hvaecodec.info(data)["n_bytes"] == len(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * len(data) + 50_000


def test_the_limit_of_the_public_functions_is_the_codecs():
    """Of a file that decodes: one pixel less is refused, as many warn, twice as many do not."""
    data = (Path(__file__).parents[1] / "golden" / "cifar-one-pixel.hvc").read_bytes()
    for call in (hvaecodec.decode, hvaecodec.symbols, hvaecodec.info, partial(hvaecodec.info, estimate=True)):
        with pytest.raises(CodecError, match="1 x 1 pixels, 1024 in whole tiles, is above the limit of 1023"):
            call(data, max_pixels=1023)
        with pytest.warns(UserWarning, match="above half the limit of 1024"):
            call(data, max_pixels=1024)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call(data, max_pixels=2048)
            call(data)


@pytest.mark.parametrize("name", CODECS)
def test_what_the_header_shows_is_refused_without_weights(name, no_weights):
    for changes in ({"step_index": 65535}, {"levels": 31}):
        with pytest.raises(CorruptFile):
            hvaecodec.info(file_of(name, 5, 5, **changes))
    other = next(other for other in CODECS if other != name)
    with pytest.raises(ModelMismatch, match=f"written by {other}, and this is {name}"):
        codec_class(name).describe(file_of(other, 5, 5))


@pytest.mark.parametrize("name", CODECS)
def test_alpha_is_checked_before_anything_is_decoded(name):
    plane = images.encode_alpha(np.zeros((6, 5), np.uint8))
    for alpha, message in ((plane[:-1], "alpha stream"), (plane, "alpha is 6 x 5 pixels, expected 5 x 6")):
        data = file_of(name, 5, 6, mode="RGBA", extras=((ALPHA, alpha),))
        for call in calls_of(without_weights(name)):
            with pytest.raises(CorruptFile, match=message):
                call(data)


def test_a_limit_that_refuses_nothing_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hvaecodec.info(file_of("hqa-photo", 40000, 50000), max_pixels=MAX_PIXELS)["height"] == 40000


def test_the_encoder_decodes_its_own_file_whatever_its_size(monkeypatch):
    """A target in dB is found by decoding, which has no limit then."""
    codec = without_weights("hqa-photo")
    limits: list[int] = []
    monkeypatch.setattr(
        type(codec), "_decode", lambda self, data, settings: limits.append(settings.max_pixels) or images.from_any(data)
    )
    assert codec._decode_own(np.zeros((2, 2), np.uint8)).shape == (2, 2)
    assert limits == [MAX_PIXELS]
