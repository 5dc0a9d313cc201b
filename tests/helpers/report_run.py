"""Makes the records of a small run, for the tests of the report's text and those in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import standin
from PIL import Image

from hvaecodec import bench
from hvaecodec.codec import registry
from hvaecodec.codec.format.wire_ids import CodecEntry


@contextmanager
def stand_in() -> Iterator[str]:
    """Register the stand-in codec for a block, as the fixture `stand_in` of conftest.py does for one test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.CODECS, standin.NAME, CodecEntry(2, "standin"))
        registry.shared.cache_clear()
        yield standin.NAME
    registry.shared.cache_clear()


def write_pictures(folder: Path, count: int = 2) -> Path:
    """Write pictures of noisy waves, 240 x 160, into a new folder and return it."""
    folder.mkdir()
    rows, columns = np.mgrid[0:160, 0:240]
    for index in range(1, count + 1):
        waves = 127 + 60 * np.sin(rows / (5 * index)) + 60 * np.cos(columns / 9)
        noise = np.random.default_rng(index).normal(0, 6, (160, 240, 3))
        Image.fromarray((waves[..., None] + noise).clip(0, 255).astype(np.uint8)).save(folder / f"p{index}.png")
    return folder


def measure_small_run(folder: Path, ours: str) -> list[dict[str, Any]]:
    """Return records of the codec `ours` and of three baselines; ours has estimates far from its files."""
    codecs = [ours, "jpeg@quality=20", "webp@quality=60", "jpeg2000@quality=32"]
    records = bench.run(str(folder), codecs, quality=[10, 20], metrics=["psnr"])
    for record in records:
        if record["codec"] == ours:  # lossless, so without PSNR: give it two points and an estimate
            record |= {"psnr_db": 30 + record["settings"]["quality"] / 10, "est_bpp": record["bpp"] / 2}
            record["bpp"] *= record["settings"]["quality"] / 20
    return records


def set_scores(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return invented scores of whole sets in the form in which `bench.score_sets` returns them."""
    scores: dict[tuple[str, float], dict[str, Any]] = {}
    for record in records:
        key = (record["codec"], record["settings"]["quality"])
        scores[key] = {name: record[name] for name in ("dataset", "codec", "settings", "version", "baseline", "bpp")}
        scores[key] |= {"fd_cifar": 1 / record["bpp"], "patches": 400, "images": 2, "nets": {"features-cifar": "0" * 8}}
    return list(scores.values())
