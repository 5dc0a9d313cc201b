"""Our codecs in the shape of CompressAI's models: tensors to whole files and back. Theirs is not needed here."""

import numpy as np
import pytest
import torch

import hvaecodec
from hvaecodec.codec.errors import CodecError
from hvaecodec.integrations.compressai import CompressModel

PICTURES = np.random.default_rng(3).integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)


def tensor(pictures=PICTURES):
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_a_lossless_codec_gives_back_every_sample(stand_in, dtype):
    model = CompressModel(stand_in)
    coded = model.compress(tensor().to(dtype))
    assert tuple(coded["shape"]) == (5, 7)
    assert coded["strings"] == [[hvaecodec.encode(picture, stand_in) for picture in PICTURES]], "whole files"
    x_hat = model.decompress(coded["strings"], coded["shape"])["x_hat"]
    assert x_hat.dtype == torch.float32 and torch.equal(x_hat, tensor())


def test_grey(stand_in):
    model = CompressModel(stand_in)
    x = tensor(PICTURES[..., :1])
    coded = model.compress(x)
    assert hvaecodec.decode(coded["strings"][0][0]).shape == (5, 7)
    assert torch.equal(model.decompress(**coded)["x_hat"], x)


def test_half_a_level_outside_is_rounding(stand_in):
    model = CompressModel(stand_in)
    x = torch.tensor([-0.001, 0.0, 0.4 / 255, 0.6 / 255, 1.0, 1.001]).reshape(1, 1, 1, 6)
    x_hat = model.decompress(**model.compress(x))["x_hat"]
    assert (x_hat.flatten() * 255).tolist() == [0, 0, 0, 1, 255, 255]


def test_settings_reach_the_codec():
    x = torch.linspace(0, 1, 64 * 64).reshape(1, 1, 64, 64).expand(1, 3, 64, 64)
    model = CompressModel(quality=30, effort=1)
    (data,) = model.compress(x)["strings"][0]
    assert abs(hvaecodec.info(data)["quality"] - 30) < 1
    picture = (x[0].permute(1, 2, 0).double() * 255).round().byte().numpy()
    assert data == hvaecodec.encode(np.ascontiguousarray(picture), quality=30, effort=1)
    sampled = CompressModel(temperature=1.0, seed=4).decompress([[data]], (64, 64))["x_hat"]
    expected = hvaecodec.decode(data, temperature=1.0, seed=4)
    assert torch.equal(sampled, tensor(expected[None]))
    for wrong in ({"quality": 0}, {"quality": 5, "bpp": 1}, {"effort": 4}, {"temperature": 3}):
        with pytest.raises(ValueError):
            CompressModel(**wrong)
    with pytest.raises(TypeError, match="no setting qualty"):
        CompressModel(qualty=3)
    with pytest.raises(CodecError, match="no codec 'no-such'"):
        CompressModel("no-such")


def test_it_is_a_module_that_says_where_it_is(stand_in):
    model = CompressModel(stand_in).eval()
    assert next(model.parameters()).device.type == "cpu" and not model.update(force=True)
    coded = model.half().compress(tensor().half())
    assert torch.equal(model.decompress(**coded)["x_hat"], tensor().half())
    with pytest.raises(NotImplementedError, match="no likelihoods"):
        model(tensor())


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (PICTURES, TypeError, "not uint8"),
        (torch.from_numpy(PICTURES).permute(0, 3, 1, 2), TypeError, "not torch.uint8"),
        ([1.0], TypeError, "not list"),
        (tensor()[0], ValueError, r"tensor of shape \(3, 5, 7\)"),
        (tensor()[:, :2], ValueError, r"tensor of shape \(2, 2, 5, 7\)"),
        (tensor()[:0], ValueError, r"tensor of shape \(0, 3, 5, 7\)"),
        (tensor() * 255, ValueError, "expected 0..1"),
        (tensor() - 0.01, ValueError, "values lie in -0.01"),
        (tensor() * float("nan"), ValueError, "nan"),
    ],
)
def test_what_is_no_batch_of_pictures(stand_in, x, error, message):
    with pytest.raises(error, match=message):
        CompressModel(stand_in).compress(x)


def test_bad_strings(stand_in):
    model = CompressModel(stand_in)
    (files,) = model.compress(tensor())["strings"]
    with pytest.raises(CodecError, match="truncated"):
        model.decompress([[files[0][:-9]]], (5, 7))
    with pytest.raises(ValueError, match=r"expected \(5, 8\)"):
        model.decompress([files], (5, 8))
    grey = hvaecodec.encode(PICTURES[0, ..., 0], stand_in)
    with pytest.raises(ValueError, match="some of the files are grey"):
        model.decompress([[files[0], grey]], (5, 7))
    with pytest.raises(ValueError, match="grey or RGB"):
        model.decompress([[hvaecodec.encode(np.dstack([PICTURES[0], PICTURES[0][..., :1]]), stand_in)]], (5, 7))
    for strings in ([], [[]], files, [files, files]):
        with pytest.raises(ValueError, match="one list"):
            model.decompress(strings, (5, 7))
    other = hvaecodec.encode(PICTURES[0], effort=1)
    with pytest.raises(CodecError, match="written by dct-vae-photo"):
        model.decompress([[other]], (5, 7))
