"""Runs of the papers' VAEs in a folder: training of a system, and one record of measurements for every run.

OUT/PRESET/train/SYSTEM-seedN holds checkpoints, OUT/PRESET/runs/SYSTEM-seedN.json what was measured; both are reused.
Each process writes only the runs of the systems it was given.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.records import stamp
from hvaecodec.bench.papers.vae_measures.samples import n_layers
from hvaecodec.bench.papers.vae_record import MEASURES, SIZES, Pictures
from hvaecodec.codec.files import write_atomically
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.training.checkpoint import NAME, load_checkpoint, load_weights
from hvaecodec.training.loop import LOG
from hvaecodec.training.recipes import Recipe, find_recipe
from hvaecodec.training.recipes.vdvae import PREFIX
from hvaecodec.training.run import Settings, train_recipe
from hvaecodec.training.vae.vae_data import ink_probability, load_vae_pictures

RECORDED = "recorded"  # a word for `only`: the systems whose runs OUT holds


@dataclass(frozen=True)
class System:
    """A net that is trained by its recipe, `vae-<net>`, and which measures it gets beside the bound.

    minutes: of training instead of the recipe's steps. extra: not trained unless named. seeds: how many runs.
    """

    net: str
    measures: tuple[str, ...] = ()
    seeds: int = 1
    minutes: float | None = None
    extra: bool = False


@dataclass(frozen=True)
class Store:
    """The systems of a paper, by name, and their folder."""

    settings: PaperSettings
    systems: dict[str, System]

    @property
    def folder(self) -> Path:
        return self.settings.out / self.settings.preset

    def chosen(self, groups: dict[str, tuple[str, ...]]) -> list[str]:
        """Systems to train: those that `only` names, itself, by its group or as RECORDED, or all but the extra ones."""
        known = {name: (name,) for name in self.systems} | groups
        known[RECORDED] = tuple(name for name in self.systems if self._paths(name))
        if unknown := set(self.settings.only) - set(known):
            raise ValueError(f"no system {', '.join(sorted(unknown))}; known are {', '.join(known)}")
        named = [name for word in self.settings.only for name in known[word]]
        if self.settings.only:
            return list(dict.fromkeys(named))
        return [name for name, system in self.systems.items() if not system.extra]

    def seeds(self, name: str) -> range:
        return range(self.settings.seeds or self.systems[name].seeds)

    def recipe(self, name: str) -> Recipe:
        system = self.systems[name]
        return find_recipe(PREFIX + system.net, self.settings.preset, system.minutes)

    def path(self, name: str, seed: int) -> Path:
        return self.folder / "runs" / f"{name}-seed{seed}.json"

    def record(self, name: str, seed: int = 0) -> dict[str, Any] | None:
        path = self.path(name, seed)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def records(self, name: str) -> list[dict[str, Any]]:
        """Of every seed that has one, also of those trained by other commands."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in self._paths(name)]

    def _paths(self, name: str) -> list[Path]:
        paths = sorted((self.folder / "runs").glob(f"{name}-seed*.json"))
        return [path for path in paths if path.stem.rpartition("-seed")[0] == name]

    def has_net(self, name: str, seed: int = 0) -> bool:
        """Whether the folder holds the weights of a run, or its record alone."""
        return self._weights(name, seed).exists()

    def load(self, name: str, seed: int = 0) -> Vdvae:
        """The averaged weights of a run, float32."""
        (stage,) = self.recipe(name).stages
        net = Vdvae(stage.task.net)
        load_weights(net, self._weights(name, seed))
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a sixth faster on a CPU
        return net.eval()

    def test_pictures(self, name: str) -> Pictures:
        """The whole test set, as the recipe has it."""
        (stage,) = self.recipe(name).stages
        task = stage.task
        pictures = load_vae_pictures(self.settings.data, task.data, task.net.side, task.held_out)
        return Pictures(pictures.fixed(pictures.test), ink_probability(pictures.test) if task.sees_grey else None)

    def make(self, name: str, report: Report) -> None:
        """Train and measure what there is no record of."""
        for seed in self.seeds(name):
            record = self.record(name, seed) or {}
            if record.get("stage") != self._stage(name):  # of another recipe
                record = {}
            wanted = ("elbo", *self.systems[name].measures)
            if all(measure in record for measure in wanted):
                continue
            label = f"{name} {seed}"
            made = self.recipe(name)
            settings = Settings(self.settings.data, self._train(name, seed), seed)
            train_recipe(made, settings, lambda stage, spent, words, label=label: report(label, spent, words))  # type: ignore[misc]
            record |= self._budget(name, seed)
            device = "cuda" if torch.cuda.is_available() else "cpu"
            net, pictures = self.load(name, seed).to(device), self.test_pictures(name).to(device)
            for measure in wanted:
                if measure not in record:
                    report(label, 1, f"measuring {measure}")
                    record[measure] = MEASURES[measure](net, pictures, SIZES[self.settings.preset])
                    self._write(name, seed, record)

    def _stage(self, name: str) -> int:
        """What a record must be of: the net, its data and its budget."""
        (stage,) = self.recipe(name).stages
        return stamp(stage)

    def _train(self, name: str, seed: int) -> Path:
        return self.folder / "train" / f"{name}-seed{seed}"

    def _weights(self, name: str, seed: int) -> Path:
        (stage,) = self.recipe(name).stages
        return self._train(name, seed) / stage.name / NAME

    def _write(self, name: str, seed: int, record: dict[str, Any]) -> None:
        path = self.path(name, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        # one line a key, whatever the length of a list
        lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
        write_atomically(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode(), force=True)

    def _budget(self, name: str, seed: int) -> dict[str, Any]:
        (stage,) = self.recipe(name).stages
        folder = self._train(name, seed) / stage.name
        found = load_checkpoint(folder)
        assert found is not None
        with torch.device("meta"):
            net = Vdvae(stage.task.net)
        return {
            "system": name,
            "stage": self._stage(name),
            "net": stage.task.name,
            "seed": seed,
            "parameters": sum(p.numel() for p in net.parameters()),
            "layers": n_layers(net),
            "dims": stage.task.net.channels * stage.task.net.side**2,
            "batch": stage.task.batch,
            "steps": found.position.step,
            "seconds": round(found.position.seconds, 1),
            "hardware": found.about.get("hardware", ""),
            "curve": _curve(folder / LOG),
        }


def _curve(path: Path) -> list[list[float]]:
    """Training -ELBO, (seconds, nats) of every line of a log; what an interrupted run had to do again counts once."""
    rows: list[list[float]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        told = json.loads(line)
        if "elbo_nats" in told:
            rows = [row for row in rows if row[0] < told["seconds"]]
            rows.append([told["seconds"], told["elbo_nats"]])
    return rows
