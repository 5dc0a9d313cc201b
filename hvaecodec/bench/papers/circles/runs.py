"""Train the systems of the thesis's experiments in a folder, and store their records and weights there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from hvaecodec.bench.papers.circles.measures import measure_copies, shifted_picture
from hvaecodec.bench.papers.circles.plans import Plan
from hvaecodec.bench.papers.records import origin, stamp
from hvaecodec.codec.files import write_atomically
from hvaecodec.models.circles.diffusion_vae import LatentVae
from hvaecodec.training.loop import Report
from hvaecodec.training.vae.circles_task import LOOP, Copy, LatentTraining, train_copies

_TRIED_PART = 0.3  # of the steps, after which the best start goes on


@dataclass(frozen=True)
class Store:
    """The records, weights and checkpoints of one preset under a folder."""

    folder: Path
    plan: Plan

    def copies(self, name: str, seeds: int | None) -> list[Copy]:
        """Return the copies of a system: every noise with every sigma_X, repeated for so many seeds or the plan's."""
        system = self.plan.systems[name]
        count = seeds or self.plan.seeds[system.points]
        return [Copy(noise, sigma, s) for noise in system.noises for sigma in system.sigmas for s in range(count)]

    def path(self, name: str, copy: Copy, kind: str) -> Path:
        """Return the path of a copy's file; kind: its suffix, `json` of the record and `safetensors` of the weights."""
        folder = self.folder / ("runs" if kind == "json" else "train")
        return folder / f"{name}-noise{copy.noise:g}-sigma{copy.sigma_x:g}-seed{copy.seed}.{kind}"

    def record(self, name: str, copy: Copy) -> dict[str, Any] | None:
        """Return the record of a copy, or None where there is none or it is of another plan."""
        path = self.path(name, copy, "json")
        record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return record if record.get("plan") == self.plan_stamp(name) else None

    def has_weights(self, name: str, copy: Copy) -> bool:
        """Say whether a copy's weights are there, trained by this plan."""
        return self._metadata(name, copy).get("plan") == str(self.plan_stamp(name))

    def load(self, name: str, copies: Sequence[Copy]) -> LatentVae:
        """Load finished copies side by side, whatever their plan; raises FileNotFoundError if one is not there."""
        parts = [load_file(self.path(name, copy, "safetensors")) for copy in copies]
        vae = LatentVae(self.plan.systems[name].net, [c.sigma_x for c in copies], [c.seed for c in copies])
        vae.load_state_dict({key: torch.cat([part[key] for part in parts]) for key in parts[0]})
        return vae.requires_grad_(False)

    def fill(self, name: str, seeds: int | None, report: Report) -> None:
        """Measure the copies of a system that have no record, and train those of them that have no weights."""
        new = [copy for copy in self.copies(name, seeds) if self.record(name, copy) is None]
        if missing := tuple(copy for copy in new if not self.has_weights(name, copy)):
            self._train(name, missing, report)
        system = self.plan.systems[name]
        measurements = measure_copies(self.load(name, new), system.points) if new else []
        for copy, measurement in zip(new, measurements, strict=True):
            record = {"system": name} | asdict(copy) | measurement
            record |= {"steps": self.plan.steps[system.points], "batch": system.batch, "hidden": system.net.hidden}
            record |= {"start": int(self._metadata(name, copy)["start"]), "plan": self.plan_stamp(name), **origin()}
            _write(self.path(name, copy, "json"), json.dumps(record, indent=1).encode())

    def plan_stamp(self, name: str) -> int:
        """Return the stamp that records and weights of a system must have: of the net, its data and its budget."""
        system = self.plan.systems[name]
        return stamp(system, self.plan.steps[system.points], LOOP)

    def _metadata(self, name: str, copy: Copy) -> dict[str, str]:
        """Return what a finished copy's weights say: their plan and their start's seed; nothing without weights."""
        path = self.path(name, copy, "safetensors")
        if not path.exists():
            return {}
        with safe_open(path, "np") as file:
            return dict(file.metadata() or {})

    def _train(self, name: str, copies: tuple[Copy, ...], report: Report) -> None:
        starts, init = self.best_starts(name, copies, report)
        vae = self._train_part(name, starts, 1, report, init=init)
        for number, (copy, start) in enumerate(zip(copies, starts, strict=True)):
            own = {key: value[number : number + 1].contiguous() for key, value in vae.state_dict().items()}
            _write(
                self.path(name, copy, "safetensors"),
                save(own, {"start": str(start.seed), "plan": str(self.plan_stamp(name))}),
            )

    def best_starts(
        self, name: str, copies: tuple[Copy, ...], report: Report
    ) -> tuple[tuple[Copy, ...], dict[str, Tensor] | None]:
        """Return the copies with the seeds that they begin with, and the weights if these have gone some way already.

        Where a system has several starts, all are trained for a part of the steps and that of the lowest -ELBO goes on.
        """
        system = self.plan.systems[name]
        if system.starts == 1:
            return copies, None
        candidates = [replace(c, seed=c.seed + 100 * start) for c in copies for start in range(system.starts)]
        vae = self._train_part(name, tuple(candidates), _TRIED_PART, report)
        nats = torch.tensor([m["neg_elbo"] for m in measure_copies(vae, system.points, 2500)])
        best = nats.unflatten(0, (len(copies), system.starts)).argmin(1)
        places = best + system.starts * torch.arange(len(copies))
        return tuple(candidates[i] for i in places.tolist()), {key: v[places] for key, v in vae.state_dict().items()}

    def _train_part(
        self, name: str, copies: tuple[Copy, ...], part: float, report: Report, *, init: dict[str, Tensor] | None = None
    ) -> LatentVae:
        """Train copies for a part of the plan's steps, from weights if there are any."""
        system = self.plan.systems[name]
        config = LatentTraining(system.net, copies, system.points, system.batch, anneal=system.anneal)
        loop = replace(LOOP, steps=max(1, round(part * self.plan.steps[system.points])))
        kind = stamp(self.plan_stamp(name), copies, part, init is None)
        folder = self.folder / "train" / f"{name}-{kind:08x}"
        picture = shifted_picture() if system.points == "shifts" else None
        return train_copies(config, loop, folder, picture=picture, report=report, init=init)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data, force=True)
