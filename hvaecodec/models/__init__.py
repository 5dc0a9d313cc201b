"""This package holds the networks and the mathematics; it can be called, too: `hvaecodec.models()` lists the codecs.

Importing this package binds its name in `hvaecodec`, over the function of the same name, so the package itself answers
the call.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Models(ModuleType):
    """This module can be called."""

    def __call__(self) -> list[dict[str, Any]]:
        """Return the cards of the codecs that are installed."""
        cards: list[dict[str, Any]] = sys.modules["hvaecodec"]._models()
        return cards


sys.modules[__name__].__class__ = _Models
