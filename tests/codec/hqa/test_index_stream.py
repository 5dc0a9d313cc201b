"""Indices to bytes and back: the same integers in every configuration, with and without PyTorch and constriction."""

from __future__ import annotations

import matrix
import numpy as np
import pytest
import tiny_hqa
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matrix import BATCHES, CONFIGURATIONS, IN_PROCESS, switched
from reference_decoder import RangeDecoder, starts_of

import hvaecodec
from hvaecodec.codec.backends.torch_hqa import TorchHqaNets
from hvaecodec.codec.entropy.bits import BitEncoder, BitTables
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.hqa import index_stream
from hvaecodec.codec.hqa.index_stream import decode_indices, encode_indices
from hvaecodec.codec.hqa.weights import load_hqa_bitstream
from hvaecodec.models.hqa.index_blas import BlasIndexArithmetic
from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
from hvaecodec.models.hqa.index_numpy import NumpyIndexArithmetic
from hvaecodec.models.hqa.index_prior import (
    CODES,
    DEPTH,
    NODES,
    OUTSIDE,
    IndexPriorConfig,
    bit_tables,
    layer_shapes,
    phases,
    table_of,
    tree_order,
)
from hvaecodec.models.hqa.index_trainable import IndexPriorNet, export_integers, paths

GRID = (37, 45)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_hqa.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def bitstream(folder):
    return load_hqa_bitstream(folder)


@pytest.fixture(scope="module")
def arithmetic(bitstream, folder):
    return TorchHqaNets(bitstream, folder, "generator.safetensors").arithmetic


@pytest.fixture(scope="module")
def indices():
    return tiny_hqa.random_indices(0, GRID)


@pytest.fixture(scope="module")
def stream(bitstream, arithmetic, indices):
    return encode_indices(arithmetic[2], bitstream.tables, indices)[0]


# -- phases ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [(1, 1), (1, 70), (70, 1), (16, 24), (65, 33)])
def test_every_cell_is_coded_once_and_sees_only_what_is_known(grid):
    known = np.zeros(grid[0] * grid[1], bool)
    for phase in phases(*grid):
        near = phase.near(grid, slice(None))
        assert known[near[near >= 0]].all()
        at = phase.rows * grid[1] + phase.columns
        assert not known[at].any() and len(set(at.tolist())) == len(at)
        known[at] = True
    assert known.all()


def test_inner_cells_of_the_last_phases_see_all_their_neighbours():
    for phase in phases(65, 65)[-3:]:
        inside = (phase.rows >= 3) & (phase.rows < 62) & (phase.columns >= 3) & (phase.columns < 62)
        assert (phase.near((65, 65), np.flatnonzero(inside)) >= 0).all()


# -- round trips -----------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**32 - 1), rows=st.integers(1, 70), columns=st.integers(1, 70), layer=st.integers(0, 4))
@settings(max_examples=15)
def test_indices_come_back_and_the_rate_is_honest(bitstream, arithmetic, seed, rows, columns, layer):
    indices = tiny_hqa.random_indices(seed, (rows, columns))
    stream, bits = encode_indices(arithmetic[layer], bitstream.tables, indices)
    decoded, again = decode_indices(arithmetic[layer], bitstream.tables, stream, (rows, columns))
    np.testing.assert_array_equal(decoded, indices)
    assert bits == again and abs(8 * len(stream) - bits) <= 0.01 * bits + 64


@pytest.mark.parametrize("name", IN_PROCESS)
def test_bytes_and_indices_in_this_process(bitstream, arithmetic, indices, stream, name):
    with switched(CONFIGURATIONS[name]):
        assert encode_indices(arithmetic[2], bitstream.tables, indices)[0] == stream
        decoded, _ = decode_indices(arithmetic[2], bitstream.tables, stream, GRID)
    np.testing.assert_array_equal(decoded, indices)


def test_the_numpy_reference_writes_and_reads_the_same(bitstream, indices, stream):
    assert encode_indices(bitstream.arithmetic_in("numpy", 2), bitstream.tables, indices)[0] == stream
    decoded, _ = decode_indices(bitstream.arithmetic_in("numpy", 2), bitstream.tables, stream, GRID)
    np.testing.assert_array_equal(decoded, indices)


def test_plain_integers_decode_a_whole_grid(bitstream, indices, stream, monkeypatch):
    """numpy for the prior, Python integers for the coder: nothing of PyTorch or constriction is left."""
    starts = [starts_of(row) for row in bitstream.arrays["bit_tables"]]

    class Plain(RangeDecoder):
        est_bits = 0.0

        def read(self, table):
            bits = np.zeros(len(table), np.int32)
            for k in sorted(range(len(table)), key=lambda k: table[k]):
                bits[k] = self.decode(starts[table[k]])
            return bits

    monkeypatch.setattr(index_stream, "BitDecoder", lambda _, data: Plain(data))
    decoded, _ = decode_indices(bitstream.arithmetic_in("numpy", 2), bitstream.tables, stream, GRID)
    np.testing.assert_array_equal(decoded, indices)


def test_chunks_do_not_change_what_is_coded(bitstream, arithmetic, indices, monkeypatch):
    from hvaecodec.models.hqa import index_prior

    monkeypatch.setattr(index_prior, "CHUNK", 50)
    stream, bits = encode_indices(arithmetic[2], bitstream.tables, indices)
    decoded, again = decode_indices(arithmetic[2], bitstream.tables, stream, GRID)
    np.testing.assert_array_equal(decoded, indices)
    assert bits == pytest.approx(again)


@given(data=st.binary(max_size=200), layer=st.integers(0, 4))
@settings(max_examples=30)
def test_any_bytes_decode_to_indices_or_are_refused(bitstream, arithmetic, data, layer):
    try:
        decoded, _ = decode_indices(arithmetic[layer], bitstream.tables, data, (9, 7))
    except CorruptFile:
        return
    assert decoded.shape == (9, 7) and decoded.min() >= 0 and decoded.max() < CODES


QUICK = ("as it comes", "oneDNN off, 2 threads, ATen default", "autocast, medium, 2 threads")


@pytest.mark.parametrize("names", [QUICK[1:2], pytest.param(tuple(CONFIGURATIONS), marks=pytest.mark.slow, id="all")])
def test_fresh_processes(folder, tmp_path, names):
    codec = hvaecodec.load(folder)
    rng = np.random.default_rng(3)
    paths = []
    for number, (shape, quality) in enumerate([((70, 130, 3), 90), ((40, 33), 50), ((300, 20, 3), 30)]):
        paths.append(tmp_path / f"{number}.hvc")
        paths[-1].write_bytes(codec.encode(rng.integers(0, 256, shape, dtype=np.uint8), quality=quality))
    here = matrix.digests(paths, folder, CONFIGURATIONS["as it comes"])
    assert len(set(here)) == len(paths)
    assert {name: there for name, there in matrix.run(paths, folder, names).items() if there != here} == {}


# -- integers --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide():
    """A prior of the released widths with sums near their bound."""
    config, rng = IndexPriorConfig(), np.random.default_rng(1)
    torch.manual_seed(0)
    arrays = export_integers(IndexPriorNet(config))
    for name, inputs, outputs in layer_shapes(config):
        arrays[f"{name}.weight"] = rng.integers(-127, 128, (outputs, inputs)).astype(np.int8)
        arrays[f"{name}.shift"] = np.full(outputs, 14, np.uint8)
        slack = 2**24 - 1 - (1 << 13) - 255 * np.abs(arrays[f"{name}.weight"].astype(np.int64)).sum(1)
        arrays[f"{name}.bias"] = (slack * rng.choice([-1, 1], outputs)).astype(np.int32)
    near = rng.integers(0, OUTSIDE + 1, (max(BATCHES), 16))
    return arrays, config, near, NumpyIndexArithmetic(arrays, config).logits("vertical", 1, near)


@pytest.mark.parametrize("size", BATCHES)
@pytest.mark.parametrize("name", IN_PROCESS)
def test_sums_near_their_bound_are_exact(wide, size, name):
    arrays, config, near, expected = wide
    arithmetic = ExactIndexArithmetic(arrays, config)
    with switched(CONFIGURATIONS[name]), torch.inference_mode():
        logits = arithmetic.logits("vertical", 1, near[:size])
    np.testing.assert_array_equal(logits, expected[:size])


def test_sums_near_their_bound_are_exact_in_blas(wide):
    arrays, config, near, expected = wide
    np.testing.assert_array_equal(BlasIndexArithmetic(arrays, config).logits("vertical", 1, near), expected)


@pytest.mark.parametrize("arithmetic", [ExactIndexArithmetic, BlasIndexArithmetic])
def test_weights_that_could_exceed_the_bound_are_refused(bitstream, arithmetic):
    arrays = bitstream.layer(0)
    arrays["mid.bias"] = arrays["mid.bias"] + np.int32(2**24)
    with pytest.raises(ValueError, match="layer mid can exceed"):
        arithmetic(arrays, bitstream.config)


def test_training_with_roundings_prices_as_the_integers_do():
    torch.manual_seed(1)
    net = IndexPriorNet(tiny_hqa.PRIOR)
    torch.nn.init.normal_(net.weights["head"], std=0.6)
    net.rounding = True
    exact = ExactIndexArithmetic(export_integers(net), net.config)
    near, indices = torch.randint(0, CODES + 1, (200, 16)), torch.randint(0, CODES, (200,))
    with torch.no_grad():
        bits = net.bits("diagonal", torch.full((200,), 2), near, indices).numpy()
    logits = exact.logits("diagonal", 2, near.numpy())
    nodes, path = (part.numpy() for part in paths(indices))
    table, flip = table_of(np.take_along_axis(logits, nodes, 1))
    expected = BitTables(bit_tables()).bits[table, path ^ flip].sum(1)
    assert np.isclose(bits, expected, rtol=1e-3).mean() > 0.95  # halves may round the other way
    assert bits.sum() == pytest.approx(expected.sum(), rel=2e-3)


@pytest.mark.gpu
def test_cuda(bitstream, indices, stream):
    arithmetic = ExactIndexArithmetic(bitstream.layer(2), bitstream.config, "cuda")
    for name in IN_PROCESS:
        with switched(CONFIGURATIONS[name]):
            assert encode_indices(arithmetic, bitstream.tables, indices)[0] == stream


# -- tables and the tree ---------------------------------------------------------------------------------------------


def test_tables_are_whole_and_mirrored():
    tables = bit_tables()
    assert (tables.sum(1) == 2**22).all() and tables.min() > 0
    assert (np.diff(tables[:, 1]) > 0).all() and tables[0, 0] == tables[0, 1]
    table, flip = table_of(np.array([0, 3, 4, -4, -5, 10**6, -(10**6)]))
    assert table.tolist() == [0, 0, 1, 0, 1, 32, 32] and flip.tolist() == [0, 0, 0, 0, 1, 0, 1]


def test_frequencies_that_do_not_fit_are_refused():
    for bad in (np.array([[1, 2]]), np.array([[0, 2**22]]), np.array([2**21, 2**21])):
        with pytest.raises(ValueError):
            BitTables(bad)


def test_paths_are_the_bits_of_an_index():
    nodes, bits = paths(torch.tensor([0, 511, 0b100000001]))
    assert nodes[0].tolist() == [2**d - 1 for d in range(DEPTH)] and nodes[1].tolist()[-1] == NODES - 1
    assert bits[2].int().tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_the_tree_keeps_codes_that_are_alike_together():
    codes = np.random.default_rng(0).normal(size=(CODES, 5))
    order = tree_order(codes)
    assert sorted(order.tolist()) == list(range(CODES))
    apart = lambda c: np.linalg.norm(np.diff(c.reshape(-1, 2, 5), axis=1), axis=2).mean()  # noqa: E731
    assert apart(codes[order]) < 0.7 * apart(codes)


def test_an_encoder_counts_what_it_writes():
    tables = BitTables(bit_tables())
    coder = BitEncoder(tables)
    coder.write(np.array([1, 1, 0], np.int32), np.array([0, 32, 0]))
    assert coder.est_bits == pytest.approx(2 + tables.bits[32, 1])
