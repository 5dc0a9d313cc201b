"""The contract between symbols and bytes with the released weights: Kodak in every configuration of `matrix.py`."""

from __future__ import annotations

import json
from pathlib import Path

import matrix
import pytest
import together
from matrix import CONFIGURATIONS

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def paths(kodak_files, hqa_files) -> list[Path]:
    """All of Kodak by `dct-vae-photo`, some of it by every layer of `hqa-photo`."""
    return kodak_files + [path for layer in hqa_files for path in hqa_files[layer][:: 4 if layer > 2 else 12]]


@pytest.fixture(scope="module")
def expected(paths, shared_folder) -> list[str]:
    """What a test's own process decodes."""

    def here() -> bytes:
        return json.dumps(matrix.digests(paths, None, CONFIGURATIONS["as it comes"])).encode()

    (path,) = together.made(shared_folder / "digests", {"here.json": here})
    return list(json.loads(path.read_text()))


@pytest.mark.parametrize("name", [name for name, c in CONFIGURATIONS.items() if c.backend != "cuda"])
def test_kodak_in_every_configuration(paths, expected, name):
    """In a process of its own, against what a test's own process decodes."""
    digests = matrix.run(paths, names=[name])[name]
    assert len(paths) == 94 and [path.name for path, a, b in zip(paths, digests, expected, strict=True) if a != b] == []
