"""What is true of any file, however it came about: a `CodecError`, or a picture of the right shape; and more."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from random import Random
from typing import Any
from unittest import mock

import numpy as np

import hvaecodec
from fuzz.file_mutants import mutate_file, parts_of, with_checksums
from hvaecodec.codec import registry
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.container import read_header
from hvaecodec.codec.images import to_file

MAX_PIXELS = 16384  # a small case stays small, whatever it declares
_MORE = b"\1" * 300_000  # more than the symbols of so many pixels can take, even if a cut stream is read on
_CHANNELS: dict[str, tuple[int, ...]] = {"L": (), "LA": (2,), "RGB": (3,), "RGBA": (4,)}


@contextmanager
def serving(codecs: dict[str, Any]) -> Iterator[None]:
    """Have the public functions use these codecs, and take every warning but a UserWarning for an error."""
    with mock.patch.object(registry, "shared", codecs.__getitem__), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", UserWarning)
        yield


def attempt(call: Callable[..., Any], *arguments: Any, **settings: Any) -> Any:
    """Return what a call returns, or the CodecError that it raises; anything else that it raises is a finding."""
    try:
        return call(*arguments, max_pixels=MAX_PIXELS, **settings)
    except CodecError as refusal:
        return refusal


def check_decode(rng: Random, seeds: list[bytes]) -> str:
    """Decode a mutant and return what became of it."""
    return decode_promise(mutate_file(rng, seeds))


def decode_promise(data: bytes, **settings: Any) -> str:
    """A file is refused with a CodecError, or is a picture of the shape that its header states."""
    picture = attempt(hvaecodec.decode, data, **settings)
    if isinstance(picture, CodecError):
        return type(picture).__name__
    header = read_header(data)
    size = round(32 * settings.get("scale", 1))
    height, width = (-(-n * size // 32) for n in (header.height, header.width))
    assert picture.shape == (height, width, *_CHANNELS[header.mode]), picture.shape
    assert picture.dtype == np.uint8 and picture.flags["C_CONTIGUOUS"]
    return "picture"


def check_all(rng: Random, seeds: list[bytes]) -> str:
    """Put a mutant through every oracle, and return what became of it."""
    data = mutate_file(rng, seeds)
    result = all_promises(data)
    settings = {
        "scale": 2.0 ** -rng.randrange(6),
        "temperature": rng.choice((0.0, 0.3, 1.0, 2.0)),
        "seed": rng.choice((0, 1, 2**64 - 1)),
        "partial": rng.random() < 0.5,
        "generator": rng.choice(("file", "latest")),
    }
    cut = data[: rng.randrange(len(data) + 1)] if settings["partial"] else data
    decode_promise(cut, **settings)
    if result == "picture":
        written_promise(data, rng.choice((".png", ".jpg", ".webp", ".tif", ".bmp")))
        decode_promise(data, **settings)
    return result


def all_promises(data: bytes) -> str:
    """`decode`, `symbols` and `info(estimate=True)` refuse the same files; backends agree; all streams are read."""
    result = decode_promise(data)
    facts = attempt(hvaecodec.info, data, estimate=True)
    plain = attempt(hvaecodec.info, data)
    backends = [attempt(hvaecodec.symbols, data, backend=backend) for backend in (None, "onnx", "numpy")]
    refused = [isinstance(answer, CodecError) for answer in (facts, *backends)]
    assert refused == [result != "picture"] * 4, (result, facts, backends)
    if isinstance(plain, CodecError):
        assert result != "picture", plain
        return result
    assert [plain["height"], plain["width"]] == [read_header(data).height, read_header(data).width]
    if result == "picture":
        facts.pop("est_bits")
        assert facts == plain
        for levels in zip(*backends, strict=True):
            for level in levels[1:]:
                np.testing.assert_array_equal(level, levels[0])
        exhausted_promise(data)
    return result


def exhausted_promise(data: bytes) -> None:
    """A file that is a picture is none with more bytes in a stream: each is read to its end."""
    parts = parts_of(data)
    for at in range(len(parts.levels)):
        for more in (b"\0", _MORE):
            levels = (*parts.levels[:at], parts.levels[at] + more, *parts.levels[at + 1 :])
            longer = with_checksums(replace(parts, levels=levels))
            for call in (hvaecodec.decode, hvaecodec.symbols):
                assert isinstance(attempt(call, longer), CodecError), f"level {at} is not read to its end"


def written_promise(data: bytes, suffix: str) -> None:
    """A picture with whatever metadata can be written as a file of any kind, or is refused with a CodecError."""
    codec = registry.for_file(data, max_pixels=MAX_PIXELS)
    loaded = codec.decode_with_metadata(data, max_pixels=MAX_PIXELS)
    with suppress(CodecError):
        to_file(loaded, suffix)
