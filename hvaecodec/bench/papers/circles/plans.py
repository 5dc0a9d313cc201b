"""The plans list the systems of the thesis's experiments, with the sizes and budgets of each preset."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from hvaecodec.models.circles.diffusion_vae import PRESETS, Config
from hvaecodec.models.circles.reductors import FitConfig

CIRCLES, TORI, SHIFTS = ("R2", "S1"), ("R4", "T2"), ("R2-shifts", "S1-shifts")  # systems by their kind of data
SIDE = 64  # of the picture that is shifted


@dataclass(frozen=True)
class System:
    """A latent space with a kind of data.

    noises: of its data sets. sigmas: of its decoders. anneal: as in `LatentTraining`. starts: seeds that every
    repetition begins with; the best of them after three tenths of the steps goes on, over all the steps. One of about
    four encoders of the torus starts folded, both its circles winding with one phase, and stays so; others fold in the
    first hundreds of steps, so that a tenth of them does not tell.
    """

    net: Config
    points: Literal["sines", "torus", "shifts"]
    noises: tuple[float, ...] = (0.0,)
    sigmas: tuple[float, ...] = (0.01, 0.1, 1.0)
    batch: int = 100
    starts: int = 1
    anneal: float = 0.0


@dataclass(frozen=True)
class Plan:
    """The systems and budgets of a preset.

    steps, seeds: by the kind of data; the thesis has 10^5 epochs everywhere. fit, fit_torus: of the reductors.
    """

    systems: dict[str, System]
    steps: dict[str, int]
    seeds: dict[str, int]
    fit: FitConfig
    fit_torus: FitConfig


def _systems(torus: tuple[int, ...], shifts: tuple[int, ...]) -> dict[str, System]:
    noises = (0.01, 0.1, 1.0)
    systems = {name: System(PRESETS[name], "sines", noises, anneal=0.9) for name in ("R2", "S1")}
    systems |= {name: System(replace(PRESETS[name], hidden=torus), "torus", batch=64) for name in ("R4", "T2")}
    systems["T2"] = replace(systems["T2"], starts=5)
    for name in ("R2", "S1"):
        net = replace(PRESETS[name], data=SIDE**2, hidden=shifts)
        systems[f"{name}-shifts"] = System(net, "shifts", batch=SIDE)
    return systems


PLANS = {
    # the thesis's nets on sines and torus; narrow ones for the pictures of 4096 pixels
    "cpu": Plan(
        _systems((208, 208), (32, 32, 32)),
        {"sines": 12_000, "torus": 2_000, "shifts": 3_000},
        {"sines": 5, "torus": 5, "shifts": 1},
        FitConfig(), FitConfig(steps=400, samples=48, judged_on=2_000),
    ),
    "gpu": Plan(
        _systems((208, 208), (1365, 1365, 1365)),
        {"sines": 100_000, "torus": 50_000, "shifts": 20_000},
        {"sines": 5, "torus": 5, "shifts": 5},
        FitConfig(32, 5000, 1000), FitConfig(32, 2000, 500),
    ),
    "tiny": Plan(
        _systems((8,), (4,)), {"sines": 4, "torus": 2, "shifts": 2}, {"sines": 2, "torus": 1, "shifts": 1},
        FitConfig(2, 3, 8, judged_on=20), FitConfig(2, 2, 4, judged_on=10),
    ),
}  # fmt: skip
