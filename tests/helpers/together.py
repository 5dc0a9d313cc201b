"""Files that several test workers need: each is made once, by whichever worker comes to it first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from filelock import FileLock, Timeout

from hvaecodec.codec.files import write_atomically


def made(folder: Path, makers: Mapping[str, Callable[[], bytes]]) -> list[Path]:
    """The files of these names, each with the bytes that its maker gives.

    Workers that ask at the same time share the work: first everyone makes what nobody else is making, then waits for
    the rest.
    """
    folder.mkdir(exist_ok=True)
    for wait in (0, -1):
        for name, make in makers.items():
            try:
                with FileLock(folder / f"{name}.lock", timeout=wait):
                    if not (folder / name).exists():
                        write_atomically(folder / name, make())
            except Timeout:
                continue
    return [folder / name for name in makers]
