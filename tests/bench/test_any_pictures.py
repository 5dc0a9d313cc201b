"""The bench on whatever lies in a folder: the picture that is encoded is the one that is scored, under its name."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hvaecodec import bench
from hvaecodec.bench.baselines import load as load_baseline
from hvaecodec.bench.data.datasets import NamedImage, load_dataset, unique_names
from hvaecodec.bench.measure import user_inputs
from hvaecodec.cli.main import app
from hvaecodec.codec.images import read_image
from hvaecodec.codec.images.colour import colour_of, read_colour, rgb
from hvaecodec.training.data import load_photos

RAMP = np.linspace(0, 65535, 48 * 40).astype(np.uint16).reshape(40, 48)
GREY = np.rint(RAMP * (255 / 65535)).astype(np.uint8)
PHOTO = np.random.default_rng(3).integers(0, 256, (40, 48, 3), dtype=np.uint8)
REST = ["--codec", "none", "--baseline", "jpeg@quality=50", "--metric", "psnr"]


def save(path: Path, pixels: np.ndarray = PHOTO, **options: object) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def test_grey_of_16_bits_is_scaled_as_encode_scales_it(tmp_path: Path) -> None:
    """Not clipped at 255: a clipped ramp is white, and JPEG then scores as if it were lossless."""
    save(tmp_path / "ramp.png", RAMP)
    (image,) = load_dataset(str(tmp_path))
    np.testing.assert_array_equal(image.pixels(), GREY)
    np.testing.assert_array_equal(image.pixels(), read_image(tmp_path / "ramp.png").pixels)
    np.testing.assert_array_equal(colour_of(RAMP).pixels, GREY)
    np.testing.assert_array_equal(NamedImage("a", lambda: Image.fromarray(RAMP)).pixels(), GREY)
    (record,) = bench.run(str(tmp_path), ["jpeg@quality=50"], metrics=["psnr"])
    assert 25 < record["psnr_db"] < 60
    assert len(record["notes"]) == 1 and "0..65535 to 0..255" in record["notes"][0]
    result = CliRunner().invoke(app, ["bench", str(tmp_path), *REST, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0 and "note: ramp: " in result.stderr and "0..65535 to 0..255" in result.stderr


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "I;16", "LAB", "YCbCr"])
def test_bench_training_and_encode_see_one_picture(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode in ("CMYK", "LAB", "YCbCr", "I;16") else "a.png")
    Image.fromarray(PHOTO).convert("L" if mode == "I;16" else "RGB").convert(mode).save(path)
    seen = read_image(path).pixels
    expected = seen if seen.ndim == 2 or seen.shape[2] == 3 else seen[..., :-1].squeeze()
    (image,) = load_dataset(str(tmp_path))
    np.testing.assert_array_equal(image.pixels(), expected)
    if path.suffix == ".png":  # what training reads of a folder
        np.testing.assert_array_equal(load_photos(tmp_path).train[0], rgb(expected))
    assert ("alpha is left out" in read_colour(path).notes) == (seen.ndim == 3 and seen.shape[2] in (2, 4))


def test_a_photo_that_lies_on_its_side_is_turned_for_all(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.png", PHOTO, exif=exif)
    turned = np.rot90(PHOTO, -1)
    np.testing.assert_array_equal(load_dataset(str(tmp_path))[0].pixels(), turned)
    np.testing.assert_array_equal(load_photos(tmp_path).train[0], turned)


def test_names_are_unique_wherever_pictures_are_keyed(tmp_path: Path) -> None:
    paths = [save(tmp_path / folder / "img.png") for folder in "ab"]
    _, images = user_inputs.named_images([*map(str, paths), str(paths[0]), PHOTO, PHOTO])
    names = [image.name for image in images]
    assert len(set(names)) == 5 and str(paths[1]) in names and "image 4" in names
    table = bench.rate_distortion(["jpeg@quality=50"], list(map(str, paths)), ["psnr"])
    assert [row["images"] for row in table] == [2]
    assert unique_names([("dup", "dup.jpg"), ("dup", "dup.png"), ("dup.jpg", "dup.jpg.png")]) == [
        "dup.jpg", "dup.png", "dup.jpg.png"
    ]  # fmt: skip
    assert unique_names([("a",), ("a",), ("a (2)",)]) == ["a", "a (2)", "a (2) (2)"]
    assert unique_names([("a\udcff", "x"), ("a\\udcff", "x")]) == ["x", "x (2)"]


class Spoiler:
    """Stores nothing, decodes to black, and blackens what it was given to encode."""

    def encode(self, image: np.ndarray) -> bytes:
        self.shape = image.shape
        image[:] = 0
        return bytes(np.array(image.shape, np.uint16))

    def decode(self, data: bytes) -> np.ndarray:
        return np.zeros(np.frombuffer(data, np.uint16), np.uint8)


def test_a_codec_that_writes_into_its_input_is_scored_on_the_picture() -> None:
    (row,) = bench.rate_distortion(Spoiler(), [PHOTO, PHOTO], ["psnr"])
    mse = np.mean(PHOTO.astype(float) ** 2)
    assert row["psnr_db"] == pytest.approx(10 * np.log10(255**2 / mse), abs=1e-3)


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """One sound picture, and everything that is called a picture and is none."""
    folder = tmp_path / "pictures"
    whole = save(folder / "whole.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "._whole.png").write_bytes(b"\0\5\x16\7 Mac OS X")
    (folder / "folder.png").mkdir()
    return folder


def test_one_bad_picture_is_a_failed_record_and_the_rest_goes_on(mixed: Path, tmp_path: Path) -> None:
    page = tmp_path / "out" / "page.html"
    words = ["bench", str(mixed), *REST, "--out", str(tmp_path / "out"), "--report", str(page)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1 and "4 of 5 measurements failed" in result.stderr, result.output
    lines = [json.loads(line) for line in (tmp_path / "out" / "records.jsonl").read_text().splitlines()]
    failed = {record["image"]: record["error"] for record in lines if "error" in record}
    assert sorted(failed) == ["._whole", "cut", "empty", "folder"]
    assert all(f"{name}.png" in error for name, error in failed.items())
    (whole,) = (record for record in lines if "error" not in record)
    assert whole["image"] == "whole" and "psnr_db" in whole
    assert ", 1 images" in (tmp_path / "out" / "table.md").read_text() and "Failures" in result.stdout
    assert page.is_file(), "a page may lie in a folder of results that is new"
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 1 and len((tmp_path / "out" / "records.jsonl").read_text().splitlines()) == 9


def test_pictures_that_are_all_none_end_in_words(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.png").write_bytes(b"no picture")
    result = CliRunner().invoke(app, ["bench", str(tmp_path / "p"), *REST, "--out", str(tmp_path / "out")])
    assert result.exit_code == 1 and "1 of 1 measurements failed" in result.stderr, result.output


def test_training_leaves_bad_pictures_out_by_name(mixed: Path) -> None:
    with pytest.warns(UserWarning, match="a picture is left out") as caught:
        photos = load_photos(mixed)
    np.testing.assert_array_equal(photos.train[0], PHOTO)
    assert len(photos.train) == 1 and len(caught) == 4
    for name in ("cut.png", "empty.png", "._whole.png", "folder.png"):
        assert any(name in str(warning.message) for warning in caught)


def test_jpeg_xl_is_read_through_the_installed_plugin(tmp_path: Path) -> None:
    """In a fresh process, where nobody has imported the plugin."""
    codec = load_baseline("jxl", {})
    (tmp_path / "a.jxl").write_bytes(codec.encode(PHOTO, quality=90))
    code = f"""
import sys
from hvaecodec.bench.data.datasets import load_dataset
assert "pillow_jxl" not in sys.modules
(image,) = load_dataset({str(tmp_path)!r})
sys.stdout.buffer.write(image.pixels().tobytes())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    decoded = codec.decode((tmp_path / "a.jxl").read_bytes())
    np.testing.assert_array_equal(np.frombuffer(done.stdout, np.uint8).reshape(PHOTO.shape), decoded)


def test_names_that_are_no_text_and_an_ascii_stdout(tmp_path: Path) -> None:
    folder = tmp_path / "p\udcff $a_{$ [b]"
    folder.mkdir()
    buffer = io.BytesIO()
    Image.fromarray(PHOTO).save(buffer, "PNG")
    (folder / "\udcfe.png").write_bytes(buffer.getvalue())
    environment = os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    words = ["bench", folder, *REST, "--out", tmp_path / "out", "--report", tmp_path / "out" / "page.html"]
    command = [sys.executable, "-m", "hvaecodec", *words]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii() and b"\\udcff" in done.stdout
    assert r"\udcff" in (tmp_path / "out" / "table.md").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "page.html").is_file()
