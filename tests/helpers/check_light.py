"""Checks a light install, one without PyTorch: `python check_light.py`, or under `without_torch.py` beside one.

Both photo codecs encode, decode and describe; what needs PyTorch says so in one line. Prints what the environment takes
on disk, and exits 1 with the first thing that is not as it should be.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

LIMIT = 300_000_000  # bytes of a plain install with weights, without pip
HEAVY = ("torch", "onnx", "torchvision", "matplotlib", "scipy")
INSTALLERS = ("pip", "setuptools", "pkg_resources", "_distutils_hack")


def check_api() -> None:
    """Encode, decode and describe with both codecs, in this process."""
    import numpy as np

    import hvaecodec
    from hvaecodec.codec.errors import CodecError

    rows, columns = np.mgrid[:70, :100]
    picture = np.stack([rows * 3, columns * 2, (rows + columns) * 5 % 256], -1).astype(np.uint8)
    for name in ("dct-vae-photo", "hqa-photo"):
        data = hvaecodec.encode(picture, name, quality=60)
        _check(hvaecodec.info(data)["codec"] == name, f"{name}: info is of another codec")
        for ours, reference in zip(hvaecodec.symbols(data), hvaecodec.symbols(data, backend="numpy"), strict=True):
            _check(np.array_equal(ours, reference), f"{name}: symbols differ from the reference")
        for settings in ({}, {"temperature": 1.0, "seed": 3}, {"scale": 1 / 4}):
            side = hvaecodec.decode(data, **settings).shape[0]
            _check(side == (18 if "scale" in settings else 70), f"{name} at {settings}: {side} rows")
        error = np.abs(hvaecodec.decode(data).astype(int) - picture).mean()
        _check(error < 25, f"{name}: the picture is {error:.1f} grey levels off")
    _check(hvaecodec.encode(picture) == hvaecodec.encode(picture, effort=1), "the default effort is not 1")
    for call in (lambda: hvaecodec.encode(picture, effort=3), lambda: hvaecodec.load("dct-vae-cifar10")):
        try:
            call()
        except CodecError as error:
            _check("hvaecodec[torch]" in str(error), f"the extra is not named: {error}")
        else:
            _check(False, "what needs PyTorch was not refused")
    loaded = [module for module in HEAVY if module in sys.modules]
    _check(not loaded, f"{loaded} was loaded")


def check_pillow() -> None:
    """Save, open and cut down a file through Pillow."""
    import io

    from PIL import Image

    import hvaecodec

    hvaecodec.register_pillow()
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((96, 64)).convert("RGB").save(buffer, "HVC", quality=50)
    with Image.open(io.BytesIO(buffer.getvalue())) as picture:
        picture.thumbnail((24, 24))
        _check(picture.size == (24, 16), f"the thumbnail has {picture.size} pixels")


def check_commands() -> None:
    """A picture, cut and whole, and a folder go to files and back; what needs PyTorch is one line and status 1."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        Image.linear_gradient("L").resize((80, 48)).convert("RGB").save(folder / "in" / "a.png")
        _run(folder, "encode", "in/a.png", "-o", "a.hvc")
        _run(folder, "info", "a.hvc")
        _run(folder, "decode", "a.hvc", "-o", "a.png", "--temperature", "0.5")
        _run(folder, "models")
        data = (folder / "a.hvc").read_bytes()
        (folder / "cut.hvc").write_bytes(data[: 2 * len(data) // 3])
        _run(folder, "decode", "cut.hvc", "--partial")
        _run(folder, "encode", "in", "--out", "out")
        _check((folder / "out" / "a.hvc").read_bytes() == data, "a folder's file is another")
        refused = [
            ("encode", "in/a.png", "-o", "b.hvc", "--effort", "2"),
            ("encode", "in", "--out", "more", "--effort", "3"),
            ("bench", "photos"),
            ("paper", "dct-vae"),
            ("train", "dct-vae-photo", "--data", "in", "--out", "run"),
        ]
        for words in refused:
            error = _run(folder, *words, status=1)
            _check(len(error.splitlines()) == 1 and "hvaecodec[torch]" in error, f"{' '.join(words)} says {error!r}")
        _check(not any((folder / made).exists() for made in ("b.hvc", "more", "run")), "a refusal left something")


def check_size() -> None:
    """What is installed, without what installs it, is below the limit."""
    parts = {entry: _bytes_in(entry) for entry in Path(sysconfig.get_path("purelib")).iterdir()}
    parts = {entry: size for entry, size in parts.items() if not entry.name.startswith(INSTALLERS)}
    for entry, size in sorted(parts.items(), key=lambda part: -part[1])[:8]:
        print(f"{size / 1e6:7.1f} MB  {entry.name}")
    total = sum(parts.values())
    print(f"{total / 1e6:7.1f} MB  in all")
    _check(total < LIMIT, f"{total} bytes are installed, the limit is {LIMIT}")
    _check(not any(entry.name == "torch" for entry in parts), "torch is installed")


def _bytes_in(entry: Path) -> int:
    files = entry.rglob("*") if entry.is_dir() else [entry]
    return sum(file.stat().st_blocks * 512 for file in files if file.is_file() and "__pycache__" not in file.parts)


def _run(folder: Path, *words: str, status: int = 0) -> str:
    """Run the command as this process runs, and return its stderr."""
    blocker = Path(__file__).resolve().with_name("without_torch.py")
    done = subprocess.run(
        [sys.executable, str(blocker), "-m", "hvaecodec", *words], cwd=folder, capture_output=True, text=True
    )
    _check(done.returncode == status, f"{' '.join(words)} exits {done.returncode}: {done.stderr}")
    return done.stderr


def _check(right: bool, problem: str) -> None:
    if not right:
        sys.exit(f"check_light: {problem}")


if __name__ == "__main__":
    check_api()
    check_pillow()
    check_commands()
    print("without PyTorch, both photo codecs encode, decode and describe")
    if "--size" in sys.argv:
        check_size()
