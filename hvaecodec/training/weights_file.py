"""Makes files of weights, safetensors, whose bytes depend on their content alone."""

from __future__ import annotations

import json


def order_metadata(data: bytes) -> bytes:
    """Return the same safetensors file with its metadata sorted by key.

    The library writes several entries in an order that changes from call to call; digests would change with it.
    """
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns tensors to eight bytes
    return len(text).to_bytes(8, "little") + text + data[8 + size :]
