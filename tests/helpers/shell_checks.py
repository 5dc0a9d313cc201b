"""What is looked at after a line of shell ran, in the folder where it ran: what it wrote, and what it printed.

Every check takes the line as it ran and its stdout.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from shell_lines import ROOT, option, outputs
from skimage import data

import hvaecodec
from hvaecodec.codec import registry
from hvaecodec.codec.images import read_image

PHOTO = data.chelsea()[40:168, 90:282]  # photo.png
HEIGHT, WIDTH = PHOTO.shape[:2]


def picture_size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def pictures_are_whole(line: str, printed: str) -> None:
    """Every file that is written opens and has the photo's size, or the part of it that was asked for."""
    for name, words in outputs(line):
        if name.endswith(".hvc"):
            codec = hvaecodec.load(option(words, "--model") or registry.DEFAULT)
            info = codec.info(Path(name).read_bytes())
            assert (info["height"], info["width"], info["codec"]) == (HEIGHT, WIDTH, codec.name)
            assert 8 * info["n_bytes"] / (HEIGHT * WIDTH) <= float(option(words, "--bpp") or 24)
        else:
            shrunk = {"1/8": 8, None: 1}[option(words, "--scale")]
            with Image.open(name, formats=["JPEG" if name.endswith(".jpg") else "PNG"]) as picture:
                assert picture.size == (WIDTH // shrunk, HEIGHT // shrunk)
                original = Image.fromarray(PHOTO).resize(picture.size, Image.Resampling.BOX)
                error = np.asarray(picture, float) - np.asarray(original, float)
                assert np.mean(error**2) < 500, f"{name} is not the photo"


def write_folders(encoded: bool) -> None:
    """A folder of pictures for lines that encode one; with `encoded` one of files for lines that only decode one."""
    for name in ("photos/one.png", "photos/below/two.png"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PHOTO).save(name)
    for name in ("files/one.hvc", "files/below/two.hvc") if encoded else ():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(hvaecodec.encode(PHOTO, effort=1))


def folders_are_whole(line: str, printed: str) -> None:
    """Every file of the folder is converted to one of the same place and name, and the log has a line for each."""
    words = shlex.split(line)
    suffix = {"encode": ".hvc", "decode": ".png"}[words[1]]
    out = Path(option(words, "--out") or words[2])
    expected = {path.relative_to(words[2]).with_suffix(suffix) for path in Path(words[2]).rglob("*.*")}
    assert {path.relative_to(out) for path in out.rglob("*.*")} == expected and len(expected) == 2
    for path in expected:
        if suffix == ".hvc":
            info = hvaecodec.info((out / path).read_bytes())
            assert (info["height"], info["width"]) == (HEIGHT, WIDTH)
        else:
            assert picture_size(out / path) == (WIDTH, HEIGHT)
    if log := option(words, "--log"):
        assert len([json.loads(row) for row in Path(log).read_text(encoding="utf-8").splitlines()]) == 2


def write_scans() -> None:
    """The photo as an array and as a TIFF, which lines work on by rows, or would if it were large."""
    np.save("scan.npy", PHOTO)
    Image.fromarray(PHOTO).save("scan.tif")


def scans_are_whole(line: str, printed: str) -> None:
    """The file or picture that is written has the photo's size, and a picture looks like it."""
    ((name, _),) = outputs(line)
    if name.endswith(".hvc"):
        info = hvaecodec.info(Path(name).read_bytes())
        assert (info["height"], info["width"]) == (HEIGHT, WIDTH)
        return
    picture = np.load(name) if name.endswith(".npy") else read_image(name).pixels
    assert picture.shape == PHOTO.shape and np.mean((picture.astype(float) - PHOTO) ** 2) < 500


def info_is_printed(line: str, printed: str) -> None:
    facts = json.loads(printed) if "--json" in line else dict(row.split(maxsplit=1) for row in printed.splitlines())
    assert facts["codec"] == registry.DEFAULT and int(facts["width"]) == WIDTH and int(facts["n_bytes"]) > 200


def models_are_printed(line: str, printed: str) -> None:
    if "--json" in line:
        printed = "\n".join(model["name"] for model in json.loads(printed))
    assert set(registry.CODECS) <= {row.split()[0] for row in printed.splitlines()}


def a_net_is_written(line: str, printed: str) -> None:
    """The file is a net that runs without any other file."""
    file = option(shlex.split(line), "-o")
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert json.loads(session.get_modelmeta().custom_metadata_map["card"])["codec"] in line


def everything_named_is_measured(line: str, printed: str) -> None:
    """The codecs and baselines that the line names, and ours where it names none, are in records, table and page."""
    words = shlex.split(line)
    values = {name: [b for a, b in pairwise(words) if a == name] for name in ("--codec", "--baseline")}
    codecs = [codec for codec in values["--codec"] or ["dct-vae-photo"] if codec != "none"]
    names = {name.partition("@")[0] for name in [*codecs, *values["--baseline"]]}
    folder = Path(option(words, "--out") or "runs/bench-pictures")
    records = [json.loads(row) for row in (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {record["codec"].partition("@")[0] for record in records} == names
    assert all(record["n_bytes"] > 0 for record in records)
    assert all(f"\n| {name}" in printed for name in names)
    plots = [*folder.glob("r?_*.png")]
    assert plots and all(picture_size(plot) > (300, 200) for plot in plots)
    if "--report" in words:
        page = Path(words[words.index("--report") + 1]).read_text(encoding="utf-8")
        assert page.lower().startswith("<!doctype html>") and all(name in page for name in names)


def weights_are_written(line: str, printed: str) -> None:
    words = shlex.split(line)
    assert (Path(option(words, "--out") or "") / "prior").exists()
    if folder := option(words, "--export"):
        assert hvaecodec.load(folder).name == "dct-vae-photo"


def tables_are_printed(line: str, printed: str) -> None:
    assert printed.startswith("### ") and "| printed " in printed


def options_are_in_the_help(line: str, printed: str) -> None:
    words = line.partition(" --")[0].split()
    module = words[2] if words[0] == "python" else f"hvaecodec {words[1]}"
    page = help_of(*module.split())
    assert all(re.search(rf"{name}\b", page) for name in re.findall(r"--[a-z-]+", line))


def target_is_in_the_makefile(line: str, printed: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"\n{line.split()[-1]}:" in makefile


def extras_are_declared(line: str, printed: str) -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for extra in re.findall(r"[a-z]+", "".join(re.findall(r"\[(.*?)\]", line))):
        assert f"\n{extra} = [" in project


def nothing(line: str, printed: str) -> None:
    """What the exit status does not say is not said elsewhere."""


def help_of(*module: str) -> str:
    """What `python -m` a module, with a command if it has some, prints as its help."""
    words = [sys.executable, "-m", *module, "--help"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
