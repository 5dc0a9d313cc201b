"""Packs the records of a run for the documents into one small JSON file, and reads them again.

The file has a line for every codec and setting, with the values of every picture in the order of `images`. What is the
same for all pictures of a line stands there once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench.show.documents.runs import DocumentRun
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import write_atomically

Record = dict[str, Any]
FOLDER = "bench"  # of `records/`
_OF_IMAGE = ("dataset", "image", "pixels", "height", "width")
_LEFT_OUT = ("notes",)  # what a picture's file held besides pixels
_DIGITS = 7  # significant, of every number


def record_path(records: Path, run: DocumentRun) -> Path:
    """Return the path of a run's record in the folder of records."""
    return records / FOLDER / f"{run.name}.json"


def write_record(path: Path, run: DocumentRun, records: Sequence[Record], sets: Sequence[Record]) -> None:
    """Pack the records of every picture and the scores of whole sets into the file `path`.

    Raises CodecError if a picture failed, for a document shows means over all of them.
    """
    failed = [record for record in records if "error" in record]
    if failed:
        words = f"{failed[0]['codec']} on {failed[0]['image']}: {failed[0]['error']}"
        raise CodecError(f"{run.name}: {len(failed)} of {len(records)} measurements failed, the first of them {words}")
    images = list({record["image"]: {key: record.get(key) for key in _OF_IMAGE} for record in records}.values())
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(json.dumps([record["codec"], record["settings"]], sort_keys=True), []).append(record)
    names = [image["image"] for image in images]
    if any([record["image"] for record in group] != names for group in groups.values()):
        raise CodecError(f"{run.name}: not every setting was measured on the same pictures; measure it again")
    parts: dict[str, list[Any]] = {
        "command": [run.shell().replace(" \\\n    ", " ")],
        "images": images,
        "files": [_pack(group) for group in groups.values()],
        "sets": [_rounded(entry) for entry in sets],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, _lines(parts).encode(), force=True)


def read_record(path: Path, run: DocumentRun) -> tuple[list[Record], list[Record]] | None:
    """Return the records of every picture and the scores of whole sets.

    It is None if the file is not there, or is of another command than the run's.
    """
    if not path.exists():
        return None
    parts = json.loads(path.read_text(encoding="utf-8"))
    if parts["command"] != [run.shell().replace(" \\\n    ", " ")]:
        return None
    return [record for line in parts["files"] for record in _unpack(line, parts["images"])], parts["sets"]


def _pack(group: Sequence[Record]) -> Record:
    """One line for the records of all pictures at one setting; numbers that differ are in a list."""
    keys = dict.fromkeys(key for record in group for key in record if key not in (*_OF_IMAGE, *_LEFT_OUT))
    line: Record = {}
    for key in keys:
        values = [_rounded(record.get(key)) for record in group]
        line[key] = {"by_image": values} if any(value != values[0] for value in values) else values[0]
    return line


def _unpack(line: Record, images: Sequence[Record]) -> Iterable[Record]:
    """The records of a line, one for each picture."""
    for number, image in enumerate(images):
        values = {
            key: value["by_image"][number] if isinstance(value, dict) and "by_image" in value else value
            for key, value in line.items()
        }
        yield image | values


def _rounded(value: Any) -> Any:
    """A value with all its numbers rounded to what a table can show of them."""
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def _lines(parts: dict[str, list[Any]]) -> str:
    """JSON with a line for every entry of every part."""
    sections = (f"{json.dumps(key)}: [\n" + ",\n".join(map(json.dumps, part)) + "\n]" for key, part in parts.items())
    return "{\n" + ",\n".join(sections) + "\n}\n"
