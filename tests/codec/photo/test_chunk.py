"""Chunks know where their symbols lie, and the walk covers every symbol once."""

import numpy as np
import pytest
import tiny
import torch
from partitions import random_shapes

from hvaecodec.codec.photo import chunk_coder
from hvaecodec.codec.photo.by_shape import ByShape
from hvaecodec.codec.photo.chunk import DcPlace, StepPlace
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.weights import load_bitstream
from hvaecodec.models.photo.block_layout import by_place
from hvaecodec.models.photo.layout import STEPS

GRID = 3, 4
CHANNELS_AND_MAPS = ((slice(0, 1), slice(0, 1)), (slice(1, 3), slice(1, 2)))
NUMBERS = np.arange(3 * 32 * 32 * 3 * 4).reshape(3, 32, 32, *GRID)

PLACES = [DcPlace(slice(1, 3), np.array([7, 2])), DcPlace(slice(0, 3), np.arange(12))]
PLACES += [StepPlace(step, rows) for step in STEPS[::3] for rows in (slice(0, 2), slice(2, 3))]


@pytest.mark.parametrize("place", PLACES)
def test_what_is_put_is_taken(place):
    values = place.take(NUMBERS)
    copy = np.zeros_like(NUMBERS)
    place.put(copy, values)
    np.testing.assert_array_equal(place.take(copy), values)
    assert (copy[copy != 0] == NUMBERS[copy != 0]).all() and np.count_nonzero(copy) >= values.size - 1


@pytest.mark.parametrize("place", PLACES)
def test_values_by_shape_are_those_of_the_symbols(place):
    """As the transform spreads tables, for luma and for chroma."""
    values = ByShape(np.random.default_rng(0).random((7, 3, 32, 32), np.float32), random_shapes(GRID))
    maps = torch.from_numpy(values.shapes)[None]
    parts = (by_place(torch.from_numpy(values.table[:, c]), maps[:, m]) for c, m in CHANNELS_AND_MAPS)
    whole = np.ascontiguousarray(torch.cat(list(parts), 1)[0].numpy())
    np.testing.assert_array_equal(values.whole(), whole)
    np.testing.assert_array_equal(place.values(values), place.take(whole))


@pytest.mark.parametrize("grey", [False, True])
def test_the_chunks_of_a_picture_hold_every_symbol_once(tmp_path, monkeypatch, grey):
    monkeypatch.setattr(chunk_coder, "CHUNK_TILES", 8)  # two rows of tiles
    bitstream = load_bitstream(tiny.write_weights(tmp_path / "tiny"))
    counts = np.zeros((3, 32, 32, *GRID), int)
    levels = []

    def count(chunk):
        values = chunk.place.take(counts) + 1
        chunk.place.put(counts, values)
        assert [part.shape for part in chunk.coding] == 3 * [values.shape]
        levels.append(chunk.stream_level)
        return np.zeros(values.shape, np.int16)

    bitstream.coder.encode(Frame(GRID, 300, grey), random_shapes(GRID), count)
    assert (counts[0] == 1).all() and (counts[1:] == (0 if grey else 1)).all()
    assert levels == sorted(levels)
