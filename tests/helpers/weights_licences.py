"""Writes WEIGHTS-LICENCES.md, which travels in the metadata of wheel and sdist, from the model cards of the weights.

`python tests/helpers/weights_licences.py`, after any card has changed.
"""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "WEIGHTS-LICENCES.md"
_HEAD = """# Licences of the weights

The code is under the MIT licence (LICENSE). Each set of weights in `hvaecodec/weights` has terms of its own, which
follow from the data that it was trained on; the `card.json` beside it names that data.

| weights | licence |
| --- | --- |
"""


def licences(weights: Path = ROOT / "hvaecodec" / "weights") -> dict[str, str]:
    """The licence of each set of weights, by the name of its folder, as its card says."""
    cards = {path.parent.name: json.loads(path.read_text(encoding="utf-8")) for path in weights.glob("*/card.json")}
    return {name: cards[name]["licence"] for name in sorted(cards)}


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(f"| {name} | {licence} |\n" for name, licence in licences().items())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
