"""The prior over tiles of different blocks: its steps cover every place once, and its integers agree everywhere."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hvaecodec.models.photo.block_prior_exact import BlockExactArithmetic
from hvaecodec.models.photo.block_prior_layers import BLOCK_STEPS, BlockPriorConfig
from hvaecodec.models.photo.block_prior_numpy import BlockNumpyArithmetic
from hvaecodec.models.photo.block_prior_start import widened
from hvaecodec.models.photo.block_prior_trainable import BlockPriorNet, values_at
from hvaecodec.models.photo.block_prior_walk import walk
from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE
from hvaecodec.models.photo.prior_exact import export_integers
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_trainable import PriorNet

GRID = (4, 5)
SMALL = {"coarse": 12, "fine": 16, "dc_hidden": 8}


def random_shapes(rng: np.random.Generator, batch: int = 2) -> np.ndarray:
    """Maps (B, 2, 2 rows, 2 columns) of random partitions, int64."""
    rows, columns = GRID
    whole = rng.integers(0, WHOLE + 1, (batch, 2, rows, columns)).repeat(2, 2).repeat(2, 3)
    return np.where(whole < WHOLE, whole, rng.integers(WHOLE, len(SHAPES), whole.shape))


def random_symbols(rng: np.random.Generator, batch: int = 2) -> np.ndarray:
    size = 200 / (1 + np.hypot(*np.mgrid[:32, :32])) ** 1.7
    return np.rint(rng.laplace(size=(batch, 3, 32, 32, *GRID)) * size[:, :, None, None]).astype(np.int64)


@pytest.fixture(scope="module")
def net() -> BlockPriorNet:
    torch.manual_seed(0)
    net = BlockPriorNet(BlockPriorConfig(**SMALL))
    for name, value in net.named_parameters():
        if "biases" in name:
            value.data = 0.3 * torch.randn_like(value)
    for name, value in net.named_buffers():
        if "linear" in name and not name.startswith("dc"):
            value.copy_(torch.randint(-200, 200, value.shape))
    return net


class Recorder:
    """A coder for `walk` that keeps what it is told; `head` applies the step's head."""

    def __init__(self, symbols, head) -> None:
        self.symbols, self.head, self.heads, self.means = symbols, head, [], []

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

    def code_step(self, step, prediction, state):
        self.heads.append(np.asarray(self.head(f"{step.name}.head", state)))
        self.means += [] if prediction is None else [np.asarray(prediction)]
        return self.symbols.reshape(len(self.symbols), 3072, *GRID)[:, step.places]

    def embedded(self, step, features) -> None:
        """Nothing is done with the features."""


def heads_of(arithmetic, symbols: np.ndarray, shapes: np.ndarray, index: np.ndarray) -> list[np.ndarray]:
    coder = Recorder(arithmetic.tensor(symbols), arithmetic.conv)
    walk(arithmetic, GRID, arithmetic.tensor(index), shapes, coder)
    return [np.asarray(part, np.int64) for part in (*coder.means, *coder.heads)]


def test_steps_cover_every_place_but_the_dcs_once() -> None:
    places = np.concatenate([step.places for step in BLOCK_STEPS])
    assert len(places) == len(set(places)) == 3 * 1023
    assert not set(places) & {0, 1024, 2048}


def test_halves_of_a_band_are_neighbours_of_each_other() -> None:
    first, second = (step for step in BLOCK_STEPS if step.name.startswith("32yd"))
    assert first.size == second.size == 128
    u, v = np.divmod(first.places, 32)
    assert set((u * 32 + v ^ 1).tolist()) == set(second.places.tolist())


def test_torch_and_numpy_agree(net: BlockPriorNet) -> None:
    rng = np.random.default_rng(0)
    symbols, shapes, index = random_symbols(rng), random_shapes(rng), np.array([100, 640])
    arrays = export_integers(net)
    by_torch = heads_of(BlockExactArithmetic(arrays, net.config), symbols.astype(np.float32), shapes, index)
    wanted = heads_of(BlockNumpyArithmetic(arrays, net.config), symbols, shapes, index)
    assert len(by_torch) == len(wanted)
    for a, b in zip(by_torch, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_pictures_of_a_batch_do_not_see_each_other(net: BlockPriorNet) -> None:
    rng = np.random.default_rng(1)
    symbols, shapes, index = random_symbols(rng), random_shapes(rng), np.array([10, 700])
    exact = BlockExactArithmetic(export_integers(net), net.config)
    together = heads_of(exact, symbols.astype(np.float32), shapes, index)
    for i in (0, 1):
        alone = heads_of(exact, symbols[i : i + 1].astype(np.float32), shapes[i : i + 1], index[i : i + 1])
        for a, b in zip(together, alone, strict=True):
            np.testing.assert_array_equal(a[i : i + 1], b)


def test_training_sees_the_roundings_of_the_integers(net: BlockPriorNet) -> None:
    rng = np.random.default_rng(2)
    symbols, shapes, index = random_symbols(rng, 1), random_shapes(rng, 1), np.array([333])
    wanted = heads_of(BlockExactArithmetic(export_integers(net), net.config), symbols.astype(np.float32), shapes, index)
    net.rounding = True
    with torch.no_grad():
        coder = Recorder(torch.from_numpy(symbols).float(), net.conv)
        walk(net, GRID, torch.from_numpy(index), torch.from_numpy(shapes), coder)
    net.rounding = False
    for a, b in zip([*coder.means, *(32 * head for head in coder.heads)], wanted, strict=True):
        assert np.mean(a == b) > 0.9  # a tie falls on either side, and is carried on
        assert np.abs(a - b).mean() < 0.2


def test_second_halves_see_the_first(net: BlockPriorNet) -> None:
    """The heads of a second half change with the first half's symbols, those of first halves do not."""
    rng = np.random.default_rng(3)
    symbols, shapes, index = random_symbols(rng, 1), random_shapes(rng, 1), torch.tensor([400])
    first = next(step for step in BLOCK_STEPS if step.name == "32yd0")
    other = symbols.reshape(1, 3072, *GRID).copy()
    other[:, first.places] += 3
    heads = []
    for part in (symbols, other.reshape(symbols.shape)):
        coder = Recorder(torch.from_numpy(part).float(), net.conv)
        with torch.no_grad():
            walk(net, GRID, index, torch.from_numpy(shapes), coder)
        heads.append(coder.heads)
    same = [np.array_equal(a, b) for a, b in zip(*heads, strict=True)]
    last = len(same) - 2  # 32yd0, 32yd1, 32c are the last three
    assert same[:last] == [True] * last
    assert not same[last]


def test_begins_with_a_prior_of_undivided_tiles() -> None:
    torch.manual_seed(1)
    old = PriorNet(PriorConfig(**SMALL))
    new = BlockPriorNet(BlockPriorConfig(**SMALL))
    new.load_state_dict(widened(old.state_dict(), new))
    step = next(step for step in BLOCK_STEPS if step.name == "16yd1")
    assert torch.equal(new.weights["16yd1_block0_conv"], old.weights["16yd_block1_conv"])
    head = new.weights["16yd1_head"]
    assert head.shape[1] == 16 + 56 + 2 * step.size
    assert not head[:, 16:].any()
    odd = [i for i in range(64) if (i // 8 + i % 8) % 2]
    assert torch.equal(head[: step.size, :16], old.weights["16yd_head"][odd])


def test_values_are_taken_in_the_order_of_places() -> None:
    symbols = torch.arange(3072.0).view(1, 3, 32, 32, 1, 1)
    for step in BLOCK_STEPS:
        assert values_at(symbols, step).flatten().tolist() == step.places.tolist()
