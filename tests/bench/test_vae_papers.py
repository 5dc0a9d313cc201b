"""`hvaecodec paper dct-vae` and `ws-vdvae`: every system trains, is measured and stands in the tables; runs resume."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.datasets import load_dataset
from hvaecodec.bench.papers import PAPERS, PaperSettings, dct_vae, experiment, vae_printed, ws_vdvae
from hvaecodec.bench.papers.dct_vae_kodak import seams
from hvaecodec.bench.papers.vae_runs import MEASURES, Store, System
from hvaecodec.bench.papers.vae_tables import at_equal_time, budget, elbo_cell
from hvaecodec.models.vdvae_presets import NETS
from hvaecodec.training.small_images import SmallImages


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    images = (255 * (rng.random((20, 28, 28)) > 0.7)).astype(np.uint8)
    labels = np.zeros(20, np.uint8)
    arrays = {"train_images": images, "test_images": images, "train_labels": labels, "test_labels": labels}
    np.savez(folder / "mnist.npz", **arrays)
    return folder


def quiet(system, spent, words):
    pass


def test_dct_vae_trains_measures_and_resumes(data, tmp_path, monkeypatch):
    settings = PaperSettings(data, tmp_path, "tiny", only=("mnist-vdvae", "mnist-dct"))
    tables = experiment("dct-vae")(settings, quiet)
    titles = " ".join(table.title for table in tables)
    for part in ("table 2", "table 1", "table 4", "figure 4", "figure 10", "Bits back", "claims"):
        assert part in titles
    (bounds,) = (table for table in tables if "table 2" in table.title)
    assert [row[0] for row in bounds.rows] == ["mnist-vdvae", "mnist-dct"]
    assert [row[7] for row in bounds.rows] == ["78.27", "76.62"]
    assert all("4 × 4" in row for row in bounds.rows)
    (told,) = (table for table in tables if "claims" in table.title)
    assert {row[1] for row in told.rows} >= {"not run"} and any(row[1] != "not run" for row in told.rows)
    for name in ("kl-cdf", "information-mnist", "attack-mnist", "samples-mnist-dct"):
        assert (tmp_path / "tiny" / "figures" / f"{name}.png").stat().st_size > 1000
    record = json.loads((tmp_path / "tiny" / "runs" / "mnist-dct-seed0.json").read_text())
    assert record["steps"] == 4 and record["elbo"]["context"][0] > 0 and record["hardware"]

    monkeypatch.setattr("hvaecodec.bench.papers.vae_runs.train", lambda *args: pytest.fail("trained again"))
    again = experiment("dct-vae")(settings, quiet)
    assert [table.rows for table in again] == [table.rows for table in tables]


def test_kodak_from_contexts(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (20, 8, 8, 3), np.uint8).repeat(4, 1).repeat(4, 2)
    labels = np.zeros(20, np.int64)
    images = SmallImages("cifar10", colours, colours, labels, labels)
    monkeypatch.setattr("hvaecodec.training.small_images.cifar10", lambda data: images)
    monkeypatch.setattr("hvaecodec.bench.papers.dct_vae_kodak.load_dataset", lambda name, data: photos(tmp_path))
    monkeypatch.setattr("hvaecodec.bench.papers.dct_vae_kodak.load_codec", lambda name: Whole())
    tables = experiment("dct-vae-kodak")(PaperSettings(tmp_path, tmp_path / "out", "tiny"), quiet)
    assert [row[0] for row in tables[0].rows] == ["a", "mean"]
    record = json.loads((tmp_path / "out" / "tiny" / "kodak" / "a.json").read_text())
    assert record["n_bytes"] == pytest.approx(record["est_bits"] / 8, abs=60)
    assert record["jpeg_psnr_db"] >= record["calm_psnr_db"] or record["jpeg_quality"] == 100
    assert record["whole_n_bytes"] > 64 and record["whole_psnr_db"] >= record["calm_psnr_db"]
    assert record["vdvae_kl_bits"] > 0 and record["bound_bits"] > 0
    assert {row[1] for row in tables[1].rows} <= {"holds", "FAILS"}
    for name in ("kodak-rates", "kodak-pictures"):
        assert (tmp_path / "out" / "tiny" / "figures" / f"{name}.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="--only"):
        experiment("dct-vae-kodak")(PaperSettings(tmp_path, tmp_path, only=("x",)), quiet)


class Whole:
    """Stands for the codec of whole pictures, whose search for a PSNR takes seconds."""

    def encode(self, x, psnr, effort):
        return Jpeg().encode(x, quality=95)

    def decode(self, data):
        return Jpeg().decode(data)


def photos(folder):
    rng = np.random.default_rng(1)
    for name in "a":
        coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(coarse).resize((192, 192), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    return load_dataset(str(folder))


def test_seams_are_steps_at_borders():
    flat = np.full((64, 64, 3), 9, np.uint8)
    flat[:, 1::2] += 1
    assert seams(flat) == pytest.approx(1, abs=0.05)
    flat[32:] += 50
    assert seams(flat) > 2


def test_ws_vdvae_trains_and_measures(data, tmp_path):
    settings = PaperSettings(data, tmp_path, "tiny", seeds=1, only=("mnist-x1", "mnist-x1-normalised"))
    tables = experiment("ws-vdvae")(settings, quiet)
    titles = " ".join(table.title for table in tables)
    for part in ("figure 4", "table 2", "The state on its way", "claims", "not run"):
        assert part in titles
    assert (tmp_path / "tiny" / "figures" / "state-norm.png").stat().st_size > 1000
    (counted,) = (table for table in tables if "not run" in table.title)
    assert any("39,145,700" in row for row in counted.rows) and any("8,744,356" in row for row in counted.rows)


@pytest.mark.parametrize("paper", [dct_vae, ws_vdvae])
def test_systems_groups_and_printed_numbers_are_of_nets_that_there_are(paper):
    names = {system.net for system in paper.SYSTEMS.values()}
    assert names <= NETS.keys()
    assert {name for group in paper.GROUPS.values() for name in group} <= paper.SYSTEMS.keys()
    assert all(measure in MEASURES for system in paper.SYSTEMS.values() for measure in system.measures)
    printed = vae_printed.NLL | vae_printed.BPD | vae_printed.SWEEP | vae_printed.UNITS if paper is dct_vae else {}
    assert printed.keys() <= paper.SYSTEMS.keys()
    assert {"dct-vae", "ws-vdvae"} <= PAPERS.keys()


def test_what_is_trained(tmp_path):
    systems = {"a": System("mnist-x1"), "b": System("mnist-x2", extra=True), "c": System("mnist-x3")}

    def chosen(*only: str) -> list[str]:
        return Store(PaperSettings(tmp_path, tmp_path, only=only), systems).chosen({"ends": ("a", "c")})

    assert chosen() == ["a", "c"] and chosen("b") == ["b"] and chosen("ends", "a") == ["a", "c"]
    with pytest.raises(ValueError, match="no system d"):
        chosen("d")


def _record(nats: float, curve: list, seconds: float = 60.0) -> dict:
    told = {"elbo": {"elbo": [nats, 0.5]}, "parameters": 1000, "steps": 10, "batch": 4, "dims": 784}
    return told | {"seconds": seconds, "curve": curve}


def test_cells_tell_spread_and_budget(tmp_path):
    one, two = _record(90.0, []), _record(92.0, [], 120.0)
    assert elbo_cell([one]) == "90.00 ± 0.50" and elbo_cell([one, two]) == "91.00 ± 1.41"
    assert re.fullmatch(r"0\.165\d ± 0\.0009", elbo_cell([one], bits=True))
    assert budget([one, two]) == ("1,000", "10 × 4", "1.5", "2")


def test_equal_time_reads_the_curves_where_the_fastest_ends(tmp_path):
    store = Store(PaperSettings(tmp_path, tmp_path), {})
    (tmp_path / "cpu" / "runs").mkdir(parents=True)
    for name, curve in (("fast", [[1, 200.0], [10, 100.0]]), ("slow", [[5, 150.0], [15, 130.0], [40, 90.0]])):
        (tmp_path / "cpu" / "runs" / f"{name}-seed0.json").write_text(json.dumps(_record(0, curve)))
    assert at_equal_time(store, ["fast", "slow"]) == {"fast": 100.0, "slow": 140.0}
