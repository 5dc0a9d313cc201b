"""Compares our times on a photo with those of CompressAI's hyperprior: `python -m hvaecodec.bench.tools.speed`.

Each codec runs in processes of its own, taking turns so that a busy machine slows both; the medians are compared.
CompressAI's weights do not matter for its time, so random ones do; give its Python with --reference-python.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from hvaecodec.bench.measure.isolated import Job, measure_in_process
from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import command

REFERENCE = "compressai:bmshj2018-hyperprior@weights=random"


def compare_jobs(ours: Job, reference: Job, *, rounds: int = 3, reference_python: str | None = None) -> Table:
    """Return a table of the median seconds of both jobs, and of ours divided by the reference's.

    rounds: how many processes each job has, taking turns. reference_python: the interpreter of the reference's.
    """
    seconds: dict[str, dict[str, list[float]]] = {"ours": {}, "reference": {}}
    for _ in range(rounds):
        for side, job, python in (("ours", ours, None), ("reference", reference, reference_python)):
            for key, values in measure_in_process(job, python).items():
                if key.endswith("_s"):
                    seconds[side].setdefault(key, []).extend(values)
    return _table(ours, reference, seconds)


def _table(ours: Job, reference: Job, seconds: dict[str, dict[str, list[float]]]) -> Table:
    """A row for encoding, decoding and decoding at each scale, which is compared with the reference's decoding."""
    rows: list[tuple[str, ...]] = []
    for key, values in seconds["ours"].items():
        base = median(seconds["reference"].get(key) or seconds["reference"]["decode_s"])
        label = key.removesuffix("_s").replace("decode_", "decode at scale ")
        rows.append((label, f"{median(values):.3f}", f"{base:.3f}", f"{median(values) / base:.2f}"))
    notes = [f"Median of {len(seconds['ours']['encode_s'])} after warm-ups, {ours.threads} threads, processes in turn."]
    header = ("", f"{ours.codec} s", f"{reference.codec} s", "ratio")
    return Table(f"Time of one photo, quality {ours.quality:g} and {reference.quality:g}", header, rows, notes)


def main(
    *,
    codec: Annotated[str, typer.Option(help="Ours.")] = "dct-vae-photo@effort=1",
    quality: float = 50,
    reference: str = REFERENCE,
    reference_quality: float = 4,
    reference_python: Annotated[str | None, typer.Option(help="Python of CompressAI's environment.")] = None,
    dataset: str = "kodak",
    image: Annotated[str, typer.Option(help="The first if not given.")] = "",
    data: Path | None = None,
    threads: int = 2,
    repeat: int = 3,
    rounds: int = 3,
    scale: Annotated[list[float] | None, typer.Option(help="Also decode ours at this scale, as in 0.125.")] = None,
) -> None:
    """Compare encode and decode times of one photo."""
    common: dict[str, Any] = {"dataset": dataset, "image": image, "data": str(data) if data else None}
    common |= {"repeat": repeat, "threads": threads}
    ours = Job(codec=codec, quality=quality, scales=tuple(scale or ()), **common)
    other = Job(codec=reference, quality=reference_quality, **common)
    print(compare_jobs(ours, other, rounds=rounds, reference_python=reference_python).markdown(), end="")


if __name__ == "__main__":
    command.run(main)
