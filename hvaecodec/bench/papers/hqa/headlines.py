"""List the claims of the HQA paper that docs/PAPERS.md shows, with the comparisons that decide each.

Williams et al., arXiv:2002.08111, table 3: digits in eight bits. Its claims are on rFID; ours are judged on rFD-LeNet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.bench.papers import PaperSettings
from hvaecodec.bench.papers.claim_list import Claim
from hvaecodec.bench.papers.hqa.mnist import METRICS, TITLES
from hvaecodec.bench.papers.hqa.runs import Runs
from hvaecodec.bench.papers.judges import Gap, judge_lower
from hvaecodec.bench.papers.vae_tables import Row, claim_row
from hvaecodec.training.recipes.hqa import MNIST
from hvaecodec.training.recipes.hqa_faces import FACES


def read_digits(records: Path) -> list[dict[str, Any]]:
    """Return the records of `hvaecodec paper hqa-mnist` in a folder of records."""
    return Runs(PaperSettings(records, records / "hqa-mnist"), MNIST).records()


def read_faces(records: Path) -> list[dict[str, Any]]:
    """Return the records of `hvaecodec paper hqa-faces` in a folder of records."""
    return Runs(PaperSettings(records, records / "hqa-faces"), FACES).records()


def _compare(records: Path, key: str) -> list[Row]:
    """Compare HQA with a VQ-VAE and with HAMs by a metric of digits in eight bits; over seeds, where there are some."""
    digits = read_digits(records)
    values = {
        system: [r["layers"][-1]["own"][key] for r in digits if r["system"] == system]
        for system in ("hqa", "vqvae", "hams")
    }
    label, places = METRICS[key]
    rows = []
    for other in ("vqvae", "hams"):
        if values["hqa"] and values[other]:
            means = [_mean(values[system]) for system in ("hqa", other)]
            numbers = " against ".join(f"{mean:.{places}f} ± {error:.{places}f}" for mean, error in means)
            words = f"{label}: {TITLES['hqa']} is below {TITLES[other]}"
            rows.append(claim_row(words, judge_lower(Gap.of_means(*means)), f"{numbers}, means and standard errors"))
    return rows


def _mean(values: list[float]) -> tuple[float, float]:
    """Return a mean with its standard error over seeds, which is nan for a single one."""
    error = float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else float("nan")
    return float(np.mean(values)), error


CLAIMS = (
    Claim(
        "At eight bits a digit HQA's reconstructions are nearer to digits than those of a VQ-VAE and of HAMs.",
        "table 3, rFID",
        lambda records: _compare(records, "rfd"),
    ),
    Claim(
        "At eight bits HQA's digits are taken for another digit less often than those of a VQ-VAE and of HAMs.",
        "table 3, class error",
        lambda records: _compare(records, "error_percent"),
    ),
)
