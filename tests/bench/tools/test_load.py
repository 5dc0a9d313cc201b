"""The tool that compares processes at once with one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import load


def test_crops_are_of_one_size_and_lie_in_the_photo():
    photo = np.arange(300 * 451 * 3, dtype=np.uint32).astype(np.uint8).reshape(300, 451, 3)
    assert [crop.shape for crop in load.crops(photo, 6)] == [(256, 384, 3)] * 6
    assert load.crops(photo[:100, :90], 2)[1].shape == (100, 90, 3)


def test_the_ratio_is_to_the_ideal_of_the_processors(monkeypatch):
    seconds = {1: 2.0, 4: 6.0}
    monkeypatch.setattr(load.os, "cpu_count", lambda: 2)
    monkeypatch.setattr(
        load, "seconds_of", lambda job, n, threads, checkout: {"whole": seconds[n], "encode": 0.1, "decode": 0.2}
    )
    job = {"codec": "dct-vae-photo", "effort": 1, "crops": 6}
    table: Table = load.compare_load(job, 4, [1], None)
    assert table.rows[-1][-1] == "1.50"  # 4 processes on 2 processors: at best twice 2 seconds


@pytest.mark.slow
def test_processes_work_at_once():
    job = {"codec": "dct-vae-photo", "dataset": "photos", "data": None, "effort": 1, "crops": 1}
    assert load.seconds_of(job, 2, 1, None)["whole"] > 0
