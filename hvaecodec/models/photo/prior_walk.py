"""The multi-resolution prior of the DCT context: p(level j | all coarser levels), one walk for every arithmetic.

A state on the tile grid is carried down the pyramid, as in a top-down VAE: each step refines it (pre-activation
residual blocks of one 3x3 and one 1x1 convolution), gets the tables of its symbols from it (a scale and a normalised
mean for every symbol) and embeds what was decoded in it. Low bands get an integer linear prediction from decoded
neighbours first.

The shapes of all blocks are known before, and stand as one-hot features beside every step's input. The tables of the
second half of a band know the first (the neighbours in frequency or, where blocks are interleaved, beside it). The
linear predictions have weights for each class of tile (undivided, two halves of either kind, quadrants).

`walk` is written once. An `Arithmetic` supplies the numbers: `prior_trainable.PriorNet` floats with gradients,
`prior_exact.ExactArithmetic` integers held in float32, `prior_numpy.NumpyArithmetic` the plain reference. A `Coder`
does with the symbols what is to be done: writes them, reads them, or counts their bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from hvaecodec.models.photo.layout import N_LEVELS, STEPS, Phase, Step, dc_base, dc_phases
from hvaecodec.models.photo.prior_layers import MAX_LINEAR_LEVEL, PriorConfig

Array = Any  # torch.Tensor or numpy.ndarray, by arithmetic


class Arithmetic(Protocol):
    """The numbers of a prior. Arrays are (B, channels, rows, columns); units are 1/32 where they are integers."""

    config: PriorConfig
    names: set[str]  # of the layers

    def rate(self, step_index: Array) -> Array:
        """Return the hat features of step indices (B,), piecewise linear, (B, 8, 1, 1)."""

    def features(self, values: Array) -> Array:
        """Return sign(v) log(1 + |v|) of every value and then log(1 + |v|), twice the channels."""

    def conv(self, name: str, x: Array) -> Array:
        """Apply the layer of that name to activations and requantise; the result has a sign."""

    def embed(self, name: str, parts: list[Array]) -> Array:
        """Apply a layer without neighbours to the features of symbols (B, n, rows, columns) each, joined."""

    def relu(self, x: Array) -> Array:
        """Clamp to the range of activations, 0..255 in 1/32."""

    def add(self, h: Array, z: Array) -> Array:
        """Add to the state."""

    def join(self, parts: list[Array]) -> Array:
        """Concatenate channels."""

    def spread(self, rate: Array, like: Array) -> Array:
        """Repeat (B, channels, 1, 1) over the rows and columns of `like`."""

    def shape_features(self, shapes: Array) -> Array:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns)."""

    def take(self, features: Array, tiles: Any) -> Array:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""

    def linear(self, step: Step, symbols: Array, shapes: Array) -> Array:
        """Predict a step's symbols with the weights of each tile's class, in quarter symbols (B, n, rows, columns).

        symbols: (B, 3, 32, 32, rows, columns). shapes: maps (B, 2, 2 rows, 2 columns).
        """

    def nearest(self, quarters: Array) -> Array:
        """Round quarter symbols to whole symbols, half up."""

    def dc_gather(self, dc: Array, near: Any) -> Array:
        """Take the DCs (B, 3, rows, columns) at flat tile indices (N, 12): (B, 3, N, 12)."""

    def dc_linear(self, kind: str, scale_class: int, near: Array) -> Array:
        """Predict DCs from their neighbours (B, 3, N, 12), in quarter symbols (B, 3, N, 1)."""

    def dc_features(self, near: Array, prediction: Array) -> Array:
        """Return the features of the neighbours' differences to the prediction, (B, 72, N, 1)."""

    def dc_class(self, scale_class: int, like: Array) -> Array:
        """Return the scale class one-hot, (B, 3) spread over the rows and columns of `like`."""

    def dc_around(self, dc: Array) -> Array:
        """Return the differences of DCs to those of the eight tiles around, (B, 24, rows, columns)."""


class Known(NamedTuple):
    """What the tables of a step come from; its parts are joined some rows at a time, for together they are large.

    state: activations, (B, width, rows, columns). tiles: the features of the shapes. first: the symbols of the first
    half of the band, for its second half.
    """

    state: Array
    tiles: Array
    first: Array | None

    def joined(self, a: Arithmetic, rows: slice = slice(None)) -> Array:
        """Return the input of a step's head in some rows."""
        first = [] if self.first is None else [a.features(self.first[:, :, rows])]
        return a.join([self.state[:, :, rows], self.tiles[:, :, rows], *first])


class Coder(Protocol):
    """What `walk` asks and tells about symbols. Symbols that it returns may be decoded or have been known before."""

    def known_dc(self) -> Array:
        """Return the DCs (B, 3, rows, columns), zero where they are not coded yet."""

    def known_symbols(self) -> Array:
        """Return all symbols (B, 3, 32, 32, rows, columns), zero where they are not coded yet."""

    def code_dc(self, tiles: Any, channels: slice, prediction: Array | None, head: Array | None) -> Array:
        """Code the DCs of some channels at flat tile indices (N,) and return them, (B, channels, N, 1).

        prediction: quarter symbols; head: what the network says. Both are None on the coarsest lattice.
        """

    def code_step(self, step: Step, prediction: Array | None, known: Known) -> Array:
        """Code the symbols of a step and return them, (B, n, rows, columns); None will do for the last step.

        The layer "<step>.head" gives their tables from what is known; the coder applies it, some rows at a time if it
        likes. prediction: quarter symbols, None where there is no linear prediction.
        """


def walk(a: Arithmetic, step_index: Array, shapes: Array, coder: Coder, *, n_levels: int = N_LEVELS) -> None:
    """Walk down the pyramid of a grid of tiles, coarse to fine, and let `coder` code every symbol.

    step_index: (B,), of the arithmetic's kind. shapes: maps of luma and chroma, int64 (B, 2, 2 rows, 2 columns), numpy
    but for the trainable form. n_levels: stop after so many stream levels.
    """
    grid = shapes.shape[-2] // 2, shapes.shape[-1] // 2
    rate, tiles = a.rate(step_index), a.shape_features(shapes)
    _walk_dc(a, grid, rate, tiles, coder)
    if n_levels == 1:
        return
    state = a.conv("start", a.features(a.dc_around(coder.known_dc())))
    first: Array = None  # the symbols of the step before, where that was the first half of a band
    for step in STEPS:
        if step.stream_level >= n_levels:
            return
        state = _refined(a, step, state, rate, tiles)
        low = step.stream_level <= MAX_LINEAR_LEVEL
        prediction = a.linear(step, coder.known_symbols(), shapes) if low else None
        symbols = coder.code_step(step, prediction, Known(a.relu(state), tiles, first))
        if step is not STEPS[-1]:
            parts = [symbols] if prediction is None else [symbols, symbols - a.nearest(prediction)]
            state = a.add(state, a.embed(f"{step.name}.embed", parts))
            first = symbols if step.half == 0 else None
            del symbols, parts


def _refined(a: Arithmetic, step: Step, state: Array, rate: Array, tiles: Array) -> Array:
    """The state from which a step's tables come: widened, shifted by the rate and a level's shapes, and refined."""
    if f"{step.name}.widen" in a.names:
        state = a.conv(f"{step.name}.widen", a.relu(state))
    state = a.add(state, a.spread(a.conv(f"{step.name}.rate", rate), state))
    if f"{step.name}.shape" in a.names:
        state = a.add(state, a.conv(f"{step.name}.shape", tiles))
    for i in range(a.config.blocks(step)):
        y = a.relu(a.conv(f"{step.name}.block{i}.conv", a.relu(state)))
        state = a.add(state, a.conv(f"{step.name}.block{i}.mix", y))
    return state


def _walk_dc(a: Arithmetic, grid: tuple[int, int], rate: Array, tiles: Array, coder: Coder) -> None:
    """Code the DC picture: the coarsest lattice without a network, then phase by phase what lies between."""
    coder.code_dc(dc_base(*grid), slice(0, 3), None, None)
    for phase in dc_phases(*grid):
        _walk_phase(a, phase, rate, tiles, coder)


def _walk_phase(a: Arithmetic, phase: Phase, rate: Array, tiles: Array, coder: Coder) -> None:
    """Code the DCs of one phase: luma, then, knowing how far it was from its prediction, chroma."""
    near = a.dc_gather(coder.known_dc(), phase.near)  # (B, 3, N, 12)
    prediction = a.dc_linear(phase.kind, phase.scale_class, near)  # (B, 3, N, 1)
    around = a.dc_features(near, prediction)  # (B, 72, N, 1)
    known = [around, a.spread(rate, around), a.dc_class(phase.scale_class, around), a.take(tiles, phase.at)]
    for part, channels in (("y", slice(0, 1)), ("c", slice(1, 3))):
        x = a.join(known)
        for layer in ("in", "mid"):
            x = a.relu(a.conv(f"dc.{phase.kind}.{part}.{layer}", x))
        head = a.conv(f"dc.{phase.kind}.{part}.head", x)
        symbols = coder.code_dc(phase.at, channels, prediction[:, channels], head)
        known.append(a.features(symbols - a.nearest(prediction[:, channels])))
