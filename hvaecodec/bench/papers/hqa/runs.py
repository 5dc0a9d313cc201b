"""What the HQA experiments share: runs that are trained once, records that are measured once, intervals over seeds."""

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
from hvaecodec.bench.papers.records import stamp
from hvaecodec.codec.files import write_atomically
from hvaecodec.models.hqa.losses import perplexity
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.models.philox import uniforms
from hvaecodec.training.hqa.hqa_data import as_float
from hvaecodec.training.hqa.hqa_run import load_trained_stack
from hvaecodec.training.recipes import find_recipe
from hvaecodec.training.recipes.hqa import HIERARCHIES
from hvaecodec.training.run import Settings, train_recipe

_BATCH = 250  # pictures decoded at once


@dataclass(frozen=True)
class Runs:
    """Runs and records of an experiment in the folder of its settings. names: systems and their recipes."""

    settings: PaperSettings
    names: dict[str, str]

    def chosen(self) -> list[str]:
        """The systems of this process. Raises ValueError for one that there is not."""
        for name in self.settings.only:
            if name not in self.names:
                raise ValueError(f"no system {name!r}; there are {', '.join(self.names)}")
        return list(self.settings.only or self.names)

    def folder(self, system: str, seed: int) -> Path:
        return self.settings.out / "runs" / f"{system}-{seed}"

    def stack(self, system: str, seed: int) -> HqaStack:
        """The trained layers of a run."""
        return load_trained_stack(
            self.folder(system, seed), find_recipe(self.names[system], self.settings.preset).stages
        )

    def fill(self, seeds: Sequence[int], measure: Callable[[str, HqaStack], dict[str, Any]], report: Report) -> None:
        """Train and measure what the folder lacks, seed by seed, so that what is finished can be compared early."""
        for seed in seeds:
            for system in self.chosen():
                path = self._record(system, seed)
                made = find_recipe(self.names[system], self.settings.preset)
                if path.exists() and json.loads(path.read_text(encoding="utf-8")).get("stages") == stamp(*made.stages):
                    continue
                told = f"{system} {seed}"
                where = Settings(self.settings.data, self.folder(system, seed), seed)
                train_recipe(made, where, _prefixed(report, told))
                report(f"{told} measured", 0, "decoding")
                stack = self.stack(system, seed)
                record = {"system": system, "seed": seed, "preset": self.settings.preset, **measure(system, stack)}
                record["stages"] = stamp(*made.stages)
                record["parameters"] = sum(p.numel() for p in stack.parameters())
                path.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(path, (json.dumps(record, indent=1) + "\n").encode(), force=True)
                report(f"{told} measured", 1, "done")

    def records(self) -> list[dict[str, Any]]:
        """All that the folder has, also those of other processes, by system and seed."""
        found = []
        for system in self.names:
            paths = sorted((self.settings.out / "records").glob(f"{system}-*.json"))
            read = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
            found += [r for r in read if r["system"] == system and r["preset"] == self.settings.preset]
        return found

    def _record(self, system: str, seed: int) -> Path:
        return self.settings.out / "records" / f"{system}-{seed}.json"


def stochastic(system: str) -> bool:
    """Whether a system decodes by sampling."""
    return system in HIERARCHIES and HIERARCHIES[system].objective.stochastic


def _prefixed(report: Report, told: str) -> Report:
    return lambda stage, part, words: report(f"{told} {stage}", part, words)


@dataclass(frozen=True)
class Decoded:
    """Pictures through a layer: float32 (N, C, H, W), their indices (N, h, w)."""

    pictures: Tensor
    indices: Tensor


@torch.inference_mode()
def through(stack: HqaStack, rows: Tensor, layer: int, seed: int | None = None) -> Decoded:
    """Compress pictures (uint8 rows) to the indices of a layer and decode them.

    seed: samples of the layers below; None takes their modes. The numbers are those of `philox.uniforms`, level = layer.
    """
    found, indices = [], []
    for start in range(0, len(rows), _BATCH):
        x = as_float(rows[start : start + _BATCH]).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            z_e = stack.encode(x, layer).float()
        top = stack.quantise(z_e, layer)
        drawn = None if seed is None else _drawn(seed, start, len(x))
        with torch.autocast("cpu", torch.bfloat16):
            found.append(stack.decode(top, layer, drawn).float())
        indices.append(top)
    return Decoded(torch.cat(found), torch.cat(indices))


def _drawn(seed: int, start: int, count: int) -> Callable[[int, tuple[int, int]], np.ndarray]:
    """Numbers for pictures start .. start + count, each with rows of its own."""

    def draw(layer: int, grid: tuple[int, int]) -> np.ndarray:
        rows, columns = grid
        whole = ((start + count) * rows, columns, 1)
        return uniforms(seed, layer, whole, start * rows, count * rows)[0].reshape(count, rows, columns)

    return draw


def used(indices: Tensor, codes: int) -> float:
    """Perplexity of the codes in use as a part of all."""
    return round(perplexity(torch.bincount(indices.flatten(), minlength=codes)) / codes, 4)


def interval(values: Iterable[float]) -> tuple[float, float]:
    """Mean and half of the 95 % interval of the mean (Student's t); 0 for a single value."""
    from scipy import stats

    x = np.array(list(values))
    if len(x) < 2:
        return float(x.mean()), 0.0
    return float(x.mean()), float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / len(x) ** 0.5)


def cell(values: Iterable[float], digits: int) -> str:
    """A mean with its interval, as tables have it."""
    listed = list(values)
    if not listed:
        return "–"
    mean, half = interval(listed)
    return f"{mean:.{digits}f} ± {half:.{digits}f}" if len(listed) > 1 else f"{mean:.{digits}f}"
