"""`hvaecodec paper dct-vae` and `ws-vdvae`: every system trains, is measured and stands in the tables; runs resume."""

from __future__ import annotations

import json
import re
import shutil
import sys

import numpy as np
import pytest
from PIL import Image

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.papers import PAPERS, PaperSettings, experiment, vae_printed
from hvaecodec.bench.papers.dct_vae import claims, kodak_measures, tiling
from hvaecodec.bench.papers.dct_vae import experiment as dct_vae
from hvaecodec.bench.papers.dct_vae.kodak_measures import seams
from hvaecodec.bench.papers.dct_vae.tiling import Tiling
from hvaecodec.bench.papers.vae_record import MEASURES
from hvaecodec.bench.papers.vae_runs import Store, System, _curve
from hvaecodec.bench.papers.vae_tables import at_equal_time, budget, difference, elbo_cell, lower
from hvaecodec.bench.papers.ws_vdvae import experiment as ws_vdvae
from hvaecodec.training.recipes import RECIPES
from hvaecodec.training.recipes.vdvae import PREFIX


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
    column = dict(zip(bounds.header, zip(*bounds.rows, strict=True), strict=True))
    assert column["printed"] == ("78.27", "76.62")
    assert column["elsewhere"][0] == "–" and float(column["elsewhere"][1]) > 0
    assert all("4 × 4" in row for row in bounds.rows)
    (told,) = (table for table in tables if "claims" in table.title)
    assert {row[1] for row in told.rows} >= {"not run"} and any(row[1] != "not run" for row in told.rows)
    for name in ("kl-cdf", "kl-mnist", "information-mnist", "attack-mnist", "samples-mnist-dct"):
        assert (tmp_path / "tiny" / "figures" / f"{name}.png").stat().st_size > 1000
    record = json.loads((tmp_path / "tiny" / "runs" / "mnist-dct-seed0.json").read_text())
    assert record["steps"] == 4 and record["elbo"]["context"][0] > 0 and record["hardware"]

    monkeypatch.setattr("hvaecodec.bench.papers.vae_runs.train_recipe", lambda *args: pytest.fail("trained again"))
    again = experiment("dct-vae")(settings, quiet)
    assert [table.rows for table in again] == [table.rows for table in tables]
    for path in (tmp_path / "tiny" / "train", tmp_path / "tiny" / "figures"):
        shutil.rmtree(path)
    again = experiment("dct-vae")(settings, quiet)
    assert [table.rows for table in again] == [table.rows for table in tables], "records are enough"


def test_the_papers_protocol_is_compared_with_its_like(data, tmp_path):
    settings = PaperSettings(data, tmp_path, "tiny", only=("mnist-vdvae-grey", "mnist-dct-grey"))
    tables = experiment("dct-vae")(settings, quiet)
    (bounds,) = (table for table in tables if "table 2" in table.title)
    assert [row[0] for row in bounds.rows] == ["mnist-vdvae-grey", "mnist-dct-grey"]
    assert any("grey levels" in note for note in bounds.notes)
    (told,) = (table for table in tables if "claims" in table.title)
    (row,) = (row for row in told.rows if "mnist-dct-grey" in row[0])
    assert row[1] != "not run"


def test_kodak_from_contexts(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "hvaecodec.bench.papers.dct_vae.kodak_experiment.load_dataset", lambda name, data: photos(tmp_path)
    )
    monkeypatch.setattr("hvaecodec.bench.papers.dct_vae.kodak_experiment.load_codec", lambda name: Whole())
    training = [photo.pixels() for photo in photos(tmp_path)]
    monkeypatch.setattr("hvaecodec.bench.papers.dct_vae.kodak_experiment.load_training_photos", lambda data: training)
    tables = experiment("dct-vae-kodak")(PaperSettings(tmp_path, tmp_path / "out", "tiny"), quiet)
    assert [row[0] for row in tables[0].rows] == ["a", "mean"]
    record = json.loads(next((tmp_path / "out" / "tiny" / "kodak").glob("*/a.json")).read_text())
    assert record["n_bytes"] == pytest.approx(record["est_bits"] / 8, abs=60)
    assert record["jpeg_psnr_db"] >= record["calm_psnr_db"] or record["jpeg_quality"] == 100
    assert record["whole_n_bytes"] > 64 and record["whole_psnr_db"] >= record["calm_psnr_db"]
    assert record["vdvae_kl_bits"] > 0 and record["prior_bits"] == pytest.approx(record["est_bits"], rel=0.5)
    assert {row[1] for row in tables[1].rows} <= {"holds", "FAILS"}
    for name in ("kodak-rates", "kodak-pictures"):
        assert (tmp_path / "out" / "tiny" / "figures" / f"{name}.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="--only"):
        experiment("dct-vae-kodak")(PaperSettings(tmp_path, tmp_path, only=("x",)), quiet)


class Whole:
    """Stands for the codec of whole pictures, whose search for a PSNR takes seconds."""

    card = {"codec": "whole"}

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


def test_tiles_that_are_alike_are_cheaper_beside_each_other():
    rng = np.random.default_rng(0)
    walk = np.round(0.7 * rng.normal(0, 1, (30, 8, 8, 3, 2, 2)).cumsum(1).cumsum(2)).clip(-9, 9).astype(np.int32)
    mixed = rng.permuted(walk.reshape(-1, 3, 2, 2), axis=0).reshape(walk.shape)
    (alone, beside), (mixed_alone, mixed_beside) = (
        np.sum([Tiling.fit(list(grids[:20]), 9).bits(grid) for grid in grids[20:]], 0) for grids in (walk, mixed)
    )
    assert beside < 0.85 * alone and mixed_beside == pytest.approx(mixed_alone, rel=0.05)
    grid = walk[0]
    assert np.array_equal(tiling._neighbours(grid)[8 * 3 + 4], [*grid[3, 3].ravel(), *grid[2, 4].ravel(), 1])
    assert not tiling._neighbours(grid)[0, :-1].any()
    sizes = [g.shape for g in tiling.grids_of([np.zeros((70, 40, 3)), np.zeros((20, 90, 3))], np.atleast_3d, 32)]
    assert sizes == [(64, 32, 3)]


def test_vdvae_is_compared_at_equal_psnr(monkeypatch):
    """Its latents are taken one after the other until the picture is as good; bits between two of them are by PSNR."""
    x = np.full((32, 32, 3), 100, np.uint8)
    errors = [40, 20, 10, 10, 5, 2]

    class Net:
        order = range(5)

    monkeypatch.setattr(
        kodak_measures, "top_latents", lambda x, net, calm, top: (x + np.uint8(errors[top]), 100.0 * top)
    )
    psnr = [20 * np.log10(255 / error) for error in errors]
    for top in (1, 2, 4, 5):
        found = kodak_measures._vdvae_at(x, Net(), psnr[top])
        assert (found["vdvae_top"], found["vdvae_equal_kl_bits"]) == (top, pytest.approx(100 * top))
    between = kodak_measures._vdvae_at(x, Net(), 0.75 * psnr[1] + 0.25 * psnr[2])
    assert between["vdvae_top"] == 2 and between["vdvae_equal_kl_bits"] == pytest.approx(125)
    assert kodak_measures._vdvae_at(x, Net(), 99)["vdvae_equal_kl_bits"] == 500  # all there are


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
    assert {f"{PREFIX}{name}" for name in names} <= RECIPES.keys()
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
    assert chosen("recorded") == []
    store = Store(PaperSettings(tmp_path, tmp_path), systems)
    store._write("b", 1, {})
    assert chosen("recorded") == ["b"] and chosen("recorded", "a") == ["b", "a"]
    with pytest.raises(ValueError, match="no system d"):
        chosen("d")


def _record(nats: float, curve: list | None = None, seconds: float = 60.0, **more) -> dict:
    """Of 100 pictures that differ by more than nets do."""
    pictures = nats + 5 * np.sin(np.arange(100)) - 5 * np.sin(np.arange(100)).mean()
    told = {"elbo": {"elbo": [nats, 0.5], "by_picture": pictures.tolist()}, "dims": 784}
    told |= {"parameters": 1000, "steps": 10, "batch": 4}
    return told | {"seconds": seconds, "curve": curve or []} | more


def test_two_standard_errors_decide():
    noise = np.random.default_rng(0).normal(0, 2, 100)
    plain, better, worse = _record(90.0), _record(89.0), _record(91.0)
    for record in (better, worse):  # 0.2 nats of standard error
        record["elbo"]["by_picture"] = (np.array(record["elbo"]["by_picture"]) + noise - noise.mean()).tolist()
    alike = _record(89.7)
    alike["elbo"]["by_picture"] = (np.array(alike["elbo"]["by_picture"]) + noise - noise.mean()).tolist()
    assert difference([better], [plain]) == pytest.approx((-1, 0.2), abs=0.05)
    verdicts = [lower("", [one], [plain])[1] for one in (better, alike, worse)]
    assert verdicts == ["holds", "within error", "FAILS"]
    assert lower("", [worse], [plain], margin=1.5)[1] == "holds" and lower("", [], [plain])[1] == "not run"
    seeds = [_record(x) for x in (88.0, 89.0, 90.0)], [_record(x) for x in (90.0, 91.0, 92.0)]
    assert difference(*seeds) == pytest.approx((-2, np.sqrt(2 / 3)))
    assert difference(seeds[0], seeds[1][1:2]) == pytest.approx((-2, np.sqrt(4 / 3)))  # a single run varies like those
    assert difference(seeds[0][1:2], seeds[1]) == pytest.approx((-2, np.sqrt(4 / 3)))
    assert lower("", *seeds)[1] == "holds" and lower("", *seeds[::-1])[1] == "FAILS"


def test_claims_of_the_dct_vae_are_judged():
    def net(active: int, units: int, kl: float, attack: float) -> list:
        told = {"active": active, "units": units, "active_percent": 100 * active / units, "kl_per_unit": kl}
        return [_record(90, units=told, attack={"ms_ssim32": {"1": [attack, 0.01], "2": [0.9, 0.0001]}})]

    one, two = net(500, 931, 0.04, 0.95), net(520, 980, 0.03, 0.9)
    assert [f("", one, two)[1] for f in (claims._more_units, claims._more_kl)] == ["FAILS", "holds"]
    assert [f("", two, one)[1] for f in (claims._more_units, claims._more_kl)] == ["FAILS", "FAILS"]
    assert claims._more_units("", net(521, 931, 0, 0), two)[1] == "holds"
    assert claims._robust("", one, two)[1] == "within error"  # alike at m = 2
    one[0]["attack"]["ms_ssim32"]["2"][0] = 0.95
    assert claims._robust("", one, two)[1] == "holds" and claims._robust("", two, one)[1] == "FAILS"
    assert claims._as_cheap("", {"net_bits": 100.4, "model_bits": 100, "pictures": 9})[1] == "holds"
    assert claims._as_cheap("", {"net_bits": 99.4, "model_bits": 100, "pictures": 9})[1] == "FAILS"


@pytest.mark.parametrize(("top", "verdict"), [((0.1, 0.15, 0.6), "holds"), ((0.1, 0.25, 0.6), "FAILS")])
def test_what_the_context_alone_gives_is_judged(tmp_path, top, verdict):
    runs = tmp_path / "cpu" / "runs"
    runs.mkdir(parents=True)
    for kind, seen in (("dct", (0.85, 0.9)), ("vdvae", top)):
        told = {"ms_ssim32": list(seen)}
        record = json.dumps(_record(0, information=told, alone=told))
        (runs / f"cifar10-small-{kind}-seed0.json").write_text(record)
    store = Store(PaperSettings(tmp_path, tmp_path), dct_vae.SYSTEMS)
    for measure in ("information", "alone"):
        assert claims._context_alone(store, "cifar10-small", measure)[1] == verdict
    assert claims._reaches(store, "mnist-dct", 95)[1] == "not run"
    for nats, told in ((94.0, "holds"), (96.0, "FAILS")):
        (runs / "mnist-dct-seed0.json").write_text(json.dumps(_record(nats)))
        assert claims._reaches(store, "mnist-dct", 95)[1] == told


def test_further_tries_are_held_against_their_like(tmp_path):
    runs = tmp_path / "cpu" / "runs"
    runs.mkdir(parents=True)
    for name, nats in {
        "vdvae": 88,
        "dct-coarse": 90,
        "downsample-coarse": 91,
        "vdvae-grey": 80,
        "dct-grey": 79,
    }.items():
        (runs / f"mnist-{name}-seed0.json").write_text(json.dumps(_record(nats)))
    told = {row[0]: row[1] for row in claims.claims_of(Store(PaperSettings(tmp_path, tmp_path), dct_vae.SYSTEMS)).rows}
    tries = {words.removeprefix("further try, "): verdict for words, verdict in told.items() if "further try" in words}
    assert tries == {
        "mnist-dct-coarse: lowers -ELBO": "FAILS",
        "mnist-dct-grey: lowers -ELBO": "holds",
        "mnist-dct-coarse is no worse than mnist-downsample-coarse": "holds",
    }


def test_cells_tell_spread_and_budget(tmp_path):
    one, two = _record(90.0, []), _record(92.0, [], 120.0)
    assert elbo_cell([one]) == "90.00 ± 0.50" and elbo_cell([one, two]) == "91.00 ± 1.41"
    assert re.fullmatch(r"0\.165\d ± 0\.0009", elbo_cell([one], bits=True))
    assert budget([one, two]) == ("1,000", "10 × 4", "1.5", "2")


def test_equal_time_reads_the_curves_where_the_fastest_ends(tmp_path):
    store = Store(PaperSettings(tmp_path, tmp_path), {})
    (tmp_path / "cpu" / "runs").mkdir(parents=True)
    curves = {"a-fast": [[1, 200.0], [600, 100.0]], "a-slow": [[500, 150.0], [700, 130.0], [4000, 90.0]]}
    curves |= {"b-one": [[5, 200.0], [60, 10.0]]}
    for name, curve in curves.items():
        (tmp_path / "cpu" / "runs" / f"{name}-seed0.json").write_text(json.dumps(_record(0, curve)))
    (note,) = at_equal_time(store, list(curves))
    assert "10 minutes" in note and "a-fast 100.00, a-slow 140.00." in note


def test_records_of_another_recipe_are_not_reused(tmp_path, monkeypatch):
    store = Store(PaperSettings(tmp_path, tmp_path, "tiny"), {"a": System("mnist-x1")})
    (tmp_path / "tiny" / "runs").mkdir(parents=True)
    trained = []
    monkeypatch.setattr("hvaecodec.bench.papers.vae_runs.train_recipe", lambda *args: trained.append(1) or sys.exit())
    record = _record(1) | {"stage": store._stage("a")}
    (tmp_path / "tiny" / "runs" / "a-seed0.json").write_text(json.dumps(record))
    store.make("a", quiet)
    (tmp_path / "tiny" / "runs" / "a-seed0.json").write_text(json.dumps(record | {"stage": 1}))
    with pytest.raises(SystemExit):
        store.make("a", quiet)
    assert trained == [1]


def test_what_a_resumed_run_did_twice_counts_once(tmp_path):
    lines = [(10, 9.0), (20, 8.0), (30, 7.0), (21, 7.9), (31, 6.9)]
    (tmp_path / "log").write_text("".join(json.dumps({"seconds": t, "elbo_nats": v}) + "\n" for t, v in lines))
    assert _curve(tmp_path / "log") == [[10, 9.0], [20, 8.0], [21, 7.9], [31, 6.9]]
