"""The multi-resolution prior of the DCT context: p(level j | all coarser levels), one walk for every arithmetic.

A state on the tile grid is carried down the pyramid, as in a top-down VAE: each step refines it (pre-activation
residual blocks of one 3x3 and one 1x1 convolution), prices the step's symbols from it (a scale and a normalised mean
for every symbol) and adds what was decoded. Low bands get an integer linear prediction from decoded neighbours first.

`walk` is written once. An `Arithmetic` supplies the numbers: `training.TrainArithmetic` floats with gradients,
`exact.ExactArithmetic` integers held in float32, `exact_numpy.NumpyArithmetic` the plain reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from hvaecodec.models.photo.layout import STEPS, Band, Step, dc_base, dc_phases

Array = Any  # torch.Tensor or numpy.ndarray, by arithmetic

HATS = 8  # features of the rate: piecewise linear in the step index
LINEAR_SHIFT = 12  # linear prediction weights are integers / 2**12
MAX_LINEAR_LEVEL = 3  # levels 1..3 (k <= 8) are linearly predicted


@dataclass(frozen=True)
class PriorConfig:
    """Widths of the state for k <= 8 and above, and residual blocks before each luma and each chroma step."""

    coarse: int = 128
    fine: int = 192
    luma_blocks: int = 2
    chroma_blocks: int = 1
    dc_hidden: int = 64

    def width(self, level: int) -> int:
        return self.coarse if level <= 3 else self.fine

    def blocks(self, step: Step) -> int:
        return self.chroma_blocks if step.bands[0].channel else self.luma_blocks


def linear_inputs(step: Step, band: Band) -> list[tuple[int, slice, slice]]:
    """Where the linear prediction of `band` looks (3 x 3 tiles each): coarser coefficients, earlier luma bands."""
    half = band.n
    where: list[tuple[int, slice, slice]] = [(band.channel, slice(0, half), slice(0, half))]
    if band.channel == 0:
        for other in STEPS:
            if other.name == step.name:
                break
            if other.level == step.level:
                where.append(other.bands[0].where)
    return where


def layer_shapes(config: PriorConfig) -> Iterator[tuple[str, int, int, int]]:
    """Every convolution as (name, inputs, outputs, kernel side)."""
    near = 12 * 3 * 2
    for kind in ("diagonal", "cross"):
        for part, extra, outputs in (("y", 0, 1), ("c", 2, 2)):
            yield f"dc.{kind}.{part}.in", near + extra + HATS + 3, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.mid", config.dc_hidden, config.dc_hidden, 1
            yield f"dc.{kind}.{part}.head", config.dc_hidden, 2 * outputs, 1
    yield "start", 8 * 3 * 2, config.coarse, 1
    previous = config.coarse
    for step in STEPS:
        width = config.width(step.level)
        if width != previous:
            yield f"{step.name}.widen", previous, width, 1
            previous = width
        yield f"{step.name}.rate", HATS, width, 1
        for i in range(config.blocks(step)):
            yield f"{step.name}.block{i}.conv", width, width, 3
            yield f"{step.name}.block{i}.mix", width, width, 1
        yield f"{step.name}.head", width, 2 * step.size, 1
        if step is not STEPS[-1]:
            features = 4 if step.level <= MAX_LINEAR_LEVEL else 2
            yield f"{step.name}.embed", features * step.size, width, 1


class Arithmetic(Protocol):
    """What `walk` needs. Arrays are (B, channels, rows, columns); units are 1/32 where they are integers."""

    config: PriorConfig
    names: set[str]  # of the layers

    def rate(self, index: Array) -> Array: ...  # hat features (B, 8, 1, 1) of the step index
    def features(self, values: Array) -> Array: ...  # signed and absolute log features, channels doubled
    def conv(self, name: str, x: Array) -> Array: ...  # requantised, signed
    def relu(self, x: Array) -> Array: ...  # clamp to the 8-bit range
    def add(self, h: Array, z: Array) -> Array: ...
    def join(self, parts: list[Array]) -> Array: ...
    def spread(self, rate: Array, like: Array) -> Array: ...
    def linear(self, name: str, symbols: Array, step: Step) -> Array: ...  # quarter symbols (B, n, rows, columns)
    def nearest(self, quarter: Array) -> Array: ...  # quarter symbols to symbols
    def dc_gather(self, dc: Array, index: Any) -> Array: ...
    def dc_linear(self, kind: str, scale_class: int, near: Array) -> Array: ...
    def dc_features(self, near: Array, predicted: Array) -> Array: ...
    def dc_class(self, scale_class: int, like: Array) -> Array: ...
    def dc_around(self, dc: Array) -> Array: ...  # differences to the eight tiles around, (B, 24, rows, columns)


class Coder(Protocol):
    """Codes one step: takes what the network says, returns the symbols (B, n, rows, columns), decoded or given."""

    def dc(self, index: Any, mean4: Array, head: Array | None, channels: slice) -> Array: ...
    def step(self, step: Step, mean4: Array | None, state: Array) -> Array: ...  # it applies the step's head itself
    def known_dc(self) -> Array: ...
    def known(self) -> Array: ...


def walk(a: Arithmetic, grid: tuple[int, int], index: Array, code: Coder, levels: int = 6) -> None:
    """Walk down the pyramid of a (rows, columns) tile grid, coarse to fine, and let `code` code every symbol.

    index: (B,) step indices of the quantiser. levels: stop after that many.
    """
    rate = a.rate(index)
    _walk_dc(a, grid, rate, code)
    if levels == 1:
        return
    h = a.conv("start", a.features(a.dc_around(code.known_dc())))
    for step in STEPS:
        if step.level >= levels:
            break
        if f"{step.name}.widen" in a.names:
            h = a.conv(f"{step.name}.widen", a.relu(h))
        h = a.add(h, a.spread(a.conv(f"{step.name}.rate", rate), h))
        for i in range(a.config.blocks(step)):
            y = a.relu(a.conv(f"{step.name}.block{i}.conv", a.relu(h)))
            h = a.add(h, a.conv(f"{step.name}.block{i}.mix", y))
        mean4 = a.linear(step.name, code.known(), step) if step.level <= MAX_LINEAR_LEVEL else None
        symbols = code.step(step, mean4, a.relu(h))
        if step is STEPS[-1]:
            break
        seen = [a.features(symbols)]
        if mean4 is not None:
            seen.append(a.features(symbols - a.nearest(mean4)))
        h = a.add(h, a.conv(f"{step.name}.embed", a.join(seen)))


def _walk_dc(a: Arithmetic, grid: tuple[int, int], rate: Array, code: Coder) -> None:
    code.dc(dc_base(*grid), None, None, slice(0, 3))
    for phase in dc_phases(*grid):
        near = a.dc_gather(code.known_dc(), phase.near)  # (B, 3, N, 12)
        mean4 = a.dc_linear(phase.kind, phase.scale_class, near)  # (B, 3, N, 1)
        seen = a.dc_features(near, mean4)  # (B, 72, N, 1)
        common = [seen, a.spread(rate, seen), a.dc_class(phase.scale_class, seen)]
        for part, channels in (("y", slice(0, 1)), ("c", slice(1, 3))):
            x = a.join(common)
            for layer in ("in", "mid"):
                x = a.relu(a.conv(f"dc.{phase.kind}.{part}.{layer}", x))
            head = a.conv(f"dc.{phase.kind}.{part}.head", x)
            symbols = code.dc(phase.at, mean4[:, channels], head, channels)
            common.append(a.features(symbols - a.nearest(mean4[:, channels])))
