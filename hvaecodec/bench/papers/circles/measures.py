"""Measure trained circle and torus VAEs at noiseless points, whose phases are known."""

from __future__ import annotations

from functools import cache
from itertools import permutations
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hvaecodec.bench.papers.circles.plans import SIDE
from hvaecodec.models.circles import heat_kernel
from hvaecodec.models.circles.diffusion_vae import LatentVae
from hvaecodec.models.circles.sines import phase_grid, phases, pixel_shifts, sines, torus_sines

_SCRAMBLES = 8


@cache
def shifted_picture() -> Tensor:
    """Return the grey picture that is shifted, float (64, 64) in [0, 1]: the middle of scikit-image's astronaut."""
    from hvaecodec.bench.data.datasets import load_dataset

    astronaut = next(image for image in load_dataset("photos") if "astronaut" in image.name).pixels()
    grey = Image.fromarray(astronaut).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(grey)).float() / 255


def noiseless_points(points: str) -> tuple[Tensor, Tensor]:
    """Return noiseless points of a kind of data, (N, data), and their phases, radians (N, circles)."""
    if points == "torus":
        grid = phase_grid(50)
        return torus_sines(grid), grid
    if points == "shifts":
        return pixel_shifts(shifted_picture()), phases(SIDE)[:, None]
    return sines(phases(100)), phases(100)[:, None]


@torch.no_grad()
def measure_copies(vae: LatentVae, points: str, samples: int = 12_800, seed: int = 0) -> list[dict[str, Any]]:
    """Measure -ELBO and its terms in nats, MSE as in (5.8), and agreement with the true phases, for every copy.

    samples: of the posterior in all, from eight scrambled Sobol sequences, which leave less chance than as many random
    ones. error: the standard error of -ELBO over the eight.
    """
    x, true = noiseless_points(points)
    batch = x.expand(vae.copies, *x.shape)
    posterior = vae.encode(batch)
    kl = vae.space.kl(posterior).mean(1)
    noises = _noises((max(1, samples // len(x) // _SCRAMBLES), len(x), vae.space.noises), seed)
    means = torch.stack([vae.terms(batch, noise.expand(vae.copies, -1, -1))[0].mean(1) for noise in noises])
    blocks = means.unflatten(0, (_SCRAMBLES, -1)).mean(1)  # (scrambles, copies)
    reconstruction, error = blocks.mean(0), blocks.std(0) / _SCRAMBLES**0.5
    middle = vae.space.middle(posterior)
    mse = ((batch - vae.decode(middle)) ** 2).sum(-1).mean(1)
    angles = heat_kernel.angles_of(middle)
    comparable = angles.shape[-1] == 1 or vae.config.space == "torus"  # coordinates of R4 have no natural pairs
    out = []
    for copy in range(vae.copies):
        recon = float(reconstruction[copy])
        out.append({
            "neg_elbo": recon + float(kl[copy]), "error": float(error[copy]), "kl": float(kl[copy]),
            "reconstruction": recon, "mse": float(mse[copy]),
            "correlation": _agreement(angles[copy], true) if comparable else None,
        })  # fmt: skip
    return out


def _noises(shape: tuple[int, int, int], seed: int) -> Tensor:
    """Return standard normal numbers (scrambles * draws, points, dimensions), spread evenly over draws and points."""
    draws, points, dimensions = shape
    engines = (torch.quasirandom.SobolEngine(dimensions, True, seed + scramble) for scramble in range(_SCRAMBLES))
    uniform = torch.cat([engine.draw(draws * points, dtype=torch.float64) for engine in engines])
    return torch.special.ndtri(uniform.clamp(1e-9, 1 - 1e-9)).float().reshape(-1, points, dimensions)


def _agreement(angles: Tensor, true: Tensor) -> float:
    """Return the smallest |circular correlation| under the best assignment of learnt to true circles."""
    learnt, phase = angles.double().numpy(), true.double().numpy()
    return max(
        min(abs(circular_correlation(learnt[:, i], phase[:, j])) for i, j in enumerate(order))
        for order in permutations(range(phase.shape[1]))
    )


def circular_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return the circular correlation of angles, radians, (N,) each (Fisher and Lee, Biometrika 70, 1983).

    It is 1 if the angles are equal up to a rotation, -1 up to a rotation and a reflection, and about 0 without any
    relation.
    """
    minus, plus = (abs(np.exp(1j * (first + sign * second)).mean()) ** 2 for sign in (-1, 1))
    spread = [1 - abs(np.exp(2j * angles).mean()) ** 2 for angles in (first, second)]
    return float((minus - plus) / max(np.sqrt(spread[0] * spread[1]), 1e-12))
