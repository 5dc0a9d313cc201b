"""Finds and replaces blocks: what stands between `<!-- NAME.PART -->` and `<!-- /NAME.PART -->`, each on a line."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = r"[a-z0-9-]+\.[a-z0-9-]+"
_BLOCK = re.compile(rf"^<!-- ({_NAME}) -->\n(.*?)^<!-- /\1 -->$", re.DOTALL | re.MULTILINE)
_MARKER = re.compile(rf"<!-- /?({_NAME}) -->")


def blocks_in(text: str) -> dict[str, str]:
    """Return the blocks of a document by name. Raises ValueError for a marker without its other half."""
    blocks = {match[1]: match[2].strip("\n") for match in _BLOCK.finditer(text)}
    loose = _MARKER.findall(_BLOCK.sub("", text))
    if loose:
        raise ValueError(f"the block {loose[0]} does not begin and end once, each on a line of its own")
    return blocks


def replace_blocks(text: str, contents: Mapping[str, str]) -> str:
    """Return the document with new contents of the blocks that are named, and all others as they were.

    Raises ValueError for a marker without its other half.
    """
    blocks_in(text)
    return _BLOCK.sub(lambda match: _block(match[1], contents.get(match[1], match[2])), text)


def _block(name: str, content: str) -> str:
    """A block with its markers; Markdown wants the blank lines between."""
    inside = content.strip("\n")
    return "\n\n".join([f"<!-- {name} -->", *([inside] if inside else []), f"<!-- /{name} -->"])
