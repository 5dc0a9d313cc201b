"""Makes the table of the weights in the package from their model cards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.weight_folders import read_card

_HEADER = "| weights | file | MB | trained for | on | licence |\n| --- | --- | ---: | ---: | --- | --- |"


def weights() -> str:
    """Return a row for each file of trained weights in the package, as Markdown; core-hours are as the cards say."""
    folders = sorted(path.parent for path in WEIGHTS.glob("*/card.json"))
    rows = [row for folder in folders for row in _rows(folder.name, read_card(folder))]
    return "\n".join([_HEADER, *rows])


def _rows(name: str, card: dict[str, Any]) -> Iterator[str]:
    for part in card.get("parts", {"": card}).values():
        size, hours = f"{part['bytes'] / 1e6:.1f}", f"{_minutes(part) / 60:.1f} core-hours"
        yield f"| `{name}` | `{part['file']}` | {size} | {hours} | {_data(part)} | {part['licence']} |"


def _minutes(part: dict[str, Any]) -> float:
    """Minutes of one core that a part was trained for, over all its stages."""
    stages = part.get("stages", [part])
    return sum(float(stage.get("cpu_minutes") or stage.get("minutes") or 0) for stage in stages)


def _data(part: dict[str, Any]) -> str:
    """How many pictures of which kind a part was trained on."""
    data = part["data"]
    photos = sum(int(source.get("photos", 0)) for source in data)
    return f"{photos:,} photos of {len(data)} sources" if photos else ", ".join(source["source"] for source in data)
