"""The records that come with the repository are of today's recipes and weights, and give the tables beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from hvaecodec.bench.papers import PaperSettings, experiment
from hvaecodec.bench.papers.dct_vae import tables as dct_vae
from hvaecodec.bench.papers.dct_vae.kodak_experiment import released_nets
from hvaecodec.bench.papers.ws_vdvae import tables as ws_vdvae
from hvaecodec.bench.show.tables import to_markdown

RECORDS = Path(__file__).parents[3] / "records"
TABLES = {"dct-vae": dct_vae.make_tables, "ws-vdvae": ws_vdvae.make_tables}
KODAK = RECORDS / "dct-vae-kodak" / "cpu" / "kodak"
RUNS = sorted(path.relative_to(RECORDS) for path in RECORDS.glob("*/*/runs/*.json"))


@pytest.mark.parametrize("path", RUNS, ids=str)
def test_a_record_is_of_its_recipe(path, committed_store):
    store = committed_store(*path.parts[:2])
    record = json.loads((RECORDS / path).read_text(encoding="utf-8"))
    name = record["system"]
    assert path.stem == f"{name}-seed{record['seed']}" and record["stage"] == store.stage_stamp(name)
    assert all(measure in record for measure in ("elbo", *store.systems[name].measures))


@pytest.mark.parametrize("paper", TABLES)
def test_the_records_give_the_tables_that_lie_beside_them(paper, committed_store):
    tables = TABLES[paper](committed_store(paper))
    assert to_markdown(tables) == (RECORDS / paper / "cpu" / "tables.md").read_text(encoding="utf-8")


def test_kodak_s_records_are_of_the_nets_in_the_package():
    nets = released_nets([np.zeros((32, 32, 3), np.uint8)])
    folders = [nets.digest(), f"whole-{nets.whole_digest()}"]
    assert sorted(path.name for path in KODAK.iterdir()) == folders
    assert all(len(list((KODAK / folder).glob("kodim*.json"))) == 24 for folder in folders)


def test_kodak_s_records_give_the_tables_that_lie_beside_them(tmp_path, quiet):
    shutil.copytree(KODAK, tmp_path / "cpu" / "kodak")
    settings = PaperSettings(tmp_path, tmp_path, only=("recorded",))  # without Kodak and training photos
    assert len(experiment("dct-vae-kodak")(settings, quiet)) == 2
    written = (tmp_path / "cpu" / "tables-kodak.md").read_text(encoding="utf-8")
    assert written == (KODAK.parent / "tables-kodak.md").read_text(encoding="utf-8")
