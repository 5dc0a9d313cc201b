"""Train each run of HQA's experiments once, measure it once, and give cells their intervals over seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.records import RECORDED, origin, stamp
from hvaecodec.bench.show.tables import Table, to_markdown
from hvaecodec.codec.files import write_atomically
from hvaecodec.models.hqa.losses import perplexity
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.models.philox import uniforms
from hvaecodec.training.hqa.hqa_data import as_float
from hvaecodec.training.hqa.hqa_run import load_trained_stack
from hvaecodec.training.place import HERE
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.recipes.hqa import HIERARCHIES
from hvaecodec.training.run import Settings, train_recipe

_BATCH = 250  # pictures decoded at once


@dataclass(frozen=True)
class Runs:
    """The runs and records of an experiment in the folder of its settings. names: of systems and of their recipes."""

    settings: PaperSettings
    names: dict[str, str]

    def choose(self) -> list[str]:
        """Choose the systems that this process trains, none for RECORDED; raises ValueError for an unknown name."""
        if self.settings.only == (RECORDED,):
            return []
        for name in self.settings.only:
            if name not in self.names:
                raise ValueError(f"no system {name!r}; there are {', '.join(self.names)}")
        return list(self.settings.only or self.names)

    @property
    def out(self) -> Path:
        """Return the folder of the preset's runs, records and figures."""
        return self.settings.out / self.settings.preset

    def folder(self, system: str, seed: int) -> Path:
        """Return the folder of a run's training."""
        return self.out / "train" / f"{system}-seed{seed}"

    def stack(self, system: str, seed: int) -> HqaStack:
        """Load the trained layers of a run."""
        return load_trained_stack(
            self.folder(system, seed), find_recipe(self.names[system], self.settings.preset).stages
        )

    def fill(self, seeds: Sequence[int], measure: Callable[[str, HqaStack], dict[str, Any]], report: Report) -> None:
        """Train and measure what the folder lacks, seed by seed, so that finished seeds can be compared early.

        measure: of a system's name and its layers, what their record says.
        """
        for seed in seeds:
            for system in self.choose():
                path = self._record_path(system, seed)
                training = find_recipe(self.names[system], self.settings.preset)
                stages = self.recipe_stamp(system)
                if path.exists() and json.loads(path.read_text(encoding="utf-8")).get("stages") == stages:
                    continue
                label = f"{system} {seed}"
                train_recipe(
                    training, Settings(self.settings.data, self.folder(system, seed), seed), _prefixed(report, label)
                )
                report(f"{label} measured", 0, "decoding")
                stack = self.stack(system, seed)
                record = {"system": system, "seed": seed, "preset": self.settings.preset, **measure(system, stack)}
                record |= {"stages": stages, **origin()}
                record["parameters"] = sum(p.numel() for p in stack.parameters())
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, (json.dumps(record, indent=1) + "\n").encode(), force=True)
                report(f"{label} measured", 1, "done")

    def recipe_stamp(self, system: str) -> int:
        """Return the stamp that a system's records must have: of the layers, their data and their budgets."""
        return stamp(*find_recipe(self.names[system], self.settings.preset).stages)

    def records(self) -> list[dict[str, Any]]:
        """Return all records that the folder has, also those of other processes, by system and seed."""
        records: list[dict[str, Any]] = []
        for system in self.names:
            paths = sorted((self.out / "runs").glob(f"{system}-seed*.json"))
            records += [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        return records

    def write_tables(self, tables: Sequence[Table]) -> Sequence[Table]:
        """Write tables into the folder, and return them."""
        self.out.mkdir(parents=True, exist_ok=True)
        write_atomically(str(self.out / "tables.md"), to_markdown(tables).encode(), force=True)
        return tables

    def _record_path(self, system: str, seed: int) -> Path:
        return self.out / "runs" / f"{system}-seed{seed}.json"


def is_stochastic(system: str) -> bool:
    """Say whether a system decodes by sampling."""
    return system in HIERARCHIES and HIERARCHIES[system].objective.stochastic


def _prefixed(report: Report, label: str) -> Report:
    return lambda stage, part, words: report(f"{label} {stage}", part, words)


@dataclass(frozen=True)
class Decoded:
    """Pictures that went through a layer, float32 (N, C, H, W), and their code indices (N, h, w)."""

    pictures: Tensor
    indices: Tensor


@torch.inference_mode()
def code_pictures(stack: HqaStack, rows: Tensor, layer: int, seed: int | None = None) -> Decoded:
    """Compress pictures, uint8 (N, C, H, W), to the code indices of a layer and decode them.

    seed: of the samples of the layers below, whose numbers are those of `philox.uniforms`, the layer for its level.
    None takes the modes of these layers.
    """
    pictures, indices = [], []
    for start in range(0, len(rows), _BATCH):
        x = as_float(rows[start : start + _BATCH]).contiguous(memory_format=torch.channels_last)
        with HERE.autocast():
            z_e = stack.encode(x, layer).float()
        top = stack.quantise(z_e, layer)
        draw = None if seed is None else _uniforms_of(seed, start, len(x))
        with HERE.autocast():
            pictures.append(stack.decode(top, layer, draw).float())
        indices.append(top)
    return Decoded(torch.cat(pictures), torch.cat(indices))


def _uniforms_of(seed: int, start: int, count: int) -> Callable[[int, tuple[int, int]], np.ndarray]:
    """Return what draws numbers for pictures start .. start + count, each with rows of its own."""

    def draw(layer: int, grid: tuple[int, int]) -> np.ndarray:
        rows, columns = grid
        whole = ((start + count) * rows, columns, 1)
        return uniforms(seed, layer, whole, start * rows, count * rows)[0].reshape(count, rows, columns)

    return draw


def used_part(indices: Tensor, codes: int) -> float:
    """Return the perplexity of code indices as a part of the number of codes."""
    return round(perplexity(torch.bincount(indices.flatten(), minlength=codes)) / codes, 4)


def interval(values: Iterable[float]) -> tuple[float, float]:
    """Return the mean and half of its 95 % interval (Student's t); the half is 0 for a single value."""
    from scipy import stats

    x = np.array(list(values))
    if len(x) < 2:
        return float(x.mean()), 0.0
    return float(x.mean()), float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / len(x) ** 0.5)


def cell(values: Iterable[float], digits: int) -> str:
    """Format a mean with its interval, as tables have it; no values are a dash."""
    listed = list(values)
    if not listed:
        return "–"
    mean, half = interval(listed)
    return f"{mean:.{digits}f} ± {half:.{digits}f}" if len(listed) > 1 else f"{mean:.{digits}f}"
