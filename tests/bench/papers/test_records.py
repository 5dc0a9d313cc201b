"""The records that come with the repository are of today's recipes and weights, and give the tables beside them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from hvaecodec.bench.papers import PaperSettings, experiment, recorded
from hvaecodec.bench.papers.circles import headlines as circles
from hvaecodec.bench.papers.dct_vae import systems as dct_vae
from hvaecodec.bench.papers.dct_vae.kodak_experiment import released_nets
from hvaecodec.bench.papers.hqa.runs import Runs
from hvaecodec.bench.papers.srvae import experiment as srvae
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.ws_vdvae import systems as ws_vdvae
from hvaecodec.bench.show.tables import to_markdown
from hvaecodec.training.recipes.hqa import MNIST
from hvaecodec.training.recipes.hqa_faces import FACES

RECORDS = Path(__file__).parents[3] / "records"
SYSTEMS = {"dct-vae": dct_vae.SYSTEMS, "ws-vdvae": ws_vdvae.SYSTEMS}
KODAK = RECORDS / "dct-vae-kodak" / "cpu" / "kodak"
RUNS = sorted(path.relative_to(RECORDS) for path in RECORDS.glob("*/*/runs/*.json"))
EXPERIMENTS = sorted({path.parts[0] for path in RUNS})


def recipe_stamp(experiment: str, system: str) -> int:
    """The stamp that a record of an experiment must have, by today's recipes."""
    settings = PaperSettings(RECORDS, RECORDS / experiment)
    if experiment == "srvae":
        return srvae.recipe_stamp(system, settings.preset)
    if experiment == "latent-separation":
        return circles.open_store(RECORDS).plan_stamp(system)
    if experiment.startswith("hqa"):
        return Runs(settings, {"hqa-mnist": MNIST, "hqa-faces": FACES}[experiment]).recipe_stamp(system)
    return Store(settings, SYSTEMS[experiment]).stage_stamp(system)


@pytest.mark.parametrize("path", RUNS, ids=str)
def test_a_record_is_of_its_recipe(path):
    experiment, preset, *_ = path.parts
    record = json.loads((RECORDS / path).read_text(encoding="utf-8"))
    name = record["system"]
    (key,) = {"stage", "stages", "plan"} & record.keys()
    of_run = r"(-noise[\d.]+-sigma[\d.]+)?" if experiment == "latent-separation" else ""
    assert preset == "cpu" and re.fullmatch(f"{name}{of_run}-seed{record['seed']}", path.stem)
    assert record[key] == recipe_stamp(experiment, name)
    if experiment in SYSTEMS:
        assert all(measure in record for measure in ("elbo", *SYSTEMS[experiment][name].measures))


@pytest.mark.parametrize(
    ("experiment", "system"),
    [("srvae", "srvae-rising"), ("latent-separation", "S1"), ("hqa-mnist", "hqa"), ("hqa-faces", "vqvae-9")],
)
def test_recipes_have_stamps_of_their_own(experiment, system):
    others = {"srvae": "vae", "latent-separation": "R2", "hqa-mnist": "hams", "hqa-faces": "hqa"}
    assert recipe_stamp(experiment, system) != recipe_stamp(experiment, others[experiment])


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_the_records_give_the_tables_that_lie_beside_them(experiment):
    tables = recorded.read_tables(experiment, RECORDS)
    assert to_markdown(tables) == (RECORDS / experiment / "cpu" / "tables.md").read_text(encoding="utf-8")


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
