"""Generators as ONNX files that stand alone, run by ONNX Runtime and compared with what the codecs decode."""

from __future__ import annotations

import json
import shutil
import sys

import numpy as np
import onnxruntime
import pytest
import tiny
import tiny_hqa
from promises import PHOTO, psnr_db

import hvaecodec
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.graphs.export import export_onnx
from hvaecodec.models.philox import normals


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return tiny.write_weights(tmp_path_factory.mktemp("weights") / "photo")


@pytest.fixture(scope="module")
def hqa(tmp_path_factory):
    return tiny_hqa.write_weights(tmp_path_factory.mktemp("weights") / "hqa")


def session(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", [(96, 130), (33, 20)])
def test_a_generator_of_dct_vae_photo_draws_what_the_codec_draws(photo, shape, monkeypatch):
    monkeypatch.setattr("hvaecodec.codec.backends.torch_photo_blocks.bfloat16_is_faster", lambda: False)
    codec = hvaecodec.load(photo)
    pixels = PHOTO[: shape[0], : shape[1]]
    data = codec.encode(pixels, quality=40, effort=1)
    run = session(export_onnx(photo))
    names = ("dequantised", "shapes", "step_index")
    inputs = {name: np.asarray(value) for name, value in zip(names, codec.generator_inputs(data), strict=True)}
    height, width = inputs["dequantised"].shape[2:]
    for value in run.get_inputs()[3:]:
        if value.name == "offsets":
            inputs["offsets"] = np.zeros(value.shape, np.float32)
        else:
            fold = int(value.shape[2].split("/")[1])
            inputs[value.name] = np.zeros((1, value.shape[1], height // fold, width // fold), np.float32)
    (picture,) = run.run(None, inputs)
    drawn = picture[0].transpose(1, 2, 0)[: shape[0], : shape[1]]
    assert np.abs(drawn.clip(0, 255) - codec.decode(data)).max() <= 0.51


def test_a_perceptual_generator_is_a_part_of_its_own(photo, tmp_path, monkeypatch):
    monkeypatch.setattr("hvaecodec.codec.backends.torch_photo_blocks.bfloat16_is_faster", lambda: False)
    folder = tiny.write_perceptual(shutil.copytree(photo, tmp_path / "perceptual"))
    codec = hvaecodec.load(folder)
    data = codec.encode(PHOTO, quality=40, effort=1)
    names = ("dequantised", "shapes", "step_index")
    inputs = {name: np.asarray(value) for name, value in zip(names, codec.generator_inputs(data), strict=True)}
    run = session(export_onnx(folder, "perceptual"))
    for value in run.get_inputs()[3:]:
        if value.name == "offsets":
            inputs["offsets"] = np.zeros(value.shape, np.float32)
        else:
            fold, number = int(value.shape[2].split("/")[1]), int(value.name.removeprefix("noise"))
            rows, columns = (side // fold for side in inputs["dequantised"].shape[2:])
            numbers = normals(6, number, (rows, columns, value.shape[1]), 0, rows)
            inputs[value.name] = numbers[None].astype(np.float32)
    (picture,) = run.run(None, inputs)
    drawn = picture[0].transpose(1, 2, 0)[: PHOTO.shape[0], : PHOTO.shape[1]]
    assert np.abs(drawn.clip(0, 255) - codec.decode(data, temperature=1, seed=6)).max() <= 0.51
    assert session(export_onnx(folder)).get_modelmeta().custom_metadata_map["part"] == "generator"


@pytest.mark.parametrize(("layer", "quality"), [(1, 90), (3, 50), (5, 10)])
def test_a_generator_of_hqa_photo_decodes_a_layer(hqa, layer, quality):
    codec = hvaecodec.load(hqa)
    data = codec.encode(PHOTO, quality=quality)
    indices = codec.symbols(data)[0].astype(np.int64)[None]
    (picture,) = session(export_onnx(hqa, layer=layer)).run(None, {"indices": indices})
    drawn = np.rint(255 * picture[0].transpose(1, 2, 0)[:96, :130]).astype(np.uint8)
    assert psnr_db(drawn, codec.decode(data)) > 40


def test_the_card_is_in_the_metadata(photo):
    metadata = session(export_onnx(photo)).get_modelmeta().custom_metadata_map
    assert json.loads(metadata["card"]) == json.loads((photo / "card.json").read_text())
    newest = hvaecodec.load(photo).generators.newest.hex()
    assert (metadata["codec"], metadata["part"], metadata["digest"]) == ("dct-vae-photo", "generator", newest)


def test_a_texture_is_a_part_of_its_own(photo, tmp_path):
    run = session(export_onnx(tiny.write_texture(shutil.copytree(photo, tmp_path / "textured")), "texture"))
    assert [value.name for value in run.get_inputs()] == ["picture", "rate", "noise4", "noise2"]


def test_what_cannot_be_exported_is_refused(photo, hqa, monkeypatch):
    with pytest.raises(CodecUnavailable, match="have no texture"):
        export_onnx(photo, "texture")
    with pytest.raises(CodecUnavailable, match="generators of dct-vae-cifar10 have no graph"):
        export_onnx("dct-vae-cifar10")
    with pytest.raises(ValueError, match=r"layer must lie in 1\.\.5, got 6"):
        export_onnx(hqa, layer=6)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CodecUnavailable, match=r"^an export needs the package onnx: pip install 'hvaecodec\[onnx\]'$"):
        export_onnx(photo)
