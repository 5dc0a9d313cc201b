"""The walk of the prior: its integers agree everywhere, and every step sees what it may."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE
from hvaecodec.models.photo.layout import STEPS
from hvaecodec.models.photo.prior_blas import BlasArithmetic
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_numpy import NumpyArithmetic
from hvaecodec.models.photo.prior_trainable import PriorNet, values_at
from hvaecodec.models.photo.prior_walk import walk

GRID = (4, 5)


def random_shapes(rng: np.random.Generator, batch: int = 2) -> np.ndarray:
    """Maps (B, 2, 2 rows, 2 columns) of random partitions, int64."""
    rows, columns = GRID
    whole = rng.integers(0, WHOLE + 1, (batch, 2, rows, columns)).repeat(2, 2).repeat(2, 3)
    return np.where(whole < WHOLE, whole, rng.integers(WHOLE, len(SHAPES), whole.shape))


def random_symbols(rng: np.random.Generator, batch: int = 2) -> np.ndarray:
    size = 200 / (1 + np.hypot(*np.mgrid[:32, :32])) ** 1.7
    return np.rint(rng.laplace(size=(batch, 3, 32, 32, *GRID)) * size[:, :, None, None]).astype(np.int64)


@pytest.fixture(scope="module")
def net() -> PriorNet:
    torch.manual_seed(0)
    net = PriorNet(PriorConfig(coarse=12, fine=16, dc_hidden=8))
    for name, value in net.named_parameters():
        if "biases" in name:
            value.data = 0.3 * torch.randn_like(value)
    for name, value in net.named_buffers():
        if "linear" in name and not name.startswith("dc"):
            value.copy_(torch.randint(-200, 200, value.shape))
    return net


class Recorder:
    """A coder for `walk` that keeps what it is told, with the numbers of an arithmetic."""

    def __init__(self, symbols, arithmetic) -> None:
        self.symbols, self.arithmetic, self.heads, self.means = symbols, arithmetic, [], []

    def known_dc(self):
        return self.symbols[:, :, 0, 0]

    def known_symbols(self):
        return self.symbols

    def code_dc(self, tiles, channels, prediction, head):
        if head is not None:
            self.heads.append(np.asarray(head))
            self.means.append(np.asarray(prediction))
        flat = self.symbols[:, :, 0, 0].reshape(len(self.symbols), 3, -1)
        return flat[:, channels, tiles][..., None]

    def code_step(self, step, prediction, known):
        self.heads.append(np.asarray(self.arithmetic.conv(f"{step.name}.head", known.joined(self.arithmetic))))
        self.means += [] if prediction is None else [np.asarray(prediction)]
        return self.symbols.reshape(len(self.symbols), 3072, *GRID)[:, step.places]


def heads_of(arithmetic, symbols: np.ndarray, shapes: np.ndarray, index: np.ndarray) -> list[np.ndarray]:
    coder = Recorder(arithmetic.tensor(symbols), arithmetic)
    walk(arithmetic, arithmetic.tensor(index), shapes, coder)
    return [np.asarray(part, np.int64) for part in (*coder.means, *coder.heads)]


@pytest.mark.parametrize("at_once", [1 << 22, 300])
@pytest.mark.parametrize("arithmetic", [ExactArithmetic, BlasArithmetic])
def test_fast_arithmetics_agree_with_the_reference(net: PriorNet, arithmetic, at_once, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules[arithmetic.__module__], "VALUES_AT_ONCE", at_once)
    rng = np.random.default_rng(0)
    symbols, shapes, index = random_symbols(rng), random_shapes(rng), np.array([100, 640])
    arrays = export_integers(net)
    fast = heads_of(arithmetic(arrays, net.config), symbols.astype(np.float32), shapes, index)
    wanted = heads_of(NumpyArithmetic(arrays, net.config), symbols, shapes, index)
    assert len(fast) == len(wanted)
    for a, b in zip(fast, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_pictures_of_a_batch_do_not_see_each_other(net: PriorNet) -> None:
    rng = np.random.default_rng(1)
    symbols, shapes, index = random_symbols(rng), random_shapes(rng), np.array([10, 700])
    exact = ExactArithmetic(export_integers(net), net.config)
    together = heads_of(exact, symbols.astype(np.float32), shapes, index)
    for i in (0, 1):
        alone = heads_of(exact, symbols[i : i + 1].astype(np.float32), shapes[i : i + 1], index[i : i + 1])
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_array_equal(a[i : i + 1], b)


def test_training_sees_the_roundings_of_the_integers(net: PriorNet) -> None:
    rng = np.random.default_rng(2)
    symbols, shapes, index = random_symbols(rng, 1), random_shapes(rng, 1), np.array([333])
    wanted = heads_of(ExactArithmetic(export_integers(net), net.config), symbols.astype(np.float32), shapes, index)
    net.rounding = True
    with torch.no_grad():
        coder = Recorder(torch.from_numpy(symbols).float(), net)
        walk(net, torch.from_numpy(index), torch.from_numpy(shapes), coder)
    net.rounding = False
    for a, b in zip([*coder.means, *(32 * head for head in coder.heads)], wanted, strict=True):
        assert np.mean(a == b) > 0.9  # a tie falls on either side, and is carried on
        assert np.abs(a - b).mean() < 0.2


def test_second_halves_see_the_first(net: PriorNet) -> None:
    """The heads of a second half change with the first half's symbols, those of first halves do not."""
    rng = np.random.default_rng(3)
    symbols, shapes, index = random_symbols(rng, 1), random_shapes(rng, 1), torch.tensor([400])
    first = next(step for step in STEPS if step.name == "32yd0")
    other = symbols.reshape(1, 3072, *GRID).copy()
    other[:, first.places] += 3
    heads = []
    for part in (symbols, other.reshape(symbols.shape)):
        coder = Recorder(torch.from_numpy(part).float(), net)
        with torch.no_grad():
            walk(net, index, torch.from_numpy(shapes), coder)
        heads.append(coder.heads)
    same = [np.array_equal(a, b) for a, b in zip(*heads, strict=True)]
    last = len(same) - 2  # 32yd0, 32yd1, 32c are the last three
    assert same[:last] == [True] * last
    assert not same[last]


def test_values_are_taken_in_the_order_of_places() -> None:
    symbols = torch.arange(3072.0).view(1, 3, 32, 32, 1, 1)
    for step in STEPS:
        assert values_at(symbols, step).flatten().tolist() == step.places.tolist()
