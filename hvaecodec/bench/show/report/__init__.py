"""The report of a run as one HTML page that needs nothing else, no network and no other file; `write_page` makes it.

`packed_images` chooses and packs the pictures, `page_curves` turns records into curves, `page` puts all into `assets`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hvaecodec.bench.data.datasets import NamedImage

DEFAULT_RATES = (0.15, 0.4)


@dataclass(frozen=True)
class PictureChoice:
    """Which pictures a report holds.

    rates: bits per pixel; of every codec the file nearest to each is shown. images: at most how many images.
    megabytes: the most that the pictures take; those that do not fit are left out, those of the first rate last, and
    the page says so.
    """

    rates: tuple[float, ...] = DEFAULT_RATES
    images: int = 24
    megabytes: float = 38

    def __post_init__(self) -> None:
        if not self.megabytes >= 0 or not all(0 < rate < math.inf for rate in self.rates):
            raise ValueError(f"a page has rates above 0 and at least 0 MB, not {self.rates} and {self.megabytes}")


def write_page(
    records: Sequence[dict[str, Any]],
    path: Path,
    images: Sequence[NamedImage],
    *,
    metric_names: Sequence[str],
    anchor: str,
    published: Sequence[str] = (),
    sets: Sequence[dict[str, Any]] = (),
    choice: PictureChoice | None = None,
    folder: Path | None = None,
    command: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Path:
    """Write the page to `path`, replacing a file there as a whole, and return the path.

    images: those the records are of. folder: where packed pictures are kept for the next time. command: what made the
    records, for the page to say. Raises ValueError for an unknown metric or published curve.
    """
    from hvaecodec.bench.show import tables
    from hvaecodec.bench.show.report import packed_images, page, page_curves
    from hvaecodec.codec.files import make_folder, write_atomically

    text = page.render_page(
        records,
        plots=page_curves.all_plots(records, metric_names, published, sets),
        packed=packed_images.pack_pictures(records, images, choice or PictureChoice(), folder, progress),
        tables=tables.all_tables(records, metric_names, anchor, published, sets),
        metric_names=metric_names,
        command=command,
    )
    make_folder(path.parent)
    write_atomically(path, text.encode(errors="backslashreplace"), force=True)
    return path
