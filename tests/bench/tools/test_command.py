"""Tools as commands: what they cannot do is one line."""

from __future__ import annotations

import inspect
import pkgutil
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hvaecodec.bench import tools
from hvaecodec.bench.tools import command
from hvaecodec.codec.errors import CodecError

MODULES = [import_module(f"{tools.__name__}.{module.name}") for module in pkgutil.iter_modules(tools.__path__)]
ON_PICTURES = [module for module in MODULES if "data" in inspect.signature(getattr(module, "main", len)).parameters]


@pytest.mark.parametrize("module", ON_PICTURES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_pictures_that_are_not_there_are_one_line(
    module: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tool", "--dataset", "kodak", "--data", str(tmp_path / "none")])
    with pytest.raises(SystemExit) as end:
        command.run(module.main)
    out, err = capfd.readouterr()
    assert end.value.code == 1 and out == ""
    assert err.startswith("error: ") and err.count("\n") == 1 and str(tmp_path / "none") in err


def test_a_command_ends_as_its_function_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def main(number: int) -> None:
        if number:
            raise CodecError("no\x1b[2J\nroom")

    for words, code in (["0"], 0), (["1"], 1), ([], 2), (["x"], 2):
        monkeypatch.setattr(sys, "argv", ["tool", *words])
        with pytest.raises(SystemExit) as end:
            command.run(main)
        assert end.value.code == code
    monkeypatch.setattr(sys, "argv", ["tool", "1"])
    capsys.readouterr()
    with pytest.raises(SystemExit):
        command.run(main)
    assert capsys.readouterr().err == "error: no\\x1b[2J room\n"
