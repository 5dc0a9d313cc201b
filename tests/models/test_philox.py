"""Random numbers by place: the words that docs/FORMAT.md defines, whatever strip they are asked for in."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hvaecodec.models.philox import normals, uniforms, words

MASK = 2**64 - 1


def philox4x64(counter: list[int], key: list[int]) -> list[int]:
    """One block of Philox4x64-10 (Salmon et al., 2011), in Python integers."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (second >> 64) ^ c1 ^ k0, second & MASK, (first >> 64) ^ c3 ^ k1, first & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return [c0, c1, c2, c3]


def test_the_reference_is_philox():
    """The known answer that Random123 publishes for a zero counter and key."""
    expected = [0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B]
    assert philox4x64([0, 0, 0, 0], [0, 0]) == expected


@given(
    seed=st.integers(0, MASK), latent_number=st.integers(0, 60), first=st.integers(0, 2**40), count=st.integers(0, 11)
)
def test_word_n_is_in_block_n_div_4_plus_1(seed, latent_number, first, count):
    expected = [philox4x64([n // 4 + 1, 0, 0, 0], [seed, latent_number])[n % 4] for n in range(first, first + count)]
    assert words(seed, latent_number, first, count).tolist() == expected


@given(
    seed=st.integers(0, MASK),
    rows=st.integers(1, 9),
    columns=st.integers(1, 9),
    channels=st.integers(1, 5),
    data=st.data(),
)
@settings(max_examples=50)
def test_strips_equal_the_whole(seed, rows, columns, channels, data):
    first = data.draw(st.integers(0, rows - 1))
    n_rows = data.draw(st.integers(0, rows - first))
    grid = (rows, columns, channels)
    for draw in (uniforms, normals):
        whole = draw(seed, 3, grid, 0, rows)
        assert whole.shape == (channels, rows, columns) and whole.dtype == np.float64
        np.testing.assert_array_equal(draw(seed, 3, grid, first, n_rows), whole[:, first : first + n_rows])


def test_a_sample_sits_at_its_absolute_position():
    word = words(5, 2, 0, 4 * 3 * 2).reshape(4, 3, 2)  # row, column, channel
    u = uniforms(5, 2, (4, 3, 2), 0, 4)
    for row, column, channel in np.ndindex(4, 3, 2):
        expected = ((int(word[row, column, channel]) >> 12) + 0.5) / 2**52
        assert u[channel, row, column] == expected
        z = normals(5, 2, (4, 3, 2), 0, 4)[channel, row, column]
        assert z == pytest.approx(NormalDist().inv_cdf(expected), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("word", [0, MASK])
def test_the_extreme_words_give_finite_numbers(monkeypatch, word):
    monkeypatch.setattr("hvaecodec.models.philox.words", lambda *_: np.full(1, word, np.uint64))
    u, z = uniforms(0, 0, (1, 1, 1), 0, 1)[0, 0, 0], normals(0, 0, (1, 1, 1), 0, 1)[0, 0, 0]
    assert 0 < u < 1 and abs(z) == pytest.approx(8.2095361516, abs=1e-9)


def test_seeds_and_latent_numbers_draw_unrelated_normal_numbers():
    a, b, c = (normals(seed, number, (64, 64, 8), 0, 64).ravel() for seed, number in ((0, 0), (1, 0), (0, 1)))
    for z in (a, b, c):
        assert abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.03
    assert abs(np.corrcoef([a, b, c]) - np.eye(3)).max() < 0.03


@pytest.mark.parametrize("seed", [-1, 2**64, 2**80])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(ValueError, match=r"seed must lie in 0\.\.2\*\*64-1"):
        normals(seed, 0, (1, 1, 1), 0, 1)


@pytest.mark.parametrize("columns", [slice(0, 3), slice(2, 5), slice(4, 7), slice(2, 9), slice(None)], ids=str)
def test_columns_have_the_numbers_that_they_have_among_all(columns):
    every = normals(7, 2, (9, 7, 3), 2, 4)
    np.testing.assert_array_equal(normals(7, 2, (9, 7, 3), 2, 4, columns=columns), every[..., columns])
