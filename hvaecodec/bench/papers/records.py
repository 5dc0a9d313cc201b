"""Store measurements as JSON, so that none is taken twice, and identify what they are of."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvaecodec.codec.files import write_atomically

if TYPE_CHECKING:
    from torch import nn


def load_or_measure(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the record that a file holds; measure and write it if there is no such file.

    path: its name tells all that the measurement depends on, so that an old file is never of another net.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(measure(), indent=1).encode(), force=True)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def stamp(*settings: object) -> int:
    """Return the CRC-32 that a record keeps of its settings: frozen dataclasses and plain values, by their `repr`."""
    return zlib.crc32(",".join(map(repr, settings)).encode())


def weights_digest(net: nn.Module) -> str:
    """Return eight hexadecimal digits that change with any number of a net's state."""
    digest = 0
    for value in net.state_dict().values():
        digest = zlib.crc32(value.contiguous().cpu().numpy().tobytes(), digest)
    return f"{digest:08x}"
