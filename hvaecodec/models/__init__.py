"""Networks and mathematics; also callable, because `hvaecodec.models()` lists what is installed.

Importing this package binds its name in `hvaecodec`, over the function of the same name: so the package itself answers
the call.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Models(ModuleType):
    def __call__(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = sys.modules["hvaecodec"]._models()
        return listed


sys.modules[__name__].__class__ = _Models
