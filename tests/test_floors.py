"""The lowest versions that pyproject.toml promises; `make test-oldest` decodes the golden files with them."""

import sys
from pathlib import Path

import decode_golden
import floors
import pytest
import torch

from hvaecodec.codec import backends
from hvaecodec.models import processor

ROOT = Path(__file__).parents[1]


def test_every_requirement_of_core_and_extras_has_a_floor():
    lowest = floors.floors("torch", "bench", "doors", "onnx", "train", "test", "docs", "dist", "browser", "mutation")
    assert lowest["torch"] == "2.4" and lowest["rich"] == "13.8" and lowest["zarr"] == "3.1"
    assert set(floors.floors()) == set(decode_golden.LIBRARIES), "what is printed is what is installed"
    with pytest.raises(KeyError):
        floors.floors("no-such-extra")


def test_pins_are_not_below_the_floors():
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    pins = {name.lower(): tuple(map(int, version.split(".")[:2])) for name, version in pins.items()}
    for name, lowest in floors.floors("torch", "bench", "test").items():
        floor = tuple(map(int, (*lowest.split("."), "0")[:2]))
        assert pins[name.lower()] >= floor, name


def test_pytorch_2_4_has_no_word_for_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    for word in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, word)
    assert processor.bfloat16_is_faster() is False


def test_golden_files_of_other_versions_are_compared(monkeypatch, capsys):
    """Without PyTorch, as in the plain install; a file whose symbols or picture differ is named."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(backends, "torch_is_installed", lambda: False)
    assert decode_golden.main() == 0
    out = capsys.readouterr().out
    assert "golden files decode as they should; without PyTorch cifar-grey" in out and "torch" not in out.split("\n")[0]
    facts = decode_golden.expected()
    for field, wrong, words in (
        ("bytes", "00", "the file is another one"),
        ("symbols", "00", "its symbols differ"),
        ("shape", [1, 1, 1], "its picture is (1, 1, 3), uint8"),
        ("mean", 1000.0, "the mean of its picture is"),
    ):
        changed = {"hqa-one-pixel": facts["hqa-one-pixel"] | {field: wrong}}
        monkeypatch.setattr(decode_golden, "expected", lambda changed=changed: changed)
        assert decode_golden.main() == 1
        assert f"hqa-one-pixel.hvc: {words}" in capsys.readouterr().out
