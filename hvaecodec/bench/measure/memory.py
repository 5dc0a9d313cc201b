"""How much memory a piece of work takes: the process's resident high-water mark while it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from types import TracebackType

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures a block: after `with PeakMemory() as peak: ...`, `peak.n_bytes` is the peak resident set in bytes.

    It counts everything resident in the process, the interpreter and libraries too, so it is what a machine must have.
    It works on Linux, by resetting VmHWM through /proc/self/clear_refs, and is None where that cannot be done.
    """

    def __enter__(self) -> PeakMemory:
        self.n_bytes: int | None = None
        try:
            _CLEAR.write_text("5")
        except OSError:
            self._measurable = False
        else:
            self._measurable = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._measurable:
            self.n_bytes = _high_water_mark()


def process_peak() -> int:
    """Return the bytes of this process's resident high-water mark since it started, or the last `PeakMemory` began.

    It is VmHWM where there is one: getrusage's figure also counts what the parent held when it forked.
    """
    if _STATUS.exists() and (n_bytes := _high_water_mark()) is not None:
        return n_bytes
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def resident() -> int:
    """Return the bytes that this process holds now; where that is not known, its high-water mark."""
    if _STATUS.exists() and (n_bytes := _bytes_of("VmRSS:")) is not None:
        return n_bytes
    return process_peak()


def _high_water_mark() -> int | None:
    return _bytes_of("VmHWM:")


def _bytes_of(field: str) -> int | None:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    return None
