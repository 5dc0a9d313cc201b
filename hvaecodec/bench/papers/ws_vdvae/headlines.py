"""List the claims of the paper on shared weights that docs/PAPERS.md shows, with the comparisons that decide each.

Falck et al., arXiv:2301.08187.
"""

from __future__ import annotations

from pathlib import Path

from hvaecodec.bench.papers import PaperSettings
from hvaecodec.bench.papers.claim_list import Claim
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.ws_vdvae.systems import SYSTEMS
from hvaecodec.bench.papers.ws_vdvae.tables import AT_SIZE, NORMALISED, REPEATS, RESOLUTIONS, claim_rows


def open_store(records: Path) -> Store:
    """Return the runs of `hvaecodec paper ws-vdvae` that a folder of records holds."""
    return Store(PaperSettings(records, records / "ws-vdvae"), SYSTEMS)


CLAIMS = (
    Claim(
        "Repeats of one block lower −ELBO without more parameters, and reach nets with blocks of their own.",
        "figure 4, table 1",
        lambda records: claim_rows(open_store(records), (*REPEATS, *AT_SIZE)),
    ),
    Claim(
        "A net whose state is normalised fails.",
        "table 2",
        lambda records: claim_rows(open_store(records), NORMALISED),
    ),
    Claim(
        "Several resolutions are better than one.",
        "table 3",
        lambda records: claim_rows(open_store(records), RESOLUTIONS),
    ),
)
