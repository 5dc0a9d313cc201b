"""A small run and its report, for the tests of the page's text and those in a browser."""

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
    """The fixture `stand_in` of conftest.py for longer than one test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.CODECS, standin.NAME, CodecEntry(2, "standin"))
        registry.shared.cache_clear()
        yield standin.NAME
    registry.shared.cache_clear()


def pictures(folder: Path, count: int = 2) -> Path:
    """Noisy waves, 240 x 160."""
    folder.mkdir()
    rows, columns = np.mgrid[0:160, 0:240]
    for index in range(1, count + 1):
        waves = 127 + 60 * np.sin(rows / (5 * index)) + 60 * np.cos(columns / 9)
        noise = np.random.default_rng(index).normal(0, 6, (160, 240, 3))
        Image.fromarray((waves[..., None] + noise).clip(0, 255).astype(np.uint8)).save(folder / f"p{index}.png")
    return folder


def run(folder: Path, ours: str) -> list[dict[str, Any]]:
    """Records of `ours` and three baselines; the first has an estimate far from its files."""
    codecs = [ours, "jpeg@quality=20", "webp@quality=60", "jpeg2000@quality=32"]
    records = bench.run(str(folder), codecs, quality=[10, 20], metrics=["psnr"])
    for record in records:
        if record["codec"] == ours:  # lossless, so without PSNR: give it two points and an estimate
            record |= {"psnr_db": 30 + record["settings"]["quality"] / 10, "est_bpp": record["bpp"] / 2}
            record["bpp"] *= record["settings"]["quality"] / 20
    return records


def sets(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Scores of whole sets as `bench.score_sets` gives them, made up."""
    found: dict[tuple[str, float], dict[str, Any]] = {}
    for record in records:
        key = (record["codec"], record["settings"]["quality"])
        found[key] = {name: record[name] for name in ("dataset", "codec", "settings", "version", "baseline", "bpp")}
        found[key] |= {"fd_cifar": 1 / record["bpp"], "patches": 400, "images": 2, "nets": {"features-cifar": "0" * 8}}
    return list(found.values())
