"""The papers' experiments train what they need, resumably, and put our numbers beside the printed ones."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from hvaecodec.bench.show.tables import Table

# name -> module with a function `run_experiment` of the protocol Experiment
PAPERS: dict[str, str] = {
    "hqa-faces": "hvaecodec.bench.papers.hqa.faces",
    "hqa-mnist": "hvaecodec.bench.papers.hqa.mnist",
    "dct-vae": "hvaecodec.bench.papers.dct_vae.experiment",
    "dct-vae-kodak": "hvaecodec.bench.papers.dct_vae.kodak_experiment",
    "ws-vdvae": "hvaecodec.bench.papers.ws_vdvae.experiment",
    "latent-separation": "hvaecodec.bench.papers.circles.experiment",
    "srvae": "hvaecodec.bench.papers.srvae.experiment",
}

# Reports (the run, the part of it that is done, words)
Report = Callable[[str, float, str], None]


@dataclass(frozen=True)
class PaperSettings:
    """The settings say where an experiment finds its data and puts its results, and how much of it is run.

    data: folder of the data packs. out: folder of runs, records and figures; what it holds is reused. preset: sizes and
    budgets. seeds: runs of each system, None for the experiment's own number. only: names of systems, none for all.
    """

    data: Path
    out: Path
    preset: str = "cpu"
    seeds: int | None = None
    only: tuple[str, ...] = ()


class Experiment(Protocol):
    """An experiment is the function `run_experiment` of a module in PAPERS."""

    def __call__(self, settings: PaperSettings, report: Report) -> Sequence[Table]:
        """Train and measure what OUT does not have yet, write figures and tables there, and return the tables.

        Raises FileNotFoundError without the data, ValueError for settings that cannot work.
        """
        ...


def experiment(name: str) -> Experiment:
    """Return the experiment of a name in PAPERS; raises ValueError for another name."""
    if name not in PAPERS:
        close = difflib.get_close_matches(name, PAPERS, 1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(PAPERS) or 'none'}"
        raise ValueError(f"no experiment {name!r}; {hint}")
    return cast("Experiment", import_module(PAPERS[name]).run_experiment)
