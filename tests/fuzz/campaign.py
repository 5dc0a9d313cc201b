"""Many mutants, numbered: mutant n of a seed is always the same, so that a campaign can stop, go on and be shared."""

from __future__ import annotations

import json
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzz import oracles, parsers
from hvaecodec.bench.measure import memory
from hvaecodec.codec.files import write_atomically

MAX_SECONDS, MAX_BYTES = 2.0, 10**9  # of the processor, and of memory above what there was before, for one case
_SAVE_EVERY = 20.0  # seconds
Check = Callable[[random.Random, list[bytes]], str]
PARSERS: dict[str, Check] = {
    "container": parsers.check_container,
    "alpha": parsers.check_alpha,
    "metadata": parsers.check_metadata,
}
FILES: dict[str, Check] = {"decode": oracles.check_decode, "all": oracles.check_all}
CHECKS = PARSERS | FILES


@dataclass
class Progress:
    """How far a campaign is. after: the number of the next mutant. results: what became of so many of them.

    cpu_seconds, slowest: of the processor, for all and for the slowest. peak_bytes: above what there was before.
    """

    check: str
    codec: str
    seed: int
    after: int
    results: dict[str, int] = field(default_factory=dict)
    findings: list[int] = field(default_factory=list)
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    slowest: float = 0.0
    peak_bytes: int = 0


def mutant_rng(check: str, codec: str, seed: int, number: int) -> random.Random:
    """The random numbers of one mutant."""
    return random.Random(f"{check} {codec} {seed} {number}")


def _clocks() -> tuple[float, float]:
    """Seconds of the wall and of the processor."""
    return time.monotonic(), time.process_time()


@dataclass(frozen=True)
class Campaign:
    """One check on files of one codec. part: of `parts`, which share the numbers among them. folder: of findings."""

    check: str
    codec: str
    seed: int
    seeds: list[bytes]
    part: int = 0
    parts: int = 1
    folder: Path | None = None

    @property
    def _state(self) -> Path | None:
        name = f"{self.check}-{self.codec}-{self.seed}-{self.part}-of-{self.parts}.json"
        return self.folder / name if self.folder else None

    def run(self, count: int, until: float = float("inf")) -> Progress:
        """Check mutants up to number `count` - 1, or until a time of `time.monotonic`; goes on where it was stopped."""
        progress, results = self._begin()
        before, clocks = memory.resident(), _clocks()
        while progress.after < count and time.monotonic() < until:
            results[self._one(progress, before)] += 1
            progress.after += self.parts
            if _clocks()[0] - clocks[0] > _SAVE_EVERY:
                clocks = self._save(progress, results, clocks)
        progress.peak_bytes = max(progress.peak_bytes, memory.process_peak() - before)
        self._save(progress, results, clocks)
        return progress

    def _begin(self) -> tuple[Progress, Counter[str]]:
        progress = Progress(self.check, self.codec, self.seed, self.part)
        if self._state is not None and self._state.exists():
            progress = Progress(**json.loads(self._state.read_text()))
        return progress, Counter(progress.results)

    def _save(self, progress: Progress, results: Counter[str], clocks: tuple[float, float]) -> tuple[float, float]:
        """Write down how far it is, with the time since `clocks`, and return the clocks of now."""
        now = _clocks()
        progress.seconds += now[0] - clocks[0]
        progress.cpu_seconds += now[1] - clocks[1]
        progress.results = dict(results)
        if self._state is not None:
            self._state.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._state, json.dumps(asdict(progress)).encode(), force=True)
        return now

    def _one(self, progress: Progress, before: int) -> str:
        """Check the next mutant, and write down what it does that nothing may do."""
        start = time.process_time()
        trouble = ""
        try:
            result = CHECKS[self.check](mutant_rng(self.check, self.codec, self.seed, progress.after), self.seeds)
        except Exception:
            result, trouble = "FINDING", traceback.format_exc()
        seconds = time.process_time() - start
        progress.slowest = max(progress.slowest, seconds)
        if seconds > MAX_SECONDS:
            trouble += f"took {seconds:.1f} s of the processor\n"
        if self.check in FILES or progress.after % 256 < self.parts:
            peak = memory.process_peak() - before
            if progress.peak_bytes <= MAX_BYTES < peak:
                trouble += f"took {peak / 1e9:.1f} GB\n"
            progress.peak_bytes = max(progress.peak_bytes, peak)
        if trouble:
            progress.findings.append(progress.after)
            self._note(progress.after, trouble)
        return result

    def _note(self, number: int, trouble: str) -> None:
        again = f"python -m fuzz --check {self.check} --codec {self.codec} --seed {self.seed} --only {number}"
        print(f"{again}\n{trouble}", flush=True)
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"finding-{self.check}-{self.codec}-{self.seed}-{number}.txt").write_text(
                f"{again}\n{trouble}"
            )
