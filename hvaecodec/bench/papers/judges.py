"""Judge whether a paper's claim holds: every decision of the experiments, one function for each comparison.

A judge takes numbers and returns a `Verdict`; it knows neither records nor words. A number that was not measured is
None and makes the claim NOT_RUN. Two measurements that have an error are compared by their `Gap`, of which two standard
errors decide nothing. Numbers without an error (counts, bytes, limits of our own) are compared as they are, and a tie
is no win.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

import numpy as np

ERRORS = 2.0  # standard errors of a gap that decide nothing


class Verdict(Enum):
    """A verdict is what a judge says of a claim; its value is how tables print it."""

    HOLDS = "holds"
    FAILS = "FAILS"
    WITHIN = "within error"
    NOT_RUN = "not run"
    DISPUTED = "the two nets disagree"


@dataclass(frozen=True)
class Gap:
    """The difference of two measurements, the first minus the second, with its standard error, both in their unit.

    An error of nan says that nothing is known of it; no gap exceeds that.
    """

    value: float
    error: float

    @classmethod
    def of_means(cls, first: tuple[float, float], second: tuple[float, float]) -> Gap:
        """Return the gap of two means, each with its standard error, which are independent of each other."""
        return cls(first[0] - second[0], float(np.hypot(first[1], second[1])))

    @classmethod
    def of_runs(cls, first: np.ndarray, second: np.ndarray) -> Gap:
        """Return the gap of two systems measured on the same pictures; float (runs, pictures) each.

        The error is over the runs where one system has several, and a single run of the other is then thought to vary
        like these. Of two single runs it is over the pictures, which both saw: the error of paired differences.
        """
        value = float(first.mean() - second.mean())
        variances = [runs.mean(1).var(ddof=1) if len(runs) > 1 else None for runs in (first, second)]
        over_runs = [variance for variance in variances if variance is not None]
        if over_runs:
            pairs = zip(variances, (first, second), strict=True)
            return cls(value, float(np.sqrt(sum((over_runs[0] if v is None else v) / len(runs) for v, runs in pairs))))
        apart = first.mean(0) - second.mean(0)
        return cls(value, float(apart.std(ddof=1) / np.sqrt(len(apart))))

    def __neg__(self) -> Gap:
        """Return the gap with its two sides swapped."""
        return Gap(-self.value, self.error)


def judge_lower(gap: Gap | None, margin: float = 0.0, errors: float = ERRORS) -> Verdict:
    """Judge whether the first measurement is below the second plus `margin`, by more than `errors` standard errors.

    margin: in the unit of the gap; above 0 it forgives, below 0 it demands a distance.
    """
    if gap is None:
        return Verdict.NOT_RUN
    excess = gap.value - margin
    if not abs(excess) > errors * gap.error:
        return Verdict.WITHIN
    return _verdict(excess < 0)


def judge_higher(gap: Gap | None, margin: float = 0.0, errors: float = ERRORS) -> Verdict:
    """Judge whether the first measurement is above the second plus `margin`, by more than `errors` standard errors."""
    return judge_lower(None if gap is None else -gap, -margin, errors)


def judge_below(value: float | None, limit: float | None) -> Verdict:
    """Judge whether an exact number is strictly below another."""
    return Verdict.NOT_RUN if value is None or limit is None else _verdict(value < limit)


def judge_above(value: float | None, limit: float | None) -> Verdict:
    """Judge whether an exact number is strictly above another."""
    return judge_below(limit, value)


def judge_at_most(value: float | None, limit: float | None) -> Verdict:
    """Judge whether an exact number is no greater than another."""
    return Verdict.NOT_RUN if value is None or limit is None else _verdict(value <= limit)


def judge_at_least(value: float | None, limit: float | None) -> Verdict:
    """Judge whether an exact number is no smaller than another."""
    return judge_at_most(limit, value)


def judge_near(value: float | None, target: float | None, part: float) -> Verdict:
    """Judge whether an exact number differs from a target by less than a part of the target."""
    return Verdict.NOT_RUN if value is None or target is None else _verdict(abs(value / target - 1) < part)


def judge_all(verdicts: Iterable[Verdict]) -> Verdict:
    """Judge a claim of several parts: it fails with any of them and holds with all; no parts are not run."""
    parts = set(verdicts)
    for verdict in (Verdict.FAILS, Verdict.NOT_RUN, Verdict.DISPUTED, Verdict.WITHIN):
        if verdict in parts:
            return verdict
    return Verdict.HOLDS if parts else Verdict.NOT_RUN


def judge_agreement(verdicts: Iterable[Verdict]) -> Verdict:
    """Judge a claim that several nets measured: what all of them say, or DISPUTED; without any it is not run."""
    views = set(verdicts)
    if len(views) > 1:
        return Verdict.DISPUTED
    return views.pop() if views else Verdict.NOT_RUN


def _verdict(holds: bool) -> Verdict:
    return Verdict.HOLDS if holds else Verdict.FAILS
