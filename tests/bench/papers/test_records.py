"""The records of the papers' runs that come with the repository are those of today's recipes and weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hvaecodec.bench.papers import PaperSettings
from hvaecodec.bench.papers.dct_vae import systems
from hvaecodec.bench.papers.dct_vae.kodak_experiment import released_nets
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.ws_vdvae import experiment as ws_vdvae

RECORDS = Path(__file__).parents[3] / "records"
PAPERS = {"dct-vae": systems.SYSTEMS, "ws-vdvae": ws_vdvae.SYSTEMS}
KODAK = RECORDS / "dct-vae-kodak" / "cpu" / "kodak"
RUNS = sorted(path.relative_to(RECORDS) for path in RECORDS.glob("*/*/runs/*.json"))


@pytest.mark.parametrize("path", RUNS, ids=str)
def test_a_record_is_of_its_recipe(path):
    paper, preset = path.parts[:2]
    store = Store(PaperSettings(RECORDS, RECORDS / paper, preset), PAPERS[paper])
    record = json.loads((RECORDS / path).read_text())
    name = record["system"]
    assert path.stem == f"{name}-seed{record['seed']}" and record["stage"] == store._stage(name)
    assert all(measure in record for measure in ("elbo", *store.systems[name].measures))


def test_kodak_s_records_are_of_the_nets_in_the_package():
    nets = released_nets([np.zeros((32, 32, 3), np.uint8)])
    assert [path.name for path in KODAK.iterdir()] == [nets.digest()]
    assert len(list((KODAK / nets.digest()).glob("kodim*.json"))) == 24
