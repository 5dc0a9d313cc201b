"""Draw the figures of the HQA experiments: curves over the rate, grids of pictures, interpolations between two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hvaecodec.bench.papers.hqa.runs import interval
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training.hqa.hqa_data import as_float

_COLOURS = ("#30638e", "#8c5e3c", "#edae49", "#52a447", "#5f4bb6", "#d1495b", "#00798c")
POINTS = 10  # of an interpolation, between the originals


def rate_curves(
    records: Sequence[dict[str, Any]],
    titles: Mapping[str, str],
    metrics: Mapping[str, tuple[str, int]],
    part: str,
    path: Path,
) -> Path:
    """Draw a panel for each metric over the bits of a picture, with 95 % intervals over the runs.

    part: of a layer's record, whose distances are drawn. metrics: their keys, with a label and digits.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(metrics), 4), dpi=130, layout="constrained")
    for number, (key, (label, _)) in enumerate(metrics.items()):
        axes = figure.add_subplot(1, len(metrics), number + 1)
        for number_of_system, (system, title) in enumerate(titles.items()):
            mine = [record for record in records if record["system"] == system]
            if mine:
                points = [_point(mine, layer, part, key) for layer in range(len(mine[0]["layers"]))]
                bits, means, halves = zip(*points, strict=True)
                axes.errorbar(bits, means, halves, marker="o", markersize=4, capsize=2, label=title,
                              color=_COLOURS[number_of_system % len(_COLOURS)])  # fmt: skip
        axes.set_xscale("log", base=2)
        axes.set_xlabel("bits a picture")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
        if number == 0 and axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    figure.savefig(path)
    return path


def _point(records: Sequence[dict[str, Any]], layer: int, part: str, key: str) -> tuple[float, float, float]:
    layers = [record["layers"][layer] for record in records]
    return (layers[0]["bits"], *interval(of_run[part][key] for of_run in layers))


def grid_picture(rows: Sequence[Tensor], labels: Sequence[str], path: Path) -> Path:
    """Write rows of pictures, float (N, C, H, W) in 0..1, with one label a row."""
    from matplotlib.figure import Figure

    n = max(len(row) for row in rows)
    figure = Figure(figsize=(1.8 + 0.55 * n, 0.6 * len(rows)), dpi=140, layout="constrained")
    for number, (row, label) in enumerate(zip(rows, labels, strict=True)):
        axes = figure.add_subplot(len(rows), 1, number + 1)
        strip = torch.cat(list(row.float().clamp(0, 1)), 2).permute(1, 2, 0)  # (H, N W, C)
        grey = strip.shape[2] == 1
        axes.imshow((strip[..., 0] if grey else strip).numpy(), cmap="gray" if grey else None, vmin=0, vmax=1)
        axes.set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    figure.savefig(path)
    return path


@torch.inference_mode()
def interpolations(
    stacks: Mapping[str, HqaStack], first: Tensor, last: Tensor, path: Path, layer: int | None = None
) -> Path:
    """Draw linear paths between the z_e of pictures, uint8 (N, C, H, W), quantised and decoded by modes.

    The originals are at both ends. layer: None for the top of each stack.
    """
    weights = torch.linspace(0, 1, POINTS)
    rows, labels = [], []
    for a, b in zip(as_float(first), as_float(last), strict=True):
        for title, stack in stacks.items():
            number = len(stack) - 1 if layer is None else layer
            ends = stack.encode(torch.stack([a, b]), number)
            between = torch.stack([torch.lerp(ends[0], ends[1], float(w)) for w in weights])
            rows.append(torch.cat([a[None], stack.decode_values(between, number), b[None]]))
            labels.append(title)
    return grid_picture(rows, labels, path)
