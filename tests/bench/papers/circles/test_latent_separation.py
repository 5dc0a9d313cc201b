"""The thesis's experiment at a tiny size: all tables and figures, records that are used again, and judged bounds."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvaecodec.bench.papers import PaperSettings, experiment
from hvaecodec.bench.papers.circles import experiment as latent_separation
from hvaecodec.bench.papers.circles import printed, runs
from hvaecodec.bench.papers.circles.claims import below_bound, bound_note, correlation_note, judge_bound
from hvaecodec.bench.papers.circles.experiment import run_experiment
from hvaecodec.bench.papers.circles.measures import circular_correlation
from hvaecodec.bench.papers.circles.plans import PLANS
from hvaecodec.bench.papers.judges import Verdict
from hvaecodec.models.circles.sines import exact_minus_log_p, shrinking


def silent(stage: str, spent: float, words: str) -> None:
    """A report nobody reads."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    settings = PaperSettings(tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("out"), "tiny", only=("R2", "S1"))
    return settings, run_experiment(settings, silent)


def test_it_is_registered():
    assert experiment("latent-separation") is run_experiment


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
    tables = run_experiment(PaperSettings(tmp_path, tmp_path, "tiny", only=("T2",)), silent)
    assert any("None of the 3 runs have a lower -ELBO" in note for table in tables for note in table.notes)
    store = runs.Store(tmp_path / "tiny", PLANS["tiny"])
    copies = tuple(store.copies("T2", None))
    starts, init = store.best_starts("T2", copies, silent)
    assert [store.record("T2", copy)["start"] for copy in copies] == [copy.seed for copy in starts]
    assert all(copy.seed % 100 == 0 and copy.seed < 500 for copy in starts)
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
    monkeypatch.setattr(latent_separation, "_draw_figures", lambda *arguments: None)
    records = sorted((settings.out / "tiny" / "runs").glob("*.json"))
    assert len(records) == 2 * 9 * 2
    changed = json.loads(records[0].read_text()) | {"neg_elbo": 12345.0}
    records[0].write_text(json.dumps(changed))
    records[1].unlink()
    tables = run_experiment(replace(settings, only=("R2",)), silent)
    assert any("12345" in cell for table in tables for row in table.rows for cell in row)
    assert records[1].exists()


def test_what_another_plan_made_is_not_used(tmp_path):
    """Neither its records nor its weights nor its checkpoints."""
    plan = replace(PLANS["tiny"], seeds={"shifts": 1})
    longer = replace(plan, steps={"shifts": 3})
    trained = []
    for number, store in enumerate(runs.Store(tmp_path, budget) for budget in (plan, plan, longer)):
        store.fill("S1-shifts", None, lambda *words, number=number: trained.append(number))
    assert set(trained) == {0, 2}
    copy = runs.Copy(0.0, 0.1, 0)
    assert store.record("S1-shifts", copy)["steps"] == 3
    assert runs.Store(tmp_path, plan).record("S1-shifts", copy) is None
    assert len([path for path in (tmp_path / "train").iterdir() if path.is_dir()]) == 2


def test_records_alone_give_the_tables(finished, tmp_path):
    """Without weights nothing is trained, fitted or drawn, and the tables are the same."""
    settings, _ = finished
    before = run_experiment(replace(settings, only=("R2", "S1")), silent)
    for folder in ("runs", "reductors"):
        shutil.copytree(settings.out / "tiny" / folder, tmp_path / "tiny" / folder)
    again = run_experiment(replace(settings, out=tmp_path, only=("recorded",)), silent)
    assert [table.rows for table in again] == [table.rows for table in before]
    assert {path.name for path in (tmp_path / "tiny").iterdir()} == {"runs", "reductors", "tables.md"}
    (path, *_) = (tmp_path / "tiny" / "reductors").glob("R2-S1-*.json")
    assert {"commit", "date", "processor"} <= json.loads(path.read_text()).keys()
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fit": {}}))  # maps that were fitted otherwise
    fewer = run_experiment(replace(settings, out=tmp_path, only=("recorded",)), silent)
    assert sum(len(table.rows) for table in fewer) == sum(len(table.rows) for table in before) - 1


def test_unknown_systems_and_presets_are_errors(tmp_path):
    with pytest.raises(ValueError, match="known are R2, S1"):
        run_experiment(PaperSettings(tmp_path, tmp_path, "tiny", only=("R3",)), silent)
    with pytest.raises(ValueError, match="preset"):
        run_experiment(PaperSettings(tmp_path, tmp_path, "huge"), silent)


@given(st.sampled_from([0.01, 0.1, 1.0]), st.floats(0, 50), st.floats(0, 1), st.sampled_from([1, 2]))
def test_a_bound_may_not_be_below_the_exact(sigma_x, excess, error, circles):
    """It fails more than three standard errors below what smaller circles may gain, and nowhere else."""
    exact, gain = exact_minus_log_p(sigma_x, circles), shrinking(sigma_x, circles)
    assert judge_bound(exact + excess, error, sigma_x, circles) is not Verdict.FAILS
    assert judge_bound(exact - gain - 2.9 * error + 1e-6, error, sigma_x, circles) is not Verdict.FAILS
    assert judge_bound(exact - gain - 3.1 * error - 1e-6 - excess, error, sigma_x, circles) is Verdict.FAILS


def test_the_printed_bounds_of_table_7_1_are_none():
    """All rows at sigma_X 0.1 and 1 but one are below what is possible; table 5.1 has none that is."""
    below = {key for key, row in printed.TABLE_7_1.items() if judge_bound(row[0], 0, key[1]) is Verdict.FAILS}
    assert below == {(0.01, 0.1), (0.1, 0.1), (0.01, 1.0), (0.1, 1.0), (1.0, 1.0)}
    assert all(judge_bound(row[0], 0, key[1]) is Verdict.HOLDS for key, row in printed.TABLE_5_1.items())


def records_of(settings):
    paths = (settings.out / "tiny" / "runs").glob("S1-*.json")
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def test_a_run_below_what_a_bound_can_reach_is_named(finished):
    records = records_of(finished[0])
    assert below_bound(records) == [] and "No run has a lower -ELBO" in bound_note(records)
    (at, *_) = (r for r in records if (r["noise"], r["sigma_x"]) == (0.1, 0.1))
    lower = at | {"neg_elbo": printed.TABLE_7_1[0.1, 0.1][0]}
    assert below_bound([*records, lower]) == [lower]
    note = bound_note([*records, lower])
    assert "A RUN HAS" in note and f"{lower['neg_elbo'] - exact_minus_log_p(0.1):+.4f}, at noise 0.1" in note


def test_bounds_near_the_exact_are_named_by_noise(finished):
    exact = exact_minus_log_p(0.1)
    near = {0.01: 0.96 * exact, 0.1: 1.04 * exact, 1.0: 0.94 * exact}
    records = [r | {"neg_elbo": near[r["noise"]]} if r["sigma_x"] == 0.1 else r for r in records_of(finished[0])]
    assert "within 5 % of the exact -log p at noise 0.01, at noise 0.1, NOT at noise 1." in bound_note(records)


def test_runs_that_did_not_find_the_phase_are_named(finished):
    records = [r | {"correlation": 0.995} for r in records_of(finished[0])]
    n = len(records)
    assert correlation_note(records) == f"The correlation is 0.99 or more in {n} of {n} runs."
    worse = records[0] | {"correlation": 0.9}
    place = f"noise {worse['noise']:g}, sigma_X {worse['sigma_x']:g}"
    words = f"The correlation is 0.99 or more in {n} of {n + 1} runs; the others are 1 at {place} (0.900)."
    assert correlation_note([*records, worse]) == words
    words = f"The correlation is 0.99 or more in {n} of {n + 2} runs; the others are 2 at {place} (0.880 to 0.900)."
    assert correlation_note([*records, worse, worse | {"correlation": 0.88}]) == words
    unknown = records[0] | {"correlation": None}
    assert correlation_note([*records, unknown]) == correlation_note(records)


def test_circular_correlation_knows_rotation_and_reflection():
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, 500)
    assert circular_correlation(angles, angles + 1) == pytest.approx(1)
    assert circular_correlation(angles, 2 - angles) == pytest.approx(-1)
    assert abs(circular_correlation(angles, rng.uniform(-np.pi, np.pi, 500))) < 0.1
    assert abs(circular_correlation(angles, 2 * angles)) < 0.1
