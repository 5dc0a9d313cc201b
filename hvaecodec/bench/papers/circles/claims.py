"""Judge the thesis's experiments: whether a bound is one, how close it comes, and whether latents find the phase.

Pérez Rey (2018). The exact -log p of a noiseless sine is known (`models/circles/sines.py`), so that -ELBO can be held
against it; Δ of reductors is compared as the thesis does (table 9.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hvaecodec.bench.papers.circles.deltas import Delta
from hvaecodec.bench.papers.judges import Gap, Verdict, judge_at_least, judge_below, judge_higher, judge_near
from hvaecodec.models.circles.sines import exact_minus_log_p, shrinking

_ERRORS = 3.0  # standard errors that a bound may seem to be below the possible
_NEAR = (0.1, 0.05)  # sigma_X, and the part of the exact -log p within which -ELBO is near
_AGREES = 0.99  # of |circular correlation|

Record = Mapping[str, Any]  # of a copy, as `measure_copies` and `Store` make it


def judge_bound(neg_elbo: float, error: float, sigma_x: float, circles: int = 1) -> Verdict:
    """Judge whether -ELBO is above what a bound can reach: it FAILS if it is below by more than three standard errors.

    The least is the exact -log p minus what a decoder of smaller circles may gain. Nats; error: the standard error of
    neg_elbo. circles: of the data, 1 for sines and 2 for the torus.
    """
    least = exact_minus_log_p(sigma_x, circles) - shrinking(sigma_x, circles)
    return judge_higher(Gap(neg_elbo - least, error), errors=_ERRORS)


def below_bound(records: Sequence[Record], circles: int = 1) -> list[Record]:
    """Return the records whose -ELBO is below what a bound can reach."""
    verdicts = [judge_bound(r["neg_elbo"], r["error"], r["sigma_x"], circles) for r in records]
    return [record for record, verdict in zip(records, verdicts, strict=True) if verdict is Verdict.FAILS]


def bound_note(records: Sequence[Record]) -> str:
    """Say how close -ELBO of the sines comes to the exact -log p, and whether it keeps to it."""
    gap, lowest = min(((r["neg_elbo"] - exact_minus_log_p(r["sigma_x"]), r) for r in records), key=lambda pair: pair[0])
    allowance = shrinking(lowest["sigma_x"]) + _ERRORS * lowest["error"]
    verdict = "A RUN HAS" if below_bound(records) else "No run has"
    return (
        f"-ELBO is measured on 100 noiseless points, in nats. {verdict} a lower -ELBO than a bound can have. The "
        f"lowest against the exact -log p is {gap:+.4f}, at noise {lowest['noise']:g} and sigma_X "
        f"{lowest['sigma_x']:g}, where a decoder of smaller circles and the sampling error may gain {allowance:.4f}. "
        f"At sigma_X {_NEAR[0]:g} the mean -ELBO is within {100 * _NEAR[1]:g} % of the exact -log p "
        f"{_near_at(records)}. {correlation_note(records)} The correlation is that of the learnt angle with the "
        "phase, as Fisher and Lee define it."
    )


def _near_at(records: Sequence[Record]) -> str:
    """Name the noises at which the mean -ELBO is near the exact -log p, and those at which it is NOT."""
    sigma, part = _NEAR
    words = []
    for noise in sorted({r["noise"] for r in records if r["sigma_x"] == sigma}):
        nats = np.mean([r["neg_elbo"] for r in records if (r["noise"], r["sigma_x"]) == (noise, sigma)])
        near = judge_near(float(nats), exact_minus_log_p(sigma), part)
        words.append(f"{'' if near is Verdict.HOLDS else 'NOT '}at noise {noise:g}")
    return ", ".join(words)


def correlation_note(records: Sequence[Record]) -> str:
    """Say how many runs learnt the phase, and where the others are; runs without a correlation do not count."""
    runs = [r for r in records if r["correlation"] is not None]
    misses: dict[tuple[float, float], list[float]] = {}
    for r in runs:
        if judge_at_least(r["correlation"], _AGREES) is Verdict.FAILS:
            misses.setdefault((r["noise"], r["sigma_x"]), []).append(r["correlation"])
    places = [
        f"{len(values)} at noise {noise:g}, sigma_X {sigma:g} ({' to '.join(dict.fromkeys(_ends(values)))})"
        for (noise, sigma), values in misses.items()
    ]
    n_found = len(runs) - sum(map(len, misses.values()))
    words = f"The correlation is {_AGREES:g} or more in {n_found} of {len(runs)} runs"
    return words + (f"; the others are {'; '.join(places)}." if places else ".")


def _ends(values: Sequence[float]) -> tuple[str, str]:
    return f"{min(values):.3f}", f"{max(values):.3f}"


def order_note(deltas: Sequence[Delta]) -> str:
    """Say whether Δ from the circle to the plane is below that from the plane to the circle, as in the thesis."""
    mean = {d.pair: float(np.mean(d.deltas)) for d in deltas}
    there, back = mean.get(("S1", "R2")), mean.get(("R2", "S1"))
    verdict = judge_below(there, back)
    if verdict is Verdict.NOT_RUN:
        return ""
    words = "below" if verdict is Verdict.HOLDS else "NOT below"
    return f"Δ(S1 → R2) = {there:.2f} is {words} Δ(R2 → S1) = {back:.2f}."
