"""Every coefficient is coded exactly once, and only what is known is looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvaecodec.models.photo.layout import N_PLACES, STEPS, dc_base, dc_phases
from hvaecodec.models.photo.quality import N_INDICES, quality_of, step_index_of
from hvaecodec.models.photo.quantiser import step_table


def test_steps_cover_every_coefficient_once():
    places = np.concatenate([np.array([0, 1024, 2048]), *(step.places for step in STEPS)])
    assert sorted(places.tolist()) == list(range(N_PLACES))
    levels = [step.stream_level for step in STEPS]
    assert levels == sorted(levels)


def test_places_of_whole_bands_lie_in_their_order():
    for step in STEPS:
        if step.half is None:
            where = np.arange(N_PLACES).reshape(3, 32, 32)
            assert step.places.tolist() == np.concatenate([where[band.where].ravel() for band in step.bands]).tolist()


def test_halves_of_a_band_are_neighbours_of_each_other():
    first, second = (step for step in STEPS if step.name.startswith("32yd"))
    assert first.size == second.size == 128
    u, v = np.divmod(first.places, 32)
    assert set((u * 32 + v ^ 1).tolist()) == set(second.places.tolist())


@given(height=st.integers(1, 70), width=st.integers(1, 70))
def test_dc_phases_fill_the_grid_from_known_neighbours(height, width):
    known = np.zeros(height * width, bool)
    known[dc_base(height, width)] = True
    for phase in dc_phases(height, width):
        assert not known[phase.at].any()
        assert known[phase.near].all()
        known[phase.at] = True
    assert known.all()


def test_quality_and_step_sizes():
    assert (step_index_of(1), step_index_of(100)) == (0, N_INDICES - 1)
    assert quality_of(step_index_of(37.5)) == 37.5
    table = step_table()
    assert table[0] == 320 and table[-1] == 4 and (table[1:] < table[:-1]).all()
    for wrong in (0.9, 100.1, float("nan")):
        with pytest.raises(ValueError):
            step_index_of(wrong)
