"""`hvaecodec paper dct-vae`: systems train, are measured and stand in the tables; runs resume."""

from __future__ import annotations

import json
import shutil

import pytest

from hvaecodec.bench.papers import PaperSettings, experiment


def test_dct_vae_trains_measures_and_resumes(mnist_folder, tmp_path, monkeypatch, quiet):
    settings = PaperSettings(mnist_folder, tmp_path, "tiny", only=("mnist-vdvae", "mnist-dct"))
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
    (claims,) = (table for table in tables if "claims" in table.title)
    assert {row[1] for row in claims.rows} >= {"not run"} and any(row[1] != "not run" for row in claims.rows)
    for name in ("kl-cdf", "kl-mnist", "information-mnist", "attack-mnist", "samples-mnist-dct"):
        assert (tmp_path / "tiny" / "figures" / f"{name}.png").stat().st_size > 1000
    record = json.loads((tmp_path / "tiny" / "runs" / "mnist-dct-seed0.json").read_text())
    assert record["steps"] == 4 and record["elbo"]["context"][0] > 0 and record["hardware"]

    monkeypatch.setattr("hvaecodec.bench.papers.vae_runs.train", lambda *args: pytest.fail("trained again"))
    again = experiment("dct-vae")(settings, quiet)
    assert [table.rows for table in again] == [table.rows for table in tables]
    for path in (tmp_path / "tiny" / "train", tmp_path / "tiny" / "figures"):
        shutil.rmtree(path)
    again = experiment("dct-vae")(settings, quiet)
    assert [table.rows for table in again] == [table.rows for table in tables], "records are enough"


def test_the_papers_protocol_is_compared_with_its_like(mnist_folder, tmp_path, quiet):
    settings = PaperSettings(mnist_folder, tmp_path, "tiny", only=("mnist-vdvae-grey", "mnist-dct-grey"))
    tables = experiment("dct-vae")(settings, quiet)
    (bounds,) = (table for table in tables if "table 2" in table.title)
    assert [row[0] for row in bounds.rows] == ["mnist-vdvae-grey", "mnist-dct-grey"]
    assert any("grey levels" in note for note in bounds.notes)
    (claims,) = (table for table in tables if "claims" in table.title)
    (row,) = (row for row in claims.rows if "mnist-dct-grey" in row[0])
    assert row[1] != "not run"
