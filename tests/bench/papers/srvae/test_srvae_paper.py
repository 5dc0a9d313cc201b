"""The srVAE's experiment at a tiny size: tables, figures, stored results."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from safetensors.numpy import save

from hvaecodec.bench.papers import PaperSettings, experiment
from hvaecodec.bench.papers.srvae import experiment as srvae
from hvaecodec.bench.papers.srvae import measures
from hvaecodec.bench.papers.srvae.claims import judge_claims
from hvaecodec.bench.papers.srvae.figures import join_pictures
from hvaecodec.bench.papers.srvae.tables import codec_tables, super_resolution_table
from hvaecodec.codec.tiles.lossless_rgb import fit_tables
from hvaecodec.codec.tiles.srvae_weights import FILE, TABLES, load_model, model_bytes
from hvaecodec.models.srvae.config import PRESETS
from hvaecodec.models.srvae.srvae import make
from hvaecodec.training import small_images
from hvaecodec.training.small_images import SmallImages


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8).repeat(4, 1).repeat(4, 2)
    images = SmallImages("cifar10", rows[:24], rows[24:])
    settings = PaperSettings(tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("out"), "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_images, "cifar10", lambda data: images)
        patch.setattr(srvae, "cifar10", lambda data: images)
        yield settings, srvae.run_experiment(settings, lambda stage, spent, words: None), images


def test_it_is_registered():
    assert experiment("srvae") is srvae.run_experiment


def test_ours_stand_beside_the_printed(finished):
    _, (table, by_temperature, enlarged, *_), _ = finished
    names = ["vae, ours", "vae, printed", "srvae, ours", "srvae, printed", "vae-rising, ours", "srvae-rising, ours"]
    assert [row[0] for row in table.rows] == names
    assert table.rows[3][4:9] == ("3.65", "5107", "1241", "619", "819")
    bits, parts = float(table.rows[2][4]), [float(cell) for cell in table.rows[2][5:9]]
    assert bits == pytest.approx(sum(parts) / (3 * 16 * 16 * np.log(2)), abs=4e-3)
    assert any("vae 3.525, srvae 3.657" in note for note in table.notes)
    assert sum("Claims of the paper" in note for note in table.notes) == 2
    assert [row[1].split(",")[0] for row in enlarged.rows] == ["bilinear", "bicubic", "srVAE", "srVAE"] * 2
    assert [row[0] for row in by_temperature.rows] == list(srvae.SYSTEMS) and by_temperature.header[1:] == (
        "1",
        "0.8",
        "0.6",
    )
    assert [row[0] for row in enlarged.rows] == ["srvae"] * 4 + ["srvae-rising"] * 4


def test_chains_cost_what_the_models_say(finished):
    *_, chains = finished[1]
    assert [row[0] for row in chains.rows] == list(srvae.SYSTEMS)
    for row in chains.rows:
        assert abs(float(row[3].removesuffix(" %"))) < 0.5
        assert float(row[1]) == pytest.approx(float(row[4].split(" ")[0]), rel=0.2)  # untrained, and of other draws


def measurement(re_x: float, kl_z: float, samples: float | None = None, check: float | None = None):
    distances = {} if samples is None else {"samples": samples, "samples_check": check}
    return measures.Measurement(1, 1, 0.1, 32, {"re_x": re_x, "kl_z": kl_z}, distances, {}, {})


@pytest.mark.parametrize(
    ("vae", "sr", "verdicts"),
    [
        (measurement(9000, 10, 4, 5), measurement(8000, 2000, 3, 4), ["yes", "yes", "yes"]),
        (measurement(8000, 10, 4, 5), measurement(8000.5, -10, 5, 6), ["NO", "NO", "NO"]),
        (measurement(9000, 10, 4, 5), measurement(8000, 10, 3, 6), ["yes", "NO", "the two nets disagree"]),
        (measurement(9000, 10), measurement(8000, 2000), ["yes", "yes"]),
    ],
)
def test_claims_are_judged(vae, sr, verdicts):
    words = judge_claims("vae", "srvae", [vae], [sr]).split(": ", 1)[1].split(" (")
    assert [part.rsplit(": ", 1)[1] for part in words[:-1]] == verdicts
    assert f"RE_x of the srVAE is lower: {verdicts[0]} (vae {vae.terms['re_x']:.2f}, srvae {sr.terms['re_x']:.2f})" in (
        judge_claims("vae", "srvae", [vae], [sr])
    )


@given(st.floats(1, 1e5), st.floats(1, 1e5), st.floats(0, 100), st.floats(0, 100), st.integers(1, 3))
def test_swapping_the_models_flips_the_claims_that_differ(re_x, other_re_x, distance, other_distance, runs):
    assume(abs(re_x - other_re_x) > 1e-3 and abs(distance - other_distance) > 1e-3)
    one = [measurement(re_x, 10, distance, distance)] * runs
    two = [measurement(other_re_x, 10, other_distance, other_distance)]
    there, back = judge_claims("a", "b", one, two), judge_claims("a", "b", two, one)
    for claim, holds in (
        ("RE_x of the srVAE is lower", other_re_x < re_x),
        ("its bits per dim are higher", other_re_x > re_x),
        ("its samples are nearer to pictures", other_distance < distance),
    ):
        verdicts = ("yes", "NO") if holds else ("NO", "yes")
        assert f"{claim}: {verdicts[0]} (" in there and f"{claim}: {verdicts[1]} (" in back


def test_samples_are_also_compared_at_the_best_temperature_of_each():
    def distances(*at: float) -> dict[str, float]:
        return {
            key + suffix: d for key, d in zip(measures.SAMPLES.values(), at, strict=True) for suffix in measures.NETS
        }

    vae, sr = (replace(measurement(9, 1), distances=d) for d in (distances(13, 15, 18), distances(20, 14, 12)))
    words = judge_claims("vae", "srvae", [vae], [sr])
    assert "nearer to pictures: NO (vae 13.00, srvae 20.00; vae 13.00, srvae 20.00)" in words
    assert "at its best temperature of z: yes (vae 13.00, srvae 12.00; vae 13.00, srvae 12.00)" in words


@pytest.mark.parametrize(
    ("ours", "verdict"), [(26.1, "+1.10 dB over bicubic at the means, 1 dB is reached"), (25.9, "is NOT")]
)
def test_a_gain_over_bicubic_is_judged(ours, verdict):
    psnr = {"bilinear": 24.0, "bicubic": 25.0, measures.ENLARGED["means"]: ours}
    notes = super_resolution_table({"srvae": [replace(measurement(1, 1), psnr_db=psnr)]}).notes
    assert any(verdict in note for note in notes)


def test_figures_and_results_are_kept(finished):
    settings, _, _ = finished
    folder = settings.out / "tiny" / "train" / "srvae-seed0"
    assert {path.name for path in folder.glob("*.png")} == {
        "generations.png",
        "reconstructions.png",
        "interpolations.png",
    }
    assert len(list(folder.glob("terms-*.json"))) == 1
    path = settings.out / "tiny" / "runs" / "srvae-seed0.json"
    record = json.loads(path.read_text())
    assert {"commit", "date", "processor"} <= record.keys()
    record["terms"] = {"re_x": 7000.0, "re_y": 1.0, "kl_z": 2.0, "kl_u": 3.0}
    path.write_text(json.dumps(record))
    for only in ("srvae", "recorded"):
        again = srvae.run_experiment(replace(settings, only=(only,)), lambda stage, spent, words: None)
        assert again[0].rows[2][5:9] == ("7000", "1", "2", "3")  # also of the systems that are not named
    path.write_text(json.dumps(record | {"stages": 1}))  # of another recipe: measured again
    again = srvae.run_experiment(replace(settings, only=("srvae",)), lambda stage, spent, words: None)
    assert again[0].rows[2][5] != "7000"


def test_interpolation_by_pillow_is_told_right(finished):
    """A flat picture is enlarged without loss; PSNR is capped where there is no error."""
    flat = np.full((2, 16, 16, 3), 90, np.uint8)
    y = torch.full((2, 3, 8, 8), 90.0)
    assert np.array_equal(measures.enlarge(y, measures.Image.Resampling.BICUBIC), flat)
    assert measures.psnr_by_picture(flat, flat).min() > 70
    worse = flat.copy()
    worse[1] += 10
    assert measures.psnr_by_picture(flat, worse)[1] == pytest.approx(10 * np.log10(255**2 / 100))


def test_grid_has_every_picture_in_its_place():
    pictures = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1) * np.ones((1, 1, 4, 4, 3), np.uint8)
    joined = join_pictures(pictures)
    assert joined.shape == (2 * 14 + 2, 3 * 14 + 2, 3)
    assert joined[2, 2, 0] == 0 and joined[16 + 11, 2 + 28 + 11, 0] == 5 and joined[0, 0, 0] == 255


def test_unknown_systems_are_errors(tmp_path):
    with pytest.raises(ValueError, match="known are vae, srvae"):
        srvae.run_experiment(PaperSettings(tmp_path, tmp_path, "tiny", only=("hqa",)), lambda stage, spent, words: None)


def test_files_are_measured_apart_from_estimates(tmp_path):
    """On a model of the full side, with random weights."""
    torch.manual_seed(0)
    model = make(replace(PRESETS["tiny"]["srvae"], side=32))
    rows = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    (tmp_path / FILE).write_bytes(model_bytes(model))
    y = np.random.default_rng(1).integers(0, 256, (40, 16, 16, 3), dtype=np.uint8)
    (tmp_path / TABLES).write_bytes(save({"tables": fit_tables(y)}))
    (tmp_path / "card.json").write_text('{"codec": "srvae-cifar10"}')
    loaded = load_model(tmp_path)
    files = measures.measure_files(tmp_path, loaded, rows, 0)
    assert files["files"] == 4 and 5 < files["payload_bpp"] < files["bpp"] < files["payload_bpp"] + 0.4
    terms = [measures.mean_terms(loaded, row[None], 0) for row in rows]
    est_y = np.mean([t["re_y"] + t["kl_u"] for t in terms]) / np.log(2) / 1024
    est_z = np.mean([t["kl_z"] for t in terms]) / np.log(2) / 1024
    assert files["est_y_bpp"] == pytest.approx(est_y, rel=1e-4) and files["est_z_bpp"] == pytest.approx(est_z, rel=1e-4)
    distances = {"means": 1.25, "drawn": 0.5, "reconstructions": 0.25}
    distances |= {f"{name}_check": value + 1 for name, value in distances.items()}
    (table,) = codec_tables({"srvae": [replace(measurement(1, 1), distances=distances, codec=files)]})
    assert [row[7] for row in table.rows] == ["1.25, 2.25", "0.50, 1.50", "0.25, 1.25"]
    assert [row[5] for row in table.rows] == ["–", "–", f"{files['est_z_bpp']:.3f}"]
    assert [row[2:5] for row in table.rows] == [
        tuple(f"{files[k]:.3f}" for k in ("bpp", "payload_bpp", "est_y_bpp"))
    ] * 3
