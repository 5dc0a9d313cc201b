"""Convolutions are verified by their numbers, whatever file they came in; what cannot be used is one line."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from metric_stand_in import alexnet_stand_in
from PIL import Image
from safetensors.numpy import save
from typer.testing import CliRunner

from hvaecodec import bench
from hvaecodec.bench.metrics import image_metrics
from hvaecodec.cli.main import app
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.metric_nets import convolutions, lpips_net

Tensors = dict[str, np.ndarray]


@pytest.fixture
def tensors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tensors]:
    """Numbers that stand in for AlexNet's, in no file yet; the one place to look is the test's folder."""
    tensors = alexnet_stand_in(tmp_path, monkeypatch)
    yield tensors
    lpips_net.load_lpips.cache_clear()


def write(folder: Path, kind: str, tensors: Tensors, name: str = "") -> Path:
    """Write a file of either kind, for AlexNet if it has no other name."""
    if kind == "safetensors":
        path = folder / (name or convolutions.ALEXNET.file)
        path.write_bytes(save(tensors))
    else:
        path = folder / (name or convolutions.ALEXNET.whole.file)
        state = {name: torch.from_numpy(array) for name, array in tensors.items()}
        torch.save(state | {"classifier.6.bias": torch.zeros(1000)}, path)
    return path


KINDS = pytest.mark.parametrize("kind", ["safetensors", "pth"])


@KINDS
def test_either_file_gives_the_numbers(kind: str, tensors: Tensors, tmp_path: Path) -> None:
    write(tmp_path / "weights", kind, tensors)
    loaded = convolutions.load(convolutions.ALEXNET)
    assert list(loaded) == list(convolutions.ALEXNET.names())
    for name, array in tensors.items():
        np.testing.assert_array_equal(loaded[name], array)


def test_the_small_file_comes_first_and_is_found_in_the_cache_too(tensors: Tensors, tmp_path: Path) -> None:
    assert not convolutions.at_hand(convolutions.ALEXNET)
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    convolutions.write(convolutions.ALEXNET, tensors, tmp_path / "hub" / "checkpoints", "a test")
    (tmp_path / "hub" / "checkpoints" / convolutions.ALEXNET.whole.file).write_bytes(b"not read")
    assert convolutions.at_hand(convolutions.ALEXNET)
    np.testing.assert_array_equal(
        convolutions.load(convolutions.ALEXNET)["features.10.bias"], tensors["features.10.bias"]
    )


@KINDS
@pytest.mark.parametrize("name", ["features.0.weight", "features.6.bias", "features.10.weight"])
def test_a_changed_tensor_is_refused(kind: str, name: str, tensors: Tensors, tmp_path: Path) -> None:
    changed = tensors | {name: tensors[name].copy()}
    changed[name].flat[-1] = np.nextafter(changed[name].flat[-1], np.float32(9))  # by the last bit
    path = write(tmp_path / "weights", kind, changed)
    with pytest.raises(CodecUnavailable, match="SHA-256 .*: another network, or damaged") as error:
        convolutions.load(convolutions.ALEXNET)
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(CodecUnavailable, match="another network"):
        convolutions.write(convolutions.ALEXNET, changed, tmp_path / "other", "a test")
    assert not (tmp_path / "other").exists()


@KINDS
@pytest.mark.parametrize("change", ["missing", "shape", "dtype", "exchanged"])
def test_other_tensors_are_refused(kind: str, change: str, tensors: Tensors, tmp_path: Path) -> None:
    name = "features.8.bias"
    changed = dict(tensors)
    if change == "missing":
        del changed[name]
    elif change == "exchanged":
        changed[name], changed["features.10.bias"] = changed["features.10.bias"], changed[name]
    else:
        changed[name] = tensors[name].reshape(16, 16) if change == "shape" else tensors[name].astype(np.float64)
    write(tmp_path / "weights", kind, changed)
    with pytest.raises(CodecUnavailable, match=r"has no float32 features\.8\.bias of shape \(256,\)|another network"):
        convolutions.load(convolutions.ALEXNET)


class Runs:
    """An object whose pickle makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.folder),)


def damage(what: str, tensors: Tensors, folder: Path) -> Path:
    """Put a file that cannot be used where weights are looked for."""
    if what == "a pickle that runs":
        path = folder / convolutions.ALEXNET.whole.file
        torch.save({"features.0.weight": Runs(folder.parent / "ran")}, path)
        return path
    kind = "pth" if "pth" in what else "safetensors"
    path = write(folder, kind, tensors)
    if what.startswith("half"):
        path.write_bytes(path.read_bytes()[:5000])
    elif what.startswith("empty"):
        path.write_bytes(b"")
    elif what.startswith("text"):
        path.write_bytes(b"<html>\nnot found</html>" * 20)
    elif what == "folder":
        path.unlink()
        path.mkdir()
    elif what == "no tensors, pth":
        torch.save([1, 2], path)
    return path


UNUSABLE = ["half", "half, pth", "empty", "empty, pth", "text", "text, pth", "folder", "no tensors, pth",
            "a pickle that runs"]  # fmt: skip


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_cannot_be_used_is_one_line(what: str, tensors: Tensors, tmp_path: Path) -> None:
    path = damage(what, tensors, tmp_path / "weights")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert bench.usable(["lpips", "psnr"]) == ["psnr"]
    lines = [str(warning.message) for warning in caught]
    assert len(lines) == 1 and lines[0].startswith("lpips is left out: ") and str(path) in lines[0], lines
    assert "\n" not in lines[0] and len(lines[0]) < 600
    assert not (tmp_path / "ran").exists()


def test_the_command_measures_the_rest_beside_damaged_weights(tensors: Tensors, tmp_path: Path) -> None:
    damage("half", tensors, tmp_path / "weights")
    (tmp_path / "p").mkdir()
    Image.effect_noise((64, 64), 60).convert("RGB").save(tmp_path / "p" / "a.png")
    words = ["bench", str(tmp_path / "p"), "--codec", "none", "--baseline", "jpeg@quality=20"]
    words += ["--out", str(tmp_path / "out"), "--metric", "lpips", "--metric", "psnr"]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stderr.count("lpips is left out: ") == 1 and "Traceback" not in outcome.stderr
    assert "PSNR" in outcome.stdout and "LPIPS" not in outcome.stdout


def test_lpips_is_equal_from_either_file(tensors: Tensors, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, x_hat = rng.integers(0, 256, (2, 64, 72, 3), dtype=np.uint8)
    distances = []
    for kind in ("safetensors", "pth"):
        path = write(tmp_path / "weights", kind, tensors)
        distances.append(image_metrics.get("lpips").score(x, x_hat))
        path.unlink()
        lpips_net.load_lpips.cache_clear()
    assert distances[0] == distances[1] > 0


@pytest.mark.parametrize("net", [convolutions.ALEXNET, convolutions.VGG16])
def test_the_digests_are_whole_and_stand_beside_numbers(net: convolutions.Convolutions) -> None:
    assert re.fullmatch("[0-9a-f]{64}", net.digest)
    assert net.digest[:8] in net.about
    assert (
        sum(np.prod(shape) for shape in net.names().values()) == {"AlexNet": 2_469_696, "VGG16": 14_714_688}[net.name]
    )


def test_the_digest_is_that_of_names_shapes_and_little_endian_floats() -> None:
    """By hand: printf 'a (2,)\\n\\x00\\x00\\x80\\x3f\\x00\\x00\\x00\\x40b ()\\n\\x00\\x00\\x00\\x00' | sha256sum."""
    digest = convolutions.digest_of({"a": np.array([1, 2], ">f4"), "b": np.float32(0).reshape(())})
    assert digest == "1583d0fedcdb8d169284f42739ed45d113180a5ad95ef47506774a318fd29f15"
