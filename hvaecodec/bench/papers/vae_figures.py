"""Draw the figures of the papers of VAEs: lines with a legend, and grids of pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.bench.papers.vae_measures.samples import sample_pictures
from hvaecodec.models.vdvae.net import Vdvae

TEMPERATURES = (0.5, 0.7, 0.85, 1.0)  # factors of sigma

# name -> x, y, and half the width of its band or None
Lines = Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float] | None]]


def draw_lines(lines: Lines, path: Path, title: str, *, x: str, y: str, log_x: bool = False) -> None:
    """Draw curves into one plot, with bands around those that have them; without curves write no plot.

    x, y: the words at the axes, with units.
    """
    if not lines:
        return
    figure, axes = _figure()
    for name, (xs, ys, band) in lines.items():
        (line,) = axes.plot(xs, ys, marker="o" if len(xs) < 40 else None, markersize=3.5, label=name)
        if band is not None:
            low, high = np.subtract(ys, band), np.add(ys, band)
            axes.fill_between(xs, low, high, color=line.get_color(), alpha=0.2, linewidth=0)
    if log_x:
        axes.set_xscale("symlog", linthresh=1e-4)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    _save(figure, path)


def draw_samples(net: Vdvae, path: Path, title: str, n: int = 10, seed: int = 0) -> Path:
    """Draw n unconditional samples of a net, a row for each temperature."""
    rows = [sample_pictures(net, n, t, torch.Generator().manual_seed(seed)) for t in TEMPERATURES]
    figure, axes = _figure((n * 0.7, 0.8 * len(rows)))
    axes.imshow(join_pictures(rows), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    side = rows[0].shape[-1]
    axes.set_yticks([side * (i + 0.5) for i in range(len(rows))], [f"{t:g}" for t in TEMPERATURES])
    axes.set_xticks([])
    axes.set_ylabel("temperature (factor of σ)", fontsize=7)
    axes.set_title(title, fontsize=9)
    return _save(figure, path)


def draw_panels(rows: Sequence[Tensor], words: Sequence[str], path: Path, title: str) -> Path:
    """Draw pictures, each tensor (N, C, H, W) in 0..1 a row, with a word over every column."""
    side = rows[0].shape[-1]
    figure, axes = _figure((2 * len(words), 2.1 * len(rows) + 0.4))
    axes.imshow(join_pictures(rows), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_xticks([side * (i + 0.5) for i in range(len(words))], words, fontsize=7)
    axes.xaxis.tick_top()
    axes.set_yticks([])
    axes.set_title(title, fontsize=9)
    return _save(figure, path)


def join_pictures(rows: Sequence[Tensor]) -> np.ndarray:
    """Join pictures, each tensor (N, C, H, W) in 0..1 a row, into one picture (H, W) or (H, W, 3)."""
    strips = [torch.cat(list(row), -1) for row in rows]  # (C, H, N W)
    whole = torch.cat(strips, 1).clamp(0, 1).permute(1, 2, 0).numpy()
    return whole[..., 0] if whole.shape[-1] == 1 else whole


def _figure(size: tuple[float, float] = (7, 4.6)) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=140, layout="constrained")
    return figure, figure.add_subplot()


def _save(figure: Any, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
