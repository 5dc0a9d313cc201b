"""Records on disk: one JSON object a line in `records.jsonl`, added to by every run in the same folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.codec.errors import CodecError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

Record = dict[str, Any]
FILE = "records.jsonl"
_TEXTS = ("version", "pixels", "commit", "device", "processor", "date", "error")
_KINDS: dict[str, tuple[type, ...]] = dict.fromkeys(_TEXTS, (str, type(None))) | {
    "baseline": (bool,), "warm_up": (bool,), "notes": (list,), "not_measured": (dict,)
}  # fmt: skip


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
    earlier = [] if fresh else [record for record in read_records(path) if is_record(record)]
    return earlier, lambda record: append_record(path, record)


@contextlib.contextmanager
def alone_in(out: str | os.PathLike[str] | None) -> Iterator[None]:
    """Keep other benches out of a folder with records while a block runs, where the system can; None is no folder.

    Raises CodecError if another one, of this process or of another, is in it.
    """
    if out is None or fcntl is None:
        yield
        return
    with (Path(out) / FILE).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as cause:
            words = f"another bench is writing into {out}; wait for it, or give another folder"
            raise CodecError(words) from cause
        yield


def read_records(path: Path) -> list[Record]:
    """Return the records in a JSON-lines file, its objects; a line that an interrupted run tore is left out."""
    if not path.exists():
        return []
    records = []
    for line in path.read_bytes().splitlines():
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line, parse_constant=_no_number)
            if isinstance(record, dict):
                records.append(record)
    return records


def is_record(record: Record) -> bool:
    """Return whether an object is a record as a bench writes it, of the fields that tables and pages read.

    Texts name things, `settings` has a number for the quality, and everything that is not listed here is a number.
    """
    settings = record.get("settings")
    if not isinstance(settings, dict) or not _is_number(settings.get("quality")):
        return False
    if not all(isinstance(record.get(name), str) for name in ("dataset", "codec", "image")):
        return False
    kinds = _KINDS | dict.fromkeys(("dataset", "codec", "image", "settings"), (str, dict))
    return isinstance(record.get("baseline"), bool) and all(
        isinstance(value, kinds[name]) if name in kinds else value is None or _is_number(value)
        for name, value in record.items()
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


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
