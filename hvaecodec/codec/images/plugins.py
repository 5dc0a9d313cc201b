"""Formats that Pillow reads once a plugin of it was imported, which happens when a file needs it."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

_PLUGINS = {  # how a file begins, and the module whose import makes Pillow know its format
    b"\xff\x0a": "pillow_jxl",
    b"\0\0\0\x0cJXL \r\n\x87\n": "pillow_jxl",
}


def import_for(data: bytes) -> None:
    """Import the plugin that a file needs, if it needs one and it is installed."""
    for start, module in _PLUGINS.items():
        if data.startswith(start) and find_spec(module) is not None:
            import_module(module)
