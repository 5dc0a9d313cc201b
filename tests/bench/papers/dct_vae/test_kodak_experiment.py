"""`hvaecodec paper dct-vae-kodak`: photos are measured, and the paper's claims on Kodak are judged."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.papers import PaperSettings, experiment
from hvaecodec.bench.papers.dct_vae import kodak_measures, tiling
from hvaecodec.bench.papers.dct_vae.kodak_measures import seams
from hvaecodec.bench.papers.dct_vae.kodak_tables import judge_claims
from hvaecodec.bench.papers.dct_vae.tiling import Tiling

KODAK = Path(__file__).parents[4] / "records" / "dct-vae-kodak" / "cpu" / "kodak"


def test_kodak_from_contexts(tmp_path, monkeypatch, quiet):
    monkeypatch.setattr(
        "hvaecodec.bench.papers.dct_vae.kodak_experiment.load_dataset", lambda name, data: photos(tmp_path)
    )
    monkeypatch.setattr("hvaecodec.bench.papers.dct_vae.kodak_experiment.load_codec", lambda name: Whole())
    training = [photo.pixels() for photo in photos(tmp_path)]
    monkeypatch.setattr("hvaecodec.bench.papers.dct_vae.kodak_experiment.load_training_photos", lambda data: training)
    tables = experiment("dct-vae-kodak")(PaperSettings(tmp_path, tmp_path / "out", "tiny"), quiet)
    assert [row[0] for row in tables[0].rows] == ["a", "mean"]
    of_tiles, whole = sorted((tmp_path / "out" / "tiny" / "kodak").glob("*/a.json"))
    assert whole.parent.name.startswith("whole-")
    record = json.loads(of_tiles.read_text()) | json.loads(whole.read_text())
    assert record["n_bytes"] == pytest.approx(record["est_bits"] / 8, abs=60)
    assert record["jpeg_psnr_db"] >= record["calm_psnr_db"] or record["jpeg_quality"] == 100
    assert record["whole_n_bytes"] > 64 and record["whole_psnr_db"] >= record["calm_psnr_db"]
    assert record["vdvae_kl_bits"] > 0 and record["prior_bits"] == pytest.approx(record["est_bits"], rel=0.5)
    assert {row[1] for row in tables[1].rows} <= {"holds", "FAILS"}
    for name in ("kodak-rates", "kodak-pictures"):
        assert (tmp_path / "out" / "tiny" / "figures" / f"{name}.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="--only"):
        experiment("dct-vae-kodak")(PaperSettings(tmp_path, tmp_path, only=("x",)), quiet)


class Whole:
    """Stands for the codec of whole pictures, whose search for a PSNR takes seconds."""

    bitstream = SimpleNamespace(digest=b"1234")
    generators = SimpleNamespace(newest=b"ab", base=lambda digest, *kinds: digest)

    def encode(self, x, psnr, effort):
        return Jpeg().encode(x, quality=95)

    def decode(self, data):
        return Jpeg().decode(data)


def photos(folder):
    rng = np.random.default_rng(1)
    for name in "a":
        coarse = rng.integers(0, 256, (6, 6, 3), np.uint8)
        Image.fromarray(coarse).resize((192, 192), Image.Resampling.BICUBIC).save(folder / f"{name}.png")
    return load_dataset(str(folder))


def test_tiles_that_are_alike_are_cheaper_beside_each_other():
    rng = np.random.default_rng(0)
    walk = np.round(0.7 * rng.normal(0, 1, (30, 8, 8, 3, 2, 2)).cumsum(1).cumsum(2)).clip(-9, 9).astype(np.int32)
    mixed = rng.permuted(walk.reshape(-1, 3, 2, 2), axis=0).reshape(walk.shape)
    (alone, beside), (mixed_alone, mixed_beside) = (
        np.sum([Tiling.fit(list(grids[:20]), 9).bits(grid) for grid in grids[20:]], 0) for grids in (walk, mixed)
    )
    assert beside < 0.85 * alone and mixed_beside == pytest.approx(mixed_alone, rel=0.05)
    grid = walk[0]
    assert np.array_equal(tiling._neighbours(grid)[8 * 3 + 4], [*grid[3, 3].ravel(), *grid[2, 4].ravel(), 1])
    assert not tiling._neighbours(grid)[0, :-1].any()
    sizes = [g.shape for g in tiling.grids_of([np.zeros((70, 40, 3)), np.zeros((20, 90, 3))], np.atleast_3d, 32)]
    assert sizes == [(64, 32, 3)]


def test_vdvae_is_compared_at_equal_psnr(monkeypatch):
    """Its latents are taken one after the other until the picture is as good; bits between two of them are by PSNR."""
    x = np.full((32, 32, 3), 100, np.uint8)
    errors = [40, 20, 10, 10, 5, 2]

    class Net:
        order = range(5)

    monkeypatch.setattr(
        kodak_measures, "top_latents", lambda x, net, calm, top: (x + np.uint8(errors[top]), 100.0 * top)
    )
    psnr = [20 * np.log10(255 / error) for error in errors]
    for top in (1, 2, 4, 5):
        at = kodak_measures.vdvae_at(x, Net(), psnr[top])
        assert (at["vdvae_top"], at["vdvae_equal_kl_bits"]) == (top, pytest.approx(100 * top))
    between = kodak_measures.vdvae_at(x, Net(), 0.75 * psnr[1] + 0.25 * psnr[2])
    assert between["vdvae_top"] == 2 and between["vdvae_equal_kl_bits"] == pytest.approx(125)
    assert kodak_measures.vdvae_at(x, Net(), 99)["vdvae_equal_kl_bits"] == 500  # all there are


def test_seams_are_steps_at_borders():
    flat = np.full((64, 64, 3), 9, np.uint8)
    flat[:, 1::2] += 1
    assert seams(flat) == pytest.approx(1, abs=0.05)
    flat[32:] += 50
    assert seams(flat) > 2


@pytest.fixture
def records():
    out: dict[str, dict[str, float]] = {}
    for path in sorted(KODAK.glob("*/*.json")):
        out.setdefault(path.stem, {}).update(json.loads(path.read_text(encoding="utf-8")))
    return list(out.values())


def verdicts(records, **changes):
    """The verdict of each claim when columns of the records are changed."""
    return [row[1] for row in judge_claims([r | {key: f(r) for key, f in changes.items()} for r in records]).rows]


def test_each_claim_on_kodak_depends_on_its_own_numbers(records):
    before = verdicts(records)
    assert len(records) == 24 and set(before) <= {"holds", "FAILS"}
    for number, key, low, high in (
        (0, "jpeg_n_bytes", lambda r: r["n_bytes"] - 1, lambda r: r["n_bytes"] + 1),
        (1, "vdvae_equal_kl_bits", lambda r: 8 * r["n_bytes"] - 1, lambda r: 8 * r["n_bytes"] + 1),
        (3, "alone_bits", lambda r: r["beside_bits"] - 1, lambda r: r["beside_bits"] + 1),
        (4, "prior_bits", lambda r: 8 * r["n_bytes"] / 1.11, lambda r: 8 * r["n_bytes"] / 1.09),
    ):
        for change, verdict in ((low, "FAILS"), (high, "holds")):
            after = verdicts(records, **{key: change})
            assert after[number] == verdict
            assert [*after[:number], *after[number + 1 :]] == [*before[:number], *before[number + 1 :]]


def test_fewer_bits_than_two_latents_count_at_no_less_psnr_only(records):
    dear = {"vdvae_kl_bits": lambda r: 8 * r["n_bytes"] + 1}
    equal = {f"vdvae_{kind}_psnr_db": lambda r, kind=kind: r[f"{kind}_psnr_db"] for kind in ("calm", "drawn")}
    assert verdicts(records, **dear, **equal)[2] == "holds"
    assert verdicts(records, **equal, vdvae_kl_bits=lambda r: 8 * r["n_bytes"] - 1)[2] == "FAILS"
    for key, better in equal.items():
        assert verdicts(records, **dear, **equal | {key: lambda r, f=better: f(r) + 0.01})[2] == "FAILS"
