"""`python -m hvaecodec.bench.tools.speed`: our times on a photo as ratios to CompressAI's hyperprior, in one run.

Each codec runs in processes of its own, taking turns so that a busy machine slows both; the medians are compared.
CompressAI's weights do not matter for its time, so random ones do; give its Python with --reference-python.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from hvaecodec.bench.measure.isolated import Job, measure
from hvaecodec.bench.show.tables import Table

REFERENCE = "compressai:bmshj2018-hyperprior@weights=random"


def compare(ours: Job, reference: Job, *, rounds: int = 3, reference_python: str | None = None) -> Table:
    """Median seconds of both jobs, `rounds` processes each in turn, and ours divided by the reference's."""
    found: dict[str, dict[str, list[float]]] = {"ours": {}, "reference": {}}
    for _ in range(rounds):
        for side, job, python in (("ours", ours, None), ("reference", reference, reference_python)):
            for key, seconds in measure(job, python).items():
                if key.endswith("_s"):
                    found[side].setdefault(key, []).extend(seconds)
    return _table(ours, reference, found)


def _table(ours: Job, reference: Job, found: dict[str, dict[str, list[float]]]) -> Table:
    rows: list[tuple[str, ...]] = []
    for key, seconds in found["ours"].items():
        base_key = key if key in found["reference"] else "decode_s"
        base = median(found["reference"][base_key])
        label = key.removesuffix("_s").replace("decode_", "decode at scale ")
        rows.append((label, f"{median(seconds):.3f}", f"{base:.3f}", f"{median(seconds) / base:.2f}"))
    notes = [f"Median of {len(found['ours']['encode_s'])} after warm-ups, {ours.threads} threads, processes in turn."]
    header = ("", f"{ours.codec} s", f"{reference.codec} s", "ratio")
    return Table(f"Time of one photo, quality {ours.quality:g} and {reference.quality:g}", header, rows, notes)


def main(
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
    print(compare(ours, other, rounds=rounds, reference_python=reference_python).markdown(), end="")


if __name__ == "__main__":
    typer.run(main)
