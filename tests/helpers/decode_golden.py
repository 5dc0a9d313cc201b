"""Decodes all golden files with the installed package and compares them with what was written down of them.

`python tests/helpers/decode_golden.py`: needs no test library, so that it runs where only the oldest or the newest of
everything is installed. Prints the versions that it ran with, and exits 1 with the first file that differs. Without
PyTorch the files of codecs that need it are left out, and named.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import hvaecodec
from hvaecodec.codec import backends
from hvaecodec.codec.format.container import read_header

TESTS = Path(__file__).parents[1]
GOLDEN = TESTS / "golden"
LIBRARIES = ("numpy", "pillow", "constriction", "safetensors", "typer", "rich", "onnxruntime")


def expected() -> dict[str, dict[str, Any]]:
    """What must stay true of every golden file, by its name."""
    return {name: facts for path in GOLDEN.glob("*.json") for name, facts in json.loads(path.read_text()).items()}


def symbol_digest(codec: Any, data: bytes) -> str:
    """SHA-256 over the symbols of all levels, int16 little endian."""
    levels = codec.symbols(data)
    return hashlib.sha256(b"".join(level.astype("<i2").tobytes() for level in levels)).hexdigest()


def difference(codec: Any, data: bytes, facts: dict[str, Any]) -> str | None:
    """What a file or its picture has that was not written down, or None. Pictures may differ by rounding."""
    if hashlib.sha256(data).hexdigest() != facts["bytes"]:
        return "the file is another one"
    if symbol_digest(codec, data) != facts["symbols"]:
        return "its symbols differ"
    picture = codec.decode(data)
    if list(picture.shape) != facts["shape"] or picture.dtype != np.uint8:
        return f"its picture is {picture.shape}, {picture.dtype}"
    if abs(float(picture.mean()) - facts["mean"]) > 0.1:
        return f"the mean of its picture is {picture.mean():.2f}, not {facts['mean']}"
    return None


def load(name: str, folder: Path) -> Any:
    """Load a codec of golden files; one whose weights are not in the package is made as `make_small` makes it."""
    if name != "srvae-cifar10":
        return hvaecodec.load(name)
    from golden.make_small import load_codec  # needs scikit-image for the pictures that it encodes

    return load_codec(name, folder)


def main() -> int:
    """Decode everything, and return the exit status."""
    sys.path.insert(0, str(TESTS))
    has_torch = backends.torch_is_installed()
    names = (*LIBRARIES, "torch") if has_torch else LIBRARIES
    print(f"Python {platform.python_version()}: {', '.join(f'{name} {version(name)}' for name in names)}")
    codecs: dict[str, Any] = {}
    left_out = []
    with tempfile.TemporaryDirectory() as folder:
        for name, facts in sorted(expected().items()):
            data = (GOLDEN / f"{name}.hvc").read_bytes()
            codec = read_header(data).codec
            if not has_torch and codec.endswith("cifar10"):
                left_out.append(name)
                continue
            if codec not in codecs:
                codecs[codec] = load(codec, Path(folder))
            if problem := difference(codecs[codec], data, facts):
                print(f"{name}.hvc: {problem}")
                return 1
    print(f"{len(expected()) - len(left_out)} golden files decode as they should", end="")
    print(f"; without PyTorch {', '.join(left_out)} are left out" if left_out else "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
