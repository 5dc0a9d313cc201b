"""`hvaecodec paper ws-vdvae`: systems train, are measured and stand in the tables."""

from __future__ import annotations

from hvaecodec.bench.papers import PaperSettings, experiment
from hvaecodec.bench.papers.ws_vdvae.tables import judge_claims


def test_ws_vdvae_trains_and_measures(mnist_folder, tmp_path, quiet):
    settings = PaperSettings(mnist_folder, tmp_path, "tiny", seeds=1, only=("mnist-x1", "mnist-x1-normalised"))
    tables = experiment("ws-vdvae")(settings, quiet)
    titles = " ".join(table.title for table in tables)
    for part in ("figure 4", "table 2", "The state on its way", "claims", "not run"):
        assert part in titles
    assert (tmp_path / "tiny" / "figures" / "state-norm.png").stat().st_size > 1000
    (counts,) = (table for table in tables if "not run" in table.title)
    assert any("39,145,700" in row for row in counts.rows) and any("8,744,356" in row for row in counts.rows)


def test_claims_without_a_record_are_not_run(copied_store):
    store = copied_store("ws-vdvae")
    rows = judge_claims(store).rows
    assert all(row[1] != "not run" for row in rows)
    for path in store.folder.glob("runs/mnist-r5-*.json"):
        path.unlink()
    for before, row in zip(rows, judge_claims(store).rows, strict=True):
        assert row == ((row[0], "not run", "–") if "mnist-r5" in row[0] else before)
