"""Work on a cluster that needs no weights: it gives back what it reads, and does what the names of files say."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import ClassVar

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.folders.work import Converted


@dataclass(frozen=True)
class Reversal:
    """Turns bytes round. seconds: what each file takes. known: whether there is such a model."""

    seconds: float = 0.0
    known: bool = True

    suffixes: ClassVar[frozenset[str]] = frozenset({".png"})
    new_suffix: ClassVar[str] = ".hvc"

    def check(self) -> None:
        """Nothing is wrong with the settings."""

    def prepare(self) -> None:
        if not self.known:
            raise CodecError("no codec 'none'")

    def convert_bytes(self, data: bytes, name: str) -> Converted:
        time.sleep(self.seconds)
        base = os.path.basename(name)
        if "deadly" in base:
            os.kill(os.getpid(), signal.SIGKILL)
        if "damaged" in base:
            raise CodecError(f"{name}: cannot read this image")
        return Converted(data[::-1], f"{len(data)} bytes")
