"""Measurements that are kept as JSON and not made again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvaecodec.codec.files import write_atomically

if TYPE_CHECKING:
    from torch import nn


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds, made and written if it is not there. The path names all that the measurement depends on."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(make(), indent=1).encode(), force=True)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def stamp(*settings: object) -> int:
    """A number that a record holds of what it was made with: frozen dataclasses and plain values, by their `repr`."""
    return zlib.crc32(",".join(map(repr, settings)).encode())


def weights_digest(net: nn.Module) -> str:
    """Eight hexadecimal digits of all that a net's state holds."""
    digest = 0
    for value in net.state_dict().values():
        digest = zlib.crc32(value.contiguous().cpu().numpy().tobytes(), digest)
    return f"{digest:08x}"
