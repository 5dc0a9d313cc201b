"""Which runs of the VAE papers are trained, and which records are used again."""

from __future__ import annotations

import json
import sys

import pytest

from hvaecodec.bench.papers import PAPERS, PaperSettings, vae_printed
from hvaecodec.bench.papers.dct_vae import systems as dct_vae
from hvaecodec.bench.papers.vae_record import MEASURES
from hvaecodec.bench.papers.vae_runs import Store, System, read_curve
from hvaecodec.bench.papers.ws_vdvae import systems as ws_vdvae
from hvaecodec.training.recipes import RECIPES
from hvaecodec.training.recipes.vdvae import PREFIX


@pytest.mark.parametrize("paper", [dct_vae, ws_vdvae])
def test_systems_groups_and_printed_numbers_are_of_nets_that_there_are(paper):
    names = {system.net for system in paper.SYSTEMS.values()}
    assert {f"{PREFIX}{name}" for name in names} <= RECIPES.keys()
    assert {name for group in paper.GROUPS.values() for name in group} <= paper.SYSTEMS.keys()
    assert all(measure in MEASURES for system in paper.SYSTEMS.values() for measure in system.measures)
    tables = (vae_printed.NLL, vae_printed.BPD, vae_printed.SWEEP, vae_printed.UNITS)
    if paper is ws_vdvae:
        tables = (vae_printed.SHARED, vae_printed.NORMALISED, vae_printed.RESOLUTIONS)
    assert {name for table in tables for name in table} <= paper.SYSTEMS.keys()
    assert {"dct-vae", "ws-vdvae"} <= PAPERS.keys()


def test_what_is_trained(tmp_path):
    systems = {"a": System("mnist-x1"), "b": System("mnist-x2", extra=True), "c": System("mnist-x3")}

    def choose(*only: str) -> list[str]:
        return Store(PaperSettings(tmp_path, tmp_path, only=only), systems).choose({"ends": ("a", "c")})

    assert choose() == ["a", "c"] and choose("b") == ["b"] and choose("ends", "a") == ["a", "c"]
    assert choose("recorded") == []
    store = Store(PaperSettings(tmp_path, tmp_path), systems)
    store.write("b", 1, {})
    assert choose("recorded") == ["b"] and choose("recorded", "a") == ["b", "a"]
    with pytest.raises(ValueError, match="no system d"):
        choose("d")


def test_records_of_another_recipe_are_not_reused(copied_store, monkeypatch, quiet):
    store = copied_store("ws-vdvae")
    trained = []
    monkeypatch.setattr("hvaecodec.bench.papers.vae_runs.train", lambda *args: trained.append(1) or sys.exit())
    store.fill("mnist-x2", quiet)
    store.write("mnist-x2", 0, store.record("mnist-x2") | {"stage": 1})
    with pytest.raises(SystemExit):
        store.fill("mnist-x2", quiet)
    assert trained == [1]


def test_what_a_resumed_run_did_twice_counts_once(tmp_path):
    lines = [(10, 9.0), (20, 8.0), (30, 7.0), (21, 7.9), (31, 6.9)]
    (tmp_path / "log").write_text("".join(json.dumps({"seconds": t, "elbo_nats": v}) + "\n" for t, v in lines))
    assert read_curve(tmp_path / "log") == [[10, 9.0], [20, 8.0], [21, 7.9], [31, 6.9]]
