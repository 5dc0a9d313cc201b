"""The examples of README and docstrings run, here with the lossless stand-in for every codec."""

import doctest
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hvaecodec
from hvaecodec.cli import main as cli_main
from hvaecodec.codec import registry

README = Path(__file__).parent.parent / "README.md"
PIXELS = np.random.default_rng(6).integers(0, 256, (8, 10, 3), dtype=np.uint8)


@pytest.fixture
def in_folder_with_photo(stand_in, monkeypatch, tmp_path):
    monkeypatch.setitem(registry.CODECS, registry.DEFAULT, registry.CODECS[stand_in])
    monkeypatch.chdir(tmp_path)
    Image.fromarray(PIXELS).save("photo.png")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_python_of_the_readme(in_folder_with_photo):
    assert blocks("python")
    for block in blocks("python"):
        exec(block, {})


def test_shell_of_the_readme(in_folder_with_photo, monkeypatch):
    lines = [line for block in blocks("shell") for line in block.replace("\\\n", "").splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("hvaecodec ")]
    assert {words[1] for words in commands} >= {"encode", "decode", "info"}
    for words in commands:
        if words[1] in ("bench", "paper", "train"):  # minutes and data; their own tests run them
            continue
        monkeypatch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as done:
            cli_main.main()
        assert not done.value.code
    np.testing.assert_array_equal(np.asarray(Image.open("photo-decoded.png")), PIXELS)


def test_docstring_of_the_package(in_folder_with_photo):
    result = doctest.testmod(hvaecodec, extraglobs={"image": PIXELS})
    assert result.attempted >= 3 and not result.failed
