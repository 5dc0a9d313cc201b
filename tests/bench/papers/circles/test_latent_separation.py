"""The thesis's experiment at a tiny size: all tables and figures, kept records, and what is told of the bound."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hvaecodec.bench.papers import PaperSettings, experiment
from hvaecodec.bench.papers.circles import circular, printed, runs
from hvaecodec.bench.papers.circles import experiment as latent_separation
from hvaecodec.bench.papers.circles.experiment import _bound, run
from hvaecodec.bench.papers.circles.runs import PLANS
from hvaecodec.models.circles.sines import exact_minus_log_p


def silent(stage: str, spent: float, words: str) -> None:
    """A report nobody reads."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    settings = PaperSettings(tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("out"), "tiny", only=("R2", "S1"))
    return settings, run(settings, silent)


def test_it_is_registered():
    assert experiment("latent-separation") is run


def test_tables_have_our_numbers_beside_the_printed_ones(finished):
    _, tables = finished
    titles = [table.title for table in tables]
    assert [words in " ".join(titles) for words in ("5.1", "7.1", "9.2")] == [True] * 3
    second = next(table for table in tables if "7.1" in table.title)
    row = next(row for row in second.rows if row[:2] == ("0.1", "0.1"))
    assert row[-4:] == ("-31.45", "1.98", "-33.43", "0.0183") and "-30.11" in row
    assert any("cannot be right" in note and "-85.37, -30.11, 25.14" in note for note in second.notes)
    deltas = next(table for table in tables if "9.2" in table.title)
    assert len(deltas.rows) == 6 and all(len(row[1].split(",")) == 2 for row in deltas.rows)


def test_floors_are_of_both_decoders(finished):
    settings, tables = finished
    table = next(table for table in tables if "9.2" in table.title)
    folder = settings.out / "tiny" / "runs"
    mse = {
        name: [json.loads((folder / f"{name}-noise0.1-sigma0.01-seed{i}.json").read_text())["mse"] for i in range(2)]
        for name in ("R2", "S1")
    }
    both = (np.array(mse["R2"]) + mse["S1"]) / 2e-4
    row = next(row for row in table.rows if row[0] == "R2 → S1")
    assert row[3] == f"{both.mean():.2f} ± {both.std():.2f}"
    alone = next(row for row in table.rows if row[0] == "Phi → S1")
    assert float(alone[3].split(" ")[0]) == pytest.approx(np.mean(mse["S1"]) / 2e-4, abs=0.01)


def test_the_torus_goes_on_from_its_best_start(tmp_path):
    """With the weights it had there: with no more steps than one, they are still near."""
    tables = run(PaperSettings(tmp_path, tmp_path, "tiny", only=("T2",)), silent)
    assert any("No of 3 runs below" in note for table in tables for note in table.notes)
    store = runs.Store(tmp_path / "tiny", PLANS["tiny"])
    copies = tuple(store.copies("T2", None))
    begun, init = store._begun("T2", copies, silent)
    assert [store.record("T2", copy)["start"] for copy in copies] == [copy.seed for copy in begun]
    assert all(copy.seed % 100 == 0 and copy.seed < 500 for copy in begun)
    ended = store.load("T2", copies).state_dict()
    fresh = runs.LatentVae(PLANS["tiny"].systems["T2"].net, [0.1] * 3, [7] * 3).state_dict()
    names = [name for name in init if init[name].is_floating_point() and "weight" in name]
    near, far = (sum(float((ended[n] - other[n]).abs().sum()) for n in names) for other in (init, fresh))
    assert near < 0.5 * far


def test_figures_are_drawn(finished):
    settings, _ = finished
    names = {path.name for path in (settings.out / "tiny").glob("*.png")}
    assert names == {"latents-R2.png", "latents-S1.png", "reductors.png"}


def test_what_has_a_record_is_not_trained_again(finished, monkeypatch):
    settings, _ = finished
    monkeypatch.setattr(latent_separation, "_figures", lambda *arguments: None)
    records = sorted((settings.out / "tiny" / "runs").glob("*.json"))
    assert len(records) == 2 * 9 * 2
    changed = json.loads(records[0].read_text()) | {"neg_elbo": 12345.0}
    records[0].write_text(json.dumps(changed))
    records[1].unlink()
    tables = run(replace(settings, only=("R2",)), silent)
    assert any("12345" in cell for table in tables for row in table.rows for cell in row)
    assert records[1].exists()


def test_what_another_plan_made_is_not_used(tmp_path):
    """Neither its records nor its weights nor its checkpoints."""
    plan = replace(PLANS["tiny"], seeds={"shifts": 1})
    longer = replace(plan, steps={"shifts": 3})
    trained = []
    for number, store in enumerate(runs.Store(tmp_path, made) for made in (plan, plan, longer)):
        store.train("S1-shifts", None, lambda *told, number=number: trained.append(number))
    assert set(trained) == {0, 2}
    copy = runs.Copy(0.0, 0.1, 0)
    assert store.record("S1-shifts", copy)["steps"] == 3
    assert runs.Store(tmp_path, plan).record("S1-shifts", copy) is None
    assert len(list((tmp_path / "train").iterdir())) == 2


def test_unknown_systems_and_presets_are_errors(tmp_path):
    with pytest.raises(ValueError, match="known are R2, S1"):
        run(PaperSettings(tmp_path, tmp_path, "tiny", only=("R3",)), silent)
    with pytest.raises(ValueError, match="preset"):
        run(PaperSettings(tmp_path, tmp_path, "huge"), silent)


def test_a_bound_below_what_is_possible_is_told():
    record = {"noise": 0.1, "sigma_x": 0.1, "neg_elbo": -30.0, "error": 0.01, "correlation": 0.995}
    assert "no run is below" in _bound([record])
    assert "sigma_X 0.1 at noise 0.1." in _bound([record]) and "0.99 or more in 1 of 1 runs." in _bound([record])
    worse = record | {"neg_elbo": -26.0, "correlation": 0.9}
    assert "NOT at noise 0.1." in _bound([worse]) and "in 1 of 2 runs; less: 0.900 at noise 0.1" in _bound(
        [record, worse]
    )
    lowest = printed.TABLE_7_1[0.1, 0.1][0]
    assert "A RUN IS BELOW" in _bound([record, record | {"neg_elbo": lowest}])
    assert all(printed.TABLE_5_1[key][0] > exact_minus_log_p(key[1]) for key in printed.TABLE_5_1)


def test_circular_correlation_knows_rotation_and_reflection():
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, 500)
    assert circular.correlation(angles, angles + 1) == pytest.approx(1)
    assert circular.correlation(angles, 2 - angles) == pytest.approx(-1)
    assert abs(circular.correlation(angles, rng.uniform(-np.pi, np.pi, 500))) < 0.1
    assert abs(circular.correlation(angles, 2 * angles)) < 0.1
