"""Makes the figures and tables of README.md and docs/ from records: `python -m hvaecodec.bench.show.documents`.

`document_runs` lists the calls of `hvaecodec bench` and what the documents show of each, `paper_blocks` what they show
of the papers' experiments. In a document that is what stands between `<!-- kodak.summary -->` and
`<!-- /kodak.summary -->`; the text around is written by hand. What was measured lies in `records/`, one small file a
run; a run without one is measured, and goes on where it was interrupted.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path


def documents(root: Path) -> Sequence[Path]:
    """Return the documents of a checkout: its README, the pages in `docs/` and those in `docs/papers/`."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md")), *sorted((root / "docs/papers").glob("*.md"))]
