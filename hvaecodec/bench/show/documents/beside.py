"""Draws one photo beside what codecs make of it, as a picture for the documents."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.show.documents.runs import FinishedRun
from hvaecodec.bench.show.report.picture_packer import PicturePacker

_LABEL, _GAP = 22, 6  # pixels of a line of words and between pictures


@dataclass(frozen=True)
class Beside:
    """Draws `file` into a folder: a window of one of its images, and of its decoded files at the lowest quality.

    number: of the image in its data set. words: what stands above each codec's picture, in the run's order.
    window: its rows and columns. columns: of the grid of pictures.
    """

    file: str
    number: int
    words: tuple[str, ...]
    window: tuple[slice, slice]
    columns: int = 3

    def __call__(self, finished: FinishedRun, folder: Path) -> None:
        """Draw the picture of a finished run into a folder.

        Raises ValueError if the record's files cannot be made again, as with other weights.
        """
        image = load_dataset(finished.run.dataset)[self.number]
        first = {r["codec"]: r for r in reversed(finished.records) if r["image"] == image.name}
        labels = dict.fromkeys(record["codec"] for record in finished.records)
        packer, cells = PicturePacker(None), [("the photo", image.pixels())]
        for words, label in zip(self.words, labels, strict=True):
            _, data = packer.pack(image, first[label])
            decoded = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
            cells.append((f"{words}, {first[label]['n_bytes']:,} bytes", decoded))
        _grid(cells, self.window, self.columns).save(folder / self.file, optimize=True)


def _grid(cells: Sequence[tuple[str, np.ndarray]], window: tuple[slice, slice], columns: int) -> Image.Image:
    """The same window of every picture, pixel by pixel, words above each, in rows of `columns`."""
    height, width = cells[0][1][window].shape[:2]
    rows = -(-len(cells) // columns)
    size = columns * (width + _GAP) - _GAP, rows * (height + _LABEL + _GAP) - _GAP
    whole = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(whole), ImageFont.load_default(14)
    for number, (words, picture) in enumerate(cells):
        left, top = (number % columns) * (width + _GAP), (number // columns) * (height + _LABEL + _GAP)
        draw.text((left, top + _LABEL / 2), words, "black", font, anchor="lm")
        whole.paste(Image.fromarray(np.ascontiguousarray(picture[window])), (left, top + _LABEL))
    return whole
