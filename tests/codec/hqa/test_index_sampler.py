"""Drawing a layer's indices from the layer above: exact, of the stated probabilities, by the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matrix import CONFIGURATIONS, IN_PROCESS, switched

from hvaecodec.models.hqa import index_prior
from hvaecodec.models.hqa.index_blas import BlasIndexArithmetic
from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
from hvaecodec.models.hqa.index_prior import CODES, DEPTH, OUTSIDE, TABLE, IndexPriorConfig, bit_tables, flat, phases
from hvaecodec.models.hqa.index_sampler import IndexSampler
from hvaecodec.models.hqa.index_trainable import IndexPriorNet, export_integers

CONFIG = IndexPriorConfig(embedding=4, hidden=16, above=True)


def sampler(seed: int = 0, layers: int = 2, spread: float = 0.6, arithmetic=BlasIndexArithmetic) -> IndexSampler:
    """Conditional priors with random weights that say something."""
    torch.manual_seed(seed)
    nets = [IndexPriorNet(CONFIG) for _ in range(layers)]
    for net in nets:
        torch.nn.init.normal_(net.weights["head"], std=spread)
    return IndexSampler([export_integers(net) for net in nets], bit_tables(), CONFIG, arithmetic)


def blind(logits: dict[int, float]) -> IndexSampler:
    """One that sees nothing: these logits of the tree's nodes, 0 at all others."""
    net = IndexPriorNet(CONFIG)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
        for node, value in logits.items():
            net.biases["head"][node] = value
    return IndexSampler([export_integers(net)], bit_tables(), CONFIG)


def some(grid: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, CODES, grid).astype(np.int16)


@pytest.mark.parametrize("grid", [(1, 1), (1, 7), (5, 3), (20, 33)])
def test_draws_are_equal_in_every_configuration(grid):
    source, above = sampler(arithmetic=ExactIndexArithmetic), some(grid)
    expected = source.draw(above, 1, 0.8, 3, backend="numpy")
    np.testing.assert_array_equal(sampler(arithmetic=BlasIndexArithmetic).draw(above, 1, 0.8, 3), expected)
    assert expected.shape == (2 * grid[0], 2 * grid[1]) and expected.dtype == np.int16
    assert expected.min() >= 0 and expected.max() < CODES
    for name in IN_PROCESS:
        with switched(CONFIGURATIONS[name]):
            np.testing.assert_array_equal(source.draw(above, 1, 0.8, 3), expected)


def test_chunks_are_no_part_of_a_draw(monkeypatch):
    source, above = sampler(), some((20, 20))
    expected = source.draw(above, 0, 1.0, 0)
    monkeypatch.setattr(index_prior, "CHUNK", 17)
    np.testing.assert_array_equal(source.draw(above, 0, 1.0, 0), expected)


def test_a_draw_depends_on_seed_layer_above_and_layer():
    source, above = sampler(spread=0.1), some((8, 8))
    indices = source.draw(above, 0, 1.0, 0)
    np.testing.assert_array_equal(indices, source.draw(above.copy(), 0, 1.0, 0))
    others = source.draw(above, 0, 1.0, 1), source.draw(some((8, 8), 1), 0, 1.0, 0), source.draw(above, 1, 1.0, 0)
    assert all((indices != other).mean() > 0.3 for other in others)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_bits_have_the_probabilities_of_their_logits(temperature):
    root, left, right = 2.0, -3.0, 1.0  # whole quarters at every temperature, as tables have them
    indices = blind({0: root, 1: left, 2: right}).draw(some((100, 100)), 0, temperature, 0).ravel()
    first, second = indices >> (DEPTH - 1), indices >> (DEPTH - 2) & 1
    expected = [1 / (1 + np.exp(-logit / temperature)) for logit in (root, left, right)]
    parts = first, second[first == 0], second[first == 1], indices & 1
    for bits, p in zip(parts, [*expected, 0.5], strict=True):
        assert abs(bits.mean() - p) < 4 * (p * (1 - p) / len(bits)) ** 0.5 + 1e-3
    apart = np.corrcoef(first, indices & 1)[0, 1]
    assert abs(apart) < 0.03, "what is left of a number says nothing of the bits it has decided"


def test_the_coldest_draw_is_the_likeliest_path_whatever_the_seed():
    source = blind({0: 0.5, 2: -0.5, 5: 4.0})
    indices = [source.draw(some((6, 6)), 0, 1e-6, seed) for seed in (0, 1)]
    assert (indices[0] >> (DEPTH - 3) == 0b101).all() and (indices[1] >> (DEPTH - 3) == 0b101).all()


def test_cells_see_the_nine_around_the_one_they_lie_in():
    above = np.arange(12, dtype=np.int16).reshape(3, 4)
    over = flat(above)
    neighbours = {}
    for phase in phases(6, 8):
        near = over[phase.near_above((3, 4), slice(None))]
        for row, column, nine in zip(phase.rows, phase.columns, near, strict=True):
            neighbours[int(row), int(column)] = nine.tolist()
    assert len(neighbours) == 48
    out = OUTSIDE
    assert neighbours[0, 0] == neighbours[1, 1] == [out, out, out, out, 0, 1, out, 4, 5]
    assert neighbours[2, 5] == neighbours[3, 4] == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert neighbours[5, 7] == [6, 7, out, 10, 11, out, out, out, out]


def test_training_with_roundings_prices_as_the_integers_do():
    torch.manual_seed(1)
    net = IndexPriorNet(CONFIG)
    net.rounding = True
    exact = ExactIndexArithmetic(export_integers(net), CONFIG)
    near = torch.cat([torch.randint(0, TABLE, (50, 16)), torch.randint(TABLE, 2 * TABLE, (50, 9))], 1)
    with torch.no_grad():
        floats = net.logits("vertical", torch.full((50,), 1), near).numpy() * 32
    integers = exact.logits("vertical", 1, near.numpy().astype(np.int16))
    assert (np.abs(floats - integers) <= 1).mean() > 0.95  # halves may round the other way


def test_priors_that_do_not_see_the_layer_above_are_refused():
    config = IndexPriorConfig(4, 16)
    with pytest.raises(ValueError, match="see the layer above"):
        IndexSampler([export_integers(IndexPriorNet(config))], bit_tables(), config)
