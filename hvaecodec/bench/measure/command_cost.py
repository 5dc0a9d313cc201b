"""What a command takes as a process of its own: seconds, and memory at its peak."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hvaecodec.codec.errors import CodecError

_COMMAND = """
import atexit
from hvaecodec.bench.measure.memory import process_peak
from hvaecodec.cli.main import main
atexit.register(lambda: print(process_peak()))
main()
"""  # the command, which prints the peak of its memory at its end


class Cost(NamedTuple):
    """What one command took: seconds of wall clock, and bytes of resident memory at its peak."""

    seconds: float
    n_bytes: int


def command_cost(*words: str, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Cost:
    """Run `hvaecodec` with these words, in a folder and an environment, this process's own without them.

    The peak is the one that the command sees of itself: what its parent knows also counts what the parent held when it
    forked. Raises CodecError if the command fails.
    """
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, *words], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    seconds = time.perf_counter() - start
    if done.returncode:
        raise CodecError(f"hvaecodec {' '.join(words)} ended with status {done.returncode}")
    return Cost(seconds, int(done.stdout.split()[-1]))
