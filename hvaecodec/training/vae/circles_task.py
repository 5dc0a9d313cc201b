"""Training of the thesis's small VAEs: copies side by side, each on data of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from hvaecodec.models.circles.diffusion_vae import Config, LatentVae
from hvaecodec.models.circles.sines import phase_grid, pixel_shifts, sines, torus_sines
from hvaecodec.training.loop import Loop, Moment, Report, Stateless
from hvaecodec.training.recipes.common import LoopConfig

# Adam without decay, and no limit on the gradient's norm, which the copies would share
LOOP = LoopConfig(
    learning_rate=1e-2, floor=0.002, warm_up=100, betas=(0.9, 0.999), weight_decay=0, clip=float("inf"), ema=0.998,
    save_minutes=2, log_every=500, bf16=False,
)  # fmt: skip

FIRST_SIGMA_X = 1.0  # as wide as the data


@dataclass(frozen=True)
class Copy:
    """This is one repetition of an experiment.

    noise: deviation of what is added to the data. sigma_x: deviation of the decoder. seed: gives weights and data.
    """

    noise: float
    sigma_x: float
    seed: int


@dataclass(frozen=True)
class LatentTraining:
    """Copies of a net are trained on these points, in this way.

    points: sines with noise, drawn once a copy, `samples` of them; or all phases of the torus; or all shifts of a
    picture, both without noise. anneal: the share of the steps over which the decoder's deviation comes down to its
    own, by equal factors, from FIRST_SIGMA_X; 0: it has its own from the start.
    """

    net: Config
    copies: tuple[Copy, ...]
    points: Literal["sines", "torus", "shifts"] = "sines"
    batch: int = 100
    samples: int = 10_000
    grid: int = 50  # phases of each circle of the torus
    anneal: float = 0.0


class LatentTask(Stateless):
    """Trains a `LatentVae`; a `loop.Task`. picture: (H, W) in [0, 1], whose shifts may be the points."""

    def __init__(self, config: LatentTraining, picture: Tensor | None = None) -> None:
        self.config = config
        seeds = [copy.seed for copy in config.copies]
        self.net = LatentVae(config.net, [copy.sigma_x for copy in config.copies], seeds)
        self.data = training_points(config, picture)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return -ELBO in nats, summed over the copies so that none sees the others, and its parts."""
        copies, count, _ = self.data.shape
        picks = torch.randint(count, (copies, self.config.batch), generator=rng)
        x = self.data[torch.arange(copies)[:, None], picks]
        noise = torch.randn(copies, self.config.batch, self.net.space.noises, generator=rng)
        reconstruction, kl = self.net.terms(x, noise, self.sigma_x(moment))
        logs = {"reconstruction": reconstruction.detach().mean(), "kl": kl.detach().mean()}
        return (reconstruction + kl).mean(1).sum(), logs

    def sigma_x(self, moment: Moment) -> Tensor:
        """Return the decoders' deviations at this moment, (copies, 1).

        A small one from the start makes the bound so much steeper across the circle of means than along it that phases
        are placed by chance and stay there: a phase that is off by 0.03 costs less than 0.001 nats of the bound.
        """
        own = self.net.sigma_x
        spent = min(1.0, moment.fraction / self.config.anneal) if self.config.anneal else 1.0
        return own**spent * own.clamp_min(FIRST_SIGMA_X) ** (1 - spent)

    def validate(self) -> dict[str, Any]:
        """Return nothing: the experiment measures finished nets on the noiseless points."""
        return {}


def training_points(config: LatentTraining, picture: Tensor | None = None) -> Tensor:
    """Return what each copy is trained on, (copies, N, data). Raises ValueError for shifts without a picture."""
    if config.points == "sines":
        return torch.stack([_noisy_sines(config.samples, copy) for copy in config.copies])
    if config.points == "torus":
        points = torus_sines(phase_grid(config.grid))
    elif picture is None:
        raise ValueError("shifts need a picture")
    else:
        points = pixel_shifts(picture)
    return points.expand(len(config.copies), *points.shape)


def _noisy_sines(count: int, copy: Copy) -> Tensor:
    rng = torch.Generator().manual_seed(1000 + copy.seed)
    clean = sines(2 * torch.pi * torch.rand(count, generator=rng))
    return clean + copy.noise * torch.randn(clean.shape, generator=rng)


def train_copies(
    config: LatentTraining,
    loop: LoopConfig,
    folder: Path,
    *,
    picture: Tensor | None = None,
    report: Report = lambda spent, words: None,
    init: Mapping[str, Tensor] | None = None,
) -> LatentVae:
    """Train the copies in a folder, or continue there, and return them with their averaged weights, frozen.

    There is nothing to do if they are finished. picture: see `LatentTask`. init: weights to begin with, otherwise they
    come from the copies' seeds.
    """
    task = LatentTask(config, picture)
    if init is not None:
        task.net.load_state_dict(init)
    run = json.loads(json.dumps(asdict(config)))
    Loop(task, loop, folder, run=run, report=report).train()
    return task.net.requires_grad_(False)
