"""The contract between symbols and bytes: the same integers on every backend, thread count, batch and instruction set.

`matrix.py` runs the same matrix on any files from the command line.
"""

from __future__ import annotations

from dataclasses import replace

import matrix
import numpy as np
import pytest
import tiny
import torch
from matrix import BATCHES, CONFIGURATIONS, IN_PROCESS, switched
from partitions import random_shapes
from reference_decoder import ReferenceDecoder, starts_of

import hvaecodec
from hvaecodec.codec.photo import adaptation, shape_stream
from hvaecodec.codec.photo import streams as level_streams
from hvaecodec.codec.photo.chunk import StepPlace
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.shape_stream import ShapeCoder
from hvaecodec.codec.photo.streams import SliceCoder, repeat
from hvaecodec.models.photo.prior_blas import BlasArithmetic
from hvaecodec.models.photo.prior_exact import ExactArithmetic, export_integers
from hvaecodec.models.photo.prior_layers import PriorConfig, layer_shapes
from hvaecodec.models.photo.prior_numpy import NumpyArithmetic
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.prior_walk import walk
from hvaecodec.models.photo.shape_contexts import ShapeTables

INDEX, GRID = 417, (5, 7)
FRAME = Frame(GRID, INDEX)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def bitstream(folder):
    return DctVaeCodec.load(folder).bitstream


def random_symbols(seed: int, grid: tuple[int, int] = GRID) -> np.ndarray:
    """Laplacian, large for low frequencies, with a few far outliers; int16 (3, 32, 32, rows, columns)."""
    rng = np.random.default_rng(seed)
    size = 300 / (1 + np.hypot(*np.mgrid[:32, :32])) ** 1.7
    values = rng.laplace(size=(3, 32, 32, *grid)) * size[:, :, None, None]
    values[rng.random(values.shape) < 0.001] *= 40
    return np.clip(np.rint(values), -6000, 6000).astype(np.int16)


def encoded(coder: SliceCoder, symbols: np.ndarray, grey: bool = False) -> list[bytes]:
    grid = symbols.shape[3], symbols.shape[4]
    return coder.encode(Frame(grid, INDEX, grey), shapes_of(grid, grey), repeat(symbols)).streams


def shapes_of(grid: tuple[int, int], grey: bool = False) -> np.ndarray:
    shapes = random_shapes(grid)
    shapes[1] *= not grey
    return shapes


def check(coder: SliceCoder, streams: list[bytes], symbols: np.ndarray) -> None:
    context, _ = coder.decode(FRAME, streams)
    np.testing.assert_array_equal(context.symbols, symbols)
    np.testing.assert_array_equal(context.shapes, shapes_of(GRID))


@pytest.fixture(scope="module")
def symbols():
    return random_symbols(0)


@pytest.fixture(scope="module")
def streams(bitstream, symbols):
    return encoded(bitstream.coder, symbols)


@pytest.mark.parametrize("grid", [(1, 1), (1, 9), (6, 1), (18, 3), GRID])
@pytest.mark.parametrize("grey", [False, True])
def test_symbols_come_back(bitstream, grid, grey):
    symbols = random_symbols(1, grid)
    if grey:
        symbols[1:] = 0
    streams = encoded(bitstream.coder, symbols, grey=grey)
    context, bits = bitstream.coder.decode(Frame(grid, INDEX, grey), streams)
    np.testing.assert_array_equal(context.symbols, symbols)
    np.testing.assert_array_equal(context.shapes, shapes_of(grid, grey))
    for stream, estimate in zip(streams, bits, strict=True):
        assert abs(8 * len(stream) - estimate) <= 0.01 * estimate + 64


def test_the_first_levels_decode_alone(bitstream, symbols, streams):
    for levels in range(1, 7):
        context, _ = bitstream.coder.decode(FRAME, streams[:levels])
        decoded = context.symbols
        size = 2 ** (levels - 1)
        np.testing.assert_array_equal(decoded[:, :size, :size], symbols[:, :size, :size])
        assert not decoded[:, size:].any() and not decoded[:, :, size:].any()


@pytest.mark.parametrize("name", IN_PROCESS)
def test_bytes_and_symbols_in_this_process(bitstream, symbols, streams, name):
    with switched(CONFIGURATIONS[name]):
        assert encoded(bitstream.coder, symbols) == streams
        check(bitstream.coder, streams, symbols)


def test_the_numpy_reference_writes_and_reads_the_same(bitstream, symbols, streams):
    reference = bitstream.coder_in("numpy")
    assert encoded(reference, symbols) == streams
    check(reference, streams, symbols)


def test_plain_integers_decode_a_whole_picture(bitstream, symbols, streams, monkeypatch):
    """numpy for the prior, Python integers for the coder: nothing of PyTorch or constriction is left."""
    names = sorted(name for name in bitstream.arrays if name.startswith("table."))
    starts = [starts_of(bitstream.arrays[name]) for name in names]

    class Plain(ReferenceDecoder):
        est_bits = 0.0

        def read(self, table, mean, sign):
            return np.array(super().read(table.tolist(), mean.tolist(), sign.tolist()), np.int32)

    class PlainShapes(ShapeCoder):
        def _model(self, table, context):
            return starts_of(self.tables[table][context])

    def decode_run(coder, starts, count):
        return np.array([coder.decode(starts) for _ in range(count)])

    monkeypatch.setattr(level_streams, "Decoder", lambda _, data: Plain(starts, data))
    monkeypatch.setattr(shape_stream, "decode_run", decode_run)
    values = [starts_of(adaptation._frequencies(k)) for k in adaptation.RATIOS]
    count = starts_of([2**21] + 64 * [2**15])
    models = adaptation._Models(count, range(0, 2**24 + 1, 2**20), values)
    monkeypatch.setattr(adaptation, "_models", lambda: models)
    monkeypatch.setattr(adaptation, "decode_run", decode_run)
    coder = bitstream.coder_in("numpy")
    check(replace(coder, shape_coder=PlainShapes(ShapeTables(*coder.shape_coder.tables))), streams, symbols)


QUICK = ("as it comes", "oneDNN off, 2 threads, ATen default", "autocast, medium, 2 threads")


@pytest.mark.parametrize("names", [QUICK, pytest.param(tuple(CONFIGURATIONS), marks=pytest.mark.slow, id="all")])
def test_fresh_processes(folder, tmp_path, names):
    codec = hvaecodec.load(folder)
    rng = np.random.default_rng(3)
    paths = []
    for number, shape in enumerate([(70, 130, 3), (40, 33), (300, 20, 3)]):
        paths.append(tmp_path / f"{number}.hvc")
        paths[-1].write_bytes(codec.encode(rng.integers(0, 256, shape, dtype=np.uint8), quality=60, effort=1))
    digests = matrix.run(paths, folder, names)
    here = matrix.digests(paths, folder, CONFIGURATIONS["as it comes"])
    assert len(set(here)) == len(paths)
    assert {name: others for name, others in digests.items() if others != here} == {}


# -- many items at once, and sums near their bound -----------------------------------------------------------------


class Recorder:
    """A `prior_walk.Coder` for any batch that records everything that the entropy coder would get."""

    def __init__(self, arithmetic, symbols: np.ndarray) -> None:
        self.a, self.symbols, self.record = arithmetic, symbols, []

    def known_dc(self):
        return self.a.tensor(self.symbols[:, :, 0, 0])

    def known_symbols(self):
        return self.a.tensor(self.symbols)

    def code_dc(self, index, channels, prediction, head):
        self._keep(prediction, head)
        flat = self.symbols[:, :, 0, 0].reshape(len(self.symbols), 3, -1)
        return self.a.tensor(flat[:, channels][:, :, index, None].astype(np.float32))

    def code_step(self, step, prediction, known):
        self._keep(prediction, self.a.conv(f"{step.name}.head", known.joined(self.a)))
        values = np.stack([StepPlace(step, slice(None)).take(item) for item in self.symbols])
        return self.a.tensor(values.astype(np.float32))

    def _keep(self, *arrays):
        self.record += [self.a.numpy(x).astype(np.int64) for x in arrays if x is not None]


def record_walk(arithmetic, symbols: np.ndarray) -> list[np.ndarray]:
    recorder = Recorder(arithmetic, symbols)
    index = np.arange(len(symbols)) * 792 // 32
    shapes = np.stack([random_shapes(symbols.shape[-2:], seed) for seed in range(len(symbols))])
    walk(arithmetic, arithmetic.tensor(index), shapes, recorder)
    return recorder.record


@pytest.fixture(scope="module")
def batch(bitstream):
    symbols = np.stack([random_symbols(seed, (3, 2)) for seed in range(max(BATCHES))])
    return symbols, record_walk(bitstream.coder_in("numpy").prior, symbols)


@pytest.mark.parametrize("size", BATCHES)
@pytest.mark.parametrize("name", IN_PROCESS)
def test_a_batch_gets_what_each_item_gets(bitstream, batch, size, name):
    symbols, expected = batch
    with switched(CONFIGURATIONS[name]), torch.inference_mode():
        for ours, theirs in zip(record_walk(bitstream.coder.prior, symbols[:size]), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs[:size])


@pytest.fixture(scope="module")
def wide():
    """A layer as wide as a real one, with all its sums pushed towards 2**24."""
    config = PriorConfig(coarse=128, fine=8, luma_blocks=1, chroma_blocks=1, dc_hidden=8)
    torch.manual_seed(1)
    arrays = export_integers(PriorNet(config))
    rng = np.random.default_rng(1)
    name = "2yh.block0.conv"
    weight = rng.integers(20, 70, (128, 128, 3, 3)) * np.where(np.arange(128) % 2, 1, -1)[:, None, None, None]
    arrays[f"{name}.weight"] = weight.astype(np.int8)
    arrays[f"{name}.shift"] = rng.integers(0, 15, 128).astype(np.uint8)
    slack = 2**24 - 1 - 255 * np.abs(weight).sum((1, 2, 3)) - (1 << arrays[f"{name}.shift"].astype(np.int64) >> 1)
    arrays[f"{name}.bias"] = (np.sign(weight[:, 0, 0, 0]) * slack).astype(np.int32)
    x = np.where(rng.random((max(BATCHES), 128, 4, 3)) < 0.8, 255, rng.integers(0, 256, (max(BATCHES), 128, 4, 3)))
    return name, ExactArithmetic(arrays, config), x, NumpyArithmetic(arrays, config).conv(name, x)


@pytest.mark.parametrize("size", BATCHES)
@pytest.mark.parametrize("name", IN_PROCESS)
def test_sums_near_their_bound_are_exact(wide, size, name):
    layer, arithmetic, x, expected = wide
    with switched(CONFIGURATIONS[name]), torch.inference_mode():
        ours = arithmetic.conv(layer, torch.from_numpy(x[:size]).float())
    assert abs(expected).max() > 2**23
    np.testing.assert_array_equal(np.clip(ours.numpy(), -32767, 32767), np.clip(expected[:size], -32767, 32767))


def test_sums_near_their_bound_are_exact_in_blas(wide, monkeypatch):
    layer, arithmetic, x, expected = wide
    blas = BlasArithmetic.__new__(BlasArithmetic)
    (matrix, half, scale), side = arithmetic.layers[layer]
    blas.layers = {layer: (matrix.numpy(), half.numpy(), scale.numpy(), side)}
    for at_once in (8192, 3):
        monkeypatch.setattr("hvaecodec.models.photo.prior_blas.ROWS_AT_ONCE", at_once)
        ours = blas.conv(layer, x.astype(np.float32))
        np.testing.assert_array_equal(np.clip(ours, -32767, 32767), np.clip(expected, -32767, 32767))


@pytest.mark.parametrize("arithmetic", [ExactArithmetic, BlasArithmetic])
def test_weights_that_could_exceed_the_bound_are_refused(bitstream, arithmetic):
    arrays = dict(bitstream.arrays)
    arrays["start.bias"] = arrays["start.bias"] + np.int32(2**24)
    with pytest.raises(ValueError, match="layer start can exceed"):
        arithmetic(arrays, bitstream.config)
    arrays = dict(bitstream.arrays)
    arrays["linear_8yh_0"] = np.full_like(arrays["linear_8yh_0"], 32767)
    with pytest.raises(ValueError, match="predictions of linear_8yh_0 can exceed"):
        arithmetic(arrays, bitstream.config)


def test_the_reference_is_int64_in_every_layer(bitstream):
    reference = bitstream.coder_in("numpy").prior
    for name, inputs, outputs, _ in layer_shapes(bitstream.config):
        out = reference.conv(name, np.full((1, inputs, 2, 2), 255))
        assert out.dtype == np.int64 and out.shape == (1, outputs, 2, 2)


@pytest.mark.gpu
def test_cuda(bitstream, symbols, streams):
    coder = replace(bitstream.coder, prior=ExactArithmetic(bitstream.arrays, bitstream.config, "cuda"))
    for name in IN_PROCESS:
        with switched(CONFIGURATIONS[name]):
            assert encoded(coder, symbols) == streams
            check(coder, streams, symbols)
