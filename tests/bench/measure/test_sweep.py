"""`bench.rate_distortion` and `bench.rate_perception`: anybody's codec, any images, one file at many temperatures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hvaecodec import bench
from hvaecodec.bench.measure import specs, user_inputs
from hvaecodec.bench.metrics import features, set_metrics
from hvaecodec.bench.show import output, plots, tradeoffs
from hvaecodec.bench.show.report import page_curves
from hvaecodec.codec.metric_nets import convolutions

ROWS, COLUMNS = np.mgrid[0:40, 0:48]
PICTURES = [
    (127 + 60 * np.sin(ROWS / k)[..., None] + np.random.default_rng(k).normal(0, 20, (40, 48, 3)))
    .clip(0, 255)
    .astype("u1")
    for k in (3, 5)
]


class Jpeg:
    """A codec of somebody else's, that counts and, at a temperature, adds noise."""

    settings = (10, 40, 80)
    encoded = 0

    def __init__(self) -> None:
        self.file: bytes | None = None

    def encode(self, image: np.ndarray, quality: float = 50) -> bytes:
        type(self).encoded += 1
        sink = io.BytesIO()
        Image.fromarray(image).save(sink, "JPEG", quality=int(quality))
        self.file = sink.getvalue()
        return self.file

    def decode(self, data: bytes, temperature: float = 0) -> np.ndarray:
        assert self.file is None, "what encoded never decodes"
        x = np.asarray(Image.open(io.BytesIO(data)))
        noise = np.random.default_rng(0).normal(0, 1 + 9 * temperature, x.shape) * (temperature > 0)
        return (x + noise).clip(0, 255).astype(np.uint8)


class Raw:
    """No quality at all."""

    name, version = "raw", "1"

    def encode(self, image: np.ndarray) -> bytes:
        return np.array(image.shape, "<u2").tobytes() + image.tobytes()

    def decode(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data[6:], np.uint8).reshape(np.frombuffer(data[:6], "<u2"))


def test_anybodys_codec_beside_a_baseline() -> None:
    table = bench.rate_distortion([Jpeg(), "webp", Raw], PICTURES, metrics=["psnr", "mse"])
    assert [row["quality"] for row in table if row["codec"] == "Jpeg"] == [10, 40, 80]
    (raw,) = (row for row in table if row["codec"] == "raw")
    assert (raw["mse"], raw["psnr_db"], raw["images"]) == (0, None, 2)
    assert raw["n_bytes"] == 6 + 40 * 48 * 3
    mine = [record["psnr_db"] for record in table.per_image if record["codec"] == "Jpeg"]
    assert table[0]["psnr_db"] == pytest.approx(np.mean(mine[:2]))
    percents = table.bd_rate()
    assert percents["webp"] == 0 and percents["Jpeg"] is not None
    assert set(table.bd_rate("Jpeg")) == {"Jpeg", "webp", "raw"}
    assert percents["raw"] is None, "of no loss at all there is no curve"


def test_a_codec_that_always_fails_stands_in_the_bd_rates_without_one() -> None:
    """Left out, it would look as if nobody had asked for it."""

    class Halved(Jpeg):
        def decode(self, data: bytes, temperature: float = 0) -> np.ndarray:
            return super().decode(data)[::2]

    table = bench.rate_distortion(["jpeg@quality=10/40/80", Halved], PICTURES, metrics=["psnr"])
    assert all("decoded to" in row["error"] for row in table if row["codec"] == "Halved")
    assert list(table.bd_rate().values()) == [0, None]


def test_rows_are_json_and_tidy(tmp_path: Path) -> None:
    table = bench.rate_distortion({"mine": Jpeg}, {"a": PICTURES[0]}, metrics=["psnr"])
    assert json.loads(table.to_json(tmp_path / "t.json")) == list(table) == table.records
    assert json.loads((tmp_path / "t.json").read_text()) == table.records
    assert len({tuple(row) for row in table}) == 1, "every row has the same columns"
    assert all(not isinstance(value, dict | list) for row in table for value in row.values())
    assert table[0]["codec"] == "mine" and table.per_image[0]["image"] == "a"


def test_one_file_is_decoded_at_every_temperature(tmp_path: Path) -> None:
    Jpeg.encoded = 0
    table = bench.rate_distortion(Jpeg, PICTURES[:1], metrics=["psnr"], temperatures=[0, 0.5, 1], quality=[30])
    assert Jpeg.encoded == 1 + 1, "the warm-up and the file"
    assert len({row["file"] for row in table}) == len({row["n_bytes"] for row in table}) == 1
    assert [row["temperature"] for row in table] == [0, 0.5, 1]
    psnr = [row["psnr_db"] for row in table]
    assert psnr == sorted(psnr, reverse=True)
    assert len(table.curves()) == 3


def test_a_whole_quality_is_an_int_for_anybodys_codec() -> None:
    class Strict(Raw):
        version = "2"

        def encode(self, image: np.ndarray, quality: int) -> bytes:  # type: ignore[override]
            assert isinstance(quality, int) == (quality != 30.5), "as Pillow's JPEG, which refuses 30.0"
            return super().encode(image)

    table = bench.rate_distortion(Strict, PICTURES[:1], metrics=["mse"], quality=[30, 30.5, 60.0])
    assert [(row["quality"], row["mse"], row["error"]) for row in table] == [(q, 0, None) for q in (30, 30.5, 60)]


def test_plots_are_figures(tmp_path: Path) -> None:
    table = bench.rate_distortion(Jpeg, PICTURES[:1], metrics=["psnr", "mse"], temperatures=[0, 1])
    assert table.plot(path=tmp_path / "a.svg").axes[0].get_ylabel() == "PSNR (dB, RGB)"
    axes = table.plot("mse", against="psnr").axes[0]
    assert len(axes.lines) == 3 and len(axes.texts) == 6
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert table.plot()._repr_png_().startswith(b"\x89PNG"), "a notebook shows it"
    with pytest.raises(ValueError, match="'ms-ssim' was not measured"):
        table.plot("ms-ssim")


def test_perception_is_in_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    class Means:
        name, digest, side = "features-cifar", "0" * 8, 32

        def of(self, patches: np.ndarray) -> np.ndarray:
            return patches.reshape(len(patches), -1)[:, :2].astype(np.float32)

    monkeypatch.setattr(features, "load_features", lambda name: Means())
    grown = [np.tile(picture, (2, 2, 1)) for picture in PICTURES]
    table = bench.rate_perception([Jpeg], grown, metrics=["fd-cifar", "psnr"], temperatures=[0, 1])
    assert all(row["fd_cifar"] > 0 and row["patches"] == 40 for row in table)
    assert len(table.plot().axes[0].lines) == 2
    rates = table.bd_rate(anchor="Jpeg@temperature=0")
    assert rates["Jpeg@temperature=0"] == 0
    fd = set_metrics.curves_of(table.sets, "fd-cifar")["Jpeg@temperature=0"]
    assert table.curves()["Jpeg@temperature=0"] == fd


def test_a_baseline_has_no_temperature_and_a_given_one_stays() -> None:
    all_specs, base = user_inputs.codec_specs(["jpeg", "dct-vae-photo@temperature=0.3"], temperatures=[0, 1])
    assert [spec.label for spec in all_specs] == ["jpeg", "dct-vae-photo@temperature=0.3"]
    assert all_specs[1].decode_options == {"temperature": 0.3}
    assert base["jpeg"] == "jpeg"


def test_files_at_several_temperatures_are_drawn_against_psnr(tmp_path: Path) -> None:
    head = {"dataset": "d", "baseline": False, "version": "1", "images": 1, "image": "p"}
    scores = [("c@effort=1", None, 30.0, 5.0), ("c@effort=1,temperature=1", 1, 28.0, 3.0), ("d", None, 31.0, 4.0)]
    records, sets = [], []
    for codec, temperature, psnr, distance in scores:
        settings = {"quality": 5.0} | ({} if temperature is None else {"temperature": temperature})
        entry = head | {"codec": codec, "settings": settings, "bpp": 0.2}
        records.append(entry | {"psnr_db": psnr, "encode_s": 1.0, "decode_s": 1.0, "threads": 1})
        sets.append(entry | {"fd_cifar": distance, "patches": 300, "nets": {}})
    rows = tradeoffs.rows_at_temperatures(records, sets, ["psnr", "fd-cifar"])
    assert [(row["codec"], row["temperature"]) for row in rows] == [(scores[0][0], 0), (scores[1][0], 1)]
    assert {row["file"] for row in rows} == {"c@effort=1, quality 5"}
    names = ["psnr", "fd-cifar"]
    assert "trade-off fd-cifar" in output.write_tables_and_plots(records, tmp_path, metric_names=names, sets=sets)
    assert "trade-off fd-cifar" not in output.write_tables_and_plots(
        records[:1], tmp_path, metric_names=names, sets=sets[:1]
    )


def test_lpips_is_drawn_against_psnr_at_equal_files(tmp_path: Path) -> None:
    """A metric of single pictures as one of sets; published curves lie behind, in the picture and on the page."""
    records = [
        {"dataset": "d", "baseline": False, "version": "1", "image": "p", "codec": codec, "bpp": 0.2}
        | {"settings": {"quality": 5.0} | ({"temperature": t} if t else {}), "encode_s": 1.0, "decode_s": 1.0}
        | {"threads": 1, "psnr_db": psnr, "lpips": lpips}
        for codec, t, psnr, lpips in [("c@effort=1,temperature=1", 1, 28.0, 0.2), ("c@effort=1", None, 30.0, 0.4)]
    ]
    names, published = ["psnr", "lpips"], ["ms-illm", "vtm18.0"]
    paths = output.write_tables_and_plots(
        records, tmp_path, metric_names=names, anchor="c@effort=1", published=published
    )
    assert {"plot lpips", "trade-off lpips"} <= paths.keys() and "trade-off psnr" not in paths
    rows = tradeoffs.rows_at_temperatures(records, [], names)
    axes = plots.tradeoff_figure(rows, ("psnr", "lpips"), published=published).axes[0]
    assert [line.get_label() for line in axes.lines] == [
        "ms-illm (published, Kodak, by rate)",
        "c@effort=1, quality 5, 0.200 bpp",
    ]
    assert list(axes.lines[1].get_xdata()) == [30.0, 28.0] and list(axes.lines[1].get_ydata()) == [0.4, 0.2]
    assert (axes.lines[0].get_xdata()[1], axes.lines[0].get_ydata()[1]) == (25.923, 0.10997)
    (tradeoff,) = (p for p in page_curves.all_plots(records, names, published, []) if p["kind"] == "trade-off")
    assert (tradeoff["across"], tradeoff["up"], tradeoff["higher"]) == ("PSNR (dB, RGB)", "LPIPS (AlexNet)", False)
    assert [(c["name"], c["kind"], c["points"][:2]) for c in tradeoff["curves"]] == [
        ("c@effort=1, quality 5, 0.200 bpp", "ours", [(30.0, 0.4), (28.0, 0.2)]),
        ("ms-illm", "published", [(24.729, 0.157621), (25.923, 0.10997)]),
    ]
    assert all("trade-off" != p["kind"] for p in page_curves.all_plots(records[1:], names, published, []))


def test_without_weights_perception_is_measured_by_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "at_hand", lambda net: False)
    monkeypatch.setattr(bench, "_PERCEPTION", ("lpips", "dists", "psnr"))
    with pytest.warns(UserWarning, match=r"^lpips and dists left out: their weights are not on this machine; docs/MET"):
        table = bench.rate_perception("jpeg@quality=20", PICTURES[:1])
    assert table.metrics == ("psnr",)
    assert bench.rate_perception("jpeg@quality=20", PICTURES[:1], ["mse"]).metrics == ("mse",), "in silence"


def test_options_of_decoding_reach_decode_and_no_file() -> None:
    spec = specs.parse("dct-vae-photo@temperature=1,seed=3,generator=latest", effort=1)
    assert (spec.decode_options, spec.encode_options) == (
        {"temperature": 1, "seed": 3, "generator": "latest"},
        {"effort": 1},
    )
    assert spec.settings(50) == {"quality": 50, "effort": 1, **spec.decode_options}
    assert spec.file_label == specs.parse("dct-vae-photo@effort=1").file_label
    assert spec.file_label != specs.parse("dct-vae-photo@effort=2").file_label


@pytest.mark.parametrize(
    ("codecs", "metrics", "error", "message"),
    [
        (["jpeg", "jpeg"], ["psnr"], ValueError, "named twice"),
        ([3], ["psnr"], TypeError, "int has no encode and decode"),
        (["jpeg"], ["fd-cifar"], ValueError, "rate_perception takes it"),
        (["gif"], ["psnr"], ValueError, "no codec 'gif'"),
    ],
)
def test_what_cannot_be_measured_is_told(codecs: Any, metrics: list[str], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        bench.rate_distortion(codecs, PICTURES, metrics=metrics)


def test_no_images_is_an_error() -> None:
    with pytest.raises(ValueError, match="no images"):
        bench.rate_distortion("jpeg", [])
