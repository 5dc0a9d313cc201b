"""Tells how many codes of each layer of `hqa-photo` are in use: `python -m hvaecodec.bench.tools.codebooks`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import command


def count_codes(codec: Any, photos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Count how often every code of each layer is the nearest in some photos, and return int64 (512,) for each layer.

    photos: uint8 (H, W, 3). The layers begin with layer 1, the finest.
    """
    import torch

    from hvaecodec.codec.backends.torch_hqa import TorchLayers
    from hvaecodec.codec.hqa.pictures import picture_to_indices

    stack = codec.generators.get(codec.generators.newest)
    counts = [np.zeros(len(stack[number].codebook), np.int64) for number in range(len(stack))]
    for photo in photos:
        with torch.no_grad():
            grids = picture_to_indices(TorchLayers(stack), photo, range(len(stack)))
        for count, grid in zip(counts, grids, strict=True):
            count += np.bincount(grid.ravel(), minlength=len(count))
    return counts


def perplexities(counts: Sequence[np.ndarray]) -> list[float]:
    """Return for each layer the exponential of the entropy of its codes, divided by their number: 0..1.

    counts: from `count_codes`.
    """
    import torch

    from hvaecodec.models.hqa.losses import perplexity

    return [perplexity(torch.from_numpy(count)) / len(count) for count in counts]


def code_use_table(codec: Any, photos: Sequence[np.ndarray]) -> Table:
    """Return a table of the codes in use, a row for each layer. photos: uint8 (H, W, 3)."""
    counts = count_codes(codec, photos)
    rows: list[tuple[str, ...]] = []
    for number, (count, share) in enumerate(zip(counts, perplexities(counts), strict=True)):
        cells = f"{count.sum():,}", f"{100 * share:.1f} %", f"{100 * (count > 0).mean():.1f} %"
        rows.append((str(number + 1), *cells))
    header = ("layer", "cells", "perplexity, of 512 codes", "used at all")
    return Table(f"Codes of {codec.name} in {len(photos)} photos", header, rows, [])


def main(
    dataset: str = "valid",
    data: Path | None = None,
    limit: Annotated[int | None, typer.Option(help="Only so many photos.")] = None,
    codec: str = "hqa-photo",
) -> None:
    """Print the table for a data set."""
    from hvaecodec.bench.data.datasets import load_dataset
    from hvaecodec.codec import registry

    photos = [image.pixels() for image in load_dataset(dataset, data)][:limit]
    print(code_use_table(registry.load(codec), photos).markdown())


if __name__ == "__main__":
    command.run(main)
