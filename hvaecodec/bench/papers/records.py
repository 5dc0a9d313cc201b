"""Measurements that are kept as JSON and not made again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hvaecodec.codec.files import write_atomically


def kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds, made and written if it is not there. The path names all that the measurement depends on."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(make(), indent=1).encode(), force=True)
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record
