"""A loop that ends by processor time, and settings as words, for runs that share a machine with other work."""

from __future__ import annotations

import json
import sys
from typing import Any

from hvaecodec.training.checkpoint import Position
from hvaecodec.training.loop import Loop, Moment


class LimitedLoop(Loop):
    """Stops at a checkpoint when so many minutes of processor time are spent; 0 for no limit."""

    cpu_minutes = 0.0

    def _now(self, saved: Position) -> tuple[Moment, bool]:
        moment, save = super()._now(saved)
        if self.cpu_minutes and self.position.cpu_seconds >= 60 * self.cpu_minutes:
            self._save()
            sys.exit(0)
        return moment, save


def setting(text: str) -> tuple[str, Any]:
    """Read KEY=VALUE, the value as JSON, a list as a tuple, or as it is."""
    key, value = text.split("=", 1)
    try:
        parsed = json.loads(value)
    except json.JSONDecodeError:
        return key, value
    return key, tuple(parsed) if isinstance(parsed, list) else parsed
