"""Tells where the time of one photo's encode and decode goes: `python -m hvaecodec.bench.tools.phases`.

Functions of the default codec are timed as they are called. Where a timed function calls another, the time of the inner
one is not counted for the outer, so the parts add up to the whole.
"""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from hvaecodec.bench.show.table import Table
from hvaecodec.bench.tools import command

REST = "rest: headers, checks, arrays moved"


def _phases() -> dict[str, list[tuple[Any, str]]]:
    """The functions that are timed, as (owner, attribute), by the name of the part that they are."""
    from hvaecodec.codec.backends import torch_photo_blocks as blocks
    from hvaecodec.codec.backends import torch_photo_transform as transform
    from hvaecodec.codec.entropy import coder
    from hvaecodec.codec.photo import chunk_coder, codec, render, search
    from hvaecodec.models.photo.prior_exact import ExactArithmetic

    layers = [name for name, value in vars(ExactArithmetic).items() if callable(value) and not name.startswith("_")]
    return {
        "DCT and colour": [(transform, "analyse"), (blocks, "dequantise"), (render, "to_pixels")],
        "prior's layers, in integers": [(ExactArithmetic, name) for name in layers],
        "tables from the prior's heads": [(chunk_coder, "coding_of_heads"), (chunk_coder, "coding_of_quarters")],
        "rounding by rate and distortion": [(search.Rounder, "__call__")],
        "range coder": [(coder.Encoder, "write"), (coder.Encoder, "bytes"), (coder.Decoder, "read")],
        "generator": [(blocks, "run_generator")],
        "generator's gradient": [(blocks, "error_gradient"), (blocks, "squared_error")],
        "container": [(codec, "pack_picture"), (codec, "unpack")],
    }


class Clock:
    """Counts seconds by part, each second once."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count the time spent in the block, less that of parts within it."""
        self._switch()
        self._running.append(name)
        try:
            yield
        finally:
            self._switch()
            self._running.pop()

    def _switch(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.seconds[self._running[-1]] += now - self._since
        self._since = now


@contextmanager
def timed(clock: Clock) -> Iterator[None]:
    """Let the codec's functions report to `clock` within a block."""
    with ExitStack() as undo:
        for part, functions in _phases().items():
            for owner, name in functions:
                undo.callback(setattr, owner, name, vars(owner)[name])
                setattr(owner, name, _reporting(getattr(owner, name), part, clock))
        yield


def _reporting(function: Callable[..., Any], part: str, clock: Clock) -> Callable[..., Any]:
    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with clock.part(part):
            return function(*args, **kwargs)

    return called


def by_phase(codec: Any, x: Any, quality: float, effort: int, repeat: int = 5) -> Table:
    """Return the median milliseconds of every part over `repeat` encodes and decodes, after one of each untimed.

    x: a uint8 picture, (H, W) or (H, W, 3).
    """
    data = codec.encode(x, quality=quality, effort=effort)
    codec.decode(data)
    sides: dict[str, Callable[[], Any]] = {
        "encode": lambda: codec.encode(x, quality=quality, effort=effort),
        "decode": lambda: codec.decode(data),
    }
    clocks: dict[str, list[Clock]] = {side: [] for side in sides}
    for _ in range(repeat):
        for side, work in sides.items():
            clock = Clock()
            with timed(clock), clock.part(REST):
                work()
            clocks[side].append(clock)
    middle = {
        side: {part: 1000 * median(clock.seconds[part] for clock in of_side) for part in (*_phases(), REST)}
        for side, of_side in clocks.items()
    }
    rows = [(part, *(f"{middle[side][part]:.1f}" for side in sides)) for part in (*_phases(), REST)]
    rows.append(("sum", *(f"{sum(middle[side].values()):.1f}" for side in sides)))
    title = f"{codec.name}, quality {quality:g}, effort {effort}, {x.shape[1]}x{x.shape[0]}: milliseconds"
    return Table(title, ("part", *sides), rows, [f"Medians of {repeat} after a warm-up."])


def main(
    *,
    quality: float = 50,
    effort: int = 1,
    dataset: str = "kodak",
    image: Annotated[str, typer.Option(help="The first if not given.")] = "",
    data: Path | None = None,
    threads: int = 2,
    repeat: int = 5,
) -> None:
    """Show where the time of the default codec goes on one photo."""
    from hvaecodec.bench.data import datasets
    from hvaecodec.bench.measure import runner
    from hvaecodec.codec import registry

    photos = datasets.load_dataset(dataset, data)
    x = next(photo for photo in photos if image in ("", photo.name)).pixels()
    with runner.torch_threads(threads):
        print(by_phase(registry.load(), x, quality, effort, repeat).markdown(), end="")


if __name__ == "__main__":
    command.run(main)
