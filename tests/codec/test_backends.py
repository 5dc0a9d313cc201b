"""Which library serves, what it does not have, and that codecs give the same with either."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
import tiny_hqa
from promises import PHOTO, psnr_db

import hvaecodec
from hvaecodec.codec import backends, registry
from hvaecodec.codec.backends import library_in_use
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.folders.work import EncodeWork
from hvaecodec.codec.photo.nets import render
from hvaecodec.codec.photo.weights import PhotoWeights

NAMES = ("dct-vae-photo", "hqa-photo")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Tiny weights of both codecs, whose graphs are in no file."""
    folder = tmp_path_factory.mktemp("weights")
    return {
        "dct-vae-photo": tiny.write_weights(folder / "photo", directions=64),
        "hqa-photo": tiny_hqa.write_weights(folder / "hqa"),
    }


def loaded(monkeypatch, folder, library: str) -> registry.Codec:
    monkeypatch.setenv(backends.VARIABLE, library)
    return hvaecodec.load(folder)


@pytest.fixture
def without_torch(monkeypatch):
    monkeypatch.setattr(backends, "torch_is_installed", lambda: False)


# -- the choice ------------------------------------------------------------------------------------------------------


def test_torch_serves_where_it_is_installed(monkeypatch):
    monkeypatch.delenv(backends.VARIABLE, raising=False)
    assert library_in_use() == "torch"
    monkeypatch.setattr(backends, "torch_is_installed", lambda: False)
    assert library_in_use() == "onnx"


def test_the_variable_chooses(monkeypatch):
    for library in ("torch", "onnx"):
        monkeypatch.setenv(backends.VARIABLE, library)
        assert library_in_use() == library
    monkeypatch.setenv(backends.VARIABLE, "tensorflow")
    with pytest.raises(CodecUnavailable, match=r"^HVAECODEC_BACKEND is 'tensorflow'; it must be torch or onnx"):
        library_in_use()


def test_torch_is_refused_where_it_is_not_installed(monkeypatch, without_torch):
    monkeypatch.setenv(backends.VARIABLE, "torch")
    with pytest.raises(CodecUnavailable, match=r"HVAECODEC_BACKEND=torch needs PyTorch.*hvaecodec\[torch\]"):
        library_in_use()


def test_a_codec_keeps_the_library_that_it_was_loaded_with(monkeypatch, folders):
    codec = loaded(monkeypatch, folders["dct-vae-photo"], "onnx")
    monkeypatch.setenv(backends.VARIABLE, "torch")
    data = codec.encode(PHOTO[:40, :40])  # at effort 1: with torch it would be 2
    assert data == codec.encode(PHOTO[:40, :40], effort=1)
    assert type(codec.weights.nets).__name__ == "OnnxPhotoNets"


# -- what is not there without torch -----------------------------------------------------------------------------------


@pytest.mark.parametrize("effort", [2, 3])
def test_efforts_with_gradients_are_refused_in_one_line(monkeypatch, folders, without_torch, effort):
    codec = loaded(monkeypatch, folders["dct-vae-photo"], "onnx")
    line = rf"^effort {effort} needs PyTorch: pip install 'hvaecodec\[torch\]'$"
    with pytest.raises(CodecUnavailable, match=line):
        codec.encode(PHOTO, effort=effort)
    with pytest.raises(CodecUnavailable, match=line):
        EncodeWork(folders["dct-vae-photo"], effort=effort).check()


def test_what_is_no_search_has_every_effort(monkeypatch, folders):
    codec = loaded(monkeypatch, folders["hqa-photo"], "onnx")
    assert codec.encode(PHOTO, effort=3) == codec.encode(PHOTO)
    EncodeWork(folders["hqa-photo"], effort=3).check()


def test_nets_without_gradients_say_so(monkeypatch, folders):
    weights: PhotoWeights = loaded(monkeypatch, folders["dct-vae-photo"], "onnx").weights
    with pytest.raises(CodecUnavailable, match="refining a picture needs PyTorch: unset HVAECODEC_BACKEND"):
        _ = weights.gradients


def test_symbols_by_a_library_that_is_not_there(monkeypatch, folders, without_torch):
    for folder in folders.values():
        codec = loaded(monkeypatch, folder, "onnx")
        data = codec.encode(PHOTO[:64, :64])
        with pytest.raises(CodecUnavailable, match=r"the backend torch needs PyTorch"):
            codec.symbols(data, backend="torch")


def test_a_codec_that_needs_torch_says_so(monkeypatch):
    def missing(name):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(registry, "import_module", missing)
    monkeypatch.setattr(backends, "torch_is_installed", lambda: False)
    with pytest.raises(CodecUnavailable, match=r"dct-vae-cifar10 needs PyTorch: pip install 'hvaecodec\[torch\]'"):
        registry.load("dct-vae-cifar10")


# -- the same from both -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1), (33, 64, 3), (70, 90, 3), (40, 31)])
def test_symbols_are_equal_whoever_wrote_and_whoever_reads(monkeypatch, folders, name, shape):
    pixels = PHOTO[: shape[0], : shape[1]] if len(shape) == 3 else PHOTO[: shape[0], : shape[1], 0]
    torch, onnx = (loaded(monkeypatch, folders[name], library) for library in ("torch", "onnx"))
    for writer in (torch, onnx):
        data = writer.encode(pixels, quality=70, effort=1)
        read = [torch.symbols(data), onnx.symbols(data), onnx.symbols(data, "numpy"), torch.symbols(data, "onnx")]
        for levels in zip(*read, strict=True):
            assert all(np.array_equal(level, levels[0]) for level in levels)
        assert torch.info(data) == onnx.info(data)


SETTINGS = ({}, {"temperature": 0.8, "seed": 5}, {"scale": 0.5}, {"scale": 0.125}, {"scale": 1 / 32})


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_pictures_of_dct_vae_photo_are_alike(monkeypatch, folders, settings):
    torch, onnx = (loaded(monkeypatch, folders["dct-vae-photo"], library) for library in ("torch", "onnx"))
    monkeypatch.setattr("hvaecodec.codec.backends.torch_photo_blocks.bfloat16_is_faster", lambda: False)
    for data in (torch.encode(PHOTO, quality=30, effort=1), torch.encode(PHOTO, quality=60, effort=2)):
        apart = np.abs(torch.decode(data, **settings).astype(int) - onnx.decode(data, **settings))
        assert apart.max() <= 1 and (apart == 0).mean() > 0.999


def test_what_a_file_changes_of_the_generator_is_changed(monkeypatch, folders):
    torch, onnx = (loaded(monkeypatch, folders["dct-vae-photo"], library) for library in ("torch", "onnx"))
    context, _ = onnx._decode_context(hvaecodec.codec.format.container.unpack(torch.encode(PHOTO, effort=2)))
    assert len(context.adaptation.coefficients) > 0
    newest, decoding = onnx.generators.newest, hvaecodec.codec.settings.Decoding()
    with_changes = render(onnx.weights.nets, context, newest, decoding)
    from dataclasses import replace

    from hvaecodec.codec.photo.adaptation import NONE

    assert (with_changes != render(onnx.weights.nets, replace(context, adaptation=NONE), newest, decoding)).any()


@pytest.mark.parametrize("settings", SETTINGS[:3], ids=str)
@pytest.mark.parametrize("quality", [10, 50, 90])
def test_pictures_of_hqa_photo_are_alike(monkeypatch, folders, quality, settings):
    torch, onnx = (loaded(monkeypatch, folders["hqa-photo"], library) for library in ("torch", "onnx"))
    data = onnx.encode(PHOTO, quality=quality)
    assert data == torch.encode(PHOTO, quality=quality)
    assert psnr_db(torch.decode(data, **settings), onnx.decode(data, **settings)) >= 45


def test_a_cut_file_is_decoded_alike(monkeypatch, folders):
    torch, onnx = (loaded(monkeypatch, folders["dct-vae-photo"], library) for library in ("torch", "onnx"))
    data = onnx.encode(PHOTO, quality=60)
    cut = data[: len(data) // 2]
    with pytest.warns(UserWarning, match="the file is cut"):
        ours, theirs = onnx.decode(cut, partial=True), torch.decode(cut, partial=True)
    assert np.abs(ours.astype(int) - theirs).max() <= 2


def test_blocks_give_what_the_whole_gives(monkeypatch, folders):
    onnx = loaded(monkeypatch, folders["dct-vae-photo"], "onnx")
    pixels = np.tile(PHOTO, (3, 3, 1))[:480, :500]
    data = onnx.encode(pixels, quality=60)
    whole, drawn = onnx.decode(data), onnx.decode(data, temperature=1.0, seed=3)
    monkeypatch.setattr("hvaecodec.codec.photo.render.BLOCK", 5)
    monkeypatch.setattr("hvaecodec.codec.photo.transform.CACHED_TILES", 7)
    assert np.abs(onnx.decode(data).astype(int) - whole).max() <= 1
    assert np.abs(onnx.decode(data, temperature=1.0, seed=3).astype(int) - drawn).max() <= 1
