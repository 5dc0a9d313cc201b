"""Blocks in a document: what stands between `<!-- NAME.PART -->` and `<!-- /NAME.PART -->`, each on a line."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = r"[a-z0-9-]+\.[a-z0-9-]+"
_BLOCK = re.compile(rf"^<!-- ({_NAME}) -->\n(.*?)^<!-- /\1 -->$", re.DOTALL | re.MULTILINE)
_MARKER = re.compile(rf"<!-- /?({_NAME}) -->")


def found(text: str) -> dict[str, str]:
    """The blocks of a document by name. Raises ValueError for a marker without its other half."""
    blocks = {match[1]: match[2].strip("\n") for match in _BLOCK.finditer(text)}
    loose = _MARKER.findall(_BLOCK.sub("", text))
    if loose:
        raise ValueError(f"the block {loose[0]} does not begin and end once, each on a line of its own")
    return blocks


def replaced(text: str, contents: Mapping[str, str]) -> str:
    """The document with new contents of the blocks that are named, all others as they were."""

    def block(match: re.Match[str]) -> str:
        inside = contents.get(match[1], match[2]).strip("\n")
        lines = [f"<!-- {match[1]} -->", *([inside] if inside else []), f"<!-- /{match[1]} -->"]
        return "\n\n".join(lines)  # Markdown wants the blank lines

    found(text)
    return _BLOCK.sub(block, text)
