"""Metrics of whole sets with tiny random nets: what is kept, what is scored, what is written, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from hvaecodec import bench
from hvaecodec.bench.metrics import features, frechet, set_metrics
from hvaecodec.bench.show import plots, setting_tables
from hvaecodec.cli.main import app
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.models.feature_nets import DigitConfig, PlainConfig, make
from hvaecodec.training.classifiers.classifier_run import classifier_bytes

BOTH = ("psnr", "fd-cifar", "kd-cifar")


def net_folder(path: Path, name: str, config: Any, seed: int = 0) -> Path:
    """A folder of weights as training exports it, random but normalised for noise."""
    torch.manual_seed(seed)
    net = make(config)
    for _ in range(40):  # BatchNorm's running averages
        net(torch.rand(16, net.channels, 32, 32))
    path.mkdir(parents=True)
    (path / features.FILE).write_bytes(classifier_bytes(net))
    (path / "card.json").write_text(json.dumps({"network": name}))
    return path


@pytest.fixture
def tiny_nets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The shipped nets replaced by random ones of eight features."""
    for number, name in enumerate(features.NAMES):
        config = DigitConfig((2, 4), 8, 8) if name == "digits" else PlainConfig((4, 4, 4, 4, 4, 4, 8))
        net_folder(tmp_path / "nets" / name, name, config, number)
    monkeypatch.setattr(features, "WEIGHTS", tmp_path / "nets")
    features.load_features.cache_clear()
    yield
    features.load_features.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two noisy pictures of 20 patches each."""
    path = tmp_path_factory.mktemp("pictures")
    rows, columns = np.mgrid[0:80, 0:96]
    for index in (1, 2):
        waves = 127 + 60 * np.sin(rows / (3 * index)) + 60 * np.cos(columns / 5)
        noise = np.random.default_rng(index).normal(0, 12, (80, 96, 3))
        Image.fromarray((waves[..., None] + noise).clip(0, 255).astype(np.uint8)).save(path / f"p{index}.png")
    return path


@pytest.mark.usefixtures("tiny_nets")
def test_a_run_scores_every_codec_and_setting_over_the_whole_set(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    records = bench.run(str(folder), ["jpeg", "png"], metrics=BOTH, out=out)
    assert not any("fd" in key or "kd" in key for record in records for key in record), "no field of a record"
    scores = bench.score_sets(records, out, BOTH)
    assert json.loads((out / "sets.json").read_text()) == scores
    assert len(scores) == 19 + 1 and all(entry["patches"] == 40 and entry["images"] == 2 for entry in scores)
    by_quality = {entry["settings"]["quality"]: entry for entry in scores if entry["codec"] == "jpeg"}
    assert all(entry["fd_cifar"] > 0 for entry in by_quality.values())
    (lossless,) = (entry for entry in scores if entry["codec"] == "png")
    assert lossless["fd_cifar"] == pytest.approx(0, abs=1e-9)
    assert lossless["kd_cifar"] <= 0, "unbiased: a set against itself is not above 0"
    mean_bpp = np.mean([record["bpp"] for record in records if record["codec"] == "png"])
    assert lossless["bpp"] == pytest.approx(mean_bpp)

    pictures = [np.asarray(Image.open(folder / f"p{i}.png")) for i in (1, 2)]
    net = features.load_features("features-cifar")
    before = np.concatenate([net.of(frechet.patches(x)) for x in pictures])
    decoded = [_jpeg(x, by_quality[5]["settings"]) for x in pictures]
    after = np.concatenate([net.of(frechet.patches(x)) for x in decoded])
    direct = frechet.frechet_distance(frechet.gaussian(before), frechet.gaussian(after))
    assert by_quality[5]["fd_cifar"] == pytest.approx(direct, rel=0.01), "half precision on disk changes little"


def _jpeg(x: np.ndarray, settings: dict[str, Any]) -> np.ndarray:
    from hvaecodec.bench import baselines

    codec = baselines.load("jpeg", {})
    return codec.decode(codec.encode(x, quality=settings["quality"]))


@pytest.mark.usefixtures("tiny_nets")
def test_a_run_is_resumed_and_measures_what_has_no_features(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    plain = bench.run(str(folder), ["png"], metrics=["psnr"], out=out)
    lines = (out / "records.jsonl").read_text().splitlines()
    first = bench.run(str(folder), ["png"], metrics=BOTH, out=out)
    assert len((out / "records.jsonl").read_text().splitlines()) == 2 * len(lines), "pictures were not kept before"
    again = bench.run(str(folder), ["png"], metrics=BOTH, out=out)
    assert again == first and len((out / "records.jsonl").read_text().splitlines()) == 2 * len(lines)
    lost = sorted((out / "features").glob("*.npy"))
    assert len(lost) == 2 + 2 and [record["image"] for record in plain] == ["p1", "p2"]
    for path in lost:
        path.unlink()
    bench.run(str(folder), ["png"], metrics=BOTH, out=out)
    assert len((out / "records.jsonl").read_text().splitlines()) == 3 * len(lines)


@pytest.mark.usefixtures("tiny_nets")
def test_what_cannot_be_scored_is_null_with_its_reason(folder: Path, tmp_path: Path) -> None:
    records = bench.run(str(folder), ["png"], metrics=BOTH, out=tmp_path / "one", limit=1)
    (entry,) = bench.score_sets(records, tmp_path / "one", BOTH)
    assert entry["fd_cifar"] is None and entry["kd_cifar"] is None and entry["patches"] == 20
    assert entry["not_measured"]["fd_cifar"] == "20 patches; 8 features need 32"
    table = setting_tables.perception([entry], BOTH[1:])
    assert table.rows[0][2:] == ("–", "–", "20") and "20 patches" in " ".join(table.notes)

    records = bench.run(str(folder), ["png"], metrics=BOTH, out=tmp_path / "two")
    records[0] = {key: value for key, value in records[0].items() if key != "bpp"} | {"error": "OSError: no"}
    (entry,) = bench.score_sets(records, tmp_path / "two", BOTH)
    assert entry["bpp"] is None and entry["not_measured"]["kd_cifar"] == "1 of 2 images were not decoded"


@pytest.mark.parametrize(("lowest", "scale"), [(0.001, "log"), (-0.002, "symlog"), (0.0, "linear")])
def test_an_axis_that_shows_every_distance(lowest: float, scale: str) -> None:
    head = {"dataset": "d", "codec": "c", "baseline": False, "images": 2}
    sets = [head | {"bpp": bpp, "kd_cifar": value} for bpp, value in [(0.1, 0.5), (0.4, 0.02), (1.6, lowest)]]
    axes = plots.perception_figure(sets, "kd-cifar").axes[0]
    assert axes.get_yscale() == scale
    assert axes.get_ylim()[0] < lowest


@pytest.mark.usefixtures("tiny_nets")
def test_the_command_writes_table_plot_and_summary_but_no_bd_rate(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = [word for name in ("fd-cifar", "kd-cifar-check", "mse") for word in ("--metric", name)]
    result = CliRunner().invoke(
        app, ["bench", str(folder), "--codec", "none", "--baseline", "png", *names, "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    text = (out / "table.md").read_text()
    assert text == result.stdout
    assert "### Perception over the whole set" in text and "| FD-cifar | KD-cifar-check | patches |" in text
    assert "BD-rate in" in text and "BD-rate fd" not in text and "BD-rate kd" not in text
    plots = {"rp_fd_cifar.png", "rp_kd_cifar_check.png"}
    assert plots | {"table.md", "records.jsonl", "sets.json", "features"} == {path.name for path in out.iterdir()}
    records = bench.run(str(folder), ["png"], metrics=["mse", "fd-cifar"], out=out)
    with pytest.raises(ValueError, match="no metric 'fd-cifar'"):
        bench.curves_of(records, "fd-cifar")


def test_a_set_metric_needs_a_folder(folder: Path) -> None:
    with pytest.raises(ValueError, match="fd-cifar needs out="):
        bench.run(str(folder), ["png"], metrics=["fd-cifar"])


def test_an_unknown_metric_lists_both_kinds() -> None:
    with pytest.raises(ValueError, match="no metric 'fid'; there are mse, .*fd-cifar, .*kd-cifar-check"):
        bench.check(metrics=["fd-cifar", "fid"])


def test_curves_leave_out_what_has_no_value() -> None:
    scores = [
        {"codec": "a", "bpp": 2.0, "fd_cifar": 1.0},
        {"codec": "a", "bpp": 1.0, "fd_cifar": 3.0},
        {"codec": "b", "bpp": None, "fd_cifar": None},
    ]
    by_codec = set_metrics.curves_of(scores, "fd-cifar")
    assert list(by_codec) == ["a"] and by_codec["a"].bpp == (1.0, 2.0) and by_codec["a"].values == (3.0, 1.0)


@pytest.mark.usefixtures("tiny_nets")
def test_features_take_bytes_and_floats_alike() -> None:
    net = features.load_features("features-cifar")
    x = np.random.default_rng(0).integers(0, 256, (300, 32, 32, 3), dtype=np.uint8)
    outputs = net.of(x)
    assert outputs.shape == (300, 8) and outputs.dtype == np.float32
    np.testing.assert_allclose(net.of(x.astype(np.float32) / 255), outputs, atol=1e-6)
    assert net.of(x[:0]).shape == (0, 8) and net.classes(x).shape == (300,)
    for wrong in (x[..., 0], x.astype(np.float64), x[:, :28]):
        with pytest.raises(ValueError, match="features-cifar takes uint8 or float32"):
            net.of(wrong)


@pytest.mark.usefixtures("tiny_nets")
def test_digits_near_each_other_are_near_in_rfd_lenet() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (64, 32, 32), dtype=np.uint8)
    near = (x + rng.integers(0, 9, x.shape)).clip(0, 255).astype(np.uint8)
    assert features.rfd_lenet(x, x) == pytest.approx(0, abs=1e-9)
    assert 0 < features.rfd_lenet(x, near) < features.rfd_lenet(x, x // 8)
    labels = features.load_features("digits").classes(x)
    assert features.digit_errors(x, labels) == 0
    assert features.digit_errors(x, (labels + 1) % 10) == 1


def test_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    folder = net_folder(tmp_path / "net", "mine", PlainConfig((4, 4, 4, 4, 4, 4, 8)))
    assert features.load_features(folder).name == "mine"
    broken = net_folder(tmp_path / "broken", "mine", PlainConfig((4, 4, 4, 4, 4, 4, 8)))
    (broken / features.FILE).write_bytes(b"not safetensors")
    for path in (broken, tmp_path / "missing"):
        with pytest.raises(CodecUnavailable, match="cannot read"):
            features.load_features(path)


@pytest.mark.usefixtures("tiny_nets")
def test_the_python_of_the_docs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    text = (Path(__file__).parents[3] / "docs" / "METRICS.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(block.replace('"photos"', repr(str(folder))).replace('"dct-vae-photo", ', ""), {})
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("jpeg, quality ")]
    assert lines[-19:] == rows and all(line.endswith(" 40") for line in rows)
    assert lines[0].endswith(": means over 2 images") and lines[1].split()[0] == "codec"
    assert (tmp_path / "fd.png").exists()


@pytest.mark.usefixtures("tiny_nets")
def test_the_python_of_the_tutorial(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    text = (Path(__file__).parents[3] / "docs" / "tutorial.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(block.replace('"photos"', repr(str(folder))), {})
    assert "'jpeg': 0.0" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "table.json").read_text())) == 19 + 14
