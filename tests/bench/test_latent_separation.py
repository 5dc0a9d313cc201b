"""The thesis's experiment at a tiny size: all tables and figures, kept records, and what is told of the bound."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hvaecodec.bench import circular
from hvaecodec.bench.papers import PaperSettings, experiment, latent_printed, latent_separation
from hvaecodec.bench.papers.latent_separation import _bound, run
from hvaecodec.models.sines import exact_minus_log_p


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


def test_unknown_systems_and_presets_are_errors(tmp_path):
    with pytest.raises(ValueError, match="known are R2, S1"):
        run(PaperSettings(tmp_path, tmp_path, "tiny", only=("R3",)), silent)
    with pytest.raises(ValueError, match="preset"):
        run(PaperSettings(tmp_path, tmp_path, "huge"), silent)


def test_a_bound_below_what_is_possible_is_told():
    record = {"noise": 0.1, "sigma_x": 0.1, "neg_elbo": -30.0, "error": 0.01}
    assert "no run is below" in _bound([record])
    printed = latent_printed.TABLE_7_1[0.1, 0.1][0]
    assert "A RUN IS BELOW" in _bound([record, record | {"neg_elbo": printed}])
    assert all(latent_printed.TABLE_5_1[key][0] > exact_minus_log_p(key[1]) for key in latent_printed.TABLE_5_1)


def test_circular_correlation_knows_rotation_and_reflection():
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, 500)
    assert circular.correlation(angles, angles + 1) == pytest.approx(1)
    assert circular.correlation(angles, 2 - angles) == pytest.approx(-1)
    assert abs(circular.correlation(angles, rng.uniform(-np.pi, np.pi, 500))) < 0.1
    assert abs(circular.correlation(angles, 2 * angles)) < 0.1
