"""Laws of the judges of the papers' claims."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from hvaecodec.bench.papers.judges import (
    ERRORS,
    Gap,
    Verdict,
    judge_above,
    judge_agreement,
    judge_all,
    judge_at_least,
    judge_at_most,
    judge_below,
    judge_higher,
    judge_lower,
    judge_near,
)

OPPOSITE = {Verdict.HOLDS: Verdict.FAILS, Verdict.FAILS: Verdict.HOLDS, Verdict.WITHIN: Verdict.WITHIN}
numbers = st.floats(-1e6, 1e6)
errors = st.floats(0, 1e6)
gaps = st.builds(Gap, numbers, errors)
margins = st.floats(-100, 100)
verdicts = st.sampled_from(list(Verdict))
# nats of runs on the same pictures, in steps of 1/8, so that sums are exact
nats = st.integers(-8000, 8000).map(lambda eighths: eighths / 8)


def samples(runs: int, pictures: int = 8):
    return arrays(np.float64, (runs, pictures), elements=nats)


@given(gaps, margins)
def test_swapping_the_sides_flips_the_verdict(gap, margin):
    assert judge_lower(-gap, -margin) is OPPOSITE[judge_lower(gap, margin)]
    assert judge_higher(gap, margin) is judge_lower(-gap, -margin) is OPPOSITE[judge_lower(gap, margin)]


@given(st.integers(1, 3).flatmap(samples), st.integers(1, 3).flatmap(samples))
def test_swapping_the_runs_swaps_the_gap(one, two):
    there, back = Gap.of_runs(one, two), Gap.of_runs(two, one)
    assert back.value == -there.value and back.error == pytest.approx(there.error)
    assert judge_lower(back) is OPPOSITE[judge_lower(Gap(there.value, back.error))]


@given(gaps, margins, st.floats(0, ERRORS))
def test_a_difference_within_the_errors_decides_nothing(gap, margin, part):
    for sign in (-1, 1):
        near = Gap(margin + sign * part * gap.error, gap.error)
        assume(abs(near.value - margin) <= ERRORS * gap.error)  # but for rounding
        assert judge_lower(near, margin) is judge_higher(near, margin) is Verdict.WITHIN


@given(gaps, margins)
def test_a_difference_beyond_the_errors_decides(gap, margin):
    step = (ERRORS + 0.1) * gap.error + 0.1
    assert judge_lower(Gap(margin - step, gap.error), margin) is Verdict.HOLDS
    assert judge_lower(Gap(margin + step, gap.error), margin) is Verdict.FAILS


@given(st.integers(1, 3).flatmap(samples), st.integers(1, 3).flatmap(samples), nats, margins)
def test_a_constant_on_both_sides_changes_nothing(one, two, constant, margin):
    gap, moved = Gap.of_runs(one, two), Gap.of_runs(one + constant, two + constant)
    assert moved.value == pytest.approx(gap.value, abs=1e-9) and moved.error == pytest.approx(gap.error, abs=1e-9)
    assume(abs(abs(gap.value - margin) - ERRORS * gap.error) > 1e-6)  # but for rounding
    assert judge_lower(moved, margin) is judge_lower(gap, margin)


@given(gaps, margins, st.floats(0, 1))
def test_a_smaller_error_reverses_no_verdict(gap, margin, part):
    verdict, surer = judge_lower(gap, margin), judge_lower(Gap(gap.value, part * gap.error), margin)
    assert surer is verdict or verdict is Verdict.WITHIN


@given(samples(1), samples(1), st.integers(2, 5), margins)
def test_more_pictures_of_the_same_kind_reverse_no_verdict(one, two, times, margin):
    gap, more = Gap.of_runs(one, two), Gap.of_runs(np.tile(one, times), np.tile(two, times))
    assert more.value == pytest.approx(gap.value, abs=1e-9) and more.error <= gap.error + 1e-9
    assume(abs(abs(gap.value - margin) - ERRORS * gap.error) > 1e-6)  # but for rounding
    verdict = judge_lower(gap, margin)
    assert judge_lower(more, margin) is verdict or verdict is Verdict.WITHIN


@given(gaps, margins, st.floats(0, 1e3))
def test_a_larger_margin_never_hurts_a_claim_of_lower(gap, margin, more):
    order = [Verdict.FAILS, Verdict.WITHIN, Verdict.HOLDS]
    assert order.index(judge_lower(gap, margin + more)) >= order.index(judge_lower(gap, margin))


@given(samples(1), samples(1))
def test_single_runs_are_paired_picture_by_picture(one, two):
    """What both runs share does not count: the error is that of the differences alone."""
    shared = 1000 * np.arange(8.0)
    gap = Gap.of_runs(one + shared, two + shared)
    differences = one - two
    assert gap.error == pytest.approx(differences.std(ddof=1) / math.sqrt(8), abs=1e-6)
    assert gap.value == pytest.approx(differences.mean(), abs=1e-6)


def test_a_single_run_is_thought_to_vary_like_several_of_the_other():
    three = np.array([[88.0] * 4, [89.0] * 4, [90.0] * 4])  # a variance of 1 over runs
    assert Gap.of_runs(three, three + 2) == Gap(-2, pytest.approx(math.sqrt(2 / 3)))
    assert Gap.of_runs(three, three[1:2] + 2) == Gap(-2, pytest.approx(math.sqrt(4 / 3)))
    assert Gap.of_runs(three[1:2], three + 2) == Gap(-2, pytest.approx(math.sqrt(4 / 3)))


@given(numbers, errors, numbers, errors)
def test_errors_of_independent_means_add_in_squares(first, first_error, second, second_error):
    gap = Gap.of_means((first, first_error), (second, second_error))
    assert gap.value == first - second
    assert max(first_error, second_error) <= gap.error * (1 + 1e-12) and gap.error <= first_error + second_error + 1e-9


def test_an_unknown_error_decides_nothing():
    assert judge_lower(Gap(-1e9, math.nan)) is judge_higher(Gap(-1e9, math.nan)) is Verdict.WITHIN


@given(numbers, numbers, st.floats(1e-3, 1e3))
def test_exact_numbers_are_compared_as_they_are(a, b, step):
    assert judge_below(a, b) is judge_above(b, a) and judge_at_most(a, b) is judge_at_least(b, a)
    assert judge_below(a, b) is OPPOSITE[judge_at_most(b, a)]
    assert judge_below(a, a) is Verdict.FAILS and judge_at_most(a, a) is Verdict.HOLDS
    assert judge_below(a - step, a) is judge_above(a + step, a) is Verdict.HOLDS
    assert judge_at_most(a + step, a) is judge_at_least(a - step, a) is Verdict.FAILS


@given(st.floats(0.1, 1e6), st.floats(0.01, 0.5), st.floats(0, 3), st.sampled_from([-1, 1]))
def test_near_is_within_a_part_of_the_target_on_either_side(target, part, times, sign):
    assume(abs(times - 1) > 1e-6)
    value = target * (1 + sign * times * part)
    assert judge_near(value, target, part) is (Verdict.HOLDS if times < 1 else Verdict.FAILS)


@given(numbers)
def test_what_is_missing_is_not_run(number):
    assert judge_lower(None) is judge_higher(None, 1.0) is Verdict.NOT_RUN
    for judge in (judge_below, judge_above, judge_at_most, judge_at_least):
        assert judge(None, number) is judge(number, None) is Verdict.NOT_RUN
    assert judge_near(None, number, 0.1) is judge_near(number, None, 0.1) is Verdict.NOT_RUN
    assert judge_all([]) is judge_agreement([]) is Verdict.NOT_RUN


@given(st.lists(verdicts, min_size=1))
def test_a_claim_of_several_parts_holds_with_all_and_fails_with_any(parts):
    verdict = judge_all(parts)
    assert (verdict is Verdict.HOLDS) == (set(parts) == {Verdict.HOLDS})
    assert (verdict is Verdict.FAILS) == (Verdict.FAILS in parts)
    assert verdict in parts and judge_all(reversed(parts)) is verdict
    assert judge_all([verdict, *parts]) is verdict
    if Verdict.FAILS not in parts and Verdict.NOT_RUN in parts:
        assert verdict is Verdict.NOT_RUN


@given(verdicts, verdicts, st.integers(1, 4))
def test_nets_that_differ_dispute_a_claim(one, two, times):
    assert judge_agreement([one] * times) is one
    if one is not two:
        assert judge_agreement([one, two] * times) is Verdict.DISPUTED


def test_verdicts_are_printed_in_their_own_words():
    assert [verdict.value for verdict in Verdict] == [
        "holds",
        "FAILS",
        "within error",
        "not run",
        "the two nets disagree",
    ]
