"""Fixtures that every test may use."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

# Tiny nets are faster on one thread, above all on a busy machine; what depends on threads says how many it wants.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # for tests that load ONNX Runtime themselves

import pytest
import standin
import together
from hypothesis import settings

import hvaecodec
from hvaecodec.codec import registry
from hvaecodec.codec.format.wire_ids import CodecEntry
from hvaecodec.codec.hqa.codec import quality_of
from hvaecodec.codec.images import read_image

settings.register_profile("ours", deadline=None)  # a busy machine is no failure
settings.load_profile("ours")


def pytest_report_header() -> str:
    return f"hvaecodec: {Path(hvaecodec.__file__).parent}"


@pytest.fixture
def stand_in(monkeypatch):
    """The name of a lossless codec that needs no weights, registered for one test."""
    monkeypatch.setitem(registry.CODECS, standin.NAME, CodecEntry(2, "standin"))
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
def shared_folder(tmp_path_factory) -> Path:
    """A folder that all workers of a run see."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def kodak_files(data_dir, shared_folder) -> list[Path]:
    """Every Kodak photo as an .hvc file at qualities 10, 50 and 90, with the weights in the package."""

    def encoded(photo: Path, quality: int) -> bytes:
        return registry.shared("dct-vae-photo").encode(read_image(photo), quality=quality, effort=1)

    photos = sorted((data_dir / "kodak").glob("*.png"))
    makers = {f"{photo.stem}-{q}.hvc": partial(encoded, photo, q) for photo in photos for q in (10, 50, 90)}
    assert len(makers) == 72
    return together.made(shared_folder / "dct-vae-photo", makers)


@pytest.fixture(scope="session")
def hqa_files(data_dir, shared_folder) -> dict[int, list[Path]]:
    """Every Kodak photo as an .hvc file of `hqa-photo`, by layer, with the weights in the package."""

    def encoded(photo: Path, layer: int) -> bytes:
        return registry.shared("hqa-photo").encode(read_image(photo), quality=quality_of(layer))

    photos = sorted((data_dir / "kodak").glob("*.png"))
    assert len(photos) == 24
    wanted = [(layer, photo) for layer in range(1, 6) for photo in photos]
    makers = {f"{photo.stem}-{layer}.hvc": partial(encoded, photo, layer) for layer, photo in wanted}
    paths = together.made(shared_folder / "hqa-photo", makers)
    return {layer: paths[24 * (layer - 1) : 24 * layer] for layer in range(1, 6)}
