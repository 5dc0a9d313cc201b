"""Pictures by rows on the command line: arrays in files, TIFFs, a target that stays until all is there."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import tiny
from PIL import Image
from promises import PHOTO

import hvaecodec
from hvaecodec.cli import bars
from hvaecodec.cli import main as cli_main
from hvaecodec.codec import files
from hvaecodec.codec.images import array_files, row_files, tiff_files
from hvaecodec.codec.images.notes import Notes
from hvaecodec.codec.photo.codec import DctVaeCodec

PICTURE = PHOTO[:50, :40]
ICC = b"a profile" * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny")


@pytest.fixture(scope="module")
def codec(folder):
    return DctVaeCodec.load(folder)


@pytest.fixture
def run(monkeypatch, capsysbinary, folder):
    """Runs a command in this process with the tiny weights; returns the exit code and what it said."""

    def run(*words: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["hvaecodec", *map(str, words), "--model", str(folder)])
        with pytest.raises(SystemExit) as done:
            cli_main.main()
        return done.value.code or 0, capsysbinary.readouterr().err.decode()

    return run


@pytest.fixture
def all_are_large(monkeypatch):
    monkeypatch.setattr("hvaecodec.codec.rows.LARGE", 100)


@pytest.fixture
def npy(tmp_path):
    np.save(tmp_path / "picture.npy", PICTURE)
    return tmp_path / "picture.npy"


def test_an_array_goes_there_and_back(run, npy, tmp_path, codec):
    assert run("encode", npy, "--effort", 1)[0] == 0
    data = (tmp_path / "picture.hvc").read_bytes()
    assert data == codec.encode(PICTURE, effort=1)
    code, words = run("decode", tmp_path / "picture.hvc", "-o", tmp_path / "back.npy")
    assert code == 0 and "back.npy: 40 × 50 pixels" in words
    np.testing.assert_array_equal(np.load(tmp_path / "back.npy"), codec.decode(data))


def test_a_large_array_goes_by_rows_to_the_same_bytes(run, npy, tmp_path, codec, all_are_large, monkeypatch):
    monkeypatch.setattr(DctVaeCodec, "encode", None)
    assert run("encode", npy, "--effort", 1)[0] == 0
    monkeypatch.undo()
    assert (tmp_path / "picture.hvc").read_bytes() == codec.encode(PICTURE, effort=1)


@pytest.mark.parametrize("name", ["a.npy", "a.tif", "a.TIFF"])
def test_a_large_picture_is_decoded_by_rows(run, tmp_path, codec, all_are_large, monkeypatch, name):
    data = codec.encode(PICTURE, effort=1)
    (tmp_path / "a.hvc").write_bytes(data)
    monkeypatch.setattr(DctVaeCodec, "decode_with_metadata", None)
    assert run("decode", tmp_path / "a.hvc", "-o", tmp_path / name)[0] == 0
    again = np.load(tmp_path / name) if name.endswith("npy") else tifffile.imread(tmp_path / name)
    np.testing.assert_array_equal(again, codec.decode(data))


def test_a_large_tiff_goes_by_rows_with_its_metadata(run, tmp_path, codec, all_are_large, monkeypatch):
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    Image.fromarray(PICTURE).save(tmp_path / "a.tif", icc_profile=ICC, compression="tiff_adobe_deflate", exif=exif)
    with Image.open(tmp_path / "a.tif") as image:
        whole = codec.encode(image, effort=1)
    monkeypatch.setattr(DctVaeCodec, "encode", None)
    assert run("encode", tmp_path / "a.tif", "--effort", 1)[0] == 0
    assert (tmp_path / "a.hvc").read_bytes() == whole
    assert run("encode", tmp_path / "a.tif", "--effort", 1, "--no-metadata", "--force")[0] == 0
    monkeypatch.undo()
    assert (tmp_path / "a.hvc").read_bytes() == codec.encode(PICTURE, effort=1)


def test_metadata_that_a_target_does_not_take_is_said(run, tmp_path, codec, all_are_large):
    with Image.open(io.BytesIO(_png_with_metadata())) as image:
        (tmp_path / "a.hvc").write_bytes(codec.encode(image, effort=1))
    code, words = run("decode", tmp_path / "a.hvc", "-o", tmp_path / "a.tif")
    assert code == 0 and "does not take its EXIF" in words and "ICC" not in words
    with Image.open(tmp_path / "a.tif") as again:
        assert again.info["icc_profile"] == ICC
    code, words = run("decode", tmp_path / "a.hvc", "-o", tmp_path / "a.npy")
    assert code == 0 and "does not take its EXIF" in words and "does not take its ICC profile" in words


def _png_with_metadata() -> bytes:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x010F] = "a maker"
    Image.fromarray(PICTURE).save(out, "PNG", icc_profile=ICC, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("option", ["--bpp", "--psnr"])
def test_targets_that_need_the_whole_picture_are_refused_in_a_line(run, npy, tmp_path, all_are_large, option):
    code, words = run("encode", npy, option, 30)
    assert code == 2 and len(words.splitlines()) == 1 and "bpp and psnr would need it whole; give a quality" in words
    assert not (tmp_path / "picture.hvc").exists()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (PICTURE.astype(np.uint16), "uint16"),
        (np.asfortranarray(PICTURE), "by columns"),
        (np.zeros(5, np.uint8), r"uint8 \(5,\)"),
        (np.array([{}]), "object"),
    ],
)
def test_arrays_that_are_no_pictures(tmp_path, array, words):
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(hvaecodec.CodecError, match=words):
        array_files.open_npy(str(tmp_path / "a.npy"))


@pytest.mark.parametrize("keep", [0, 5, 60, 500])
def test_a_cut_array_is_refused(npy, keep):
    npy.write_bytes(npy.read_bytes()[:keep])
    with pytest.raises(hvaecodec.CodecError, match=r"cannot read|truncated"):
        array_files.open_npy(str(npy))


@pytest.mark.parametrize(
    "settings",
    [
        {"rowsperstrip": 7},
        {"rowsperstrip": 7, "compression": "zlib", "predictor": True},
        {"tile": (16, 32), "compression": "zlib"},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">", "rowsperstrip": 7, "compression": "zlib"},
    ],
    ids=str,
)
@pytest.mark.parametrize("pixels", [PICTURE, PICTURE[..., 1]], ids=["colour", "grey"])
def test_any_rows_of_a_tiff(tmp_path, settings, pixels):
    path = str(tmp_path / "a.tif")
    kind = "rgb" if pixels.ndim == 3 else "minisblack"
    tifffile.imwrite(path, pixels, photometric=kind, iccprofile=ICC, **settings)
    rows = tiff_files.open_tiff(path, Notes())
    assert rows.shape == pixels.shape and rows.icc == ICC
    for first, past in ((0, 50), (3, 5), (15, 17), (49, 50), (7, 14)):
        np.testing.assert_array_equal(rows[first:past], pixels[first:past])


@pytest.mark.parametrize(
    ("pixels", "settings", "words"),
    [
        (PICTURE.astype(np.uint16), {}, "16 bits"),
        (np.dstack([PICTURE, PICTURE[..., 0]]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, "4 samples"),
        (PICTURE[..., 0], {"photometric": "miniswhite"}, "of kind 0"),
        (PICTURE.transpose(2, 0, 1).copy(), {"photometric": "rgb", "planarconfig": "separate"}, "together"),
        (PICTURE, {"photometric": "rgb", "extratags": [(274, 3, 1, 6, True)]}, "upright"),
    ],
)
def test_a_tiff_that_cannot_be_read_by_rows_is_read_whole_where_pillow_does(
    tmp_path, pixels, settings, words, monkeypatch
):
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, pixels, **settings)
    with pytest.raises(hvaecodec.CodecError, match=words):
        tiff_files.open_tiff(path, Notes())
    assert row_files.open_rows(path, 100, Notes()) is None
    monkeypatch.setattr(row_files, "DECODED_PIXELS", 1000)
    with pytest.raises(hvaecodec.CodecError, match=words):
        row_files.open_rows(path, 100, Notes())


def test_a_damaged_tiff_is_one_line(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, PICTURE, compression="zlib", rowsperstrip=10)
    rows = tiff_files.open_tiff(str(path), Notes())
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(hvaecodec.CodecError, match=r"a\.tif: cannot read this TIFF"):
        rows[40:50]


def test_without_tifffile_a_line_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(hvaecodec.CodecError, match=r"hvaecodec\[large\]"):
        tiff_files.write_tiff(io.BytesIO(), (4, 4), None)


def test_progress_has_an_estimate(monkeypatch, capsys):
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr(bars.time, "monotonic", lambda: float(next(clock)))
    with bars.rows_bar("encoding x") as progress:
        for done in (10, 20, 30, 40):
            progress(done, 40)
    lines = capsys.readouterr().err.splitlines()
    assert lines and all(line.startswith("encoding x: ") and line.endswith(" left") for line in lines)


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_kill_on_the_way_leaves_no_target_and_nothing_else(tmp_path, codec, folder, suffix):
    (tmp_path / "a.hvc").write_bytes(codec.encode(PICTURE, effort=1))
    code = f"""
import os, signal, sys
from hvaecodec.codec import rows
from hvaecodec.codec.images.array_files import ArrayWriter
from hvaecodec.cli.main import main
rows.LARGE = 100
write = ArrayWriter.__setitem__
def killed(self, at, values):
    write(self, at, values)
    os.kill(os.getpid(), signal.SIGKILL)
ArrayWriter.__setitem__ = killed
sys.argv = ["hvaecodec", "decode", "a.hvc", "-o", "b{suffix}", "--model", {str(folder)!r}]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert done.returncode == -signal.SIGKILL
    assert os.listdir(tmp_path) == ["a.hvc"]


def test_an_error_on_the_way_keeps_what_was_there(tmp_path):
    target = tmp_path / "a.npy"
    target.write_bytes(b"precious")
    with pytest.raises(hvaecodec.CodecError, match="exists and is kept"), files.new_file(target) as file:
        file.write(b"half")

    def fail():
        with files.new_file(target, force=True) as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert target.read_bytes() == b"precious" and os.listdir(tmp_path) == ["a.npy"]
    with files.new_file(target, force=True) as file:
        file.write(b"whole")
    assert target.read_bytes() == b"whole" and os.listdir(tmp_path) == ["a.npy"]


def test_a_pipe_is_not_written_in_parts(tmp_path):
    os.mkfifo(tmp_path / "a.npy")
    with (
        pytest.raises(hvaecodec.CodecError, match="not a regular file"),
        files.new_file(tmp_path / "a.npy", force=True),
    ):
        pass
