"""Checks what `make dist` built, from inside an environment where it is installed: `python -I check_dist.py CHECKOUT`.

Sizes, metadata, and a picture and a folder of them encoded and decoded, with nothing there but what the package asks
for. Exits 1 with the first thing that is not as it should be.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

LIMIT = 100_000_000  # bytes of a file, as package indexes have it


def check_sizes(folder: Path) -> None:
    """There is one wheel and one sdist, and both are below the limit."""
    built = sorted(path for pattern in ("*.whl", "*.tar.gz") for path in folder.glob(pattern))
    _check(len(built) == 2, f"{folder} holds {[path.name for path in built]}, expected a wheel and an sdist")
    for path in built:
        size = path.stat().st_size
        print(f"{path.name}: {size / 1e6:.1f} MB")
        _check(size < LIMIT, f"{path.name} has {size} bytes, the limit is {LIMIT}")


def check_metadata(checkout: Path) -> None:
    """The metadata has the version, the licence of the code, and that of every set of weights that is installed."""
    import hvaecodec

    package = Path(hvaecodec.__file__).parent
    _check(Path(sys.prefix) in package.parents, f"{package} is not in the clean environment {sys.prefix}")
    about = metadata.metadata("hvaecodec")
    source = (checkout / "hvaecodec" / "__init__.py").read_text(encoding="utf-8")
    version = re.findall(r'^__version__ = "(.*)"$', source, re.MULTILINE)
    _check([about["Version"]] == version == [hvaecodec.__version__], f"version {about['Version']}, expected {version}")
    _check(about["License-Expression"] == "MIT AND LicenseRef-hvaecodec-weights", f"{about['License-Expression']}")
    expected = ["LICENSE", "WEIGHTS-LICENCES.md"]
    _check(sorted(about.get_all("License-File") or []) == expected, f"licence files {about.get_all('License-File')}")
    text = str(about.get_payload() or about["Description"])
    cards = sorted(package.glob("weights/*/card.json"))
    _check(len(cards) > 5, f"only {len(cards)} sets of weights are installed")
    for card in cards:
        licence = json.loads(card.read_text(encoding="utf-8"))["licence"]
        _check(f"| {card.parent.name} | {licence} |" in text, f"the metadata does not say the licence of {card.parent}")
    print(
        f"version {about['Version']}, {about['License-Expression']}, {len(cards)} sets of weights with their licences"
    )


def check_use() -> None:
    """A picture goes to a file and back, and a folder does."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        picture = Image.linear_gradient("L").resize((80, 48)).convert("RGB")
        picture.save(folder / "in" / "a.png")
        _run("encode", "in/a.png", "-o", "a.hvc", "--effort", "1", cwd=folder)
        _run("decode", "a.hvc", cwd=folder)
        _run("encode", "in", "--out", "out", "--effort", "1", cwd=folder)
        _check((folder / "out" / "a.hvc").is_file(), "the folder was not encoded")
        with Image.open(folder / "a.png") as decoded:
            _check(decoded.size == (80, 48), f"the decoded picture has {decoded.size} pixels")
    print("a picture and a folder were encoded and decoded")


def _run(*words: str, cwd: Path) -> None:
    command = [str(Path(sys.prefix) / "bin" / "hvaecodec"), *words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    _check(done.returncode == 0, f"{' '.join(words)}: {done.stderr}")


def _check(right: bool, problem: str) -> None:
    if not right:
        sys.exit(f"check_dist: {problem}")


if __name__ == "__main__":
    check_sizes(Path(sys.argv[1]) / "dist")
    check_metadata(Path(sys.argv[1]))
    check_use()
