"""Draws the figures of the documents from records, each only if it is of another record than it should be.

A figure has the digest of the record that it was drawn from among its PNG texts. So two machines whose libraries draw a
little differently do not undo each other's figures; a figure that was deleted is drawn again.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from PIL import Image, PngImagePlugin

from hvaecodec.bench.show import output
from hvaecodec.bench.show.documents.runs import Block, FinishedRun

_KEY = "drawn from"


def source_digest(finished: FinishedRun) -> str:
    """Return twelve digits that change with a run's record."""
    return hashlib.sha256(finished.record.read_bytes()).hexdigest()[:12]


def is_current(path: Path, finished: FinishedRun) -> bool:
    """Say whether a figure was drawn from a run's record as it is."""
    if not path.exists():
        return False
    with Image.open(path) as picture:
        return bool(picture.info.get(_KEY) == source_digest(finished))


def draw_figures(blocks: Iterable[Block], finished: Mapping[str, FinishedRun], docs: Path) -> list[Path]:
    """Draw the figures of finished runs that are not current into the folder `docs`, and return their paths."""
    written = []
    for name, shown in _by_folder(block for block in blocks if block.run in finished):
        run = finished[name]
        stale = {
            source: docs / target
            for block in shown
            for source, target in block.plots.items()
            if not is_current(docs / target, run)
        }
        if not stale:
            continue
        with tempfile.TemporaryDirectory() as folder:
            _draw(shown[0], run, Path(folder))
            for source, path in stale.items():
                if (Path(folder) / source).exists():  # else it is of a metric that the run could not measure
                    _copy_with_digest(Path(folder) / source, path, source_digest(run))
                    written.append(path)
    return written


def _by_folder(blocks: Iterable[Block]) -> Iterator[tuple[str, list[Block]]]:
    """Yield a run's name with those of its blocks that one drawing serves: one that draws for itself, or all others."""
    together: dict[str, list[Block]] = {}
    for block in blocks:
        if block.draw is not None:
            yield block.run, [block]
        else:
            together.setdefault(block.run, []).append(block)
    yield from together.items()


def _draw(block: Block, run: FinishedRun, folder: Path) -> None:
    """Draw what a block shows into a folder: its own picture, or all plots of the bench."""
    if block.draw is not None:
        block.draw(run, folder)
        return
    output.write_tables_and_plots(
        run.records,
        folder,
        metric_names=run.run.metrics,
        anchor=next(record["codec"] for record in run.records if record["baseline"]),
        published=run.run.published,
        sets=run.sets,
    )


def _copy_with_digest(source: Path, path: Path, digest: str) -> None:
    texts = PngImagePlugin.PngInfo()
    texts.add_text(_KEY, digest)
    with Image.open(source) as picture:
        picture.save(path, pnginfo=texts, optimize=True)
