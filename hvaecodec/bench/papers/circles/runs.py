"""The runs of the thesis's experiments: which there are, their training, their records and weights in a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import permutations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hvaecodec.bench.papers.circles import circular
from hvaecodec.bench.papers.records import stamp
from hvaecodec.codec.files import write_atomically
from hvaecodec.models.circles import heat_kernel
from hvaecodec.models.circles.diffusion_vae import PRESETS, Config, LatentVae
from hvaecodec.models.circles.reductors import FitConfig
from hvaecodec.models.circles.sines import phase_grid, phases, pixel_shifts, sines, torus_sines
from hvaecodec.training.loop import Report
from hvaecodec.training.vae.circles_task import LOOP, Copy, LatentTraining, train_copies

SIDE = 64  # of the picture that is shifted
_SCRAMBLES = 8


@dataclass(frozen=True)
class System:
    """A latent space with a kind of data. noises: of its data sets; sigmas: of its decoders. starts: seeds that every
    repetition begins with; the best of them after three tenths of the steps goes on, over all the steps. One of about four
    encoders of the torus starts folded, both its circles winding with one phase, and stays so; others fold in the first
    hundreds of steps, so that a tenth of them does not tell. anneal: as in `LatentTraining`."""

    net: Config
    points: Literal["sines", "torus", "shifts"]
    noises: tuple[float, ...] = (0.0,)
    sigmas: tuple[float, ...] = (0.01, 0.1, 1.0)
    batch: int = 100
    starts: int = 1
    anneal: float = 0.0


@dataclass(frozen=True)
class Plan:
    """Sizes of a preset. steps: of each kind of data. The thesis has 10^5 epochs everywhere."""

    systems: dict[str, System]
    steps: dict[str, int]
    seeds: dict[str, int]
    fit: FitConfig
    fit_torus: FitConfig


def _systems(torus: tuple[int, ...], shifts: tuple[int, ...]) -> dict[str, System]:
    noises = (0.01, 0.1, 1.0)
    found = {name: System(PRESETS[name], "sines", noises, anneal=0.9) for name in ("R2", "S1")}
    found |= {name: System(replace(PRESETS[name], hidden=torus), "torus", batch=64) for name in ("R4", "T2")}
    found["T2"] = replace(found["T2"], starts=5)
    for name in ("R2", "S1"):
        net = replace(PRESETS[name], data=SIDE**2, hidden=shifts)
        found[f"{name}-shifts"] = System(net, "shifts", batch=SIDE)
    return found


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


@dataclass(frozen=True)
class Store:
    """Records, weights and checkpoints of one preset under a folder."""

    folder: Path
    plan: Plan

    def copies(self, name: str, seeds: int | None) -> list[Copy]:
        system = self.plan.systems[name]
        count = seeds or self.plan.seeds[system.points]
        return [Copy(noise, sigma, s) for noise in system.noises for sigma in system.sigmas for s in range(count)]

    def path(self, name: str, copy: Copy, kind: str) -> Path:
        return self.folder / "runs" / f"{name}-noise{copy.noise:g}-sigma{copy.sigma_x:g}-seed{copy.seed}.{kind}"

    def record(self, name: str, copy: Copy) -> dict[str, Any] | None:
        """What was measured of a copy, unless it was trained by another plan."""
        path = self.path(name, copy, "json")
        found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found if found.get("plan") == self._plan(name) else None

    def load(self, name: str, copies: Sequence[Copy]) -> LatentVae:
        """Finished copies side by side, whatever the plan. Raises FileNotFoundError if one is not there."""
        parts = [load_file(self.path(name, copy, "safetensors")) for copy in copies]
        vae = LatentVae(self.plan.systems[name].net, [c.sigma_x for c in copies], [c.seed for c in copies])
        vae.load_state_dict({key: torch.cat([part[key] for part in parts]) for key in parts[0]})
        return vae.requires_grad_(False)

    def train(self, name: str, seeds: int | None, report: Report) -> None:
        """Train the copies of a system that have no weights, all together, and measure those that have no record."""
        copies = self.copies(name, seeds)
        if missing := tuple(copy for copy in copies if self._told(name, copy).get("plan") != str(self._plan(name))):
            self._train(name, missing, report)
        system = self.plan.systems[name]
        new = [copy for copy in copies if self.record(name, copy) is None]
        for copy, measured in zip(new, measure(self.load(name, new), system.points) if new else [], strict=True):
            record = {"system": name} | asdict(copy) | measured
            record |= {"steps": self.plan.steps[system.points], "batch": system.batch, "hidden": system.net.hidden}
            record |= {"start": int(self._told(name, copy)["start"]), "plan": self._plan(name)}
            _write(self.path(name, copy, "json"), json.dumps(record, indent=1).encode())

    def _plan(self, name: str) -> int:
        """What a record and weights must be of: the net, its data and its budget."""
        system = self.plan.systems[name]
        return stamp(system, self.plan.steps[system.points], LOOP)

    def _told(self, name: str, copy: Copy) -> dict[str, str]:
        """Of the weights of a finished copy: their plan, and the seed that they go back to. Nothing without weights."""
        path = self.path(name, copy, "safetensors")
        if not path.exists():
            return {}
        with safe_open(path, "np") as file:
            return dict(file.metadata() or {})

    def _train(self, name: str, copies: tuple[Copy, ...], report: Report) -> None:
        begun, init = self._begun(name, copies, report)
        vae = self._run(name, begun, 1, report, init)
        for index, (copy, start) in enumerate(zip(copies, begun, strict=True)):
            own = {key: value[index : index + 1].contiguous() for key, value in vae.state_dict().items()}
            _write(
                self.path(name, copy, "safetensors"),
                save(own, {"start": str(start.seed), "plan": str(self._plan(name))}),
            )

    def _begun(
        self, name: str, copies: tuple[Copy, ...], report: Report
    ) -> tuple[tuple[Copy, ...], dict[str, Tensor] | None]:
        """The copies with the seeds that they begin with, and the weights if these have gone some way already."""
        system = self.plan.systems[name]
        if system.starts == 1:
            return copies, None
        tried = [replace(c, seed=c.seed + 100 * start) for c in copies for start in range(system.starts)]
        vae = self._run(name, tuple(tried), 0.3, report)
        found = torch.tensor([m["neg_elbo"] for m in measure(vae, system.points, 2500)])
        best = found.unflatten(0, (len(copies), system.starts)).argmin(1)
        places = best + system.starts * torch.arange(len(copies))
        return tuple(tried[i] for i in places.tolist()), {key: v[places] for key, v in vae.state_dict().items()}

    def _run(
        self, name: str, copies: tuple[Copy, ...], share: float, report: Report, init: dict[str, Tensor] | None = None
    ) -> LatentVae:
        """Train for a share of the plan's steps."""
        system = self.plan.systems[name]
        config = LatentTraining(system.net, copies, system.points, system.batch, anneal=system.anneal)
        loop = replace(LOOP, steps=max(1, round(share * self.plan.steps[system.points])))
        kind = stamp(self._plan(name), copies, share, init is None)
        where = self.folder / "train" / f"{name}-{kind:08x}"
        picture = shifted_picture() if system.points == "shifts" else None
        return train_copies(config, loop, where, picture=picture, report=report, init=init)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data, force=True)


@cache
def shifted_picture() -> Tensor:
    """The grey picture that the shifts are of, (64, 64) in [0, 1]: the middle of scikit-image's astronaut."""
    from hvaecodec.bench.data.datasets import load_dataset

    astronaut = next(image for image in load_dataset("photos") if "astronaut" in image.name).pixels()
    grey = Image.fromarray(astronaut).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(grey)).float() / 255


def noiseless_points(points: str) -> tuple[Tensor, Tensor]:
    """Noiseless points that figures and tables are made of, (N, data), and their phases, (N, circles)."""
    if points == "torus":
        grid = phase_grid(50)
        return torus_sines(grid), grid
    if points == "shifts":
        return pixel_shifts(shifted_picture()), phases(SIDE)[:, None]
    return sines(phases(100)), phases(100)[:, None]


@torch.no_grad()
def measure(vae: LatentVae, points: str, samples: int = 12_800, seed: int = 0) -> list[dict[str, Any]]:
    """-ELBO and its terms in nats, MSE as in (5.8), and agreement with the true phases, for every copy.

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
            "reconstruction": recon, "mse": float(mse[copy]), "correlation": _agreement(angles[copy], true) if comparable else None,
        })  # fmt: skip
    return out


def _noises(shape: tuple[int, int, int], seed: int) -> Tensor:
    """Standard normal numbers for all draws and points, (scrambles * draws, points, dimensions), spread over both."""
    draws, points, dimensions = shape
    engines = (torch.quasirandom.SobolEngine(dimensions, True, seed + scramble) for scramble in range(_SCRAMBLES))
    uniform = torch.cat([engine.draw(draws * points, dtype=torch.float64) for engine in engines])
    return torch.special.ndtri(uniform.clamp(1e-9, 1 - 1e-9)).float().reshape(-1, points, dimensions)


def _agreement(angles: Tensor, true: Tensor) -> float:
    """The smallest |circular correlation| under the best assignment of learnt to true circles."""
    learnt, phase = angles.double().numpy(), true.double().numpy()
    return max(
        min(abs(circular.correlation(learnt[:, i], phase[:, j])) for i, j in enumerate(order))
        for order in permutations(range(phase.shape[1]))
    )
