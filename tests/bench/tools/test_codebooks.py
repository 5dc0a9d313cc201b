"""How many codes are in use: counts of every cell, and what they amount to."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_hqa

import hvaecodec
from hvaecodec.bench.tools import codebooks


def test_every_cell_of_every_layer_counts(tmp_path):
    codec = hvaecodec.load(tiny_hqa.write_weights(tmp_path / "weights"))
    photos = [np.random.default_rng(n).integers(0, 256, (64, 96, 3), dtype=np.uint8) for n in range(2)]
    counts = codebooks.count_codes(codec, photos)
    assert [int(count.sum()) for count in counts] == [2 * (64 // cell) * (96 // cell) for cell in (2, 4, 8, 16, 32)]
    (indices,) = codec.symbols(codec.encode(photos[0], quality=90))
    assert (counts[0] >= np.bincount(indices.ravel(), minlength=512)).all()
    assert [row[0] for row in codebooks.code_use_table(codec, photos).rows] == ["1", "2", "3", "4", "5"]


def test_perplexity_is_the_number_of_codes_that_are_used_alike():
    even, half, one = np.full(512, 7), np.repeat([4, 0], 256), np.eye(512, dtype=int)[3]
    assert codebooks.perplexities([even, half, one]) == pytest.approx([1, 0.5, 1 / 512])
