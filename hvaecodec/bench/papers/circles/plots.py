"""Draw the thesis's latent spaces, coloured by the true phase: figures 5.4, 7.1, 9.5, 10.2, 10.3, 11.3, 11.4."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.bench.papers.circles.measures import noiseless_points
from hvaecodec.bench.papers.circles.runs import Store
from hvaecodec.models.circles import heat_kernel
from hvaecodec.models.circles.diffusion_vae import LatentVae, Posterior
from hvaecodec.training.vae.circles_task import Copy

_STEP = 2.6  # inches of a panel


def draw_latents(store: Store, name: str, path: Path, seed: int = 0) -> Path:
    """Draw the posteriors of one repetition: a row for each noise, a column for each sigma_X."""
    system = store.plan.systems[name]
    figure, axes = _panels(len(system.noises), len(system.sigmas))
    for row, noise in enumerate(system.noises):
        for column, sigma in enumerate(system.sigmas):
            ax = axes[row, column]
            _draw(ax, store.load(name, [Copy(noise, sigma, seed)]), system.points)
            ax.set_title(f"{_noise_words(noise)}σ_X {sigma:g}", fontsize=8)
    figure.suptitle(f"{name}: posterior of noiseless points, colour is the true phase", fontsize=9)
    figure.savefig(path)
    return path


def draw_torus(store: Store, name: str, path: Path, seed: int = 0) -> Path:
    """Draw the means of all pictures of the torus, coloured by the first (left) and the second phase, by sigma_X.

    T2: both angles; R4: the first three coordinates.
    """
    system = store.plan.systems[name]
    flat = system.net.space == "torus"
    figure, axes = _panels(len(system.sigmas), 2, None if flat else "3d")
    x, true = noiseless_points("torus")
    for row, sigma in enumerate(system.sigmas):
        centre = store.load(name, [Copy(0.0, sigma, seed)]).encode(x[None]).centre[0]
        for column in range(2):
            ax = axes[row, column]
            points = centre.T if flat else centre[:, :3].T
            ax.scatter(*points, c=true[:, column], cmap="hsv", s=3, linewidths=0)
            ax.set_title(f"σ_X {sigma:g}, phase {column + 1}", fontsize=8)
    figure.savefig(path)
    return path


def draw_maps(panels: Sequence[tuple[str, Tensor, Tensor, Tensor]], path: Path) -> Path:
    """Draw reductors; the target's own points are pale.

    panels: words, mapped points (N, 2), the target's own points (N, 2) and their phases, radians (N,).
    """
    columns = min(3, len(panels))
    figure, axes = _panels(-(-len(panels) // columns), columns)
    for ax, (words, mapped, own, phase) in zip(axes.flat, panels, strict=False):
        ax.scatter(own[:, 0], own[:, 1], c=phase, cmap="hsv", s=26, marker="o", alpha=0.25, linewidths=0)
        ax.scatter(mapped[:, 0], mapped[:, 1], c=phase, cmap="hsv", s=5, edgecolors="black", linewidths=0.2)
        ax.set_title(words, fontsize=8)
        ax.set_aspect("equal", "datalim")
    figure.suptitle("reductors: small dots are mapped latents, pale ones the target's own", fontsize=9)
    figure.savefig(path)
    return path


def _panels(rows: int, columns: int, projection: str | None = None) -> tuple[Any, np.ndarray]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_STEP * columns + 0.4, _STEP * rows + 0.6), dpi=110, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, subplot_kw={"projection": projection})
    for ax in axes.flat:
        ax.tick_params(labelsize=6)
    return figure, axes


def _draw(ax: Any, vae: LatentVae, points: str) -> None:
    """Draw one copy's posteriors: an ellipse of one deviation in the plane, an arc on the circle."""
    from matplotlib.collections import LineCollection

    x, true = noiseless_points(points)
    posterior = vae.encode(x[None])
    middle = vae.space.middle(posterior)[0]
    colours = _hues(true[:, 0])
    outlines = _ellipses(posterior) if vae.config.space == "plane" else _arcs(posterior)
    ax.add_collection(LineCollection(list(outlines.numpy()), colors=colours, linewidths=0.7, alpha=0.6))
    ax.scatter(middle[:, 0], middle[:, 1], c=colours, s=6, linewidths=0)
    ax.set_aspect("equal", "datalim")


def _hues(phase: Tensor) -> np.ndarray:
    from matplotlib import colormaps

    return colormaps["hsv"]((phase.numpy() + np.pi) / (2 * np.pi))


def _ellipses(posterior: Posterior) -> Tensor:
    """Return the outlines of one deviation in the plane, (N, 41, 2)."""
    turn = heat_kernel.embed(torch.linspace(0, heat_kernel.TURN, 41)[:, None])
    return posterior.centre[0, :, None] + torch.exp(0.5 * posterior.spread[0, :, None]) * turn


def _arcs(posterior: Posterior) -> Tensor:
    """Return the arcs of one deviation, (N, 21, 2), a little outside of the circle."""
    deviation = torch.sqrt(2 * posterior.spread[0].exp()).clamp(max=torch.pi)
    return 1.08 * heat_kernel.embed((posterior.centre[0] + deviation * torch.linspace(-1, 1, 21))[..., None])


def _noise_words(noise: float) -> str:
    return f"noise {noise:g}, " if noise else ""
