"""The float twin agrees with the exact prior."""

import pytest
import tiny
import torch
from skimage import data as photos

from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.codec.photo.weights import load_weights
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.photo.coding import blocks_of

INDEX = 500


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return load_weights(tiny.write_weights(tmp_path_factory.mktemp("weights")), "generator.safetensors")


@pytest.fixture(scope="module")
def bitstream(weights):
    return weights.bitstream


@pytest.fixture(scope="module")
def picture():
    """Symbols, int16 (3, 32, 32, 4, 4), and their shapes, int64 (2, 8, 8)."""
    pixels = torch.from_numpy(photos.astronaut()[:128, :128].copy()).permute(2, 0, 1)[None].float()
    coefficients, shapes = blocks_of(pixels, step_table()[INDEX])
    return torch.round(coefficients / step_table()[INDEX]).short()[0].numpy(), shapes[0].numpy()


def float_bits(bitstream, symbols, shapes):
    """The bits by level under the float twin."""
    with torch.no_grad():
        parts = torch.from_numpy(symbols[None]).float(), torch.tensor([INDEX]), torch.from_numpy(shapes[None])
        return [float(bits) for bits in bitstream.twin.bits(*parts)]


def test_float_twin_estimates_what_the_integers_cost(bitstream, picture):
    symbols, shapes = picture
    with torch.no_grad():
        bits = bitstream.coder.encode(Frame(symbols.shape[-2:], INDEX), shapes, repeat(symbols)).est_bits
    floats = float_bits(bitstream, symbols, shapes)
    for level in range(1, 6):
        assert floats[level] == pytest.approx(bits[level], rel=0.05)
    assert sum(floats[1:]) == pytest.approx(sum(bits[1:]), rel=0.02)
