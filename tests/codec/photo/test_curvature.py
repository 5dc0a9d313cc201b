"""The generator's curvature, and what the search makes of it."""

import dataclasses

import numpy as np
import pytest
import tiny
import torch
from partitions import random_shapes
from skimage import data as photos

from hvaecodec import CodecError
from hvaecodec.codec.backends import torch_photo_curvature
from hvaecodec.codec.backends.torch_photo_blocks import render_bands
from hvaecodec.codec.backends.torch_photo_curvature import measure_curvature
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.curvature import CURVATURE, KNOTS, Curvature
from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.codec.photo.search import SearchConfig
from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.quantiser import shape_weights, step_table
from hvaecodec.training.photo.export import export_curvature

PHOTO = photos.astronaut()[:96, 100:228]


def measure_means(generator, monkeypatch):
    """With few knots, which is quicker, and 36 tiles, so that a mean over the frequencies is good to a per cent."""
    monkeypatch.setattr(torch_photo_curvature, "KNOTS", KNOTS[::4])
    symbols = np.random.default_rng(0).integers(-2, 3, (3, 32, 32, 6, 6)).astype(np.int16)
    delta, s = step_table().numpy(), shape_weights().numpy()
    contexts = [Context(symbols, random_shapes((6, 6)), 0)]
    return measure_curvature(generator, lambda index: contexts, delta, s).table.mean((3, 4))


def test_a_generator_that_changes_nothing_has_curvature_one(monkeypatch):
    torch.manual_seed(0)
    np.testing.assert_allclose(measure_means(Generator(tiny.GENERATOR).eval(), monkeypatch), 1, atol=0.02)


def test_curvature_is_the_squared_gain_of_a_linear_generator(monkeypatch):
    """Luma halved, chroma removed: 1/4 and 0, whatever the frequency."""
    to_luma = torch.tensor([0.299, 0.587, 0.114])

    def generator(picture, shapes, index, draw, offsets):
        luma = torch.einsum("c,bchw->bhw", to_luma, picture)[:, None]
        return 0.5 * luma.expand(-1, 3, -1, -1)

    generator.basis = torch.zeros(0, 1)
    means = measure_means(generator, monkeypatch)
    np.testing.assert_allclose(means[:, :, 0], 0.25, atol=0.01)
    np.testing.assert_allclose(means[:, :, 1:], 0, atol=0.01)


def test_between_knots_the_table_is_interpolated():
    table = np.arange(len(KNOTS), dtype=np.float32)[:, None, None, None, None] * np.ones((1, 7, 3, 32, 32), np.float32)
    curvature = Curvature(table)
    assert curvature.at(0).max() == 0 and curvature.at(792).min() == len(KNOTS) - 1
    np.testing.assert_allclose(curvature.at(396 + 33), 4 + 33 / 99, rtol=1e-6)


def test_weights_without_a_measurement_are_flat_and_exported_ones_are_loaded(tmp_path):
    folder = tiny.write_weights(tmp_path / "tiny")
    assert (DctVaeCodec.load(folder).weights.curvature.table == 1).all()
    train = [np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)]
    export_curvature(folder, train, count=1, side=32, seed=0)
    table = DctVaeCodec.load(folder).weights.curvature.table
    assert table.shape == (len(KNOTS), 7, 3, 32, 32) and table.std() > 0.01
    with pytest.raises(CodecError, match="exists"):
        export_curvature(folder, train, count=1, side=32, seed=0)
    (folder / CURVATURE).write_bytes(b"not weights")
    with pytest.raises(CodecError, match="cannot read the weights"):
        DctVaeCodec.load(folder)


def test_low_curvature_makes_files_smaller_and_a_pass_that_hurts_is_not_kept(tmp_path):
    codec = DctVaeCodec.load(tiny.write_weights(tmp_path / "tiny"))
    low = Curvature(np.full((len(KNOTS), 7, 3, 32, 32), 0.3, np.float32))
    net = codec.generators.get(codec.generators.newest)

    def encoded(effort, curve, config):
        return encode_picture(dataclasses.replace(codec.weights, curvature=curve), PHOTO, 300, effort, config)

    curved, flat = (encoded(1, curve, SearchConfig()) for curve in (low, Curvature.flat()))
    assert sum(curved.est_bits) < sum(flat.est_bits)
    assert np.count_nonzero(curved.context.symbols) < np.count_nonzero(flat.context.symbols)
    steps = float(codec.bitstream.delta[300]) * torch.from_numpy(codec.bitstream.s)

    def cost(encoding, config):
        (picture,) = render_bands(net, encoding.context, steps)
        picture = picture[: PHOTO.shape[0], : PHOTO.shape[1]]
        error = ((picture.astype(float) - PHOTO) ** 2).sum()
        return error + 3 * config.lagrangian * float(codec.bitstream.delta[300]) ** 2 * sum(encoding.est_bits)

    wild = SearchConfig(passes=(0, 3, 3), paces=(50.0, 50.0))  # far beyond where the gradient holds
    assert cost(encoded(2, low, wild), wild) <= 1.001 * cost(encoded(1, low, wild), wild)  # rounding to 8 bits aside
