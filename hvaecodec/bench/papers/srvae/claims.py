"""Judge the srVAE paper's claims from measurements of a pair of models, by means over their runs.

Gatopoulos et al., arXiv:2006.05218, table 1: against the single-level VAE the srVAE has a lower RE_x, more bits per dim
in all, and samples that are nearer to pictures. One decibel over bicubic interpolation is a number that we set
ourselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hvaecodec.bench.papers.judges import Verdict, judge_above, judge_agreement, judge_at_least, judge_below
from hvaecodec.bench.papers.srvae.measures import ENLARGED, NETS, SAMPLES, Measurement
from hvaecodec.bench.papers.vae_tables import Row, claim_row

_GAIN = 1.0  # dB over bicubic interpolation
_WORDS = {Verdict.HOLDS: "yes", Verdict.FAILS: "NO"}
RE_X, BITS, NEARER = (
    "RE_x of the srVAE is lower",
    "its bits per dim are higher",
    "its samples are nearer to pictures",
)
_SAMPLES = {
    NEARER: ("samples",),
    "the same, each at its best temperature of z": tuple(SAMPLES.values()),
}

Runs = Sequence[Measurement]
Judge = Callable[[float, float], Verdict]


def judge_claims(first: str, second: str, vae: Runs, srvae: Runs) -> str:
    """Judge the paper's three claims on a VAE and an srVAE of these names; the claim on samples needs the feature nets.

    Distances are judged in both feature nets, which may disagree.
    """
    rows = claim_rows(first, second, vae, srvae)
    words = [f"{claim}: {_WORDS.get(Verdict(verdict), verdict)} ({numbers})" for claim, verdict, numbers in rows]
    return f"Claims of the paper, {first} against {second}: " + "; ".join(words) + "."


def claim_rows(first: str, second: str, vae: Runs, srvae: Runs) -> list[Row]:
    """Return the rows of the claims that `judge_claims` judges, in its order: RE_x, bits per dim, then samples."""
    sides = [(first, vae), (second, srvae)]
    rows = [
        _claim(RE_X, judge_below, sides, [lambda m: m.terms["re_x"]]),
        _claim(BITS, judge_above, sides, [lambda m: m.bits_per_dim]),
    ]
    for claim, names in _SAMPLES.items():
        if all(name + suffix in m.distances for name in names for suffix in NETS for m in (*vae, *srvae)):
            nets = [lambda m, s=s, names=names: min(m.distances[name + s] for name in names) for s in NETS]
            rows.append(_claim(claim, judge_below, sides, nets))
    return rows


def _claim(
    claim: str, judge: Judge, sides: Sequence[tuple[str, Runs]], quantities: Sequence[Callable[[Measurement], float]]
) -> Row:
    """Judge the second side against the first by every quantity, and return the verdict with the numbers."""
    means = [[float(np.mean([quantity(m) for m in runs])) for _, runs in sides] for quantity in quantities]
    verdict = judge_agreement(judge(ours, theirs) for theirs, ours in means)
    numbers = ("; ").join(
        ", ".join(f"{name} {mean:.2f}" for (name, _), mean in zip(sides, both, strict=True)) for both in means
    )
    return claim_row(claim, verdict, numbers)


def judge_gain(name: str, psnr_db: dict[str, float]) -> str:
    """Judge whether a model enlarges pictures better than bicubic interpolation, by a decibel of mean PSNR."""
    gain = psnr_db[ENLARGED["means"]] - psnr_db["bicubic"]
    reached = {Verdict.HOLDS: "is", Verdict.FAILS: "is NOT"}[judge_at_least(gain, _GAIN)]
    return f"{name}: {gain:+.2f} dB over bicubic at the means, {_GAIN:g} dB {reached} reached."
