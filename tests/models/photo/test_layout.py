"""Every coefficient is coded exactly once, and only what is known is looked at."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvaecodec.models.photo.layout import STEPS, dc_base, dc_phases
from hvaecodec.models.photo.quantiser import N_INDICES, quality_of, step_index, step_table


def test_steps_cover_every_coefficient_once():
    seen = np.zeros((3, 32, 32), int)
    seen[:, 0, 0] += 1
    for step in STEPS:
        for band in step.bands:
            seen[band.where] += 1
    assert (seen == 1).all()
    assert [step.level for step in STEPS] == sorted(step.level for step in STEPS)


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
    assert (step_index(1), step_index(100)) == (0, N_INDICES - 1)
    assert quality_of(step_index(37.5)) == 37.5
    table = step_table()
    assert table[0] == 320 and table[-1] == 4 and (table[1:] < table[:-1]).all()
    for wrong in (0.9, 100.1, float("nan")):
        with pytest.raises(ValueError):
            step_index(wrong)
