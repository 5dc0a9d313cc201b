"""The tables that compare the libraries."""

import numpy as np
import pytest
from PIL import Image

from hvaecodec.bench.measure.command_cost import Cost
from hvaecodec.bench.tools import backends
from hvaecodec.codec.errors import CodecError


@pytest.fixture
def folder(tmp_path):
    rows, columns = np.mgrid[:40, :60]
    Image.fromarray(np.stack([rows * 6, columns * 4, rows + columns], -1).astype(np.uint8)).save(tmp_path / "a.png")
    return tmp_path


def test_each_library_has_its_fastest_time_and_largest_memory(folder, monkeypatch):
    commands = []

    def run(_, library, threads, *words):
        commands.append((library, threads, *words))
        slower = len(commands) > 4
        return Cost({"torch": 4.0, "onnx": 1.0}[library] / threads + slower, (2 + slower) * 10**9)

    monkeypatch.setattr(backends, "_run", run)
    table = backends.by_library(folder, "hqa-photo", [2], 2, 30)
    assert table.rows == [
        ("a, torch", "2", "2.00", "2.00", "3.00", "3.00"),
        ("a, onnx", "2", "0.50", "0.50", "3.00", "3.00"),
    ]
    assert [command[0] for command in commands] == ["torch", "torch", "onnx", "onnx"] * 2
    assert " ".join(commands[2][2:]) == ("encode a.png -o a.onnx.hvc --model hqa-photo --quality 30 --effort 1 --force")


@pytest.mark.parametrize("codec", backends.CODECS)
def test_differences_are_those_of_the_packages_codecs(folder, codec):
    first, second = backends.by_picture(folder, codec, 50).rows
    assert first[:2] == ("a, temperature 0", "equal") and second[:2] == ("a, temperature 1", "equal")
    assert float(first[2]) >= 99.9 and int(first[3]) <= 2 and float(first[4]) >= 45


def test_the_command_is_timed_with_its_memory(folder):
    cost = backends._run(folder, "onnx", 1, "encode", "a.png", "-o", "a.hvc", "--effort", "1")
    assert cost.seconds > 0 and 2e7 < cost.n_bytes < 5e9 and (folder / "a.hvc").is_file()
    with pytest.raises(CodecError, match=r"encode missing.png .* ended with status 1"):
        backends._run(folder, "onnx", 1, "encode", "missing.png", "-o", "b.hvc")
