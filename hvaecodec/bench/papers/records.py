"""Store measurements as JSON, so that none is taken twice, and say what they are of and where they were made."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hvaecodec.bench.measure.machine import processor
from hvaecodec.codec.checkout import commit
from hvaecodec.codec.files import write_atomically

if TYPE_CHECKING:
    from torch import nn

RECORDED = "recorded"  # a word for `only`: train nothing, and make the tables of the records that OUT holds
_UNKNOWN = "not recorded"


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


def origin() -> dict[str, str | None]:
    """Return what a record keeps of where it comes from: the commit of this checkout, today, and the processor."""
    return {
        "commit": commit(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "processor": processor(),
    }


def origin_sentence(records: Iterable[Mapping[str, Any]]) -> str:
    """Say how many records there are, when and on what they were made, and at which commit, as far as they know.

    Records that do not say when they were made have the day on which they came into the repository as `committed`.
    """
    listed = list(records)
    date, machine, commits, days = (_values(listed, key) for key in ("date", "processor", "commit", "committed"))
    words = f"{len(listed)} record{'s' * (len(listed) != 1)}; measured: {date}"
    kept = f", in the repository since {days}" if days and _UNKNOWN in date else ""
    return f"{words}{kept}; processor: {machine}; commit: {commits}."


def _values(records: Iterable[Mapping[str, Any]], key: str) -> str:
    """Return the values that a key has in some records, and that it is not recorded where one lacks it."""
    listed = [record.get(key) for record in records]
    if key == "committed":
        return ", ".join(sorted({str(day) for day in listed if day}))
    values = sorted({str(value or _UNKNOWN) for value in listed}, key=lambda text: (text == _UNKNOWN, text))
    return ", ".join(values) or _UNKNOWN
