"""Times one codec on one picture in a process of its own: `measure_in_process` starts it, and this module is it.

A job is a JSON object on stdin, the answer one on stdout. The process may be another Python's, since CompressAI needs
an environment of its own; it only has to find this package, which PYTHONPATH sees to.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.codec.errors import CodecError


@dataclass(frozen=True)
class Job:
    """One codec on one image, to be timed.

    image: its name in the data set, the first one if empty. data: the folder of the data set's files.
    megapixels: the photo is laid out in mirrored copies until it has so many; None leaves it as it is.
    repeat: how often it is encoded and decoded. scales: of further decodes, as in 0.125.
    """

    codec: str
    quality: float
    dataset: str = "photos"
    image: str = ""
    data: str | None = None
    megapixels: float | None = None
    repeat: int = 3
    threads: int = 2
    scales: tuple[float, ...] = ()


def measure_in_process(job: Job, python: str | None = None) -> dict[str, Any]:
    """Do a job in a fresh process of the interpreter `python`, this one if None, and return its answer.

    The answer has the seconds of every repetition under `encode_s`, `decode_s` and, for each scale, `decode_0.5_s` and
    the like; `n_bytes`, `height`, `width`, and `peak_bytes` of the whole process.
    Raises CodecError with the process's last line if it fails.
    """
    import hvaecodec

    root = str(Path(hvaecodec.__file__).parent.parent)
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"OMP_NUM_THREADS": str(job.threads), "PYTHONPATH": paths}
    command = [python or sys.executable, "-m", "hvaecodec.bench.measure.isolated"]
    process = subprocess.run(
        command, input=json.dumps(asdict(job)), capture_output=True, text=True, env=environment, check=False
    )
    if process.returncode:
        words = process.stderr.strip().splitlines() or [f"exit code {process.returncode}"]
        raise CodecError(f"measuring {job.codec} failed: {words[-1]}")
    answer: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return answer


def mosaic(photo: np.ndarray, megapixels: float) -> np.ndarray:
    """Return a 3:2 picture of `megapixels` million pixels, laid out from mirrored copies so that no edge is new.

    photo: uint8 (H, W) or (H, W, 3).
    """
    height = max(1, round((megapixels * 1e6 / 1.5) ** 0.5))
    width = max(1, round(megapixels * 1e6 / height))
    pad = [(0, max(0, height - photo.shape[0])), (0, max(0, width - photo.shape[1])), (0, 0)][: photo.ndim]
    return np.ascontiguousarray(np.pad(photo, pad, mode="symmetric")[:height, :width])


def measure_job(job: Job) -> dict[str, Any]:
    """Do a job in this process, after one untimed round on the photo itself, and return its answer.

    Raises ValueError for an unknown codec or image, RuntimeError if the codec is not available here.
    """
    from hvaecodec.bench.data import datasets
    from hvaecodec.bench.measure import memory, runner, specs

    spec = specs.parse(job.codec)
    if spec.unavailable:
        raise RuntimeError(spec.unavailable)
    images = datasets.load_dataset(job.dataset, job.data)
    image = next((image for image in images if job.image in {"", image.name}), None)
    if image is None:
        raise ValueError(f"no image {job.image!r} in {job.dataset}")
    x = image.pixels()
    encoder, decoder = spec.make(), spec.make()
    with runner.torch_threads(job.threads):
        _times_of_round(spec, encoder, decoder, x, job)  # the warm-up, on the photo itself
        if job.megapixels is not None:
            x = mosaic(x, job.megapixels)
        rounds = [_times_of_round(spec, encoder, decoder, x, job) for _ in range(job.repeat)]
    answer: dict[str, Any] = {"codec": job.codec, "image": image.name, "height": x.shape[0], "width": x.shape[1]}
    answer |= {key: [r[key] for r in rounds] for key in rounds[0] if key != "n_bytes"}
    answer |= {"n_bytes": rounds[0]["n_bytes"], "threads": job.threads, "peak_bytes": memory.process_peak()}
    return answer


def _times_of_round(spec: Any, encoder: Any, decoder: Any, x: np.ndarray, job: Job) -> dict[str, Any]:
    start = time.perf_counter()
    data = spec.encode(encoder, x, job.quality)
    times = {"n_bytes": len(data), "encode_s": time.perf_counter() - start}
    start = time.perf_counter()
    x_hat = spec.decode(decoder, data)
    times["decode_s"] = time.perf_counter() - start
    if x_hat.shape != x.shape:
        raise RuntimeError(f"decoded to {x_hat.shape}, the image is {x.shape}")
    for scale in job.scales:
        start = time.perf_counter()
        decoder.decode(data, scale=scale)
        times[f"decode_{scale:g}_s"] = time.perf_counter() - start
    return times


if __name__ == "__main__":
    fields = json.load(sys.stdin)
    print(json.dumps(measure_job(Job(**(fields | {"scales": tuple(fields["scales"])})))))
