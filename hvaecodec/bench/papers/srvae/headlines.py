"""List the claims of the srVAE paper that docs/PAPERS.md shows, with the comparisons that decide each.

Gatopoulos et al., arXiv:2006.05218.
"""

from __future__ import annotations

from pathlib import Path

from hvaecodec.bench.papers.claim_list import Claim
from hvaecodec.bench.papers.srvae.claims import BITS, NEARER, RE_X, claim_rows
from hvaecodec.bench.papers.srvae.experiment import read_measurements
from hvaecodec.bench.papers.srvae.tables import PAIRS
from hvaecodec.bench.papers.vae_tables import Row


def _rows(records: Path, *claims: str) -> list[Row]:
    """Return the rows of some claims for every pair of systems that has records."""
    systems = read_measurements(records / "srvae" / "cpu")
    rows = []
    for first, second in PAIRS:
        if first in systems and second in systems:
            for words, *cells in claim_rows(first, second, systems[first], systems[second]):
                if words in claims:
                    rows.append((f"{second} against {first}: {words}", *cells))
    return rows


CLAIMS = (
    Claim(
        "The srVAE reconstructs x better than a single-level VAE, and takes more bits in all.",
        "table 1",
        lambda records: _rows(records, RE_X, BITS),
    ),
    Claim("Samples of the srVAE are nearer to pictures.", "table 1", lambda records: _rows(records, NEARER)),
)
