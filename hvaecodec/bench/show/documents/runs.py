"""Runs of `hvaecodec bench` for the documents: what they measure, and what they leave to be shown."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, Any]
Execute = Callable[[list[str]], None]  # runs `hvaecodec` with these words
_LINE = 116
_USUAL = ("psnr", "ms-ssim")  # what the command measures if nothing is said


@dataclass(frozen=True)
class DocumentRun:
    """A call of `hvaecodec bench` for the documents; the fields after `minutes` are the command's options.

    name: its record is `records/bench/<name>.json`, what it leaves besides lies in `runs/<name>`. minutes: about how
    many it takes on two idle cores.
    """

    name: str
    minutes: int
    codecs: tuple[str, ...]
    baselines: tuple[str, ...] = ()
    quality: tuple[float, ...] = ()
    effort: int | None = None
    metrics: tuple[str, ...] = _USUAL
    published: tuple[str, ...] = ()
    dataset: str = "kodak"
    limit: int | None = None
    threads: int = 2

    def words(self, out: str) -> list[str]:
        """Return the words that follow `hvaecodec`, for results in the folder `out`."""
        return [word for option in self._options(out) for word in option]

    def shell(self) -> str:
        """Return the command as the documents show it, in lines that fit."""
        lines = ["hvaecodec"]
        for option in self._options(f"runs/{self.name}"):
            text = shlex.join(option)
            if len(lines[-1]) + 1 + len(text) > _LINE:
                lines.append(f"    {text}")
            else:
                lines[-1] += f" {text}"
        return " \\\n".join(lines)

    def _options(self, out: str) -> list[tuple[str, ...]]:
        options: list[tuple[str, ...]] = [("bench", self.dataset)]
        options += [("--codec", codec) for codec in self.codecs]
        options += [("--quality", ",".join(f"{quality:g}" for quality in self.quality))] if self.quality else []
        options += [("--effort", str(self.effort))] if self.effort is not None else []
        options += [("--baseline", baseline) for baseline in self.baselines]
        options += [("--metric", metric) for metric in self.metrics if self.metrics != _USUAL]
        options += [("--published", ",".join(self.published))] if self.published else []
        options += [("--limit", str(self.limit))] if self.limit is not None else []
        return [*options, ("--threads", str(self.threads)), ("--out", out)]


@dataclass(frozen=True)
class FinishedRun:
    """A run with its records and scores of whole sets, in their order. record: the file that holds them."""

    run: DocumentRun
    record: Path
    records: list[Record]
    sets: list[Record]


@dataclass(frozen=True)
class Block:
    """What the documents show of a run between two markers.

    run: its name. text: makes the Markdown. plots: files that `hvaecodec bench` draws, each with the name of its copy
    in `docs/`; the text says `docs/` before such a name, which is left out in a document that lies there itself.
    draw: draws a file that `hvaecodec bench` does not, into a folder.
    """

    run: str
    text: Callable[[FinishedRun], str]
    plots: Mapping[str, str] = field(default_factory=dict)
    draw: Callable[[FinishedRun, Path], None] | None = None
