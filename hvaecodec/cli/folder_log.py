"""The log of a folder's files: one line of JSON for each, appended to those of earlier runs."""

from __future__ import annotations

import json
import os
from types import TracebackType
from typing import TYPE_CHECKING

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import reason

if TYPE_CHECKING:
    from hvaecodec.codec.folders.run import Outcome


class FolderLog:
    """A file that gets a line for each outcome, at once, so that also a run that is cut short has its log.

    Raises CodecError if it cannot be written, or if it exists and is something else than a log.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by __exit__)
            self._file.seek(0)
            start = self._file.read(1)
        except OSError as cause:
            raise self._problem(cause) from cause
        if start not in (b"", b"{"):
            self._file.close()
            raise CodecError(f"{path} exists and is no log; it is kept, name another file")

    def __enter__(self) -> FolderLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def write(self, outcome: Outcome) -> None:
        """Append a line; half a line is taken back. Raises CodecError."""
        record = {
            "file": outcome.job.source,
            "output": outcome.job.target,
            "status": outcome.status,
            "bytes": outcome.n_bytes,
            "seconds": round(outcome.seconds, 3),
            "message": "; ".join((outcome.message, *outcome.notes)) if outcome.message else "; ".join(outcome.notes),
        }
        line = json.dumps(record).encode() + b"\n"  # in ASCII, so any name of a file can stand there
        size = os.fstat(self._file.fileno()).st_size
        try:
            if self._file.write(line) != len(line):
                raise OSError(0, "only a part of a line could be written")
        except OSError as cause:
            if os.fstat(self._file.fileno()).st_size > size:
                self._file.truncate(size)
            raise self._problem(cause) from cause

    def _problem(self, cause: OSError) -> CodecError:
        return CodecError(f"cannot write the log {self.path}: {reason(cause)}")
