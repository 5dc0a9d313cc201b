"""Where and as whom a task trains: whose draws are whose, and in which precision nets run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from hvaecodec.models import processor
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.sliding_pool import SlidingPool

KIND = 5


def test_each_rank_draws_its_own_and_what_they_have_in_common():
    first, second = (Place(seed=3, rank=rank) for rank in (0, 1))
    assert first.rng(KIND, 7).random() != second.rng(KIND, 7).random()
    assert first.common_rng(KIND, 7).random() == second.common_rng(KIND, 7).random() == first.rng(KIND, 7).random()


@pytest.mark.parametrize("other", [Place(seed=4), Place(rank=1)])
def test_draws_depend_on_their_key_alone(other):
    draws = [other.rng(KIND, 7).random(), other.rng(KIND + 1, 7).random(), other.rng(KIND, 8).random()]
    assert len({HERE.rng(KIND, 7).random(), *draws}) == 4
    assert draws[0] == replace(other).rng(KIND, 7).random()


@pytest.mark.parametrize(
    ("bf16", "enabled", "faster"), [(True, True, True), (True, False, True), (False, True, True), (True, True, False)]
)
def test_nets_run_in_bfloat16_where_place_task_and_processor_agree(bf16, enabled, faster, monkeypatch):
    monkeypatch.setattr(processor, "bfloat16_is_faster", lambda: faster)
    with Place(bf16=bf16).autocast(enabled):
        y = torch.nn.Linear(2, 2)(torch.ones(1, 2))
    assert y.dtype == (torch.bfloat16 if bf16 and enabled and faster else torch.float32)


def test_a_sliding_pool_makes_each_entry_once_and_forgets_what_it_has_passed():
    numbers = []

    def make(number: int) -> int:
        numbers.append(number)
        return number * number

    pool = SlidingPool(3, make)
    assert [pool.window(first) for first in (0, 0, 1, 4)] == [[0, 1, 4], [0, 1, 4], [1, 4, 9], [16, 25, 36]]
    assert numbers == [0, 1, 2, 3, 4, 5, 6]
    assert SlidingPool(3, make).window(4) == [16, 25, 36], "a resumed run makes the same window"
    assert len(pool.entries) == 3


def test_entries_are_drawn_so_often_before_they_are_forgotten():
    """Hundreds of draws of one crop, as once, taught nets the pool by heart: training fell where validation stood."""
    pool, drawn = SlidingPool(12, int, uses=3), Counter()
    for step in range(400):
        drawn.update(pool.pick(step, 6, torch.Generator().manual_seed(step)))
    whole = [drawn[number] for number in range(12, 780)]
    assert 2.8 < sum(whole) / len(whole) < 3.2 and max(whole) <= 6
    assert max(drawn) < 812


def test_a_pool_smaller_than_a_batch_gives_all_it_has():
    assert sorted(SlidingPool(3, int).pick(0, 8, torch.Generator())) == [0, 1, 2]
