"""Train the systems of the papers' VAEs in a folder, and keep one record of measurements for every run.

OUT/PRESET/train/SYSTEM-seedN holds checkpoints, OUT/PRESET/runs/SYSTEM-seedN.json the measurements; both are reused.
Each process writes only the runs of the systems that its `only` names.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.records import RECORDED, origin, stamp
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


@dataclass(frozen=True)
class System:
    """A net that is trained by its recipe, `vae-<net>`, and the measures that it gets beside the bound.

    measures: names in `MEASURES`. seeds: how many runs. minutes: of training, in place of the recipe's steps. extra:
    the system is not trained unless it is named.
    """

    net: str
    measures: tuple[str, ...] = ()
    seeds: int = 1
    minutes: float | None = None
    extra: bool = False


@dataclass(frozen=True)
class Store:
    """The systems of a paper, by name, with their runs in a folder."""

    settings: PaperSettings
    systems: dict[str, System]

    @property
    def folder(self) -> Path:
        """Return the folder of the preset's runs, records and figures."""
        return self.settings.out / self.settings.preset

    def choose(self, groups: dict[str, tuple[str, ...]]) -> list[str]:
        """Choose the systems to train: what `only` names, by name, by group or as RECORDED; else all but the extra.

        Raises ValueError for a name that is neither a system nor a group.
        """
        known = {name: (name,) for name in self.systems} | groups
        known[RECORDED] = tuple(name for name in self.systems if self._paths(name))
        if unknown := set(self.settings.only) - set(known):
            raise ValueError(f"no system {', '.join(sorted(unknown))}; known are {', '.join(known)}")
        named = [name for word in self.settings.only for name in known[word]]
        if self.settings.only:
            return list(dict.fromkeys(named))
        return [name for name, system in self.systems.items() if not system.extra]

    def seeds(self, name: str) -> range:
        """Return the seeds of a system's runs: as many as the settings say, else as it has itself."""
        return range(self.settings.seeds or self.systems[name].seeds)

    def recipe(self, name: str) -> Recipe:
        """Return the recipe that trains a system."""
        system = self.systems[name]
        return find_recipe(PREFIX + system.net, self.settings.preset, system.minutes)

    def path(self, name: str, seed: int) -> Path:
        """Return the path of a run's record."""
        return self.folder / "runs" / f"{name}-seed{seed}.json"

    def record(self, name: str, seed: int = 0) -> dict[str, Any] | None:
        """Return the record of a run, or None if there is none."""
        path = self.path(name, seed)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def records(self, name: str) -> list[dict[str, Any]]:
        """Return the records of all seeds that have one, also of those trained by other commands."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in self._paths(name)]

    def _paths(self, name: str) -> list[Path]:
        paths = sorted((self.folder / "runs").glob(f"{name}-seed*.json"))
        return [path for path in paths if path.stem.rpartition("-seed")[0] == name]

    def has_net(self, name: str, seed: int = 0) -> bool:
        """Say whether the folder holds the weights of a run, and not its record alone."""
        return self._weights(name, seed).exists()

    def load(self, name: str, seed: int = 0) -> Vdvae:
        """Load the net of a run with its averaged weights, float32."""
        (stage,) = self.recipe(name).stages
        net = Vdvae(stage.task.net)
        load_weights(net, self._weights(name, seed))
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a sixth faster on a CPU
        return net.eval()

    def test_pictures(self, name: str) -> Pictures:
        """Return the whole test set as the recipe has it."""
        (stage,) = self.recipe(name).stages
        task = stage.task
        pictures = load_vae_pictures(self.settings.data, task.data, task.net.side, task.held_out)
        return Pictures(pictures.fixed(pictures.test), ink_probability(pictures.test) if task.sees_grey else None)

    def fill(self, name: str, report: Report) -> None:
        """Train and measure the runs of a system that have no record, and measure what their record lacks."""
        for seed in self.seeds(name):
            record = self.record(name, seed) or {}
            if record.get("stage") != self.stage_stamp(name):  # of another recipe
                record = {}
            measures = ("elbo", *self.systems[name].measures)
            if all(measure in record for measure in measures):
                continue
            label = f"{name} {seed}"
            settings = Settings(self.settings.data, self._train(name, seed), seed)
            train_recipe(self.recipe(name), settings, _labelled(report, label))
            record |= self._budget(name, seed)
            device = "cuda" if torch.cuda.is_available() else "cpu"
            net, pictures = self.load(name, seed).to(device), self.test_pictures(name).to(device)
            for measure in measures:
                if measure not in record:
                    report(label, 1, f"measuring {measure}")
                    record[measure] = MEASURES[measure](net, pictures, SIZES[self.settings.preset])
                    self.write(name, seed, record)

    def stage_stamp(self, name: str) -> int:
        """Return the stamp that a system's records must have: of the net, its data and its budget."""
        (stage,) = self.recipe(name).stages
        return stamp(stage)

    def _train(self, name: str, seed: int) -> Path:
        return self.folder / "train" / f"{name}-seed{seed}"

    def _weights(self, name: str, seed: int) -> Path:
        (stage,) = self.recipe(name).stages
        return self._train(name, seed) / stage.name / NAME

    def write(self, name: str, seed: int, record: dict[str, Any]) -> None:
        """Write the record of a run, one line a key."""
        path = self.path(name, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        # one line a key, whatever the length of a list
        lines = (f"{json.dumps(key)}: {json.dumps(value)}" for key, value in record.items())
        write_atomically(path, ("{\n" + ",\n".join(lines) + "\n}\n").encode(), force=True)

    def _budget(self, name: str, seed: int) -> dict[str, Any]:
        (stage,) = self.recipe(name).stages
        folder = self._train(name, seed) / stage.name
        checkpoint = load_checkpoint(folder)
        assert checkpoint is not None
        with torch.device("meta"):
            net = Vdvae(stage.task.net)
        return {
            "system": name,
            "stage": self.stage_stamp(name),
            "net": stage.task.name,
            "seed": seed,
            "parameters": sum(p.numel() for p in net.parameters()),
            "layers": n_layers(net),
            "dims": stage.task.net.channels * stage.task.net.side**2,
            "batch": stage.task.batch,
            "steps": checkpoint.position.step,
            "seconds": round(checkpoint.position.seconds, 1),
            "hardware": checkpoint.about.get("hardware", ""),
            "curve": read_curve(folder / LOG),
            **origin(),
        }


def _labelled(report: Report, label: str) -> Report:
    return lambda stage, part, words: report(label, part, words)


def read_curve(path: Path) -> list[list[float]]:
    """Read training -ELBO from a run's log: (seconds, nats) of every line, in order of time.

    What an interrupted run had to do again counts once, with its later numbers.
    """
    rows: list[list[float]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "elbo_nats" in entry:
            rows = [row for row in rows if row[0] < entry["seconds"]]
            rows.append([entry["seconds"], entry["elbo_nats"]])
    return rows
