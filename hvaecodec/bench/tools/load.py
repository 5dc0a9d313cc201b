"""Compares processes that work at once with the same work one after the other: `python -m hvaecodec.bench.tools.load`.

Every process encodes and decodes crops of a photo, 384 x 256, and says how long that took; loading is not counted. N
at once on P processors would at best take N / P times what one takes alone on one thread. It also times one encode and
decode in an idle process, on one thread and on more. `--checkout` runs the package of another folder instead, to
compare before and after. Waiting threads spin or sleep as the environment's OMP_WAIT_POLICY says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.show.table import Table, to_markdown
from hvaecodec.codec import registry
from hvaecodec.codec.errors import CodecError

HEIGHT, WIDTH = 256, 384


def crops(photo: np.ndarray, count: int) -> list[np.ndarray]:
    """Return crops of a uint8 photo, 256 x 384 each, or the photo's own size where that is less."""
    free = [max(0, n - side) for n, side in zip(photo.shape, (HEIGHT, WIDTH), strict=False)]
    corners = [(free[0] * i // max(1, count - 1), free[1] * i * i % max(1, free[1])) for i in range(count)]
    return [np.ascontiguousarray(photo[top : top + HEIGHT, left : left + WIDTH]) for top, left in corners]


def _serve(job: dict[str, Any]) -> None:
    """Run one process's work: load, say so, wait for a line on stdin, work, and print the seconds."""
    photo = next(iter(load_dataset(job["dataset"], job["data"]))).pixels()
    codec, parts = registry.load(job["codec"]), crops(photo, job["crops"])
    codec.decode(codec.encode(parts[0], effort=job["effort"]))
    print("ready", flush=True)
    sys.stdin.readline()
    start, encoding = time.perf_counter(), 0.0
    for part in parts:
        since = time.perf_counter()
        data = codec.encode(part, effort=job["effort"])
        encoding += time.perf_counter() - since
        codec.decode(data)
    print(json.dumps({"seconds": time.perf_counter() - start, "encode": encoding / len(parts)}), flush=True)


def seconds_of(job: dict[str, Any], processes: int, threads: int | None, checkout: Path | None) -> dict[str, float]:
    """Return the seconds of the slowest of so many processes at once, and of a median encode and decode.

    threads: of each process, None for its own default. checkout: a folder with another `hvaecodec` to run.
    """
    environment = dict(os.environ)
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    if checkout is not None:
        environment["PYTHONPATH"] = str(checkout)
    command = [sys.executable, __file__, "--serve", json.dumps(job)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    workers: list[Any] = [subprocess.Popen(command, **pipes) for _ in range(processes)]
    for worker in workers:
        if worker.stdout.readline() != "ready\n":
            raise CodecError("a process ended before it was ready")
    for worker in workers:
        worker.stdin.write("\n")
        worker.stdin.flush()
    answers = [json.loads(worker.communicate()[0]) for worker in workers]
    whole = max(answer["seconds"] for answer in answers)  # they all began at once
    encode = median(answer["encode"] for answer in answers)
    decode = median(answer["seconds"] for answer in answers) / job["crops"] - encode
    return {"whole": whole, "encode": encode, "decode": decode}


def compare_load(job: dict[str, Any], processes: int, threads: list[int], checkout: Path | None) -> Table:
    """Return a table of seconds: an idle encode and decode by threads, one process alone, and all at once."""
    rows: list[tuple[str, ...]] = []
    for n in threads:
        idle = seconds_of(job, 1, n, checkout)
        rows.append(
            (f"idle, threads: {n}", f"{idle['encode']:.3f}", f"{idle['decode']:.3f}", f"{idle['whole']:.2f}", "")
        )
    alone = seconds_of(job, 1, 1, checkout)["whole"]
    ideal = alone * max(1.0, processes / (os.cpu_count() or 1))
    busy = seconds_of(job, processes, None, checkout)
    ratio = f"{busy['whole'] / ideal:.2f}"
    label = f"{processes} processes at once"
    rows.append((label, f"{busy['encode']:.3f}", f"{busy['decode']:.3f}", f"{busy['whole']:.2f}", ratio))
    notes = [f"{job['crops']} crops of {WIDTH} x {HEIGHT}, effort {job['effort']}, {os.cpu_count()} processors."]
    header = ("", "encode s", "decode s", "all s", "times the ideal")
    return Table(f"{job['codec']} under load", header, rows, notes)


def main(
    *,
    codec: str = "dct-vae-photo",
    dataset: str = "photos",
    data: Path | None = None,
    effort: int = 1,
    processes: int = 4,
    crops: int = 6,
    threads: str = "1,2",
    checkout: Path | None = None,
) -> None:
    """Measure how far several processes at once slow each other down."""
    load_dataset(dataset, data)  # so that what is missing is said once, and not by every process
    job: dict[str, Any] = {"codec": codec, "dataset": dataset, "data": str(data) if data else None}
    job |= {"effort": effort, "crops": crops}
    table = compare_load(job, processes, [int(n) for n in threads.split(",")], checkout)
    print(to_markdown([table]), end="")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        _serve(json.loads(sys.argv[2]))
    else:
        from hvaecodec.bench.tools import command  # not above: a checkout that is served may be older

        command.run(main)
