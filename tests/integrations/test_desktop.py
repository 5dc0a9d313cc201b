"""The desktop's door: the files' laws, and with `-m desktop` what Debian's own tools make of them."""

from __future__ import annotations

import configparser
import io
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from promises import PHOTO

import hvaecodec
from hvaecodec.integrations import desktop, pillow
from hvaecodec.integrations.desktop import thumbnailer


@pytest.fixture(scope="module")
def hvc(tmp_path_factory) -> Path:
    """A photo with spaces and a quote in its name, in a file of the package's codec."""
    path = tmp_path_factory.mktemp("photos") / "a photo's name.hvc"
    path.write_bytes(hvaecodec.encode(PHOTO, effort=1))
    return path


def entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str
    parser.read_string(desktop.text_of("hvaecodec.thumbnailer"))
    return parser["Thumbnailer Entry"]


def test_all_files_mean_the_type_that_pillow_knows():
    (kind,) = ElementTree.fromstring(desktop.text_of("hvaecodec.xml"))
    assert kind.get("type") == pillow.MIME_TYPE
    assert entry()["MimeType"] == f"{pillow.MIME_TYPE};"
    delegates = list(ElementTree.fromstring(desktop.text_of("delegates.xml")))
    assert [(line.get("decode"), line.get("encode")) for line in delegates] == [("hvc", None), ("png", "hvc")]


def test_the_package_has_the_command_that_the_entry_calls():
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert f'{entry()["TryExec"]} = "{thumbnailer.__name__}:main"' in project
    assert entry()["Exec"].split() == [entry()["TryExec"], "%i", "%o", "%s"]


def run_entry(source: Path, target: Path, size: int) -> subprocess.CompletedProcess:
    """Run the entry's line as the specification of thumbnailers says: %i, %o and %s replaced, one word each."""
    values = {"%i": str(source), "%o": str(target), "%s": str(size)}
    program, *words = [values.get(word, word) for word in shlex.split(entry()["Exec"])]
    assert program == "hvaecodec-thumbnailer"
    code = f"import sys; sys.argv[0] = {program!r}; from {thumbnailer.__name__} import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], check=False, capture_output=True, text=True)


def test_the_entrys_line_makes_a_small_png(hvc, tmp_path):
    target = tmp_path / ".gnome_desktop_thumbnail.X7Q2ZB"  # a name as programs make it, of a file that is there
    target.touch()
    assert run_entry(hvc, target, 48).returncode == 0
    with Image.open(target) as picture:
        assert picture.format == "PNG" and picture.size == (48, 35)
        error = np.asarray(picture, float) - np.asarray(Image.fromarray(PHOTO).resize(picture.size), float)
    assert np.abs(error).mean() < 12


def test_a_damaged_file_is_one_line_and_no_picture(hvc, tmp_path):
    damaged = tmp_path / "b.hvc"
    damaged.write_bytes(hvc.read_bytes()[:-5])
    done = run_entry(damaged, tmp_path / "out", 48)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "b.hvc" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", ["0", "2000", "x"])
def test_a_size_that_is_none(monkeypatch, capsys, size):
    monkeypatch.setattr(sys, "argv", ["hvaecodec-thumbnailer", "a", "b", size])
    with pytest.raises(SystemExit) as done:
        thumbnailer.main()
    assert done.value.code == 2 and "usage" in capsys.readouterr().err


def test_a_thumbnail_is_decoded_small(hvc, monkeypatch):
    scales = []
    decode = pillow.HvcImageFile.load

    def noted(self):
        scales.append(self._shrink)
        return decode(self)

    monkeypatch.setattr(pillow.HvcImageFile, "load", noted)
    with Image.open(io.BytesIO(thumbnailer.thumbnail(str(hvc), 20))) as picture:
        assert max(picture.size) == 20
    assert scales[0] == 2  # 130 pixels: 1/2 is the smallest that is not below twice 20


def test_the_files_are_copied_to_where_programs_look(tmp_path):
    paths = desktop.install(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "mime/packages/hvaecodec.xml",
        "thumbnailers/hvaecodec.thumbnailer",
    ]
    assert desktop.install(tmp_path) == paths and all(path.read_text(encoding="utf-8") for path in paths)


# -- with Debian's own tools: shared-mime-info, xdg-utils, libglib2.0-bin ----------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """A folder of shared data of a user who has nothing else, with our type in it."""
    folder = tmp_path / "share"
    desktop.install(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    subprocess.run(["update-mime-database", str(folder / "mime")], check=True)
    return folder


def type_by_gio(path: Path) -> str:
    done = subprocess.run(
        ["gio", "info", "-a", "standard::content-type", str(path)], check=True, capture_output=True, text=True
    )
    return done.stdout.rpartition("standard::content-type:")[2].strip()


@pytest.mark.desktop
def test_the_tools_know_the_type(home, hvc, tmp_path):
    by_name, by_bytes = tmp_path / "empty.hvc", tmp_path / "without-a-suffix"
    by_name.touch()
    shutil.copy(hvc, by_bytes)
    assert type_by_gio(hvc) == type_by_gio(by_bytes) == pillow.MIME_TYPE
    for other in (b"HVC\x12" + bytes(60), b"HVC", b"hvc\x11" + bytes(60)):
        by_bytes.write_bytes(other)
        assert type_by_gio(by_bytes) != pillow.MIME_TYPE
    words, desktop_of_user = ["xdg-mime", "query", "filetype", str(hvc)], {"XDG_CURRENT_DESKTOP": "GNOME"}
    done = subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, **desktop_of_user})
    assert done.stdout.strip() == pillow.MIME_TYPE


@pytest.mark.desktop
def test_xdg_mime_installs_the_type(tmp_path, monkeypatch, hvc):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    (tmp_path / "hvaecodec.xml").write_text(desktop.text_of("hvaecodec.xml"), encoding="utf-8")
    words = ["xdg-mime", "install", "--novendor", "--mode", "user", str(tmp_path / "hvaecodec.xml")]
    subprocess.run(words, check=True, env={**os.environ, "XDG_UTILS_INSTALL_MODE": "user"})
    assert type_by_gio(hvc) == pillow.MIME_TYPE
