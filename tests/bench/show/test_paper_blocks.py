"""What the documents show of the papers' experiments falls into place as soon as there are records."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from hvaecodec.bench.papers.circles.deltas import PAIRS, settings_of
from hvaecodec.bench.papers.circles.headlines import open_store
from hvaecodec.bench.papers.claim_list import Claim, Judgement
from hvaecodec.bench.papers.hqa.headlines import CLAIMS as OF_HQA
from hvaecodec.bench.papers.judges import Verdict
from hvaecodec.bench.papers.srvae.experiment import SYSTEMS
from hvaecodec.bench.papers.srvae.measures import ENLARGED, NETS, RECONSTRUCTIONS, SAMPLES, Measurement
from hvaecodec.bench.papers.vae_tables import claim_row
from hvaecodec.bench.show.documents import paper_blocks
from hvaecodec.training.recipes.hqa import MNIST
from hvaecodec.training.recipes.hqa_faces import FACES

ORIGIN = {"commit": "0123456789", "date": "2031-05-06", "processor": "a processor"}
RECORDS = Path(__file__).parents[3] / "records"


def write(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record | ORIGIN), encoding="utf-8")


def write_srvae(records: Path) -> None:
    """The srVAE has the lower RE_x, more bits in all, and samples that the two nets see differently."""
    for name in SYSTEMS:
        two = name.startswith("srvae")
        terms = {"re_x": 6500.0 if two else 7800.0, "kl_z": 1300.0} | ({"re_y": 2100.0, "kl_u": 400.0} if two else {})
        kinds = (*SAMPLES.values(), RECONSTRUCTIONS, "generative", *ENLARGED)
        distances = {
            kind + suffix: 5.0 - two * (suffix == "") + two * (suffix != "") for kind in kinds for suffix in NETS
        }
        psnr = {"bilinear": 24.0, "bicubic": 25.0} | dict.fromkeys(ENLARGED.values(), 28.0)
        codec = {"files": 5, "bpp": 3.7, "payload_bpp": 3.5, "est_y_bpp": 3.6, "est_z_bpp": 1.2} | dict.fromkeys(
            (*ENLARGED, RECONSTRUCTIONS), 28.0
        )
        chain = {"net_bits": 100.2, "model_bits": 100.0, "elbo_bits": [100.0, 1.0]} | dict.fromkeys(
            ("initial_bits", "bytes", "pictures"), 7
        )
        measured = Measurement(
            10, 20, 0.5, 32, terms, distances, psnr if two else {}, codec if name == "srvae-rising" else {}, chain
        )
        write(records / "srvae/cpu/runs" / f"{name}-seed0.json", {"system": name, "seed": 0} | asdict(measured))


def write_circles(records: Path) -> None:
    """The circle is better than the plane by more than its errors, and its phase is found."""
    store = open_store(records)
    for name, system in store.plan.systems.items():
        for copy in store.copies(name, None):
            values = {"neg_elbo": 200.0 + (name == "R2") + copy.seed / 100, "error": 0.1, "correlation": 0.999}
            values |= {"kl": 2.0, "reconstruction": 198.0, "mse": 0.01, "batch": system.batch}
            write(
                store.path(name, copy, "json"), asdict(copy) | values | {"system": name, "plan": store.plan_stamp(name)}
            )
    for pair in PAIRS:
        for at in settings_of(pair):
            fit = store.plan.fit_torus if "R4" in pair else store.plan.fit
            start = 5000.0 if pair[0] == "R2" else 10.0
            record = {"pair": list(pair), "data": 25, "deltas": [start, start + 1], "fit": asdict(fit)}
            name = f"{pair[0]}-{pair[1]}-noise{at[0]:g}-sigma{at[1]:g}.json"
            write(store.folder / "reductors" / name, record | {"mapped": [], "models": 5})


def write_hqa(records: Path, seeds: int) -> None:
    """HQA's rFD-LeNet is below the others', its class error above a VQ-VAE's."""
    for system in MNIST:
        for seed in range(seeds):
            score = {
                "mse": 0.04,
                "rfd": 1.0 if system == "hqa" else 9.0,
                "error_percent": 14.0 - 2 * (system == "vqvae"),
            }
            score = {key: value + seed / 100 for key, value in score.items()}
            layer = {"bits": 8, "used": 0.5, "own": score, "first": score, "modes": score, "weak_error_percent": 12.0}
            record = {"system": system, "seed": seed, "layers": [layer], "parameters": 9}
            originals = {"pictures": 99, "error_percent": 0.5, "weak_error_percent": 3.2}
            write(records / "hqa-mnist/cpu/runs" / f"{system}-seed{seed}.json", record | {"originals": originals})
    for system in FACES:
        score = {"mse": 0.01, "fd_cifar": 4.5}
        layer = {"bits": 9, "used": 0.5, "own": score, "modes": score}
        record = {"system": system, "seed": 0, "layers": [layer], "parameters": 9, "pictures": 500}
        write(records / "hqa-faces/cpu/runs" / f"{system}-seed0.json", record)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of every experiment: invented ones of those that take hours, the repository's of the others."""
    folder = tmp_path_factory.mktemp("records")
    write_srvae(folder)
    write_circles(folder)
    write_hqa(folder, seeds=3)
    for name in ("dct-vae", "dct-vae-kodak", "ws-vdvae"):
        (folder / name).symlink_to(RECORDS / name)
    return folder


@pytest.mark.parametrize("name", paper_blocks.BLOCKS)
def test_every_block_has_its_numbers(name: str, records: Path) -> None:
    text = paper_blocks.BLOCKS[name](records)
    assert "Not measured" not in text and "not measured" not in text
    if name.endswith(".records") and name not in ("papers-dct-vae.records", "papers-ws-vdvae.records"):
        assert "measured: 2031-05-06; processor: a processor; commit: 0123456789." in text
    elif not name.endswith((".verdict", ".records")):
        assert text.count("\n| ") >= 2, "a table with a row"


def test_claims_are_judged_from_the_records(records: Path) -> None:
    rows = [row.split(" | ") for row in paper_blocks.list_claims(records).splitlines()[2:]]
    verdicts = {int(cells[0].strip("| ")): (cells[2].strip("*"), cells[3]) for cells in rows}
    assert verdicts[1] == ("holds", "4 of 4 hold"), "both pairs: RE_x and bits"
    assert verdicts[2] == ("open", "0 of 2 hold, 2 open"), "the two feature nets disagree"
    assert verdicts[3] == ("holds", "5 of 5 hold"), "three bounds, the phase, and the order of Δ"
    assert verdicts[13] == ("holds", "2 of 2 hold") and verdicts[14] == ("fails", "0 of 2 hold, 1 fails, 1 open")
    verdict = paper_blocks.BLOCKS["papers-hqa.verdict"](records).splitlines()
    assert [line.split(":**")[0] for line in verdict] == ["- **The paper claims", "- **We found", "- **How sure"]
    assert verdict[2].startswith("- **How sure:** 3 runs of each system; 1 run of each system. The nets")


def test_a_single_run_leaves_hqa_s_claims_open(tmp_path: Path) -> None:
    write_hqa(tmp_path, seeds=1)
    judgements = [Judgement.of(claim, tmp_path) for claim in OF_HQA]
    assert [judgement.word for judgement in judgements] == ["open", "open"]
    assert [judgement.counts for judgement in judgements] == ["0 of 2 hold, 2 open"] * 2


@pytest.mark.parametrize(
    ("verdicts", "word", "counts"),
    [
        ([Verdict.HOLDS, Verdict.HOLDS], "holds", "2 of 2 hold"),
        ([Verdict.HOLDS, Verdict.FAILS], "fails", "1 of 2 hold, 1 fails"),
        ([Verdict.FAILS, Verdict.FAILS, Verdict.WITHIN], "fails", "0 of 3 hold, 2 fail, 1 open"),
        ([Verdict.HOLDS, Verdict.WITHIN], "open", "1 of 2 hold, 1 open"),
        ([Verdict.HOLDS, Verdict.NOT_RUN], "open", "1 of 2 hold, 1 open"),
        ([Verdict.NOT_RUN], "open", "not measured"),
        ([], "open", "not measured"),
    ],
)
def test_a_claim_holds_with_all_its_comparisons_and_fails_with_one(
    verdicts: list[Verdict], word: str, counts: str
) -> None:
    claim = Claim("It is so.", "table 1", lambda records: [claim_row("a", verdict, "1") for verdict in verdicts])
    judgement = Judgement.of(claim, Path())
    assert (judgement.word, judgement.counts) == (word, counts)


def test_records_without_an_origin_say_so() -> None:
    text = paper_blocks.BLOCKS["papers-ws-vdvae.records"](RECORDS)
    assert "16 records; measured: not recorded, in the repository since 2026-11-" in text
    assert text.endswith("processor: not recorded; commit: not recorded.")
