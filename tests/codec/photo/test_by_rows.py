"""Pictures by rows: the same bytes and the same pictures as of the whole, and never more than a slice of either."""

from __future__ import annotations

import threading
import weakref
from dataclasses import replace

import numpy as np
import pytest
import tiny
from promises import PHOTO

from hvaecodec.codec.bands import RollingParts
from hvaecodec.codec.errors import CodecError, CorruptFile
from hvaecodec.codec.format.container import pack, unpack
from hvaecodec.codec.photo import encoder, late_coefficients, render
from hvaecodec.codec.photo import frame as frames
from hvaecodec.codec.photo.chunk import StepPlace
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.context import Context, FineSymbols, PackedContext
from hvaecodec.codec.photo.refine import MAX_REFINED
from hvaecodec.codec.rows import LARGE
from hvaecodec.models.photo.layout import N_PLACES, STEPS

TALL = np.concatenate([PHOTO, PHOTO[::-1]])[:150, 40:90]  # 5 x 2 tiles, the last row and column not whole


class Recorded:
    """An array as a source or a target that remembers which rows were asked for, and on which thread."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, array.shape
        self.rows: list[tuple[int, int]] = []
        self.threads: set[threading.Thread] = set()

    def _remember(self, rows: slice) -> None:
        self.rows.append((rows.start, rows.stop))
        self.threads.add(threading.current_thread())

    def __getitem__(self, rows: slice) -> np.ndarray:
        self._remember(rows)
        return self.array[rows]

    def __setitem__(self, rows: slice, values: np.ndarray) -> None:
        self._remember(rows)
        self.array[rows] = values


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    return DctVaeCodec.load(tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny", directions=64))


@pytest.fixture
def thin(monkeypatch):
    """Slices of two rows of tiles and blocks of three, so that both have borders of their own in TALL."""
    monkeypatch.setattr(frames, "SLICE_ROWS", 2)
    monkeypatch.setattr(render, "BLOCK", 3)
    monkeypatch.setattr(render, "HALO", 1)


def decoded(codec, data: bytes, shape: tuple[int, ...], **settings) -> Recorded:
    target = Recorded(np.zeros(shape, np.uint8))
    codec.decode_rows(data, target, **settings)
    return target


@pytest.mark.parametrize(
    ("effort", "pixels"), [(0, TALL), (1, TALL), (1, TALL[..., 1]), (2, TALL[:70, :30])], ids=["0", "1", "grey", "2"]
)
def test_the_bytes_are_those_of_the_whole_picture(codec, thin, pixels, effort):
    assert codec.encode_rows(pixels, quality=60, effort=effort) == codec.encode(pixels, quality=60, effort=effort)


@pytest.mark.parametrize("effort", [1, 3])
def test_wide_slices_with_coefficients_that_come_late_give_the_same_bytes(codec, thin, monkeypatch, effort):
    monkeypatch.setattr("hvaecodec.codec.photo.encoder.MAX_REFINED", 1)
    for pixels in (TALL, TALL[..., 1]):
        early = codec.encode(pixels, quality=60, effort=effort)
        with monkeypatch.context() as patched:
            patched.setattr(late_coefficients, "LEAST_COLUMNS", 1)
            held = count_coefficients(patched)
            assert codec.encode_rows(pixels, quality=60, effort=effort) == early
        assert max(held) == N_PLACES // 4  # of 3072 a tile


def count_coefficients(patched) -> list[int]:
    """How many coefficients of a tile are held at once, as they come to be."""
    held, hold = [], late_coefficients.LateCoefficients._hold

    def counted(self, places):
        held.append(len(places))
        hold(self, places)

    patched.setattr(late_coefficients.LateCoefficients, "_hold", counted)
    return held


def test_a_large_picture_is_not_refined_by_rows_either(codec, thin, monkeypatch):
    monkeypatch.setattr("hvaecodec.codec.photo.encoder.MAX_REFINED", 1)
    source = Recorded(TALL)
    assert codec.encode_rows(source, effort=2) == codec.encode(TALL, effort=2)
    assert max(past - first for first, past in source.rows) == 64


@pytest.mark.parametrize("refined", [True, False])
def test_blocks_are_chosen_by_their_price_only_where_nothing_is_refined(codec, monkeypatch, refined):
    chosen = []
    monkeypatch.setattr(encoder, "choose_by_price", lambda *_: chosen.append(1))  # None: the fast rule
    monkeypatch.setattr(encoder, "MAX_REFINED", 2**26 if refined else 1)
    for effort in (1, 2, 3):
        codec.encode(TALL[:40], effort=effort)
    assert len(chosen) == (0 if refined else 1)


def test_a_slice_at_a_time_is_read_on_the_callers_thread(codec, thin):
    source, calls = Recorded(TALL), []
    codec.encode_rows(source, effort=1, progress=lambda done, total: calls.append((done, total)))
    assert source.rows == [(0, 64), (64, 128), (128, 150)]
    assert calls == [(past, 150) for _, past in source.rows]
    assert source.threads == {threading.current_thread()}


@pytest.mark.parametrize("shape", [TALL.shape, TALL.shape[:2]], ids=["colour", "grey"])
@pytest.mark.parametrize("settings", [{}, {"temperature": 1.0, "seed": 3}, {"scale": 1 / 4}], ids=str)
def test_the_rows_are_those_of_the_whole_picture(codec, thin, shape, settings):
    data = codec.encode(TALL if len(shape) == 3 else TALL[..., 1], quality=60, effort=2)
    whole = codec.decode(data, **settings)
    assert len(unpack(data).levels[0]) > 0
    np.testing.assert_array_equal(decoded(codec, data, whole.shape, **settings).array, whole)


def test_what_the_file_changes_of_the_generator_holds_in_every_slice(codec, thin):
    data = codec.encode(TALL, quality=60, effort=2)
    context, _ = codec._decode_context(unpack(data))
    assert len(context.adaptation.coefficients)
    picture = render_whole(codec, context)
    np.testing.assert_array_equal(decoded(codec, data, TALL.shape).array, picture[:150, :50])


def render_whole(codec, context) -> np.ndarray:
    """The picture of a context that is whole in memory."""
    from hvaecodec.codec.photo.nets import render as rendered
    from hvaecodec.codec.settings import Decoding

    return rendered(codec.weights.nets, context, codec.generators.newest, Decoding())


def test_rows_are_written_from_the_top_on_the_callers_thread(codec, thin):
    data, calls = codec.encode(TALL, quality=60, effort=1), []
    target = decoded(codec, data, TALL.shape, progress=lambda done, total: calls.append((done, total)))
    assert target.rows == [(0, 96), (96, 150)]
    assert calls == [(past, 150) for _, past in target.rows]
    assert target.threads == {threading.current_thread()}


def test_slices_are_decoded_when_their_rows_are_due(codec, thin, monkeypatch):
    monkeypatch.setattr(render, "BLOCK", 1)
    monkeypatch.setattr(render, "HALO", 0)
    data, order = codec.encode(TALL, quality=60, effort=1), []
    decode = type(codec.bitstream.coder).decode

    def noted(self, frame, streams, fine):
        order.append(f"slice of {frame.grid[0]}")
        return decode(self, frame, streams, fine)

    monkeypatch.setattr(type(codec.bitstream.coder), "decode", noted)
    target = np.zeros_like(TALL)
    codec.decode_rows(data, target, progress=lambda done, total: order.append(f"row {done}"))
    assert order == [
        *("slice of 2", "row 32", "row 64"),
        *("slice of 2", "row 96", "row 128"),
        *("slice of 1", "row 150"),
    ]


def test_parts_are_forgotten_when_only_later_rows_are_asked_for():
    rolling = RollingParts(iter([np.arange(3), np.arange(3, 5), np.arange(5, 9)]), len, lambda part, n: part[n:])
    rows = [
        np.concatenate([part[own] for part, own in rolling.covering(slice(*span))]).tolist()
        for span in ((0, 4), (3, 6))
    ]
    assert rows == [[0, 1, 2, 3], [3, 4, 5]]
    assert [top for top, _ in rolling.parts] == [3, 5]


def packed_from(context):
    """Pack a context as a decoder does, whose steps leave the two finest levels out of the context itself."""
    fine, coarse = FineSymbols(context.grid), replace(context, symbols=context.symbols.copy())
    for step in (step for step in STEPS if step.stream_level > 3):
        for rows in (slice(0, 1), slice(1, None)):
            place = StepPlace(step, rows)
            fine.put(step.places, rows, place.take(context.symbols))
            place.put(coarse.symbols, np.int16(9))
    return PackedContext(coarse, fine)


@pytest.mark.parametrize("largest", [0, 127, 128, -129, 32767])
def test_a_packed_context_gives_its_windows_whatever_symbols_it_has(largest):
    symbols = np.random.default_rng(3).integers(-3, 4, (3, 32, 32, 5, 4)).astype(np.int16)
    symbols[2, 31, 0, 3, 2] = symbols[0, 0, 0, 3, 2] = largest
    context = Context(symbols, np.arange(2 * 10 * 8).reshape(2, 10, 8), 300)
    packed = packed_from(context).below(1)
    assert packed.rows == 4
    for rows, columns in ((slice(0, 4), slice(0, 4)), (slice(2, 3), slice(1, 3))):
        ours, window = packed.window(rows, columns), context.window(slice(rows.start + 1, rows.stop + 1), columns)
        np.testing.assert_array_equal(ours.symbols, window.symbols)
        np.testing.assert_array_equal(ours.shapes, window.shapes)
        assert ours.symbols.dtype == np.int16 and ours.step_index == 300


def test_a_damaged_slice_is_refused_when_it_is_due(codec, thin):
    container = unpack(codec.encode(TALL, quality=60, effort=1))
    levels = [*container.levels[:5], container.levels[5] + b"\1"]
    target = np.zeros_like(TALL)
    with pytest.raises(CorruptFile):
        codec.decode_rows(pack(container.header, levels), target)


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        (np.zeros((4, 4), np.uint16), TypeError, "uint16"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, "alpha"),
        (np.zeros((4, 4, 5), np.uint8), ValueError, "expected"),
        (np.zeros((0, 4), np.uint8), ValueError, "1 to 65535"),
        (np.zeros(4, np.uint8), ValueError, "expected"),
    ],
)
def test_what_is_no_source(codec, source, error, words):
    with pytest.raises(error, match=words):
        codec.encode_rows(source, effort=1)


def test_a_source_that_gives_other_rows_than_it_says(codec):
    class Liar:
        shape = (40, 40, 3)

        def __getitem__(self, rows):
            return np.zeros((7, 40, 3), np.uint8)

    with pytest.raises(ValueError, match=r"\(7, 40, 3\), expected \(40, 40, 3\)"):
        codec.encode_rows(Liar(), effort=1)


def test_a_target_of_another_shape_an_alpha_and_a_limit_of_pixels(codec):
    data = codec.encode(PHOTO, effort=1)
    with pytest.raises(ValueError, match="target has shape"):
        codec.decode_rows(data, np.zeros((96, 130), np.uint8))
    with_alpha = codec.encode(np.dstack([PHOTO, PHOTO[..., 0]]), effort=1)
    with pytest.raises(CodecError, match="alpha"):
        codec.decode_rows(with_alpha, np.zeros((96, 130, 4), np.uint8))
    with pytest.raises(CodecError, match="above the limit of 4096"):
        codec.decode_rows(data, np.zeros_like(PHOTO), max_pixels=4096)


def test_the_command_goes_by_rows_where_nothing_is_refined_any_more():
    assert LARGE == MAX_REFINED


def test_a_context_that_waits_holds_nothing_of_the_one_it_came_from():
    symbols = np.zeros((3, 32, 32, 2, 3), np.int16)
    packed = packed_from(Context(symbols, np.zeros((2, 4, 6), np.int64), 300))
    gone = weakref.ref(symbols)
    del symbols
    assert gone() is None and packed.below(1).rows == 1
