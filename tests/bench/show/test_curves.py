"""Bjøntegaard deltas of curves with a known answer, and of the published ones against the printed table."""

from __future__ import annotations

import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hvaecodec.bench.show import curves
from hvaecodec.bench.show.curves import Curve, NoOverlap, bd_rate, worst_ratio


def curve(bpp: list[float], values: list[float], name: str = "c") -> Curve:
    return Curve(name, "psnr", tuple(bpp), tuple(values))


ANCHOR = curve([0.1, 0.2, 0.5, 1.0, 2.0], [24.0, 27.0, 31.0, 34.5, 39.0], "anchor")


@given(st.floats(0.05, 20))
def test_a_constant_factor_of_rate_is_that_many_per_cent(factor: float) -> None:
    test = curve([factor * b for b in ANCHOR.bpp], list(ANCHOR.values))
    assert bd_rate(ANCHOR, test).percent == pytest.approx(100 * (factor - 1), rel=1e-6, abs=1e-6)
    assert worst_ratio(ANCHOR, test)[0] == pytest.approx(factor)


@given(st.lists(st.floats(0.01, 8), min_size=4, max_size=8, unique=True), st.floats(0.2, 3))
def test_swapping_the_curves_inverts_the_ratio(rates: list[float], gain: float) -> None:
    rates = sorted(rates)
    test = curve(rates, [20 + gain * i * 3 for i in range(len(rates))])
    try:
        there, back = bd_rate(ANCHOR, test), bd_rate(test, ANCHOR)
    except NoOverlap:
        return
    assert (1 + there.percent / 100) * (1 + back.percent / 100) == pytest.approx(1)


def test_straight_lines_of_log_rate_by_hand() -> None:
    """log-rate x and x/2 + 1 over x in [0, 4]: the mean difference is 1 - 4/4 = 0."""
    anchor = curve([math.exp(x) for x in range(5)], [30.0 + x for x in range(5)])
    test = curve([math.exp(x / 2 + 1) for x in range(5)], [30.0 + x for x in range(5)])
    assert bd_rate(anchor, test).percent == pytest.approx(0, abs=1e-9)
    ratio, where = worst_ratio(anchor, test)
    assert (ratio, where) == (pytest.approx(math.e), 30.0)


def test_the_overlap_and_its_points_are_told() -> None:
    result = bd_rate(ANCHOR, curve([0.1, 0.3, 0.9], [26.0, 30.0, 35.0]))
    assert (result.low, result.high, result.n_anchor, result.n_test) == (26.0, 35.0, 3, 3)


def test_a_range_of_ones_own_is_taken_whole_or_not_at_all() -> None:
    """Twice the rate below 30 dB, half of it above: each half of the range by itself, or nothing."""
    anchor = curve([2.0**i for i in range(9)], [26.0 + i for i in range(9)])
    test = curve([2.0 ** (i + (1 if i < 4 else -1)) for i in range(9)], [26.0 + i for i in range(9)])
    assert bd_rate(anchor, test, (26.0, 28.0)).percent == pytest.approx(100, abs=1)
    above = bd_rate(anchor, test, (32.0, 34.0))
    assert above.percent == pytest.approx(-50, abs=1)
    assert (above.low, above.high, above.n_anchor) == (32.0, 34.0, 3)
    with pytest.raises(NoOverlap, match="share 26.0..34.0 only"):
        bd_rate(anchor, test, (25.9, 30.0))


def test_no_overlap_is_said_not_guessed() -> None:
    with pytest.raises(NoOverlap, match="share no distortion"):
        bd_rate(ANCHOR, curve([0.1, 0.2], [50.0, 51.0]))
    with pytest.raises(NoOverlap, match="has 1 point"):
        bd_rate(ANCHOR, curve([0.1], [30.0]))


def test_value_at_a_rate_is_none_outside() -> None:
    assert curves.value_at(ANCHOR, 0.5) == pytest.approx(31)
    assert curves.value_at(ANCHOR, 0.05) is None
    assert curves.value_at(ANCHOR, 3) is None


# BD-rates in per cent against JPEG (Pillow), BPG 4:4:4 and VTM 18.0, as printed in our survey of the field.
FIELD = {
    "jpeg": (0, 143.0, 233.0),
    "jpeg2000": (-35.9, 55.8, 99.3),
    "webp": (-36.2, 44.2, 79.5),
    "bpg": (-58.9, 0, 23.6),
    "hm": (-60.1, 0.8, 25.2),
    "av1": (-62.4, -6.2, 17.3),
    "vtm": (-70.0, -19.1, 0),
    "factorized": (-44.5, 32.5, 69.2),
    "hyperprior": (-55.0, 3.9, 31.2),
    "compressai-mbt2018-mean_mse_cuda": (-58.0, -3.3, 22.0),
    "compressai-mbt2018_mse_cuda": (-61.0, -11.2, 11.6),
    "compressai-cheng2020-anchor_mse_cuda": (-65.4, -18.9, 4.5),
    "paper-minnen2020-cc10_mse": (-65.8, -20.5, 1.8),
    "paper-elic2022_mse": (-67.9, -26.6, -6.4),
    "qres34m": (-63.7, -20.4, -4.0),
    "qarv": (-63.7, -21.7, -5.9),
    "tcm-small": (-66.8, -25.7, -6.1),
    "tcm-large": (-68.4, -29.7, -11.2),
    "mlic++": (-70.7, -33.0, -14.4),
    "hpcm-base": (-70.7, -33.5, -15.4),
    "hpcm-large": (-72.5, -36.8, -19.4),
    "cool-chic-v5.0": (-67.8, -25.4, -6.1),
    "c3db:C3 (Adaptive)": (-65.0, -17.7, 4.0),
    "cool-chic-v1.0": (-51.3, 19.9, 53.6),
    "shallow-ntc:JPEG-like_syn": (-49.5, 21.5, 55.8),
    "shallow-ntc:2-layer_syn": (-55.5, 5.9, 35.7),
    "shallow-ntc:2-layer_syn+SGA": (-59.1, -4.9, 20.9),
    "ms-illm": (-56.7, 39.4, 85.4),
}


@pytest.mark.parametrize("name", FIELD)
def test_published_curves_give_the_printed_table(name: str) -> None:
    test = curves.published(name, "psnr")
    anchors = [curves.published(anchor, "psnr") for anchor in ("jpeg", "bpg", "vtm")]
    assert test is not None
    percents = [bd_rate(anchor, test).percent for anchor in anchors if anchor is not None]
    assert percents == pytest.approx(FIELD[name], abs=0.2)


@pytest.mark.data
def test_the_curves_and_the_table_are_those_of_the_survey(data_dir: Path) -> None:
    specs = data_dir.resolve().parent / "specs"
    survey = json.loads((specs / "kodak_rd.json").read_text(encoding="utf-8"))
    shipped = json.loads((resources.files("hvaecodec.bench.show") / "published.json").read_text(encoding="utf-8"))
    perceptual = json.loads((specs / "perceptual.json").read_text(encoding="utf-8"))
    more = {name: perceptual[name] for name in ("stablecodec", "dc-vic")}
    assert set(survey | more) == set(shipped)
    for name, entry in more.items():  # which has three digits
        for key in ("bpp", "psnr", "lpips", "dists"):
            assert shipped[name][key] == pytest.approx(entry[key], abs=0.06 if key == "psnr" else 6e-4), f"{name} {key}"
    for name in ("ms-illm", "hific", "no-gan"):
        for key in {"lpips", "dists"} & set(survey[name]):
            assert shipped[name][key] == survey[name][key], f"{name} {key}"
    for name, entry in survey.items():
        ours = shipped[name]
        for key in ("bpp", "psnr", "ms_ssim"):
            pairs = zip(ours.get(key) or [], entry.get(key) or [], strict=True)
            assert all(a == b or abs(a - b) <= 1e-4 for a, b in pairs), f"{name} {key}"
    rows = (specs / "field.md").read_text(encoding="utf-8").replace("−", "-").replace("+", "").splitlines()
    for name, percent in FIELD.items():
        cells = ["0" if value == 0 else f"{value:.1f}" for value in percent]
        assert any(all(cell in row.replace("/", "|") for cell in cells) for row in rows), f"{name}: {cells}"


def test_published_curves_have_sources_and_can_be_missed() -> None:
    assert len(curves.published_names()) == 140
    assert all(curves.published_entry(name)["source"] for name in curves.published_names())
    assert curves.published("qarv_base", "ms-ssim") is None
    with pytest.raises(ValueError, match=r"no published curve 'qarv_bas'; near it: qarv_base|no published curve"):
        curves.published_entry("qarv_bas")


def record(codec: str, quality: float, image: str, **more: Any) -> dict[str, Any]:
    head = {"dataset": "d", "codec": codec, "settings": {"quality": quality}, "image": image, "baseline": True}
    return head | more


def test_curves_average_each_setting_over_the_images() -> None:
    records = [
        record("a", q, image, bpp=q * (1 + i), psnr_db=30 + q + 2 * i, ms_ssim=0.9 + 0.09 * i)
        for q in (1, 2)
        for i, image in enumerate("xy")
    ]
    assert curves.from_records(records, "psnr")["a"] == Curve("a", "psnr", (1.5, 3.0), (32.0, 33.0))
    value = curves.from_records(records, "ms-ssim")["a"].values[0]
    assert value == pytest.approx(-10 * math.log10(1 - 0.945))  # averaged, then in dB


def test_a_setting_that_misses_an_image_is_left_out_and_counted() -> None:
    records = [record("a", q, image, bpp=q, psnr_db=30.0 + q) for q in (1, 2, 3) for image in "xy"]
    records[3] = record("a", 2, "y", error="CorruptFile: no")
    curve = curves.from_records(records, "psnr")["a"]
    assert (curve.bpp, curve.left_out) == ((1.0, 3.0), 1)


def test_estimates_are_a_curve_of_their_own() -> None:
    records = [record("a", q, "x", bpp=2.0 * q, est_bpp=1.0 * q, psnr_db=30.0 + q) for q in (1, 2)]
    records += [record("b", q, "x", bpp=3.0 * q, psnr_db=30.0 + q) for q in (1, 2)]
    files, estimates = curves.from_records(records, "psnr"), curves.from_records(records, "psnr", estimated=True)
    assert files["a"].bpp == (2.0, 4.0)
    assert not files["a"].estimated
    assert list(estimates) == ["a"]
    assert estimates["a"].bpp == (1.0, 2.0)
    assert estimates["a"].estimated


def test_points_of_equal_distortion_are_averaged() -> None:
    doubled = curve([0.1, 0.2, 0.4], [24.0, 30.0, 30.0])
    assert np.isfinite(bd_rate(ANCHOR, doubled).percent)


def test_published_perceptual_curves_are_drawn_as_their_sources_have_them() -> None:
    values = {
        ("ms-illm", "lpips"): (0.080607, 0.10997),
        ("ms-illm", "dists"): (0.080607, 0.108518),
        ("hific", "lpips"): (0.182559, 0.068647),
        ("dc-vic", "lpips"): (0.086002, 0.096144),
        ("stablecodec", "dists"): (0.0341, 0.092),
    }
    for (name, metric), (bpp, value) in values.items():
        curve = curves.published(name, metric)
        assert curve is not None and curve.source
        (nearest,) = (v for b, v in zip(curve.bpp, curve.values, strict=True) if abs(b - bpp) < 1e-5)
        assert nearest == pytest.approx(value, abs=1e-6)
    assert curves.published("hific", "dists") is None
    assert curves.published("ms-illm", "dists-256") is None and curves.published("ms-illm", "lpips-vgg") is None
