"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

# Tiny nets are faster on one thread, above all on a busy machine; what depends on threads says how many it wants.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import standin
from filelock import FileLock
from hypothesis import settings

import hvaecodec
from hvaecodec.codec import registry
from hvaecodec.codec.images import read_image

settings.register_profile("ours", deadline=None)  # a busy machine is no failure
settings.load_profile("ours")


def pytest_report_header() -> str:
    return f"hvaecodec: {Path(hvaecodec.__file__).parent}"


@pytest.fixture
def stand_in(monkeypatch):
    """The name of a lossless codec that needs no weights, registered for one test."""
    monkeypatch.setitem(registry.CODECS, standin.NAME, ("standin", "StandIn"))
    registry.shared.cache_clear()
    yield standin.NAME
    registry.shared.cache_clear()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data that HVAECODEC_DATA names; a test that needs it fails without it."""
    folder = os.environ.get("HVAECODEC_DATA")
    assert folder, "set HVAECODEC_DATA to the folder with the data packs"
    return Path(folder)


@pytest.fixture(scope="session")
def kodak_files(data_dir, tmp_path_factory) -> list[Path]:
    """Every Kodak photo as an .hvc file at qualities 10, 50 and 90, with the weights in the package."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "kodak"  # of all workers
    photos = sorted((data_dir / "kodak").glob("*.png"))
    paths = {quality: [folder / f"{photo.stem}-{quality}.hvc" for photo in photos] for quality in (10, 50, 90)}
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            partial, codec = base / "partial", hvaecodec.load()
            partial.mkdir()
            for quality, files in paths.items():
                for photo, path in zip(photos, files, strict=True):
                    data = codec.encode(read_image(photo), quality=quality, effort=1)
                    (partial / path.name).write_bytes(data)
            partial.rename(folder)
    found = [path for files in zip(*paths.values(), strict=True) for path in files]
    assert len(found) == 72
    return found
