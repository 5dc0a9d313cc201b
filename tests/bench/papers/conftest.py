"""What tests of the papers' experiments share."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hvaecodec.bench.papers import PaperSettings
from hvaecodec.bench.papers.dct_vae import systems as dct_vae
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.ws_vdvae import systems as ws_vdvae

RECORDS = Path(__file__).parents[3] / "records"


@pytest.fixture(scope="session")
def mnist_folder(tmp_path_factory) -> Path:
    """A data folder with twenty digits of noise."""
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    images = (255 * (rng.random((20, 28, 28)) > 0.7)).astype(np.uint8)
    labels = np.zeros(20, np.uint8)
    arrays = {"train_images": images, "test_images": images, "train_labels": labels, "test_labels": labels}
    np.savez(folder / "mnist.npz", **arrays)
    return folder


@pytest.fixture(scope="session")
def quiet():
    """A report that nobody reads."""
    return lambda system, spent, words: None


@pytest.fixture
def committed_store():
    """A paper's store of the records in the repository, which a test only reads."""

    def open_store(paper: str, preset: str = "cpu") -> Store:
        systems = {"dct-vae": dct_vae.SYSTEMS, "ws-vdvae": ws_vdvae.SYSTEMS}[paper]
        return Store(PaperSettings(RECORDS, RECORDS / paper, preset), systems)

    return open_store


@pytest.fixture
def copied_store(committed_store, tmp_path):
    """A paper's store of a copy of the records in the repository, which a test may change."""

    def open_store(paper: str) -> Store:
        shutil.copytree(RECORDS / paper / "cpu" / "runs", tmp_path / paper / "cpu" / "runs")
        return replace(committed_store(paper), settings=PaperSettings(tmp_path, tmp_path / paper))

    return open_store
