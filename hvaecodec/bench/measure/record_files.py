"""Records on disk: one JSON object a line in `records.jsonl`, added to by every run in the same folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

Record = dict[str, Any]
FILE = "records.jsonl"


def open_records(out: str | os.PathLike[str] | None, fresh: bool) -> tuple[list[Record], Callable[[Record], None]]:
    """Return the records of earlier runs in the folder `out`, none if `fresh`, and a function that adds one there.

    Without a folder there are no earlier records, and what is added is dropped. Raises FileExistsError for a folder
    that holds other files.
    """
    if out is None:
        return [], lambda record: None
    path = Path(out) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() and any(path.parent.iterdir()):
        raise FileExistsError(f"{path.parent} holds other files; give a new folder or one of an earlier run")
    path.touch()
    return [] if fresh else read_records(path), lambda record: append_record(path, record)


def read_records(path: Path) -> list[Record]:
    """Return the records in a JSON-lines file; a line that an interrupted run tore is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_text().splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return records


def append_record(path: Path, record: Record) -> None:
    """Add one line to a JSON-lines file, on a line of its own even if an interrupted run left half of one."""
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        else:
            torn = False
        file.write(b"\n" * torn + json.dumps(record, allow_nan=False).encode() + b"\n")


def record_key(record: Record) -> str:
    """Return what says of which measurement a record is: two records with equal keys measure the same."""
    parts = [record.get(name) for name in ("codec", "settings", "version", "image", "pixels")]
    return json.dumps(parts, sort_keys=True)


def of_pictures(records: Iterable[Record]) -> list[Record]:
    """Return the records of pictures that could be read; means are over these, and the others are failures by name."""
    return [record for record in records if record.get("pixels", "") is not None]


def pixel_digest(x: np.ndarray) -> str:
    """Return 12 hexadecimal digits that name a picture by its shape and pixels.

    A record is reused only for a picture with the same digest.
    """
    return hashlib.sha256(str(x.shape).encode() + np.ascontiguousarray(x).tobytes()).hexdigest()[:12]
