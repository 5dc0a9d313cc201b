"""The report of a run as one HTML page that needs nothing else: no network, no other file. `write` makes it.

`pictures` chooses and packs what is shown, `plotted` turns records into curves, `page` puts all into `assets`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hvaecodec.bench.data.datasets import NamedImage

DEFAULT_RATES = (0.15, 0.4)


@dataclass(frozen=True)
class Shown:
    """Which pictures a report holds.

    rates: bits per pixel; of every codec the file nearest to each is shown. images: at most so many. megabytes: of the
    whole page; pictures that do not fit are left out, those of the first rate last, and the page says so.
    """

    rates: tuple[float, ...] = DEFAULT_RATES
    images: int = 24
    megabytes: float = 38


def write(
    records: Sequence[dict[str, Any]],
    path: Path,
    images: Sequence[NamedImage],
    *,
    metric_names: Sequence[str],
    anchor: str,
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
    shown: Shown | None = None,
    store: Path | None = None,
    command: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Path:
    """Write the page to `path`, replaced as a whole; returns it.

    images: those the records are of. store: a folder that keeps packed pictures for the next time. command: what made
    the records, for the page to say. Raises ValueError for an unknown metric or published curve.
    """
    from hvaecodec.bench.show.report import packed_images, page, plotted
    from hvaecodec.codec.files import write_atomically

    plots = plotted.all_plots(records, metric_names, published, sets)
    packed = packed_images.pack(records, images, shown or Shown(), store, progress)
    text = page.render(records, plots, packed, metric_names, anchor, published, sets, command)
    write_atomically(path, text.encode(), force=True)
    return path
