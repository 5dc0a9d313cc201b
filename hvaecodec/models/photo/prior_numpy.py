"""The DCT prior in plain numpy: the reference for `prior_exact`, in the formulas and the order of docs/FORMAT.md.

Every array is int64. It needs no PyTorch and shares no arithmetic with `prior_exact` but what it makes of maps of
shapes; slow and short on purpose.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.models.exact_bound import UNIT
from hvaecodec.models.photo.block_shapes import SHAPES, WHOLE
from hvaecodec.models.photo.layout import Step
from hvaecodec.models.photo.prior_layers import LINEAR_SHIFT, PriorConfig, layer_shapes, linear_inputs

LIMIT = 32767


class NumpyArithmetic:
    """A `prior_walk.Arithmetic` over the integers that `prior_exact.export_integers` stores."""

    def __init__(self, weights: Mapping[str, np.ndarray], config: PriorConfig) -> None:
        self.config, self.weights = config, weights
        self.names = {name for name, *_ in layer_shapes(config)}
        self.log_table = weights["log_table"].astype(np.int64)
        self.rate_table = weights["rate_table"].astype(np.int64)

    def tensor(self, values: np.ndarray) -> np.ndarray:
        """Return values in the arithmetic's own kind, int64."""
        return np.asarray(values).astype(np.int64)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        """Return an array as it is."""
        return x

    def rate(self, step_index: np.ndarray) -> np.ndarray:
        """Return the hat features (B, 8, 1, 1) of step indices (B,), in 1/32."""
        return self.rate_table[step_index][:, :, None, None]

    def features(self, values: np.ndarray) -> np.ndarray:
        """Return sign(v) log(1 + |v|) and then log(1 + |v|) of every value, twice the channels, in 1/32."""
        size = self.log_table[np.minimum(np.abs(values), 4095)]
        return np.concatenate([np.where(values < 0, -size, size), size], 1)

    def conv(self, name: str, x: np.ndarray) -> np.ndarray:
        """Apply the layer of that name and requantise; the result has a sign."""
        weight, bias, exponent = (self.weights[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
        margin = weight.shape[-1] // 2
        padded = np.pad(x, ((0, 0), (0, 0), (margin, margin), (margin, margin)))
        acc = correlate(weight, padded) + bias[:, None, None]
        return shift(acc, exponent.astype(np.int64)[:, None, None])

    def embed(self, name: str, parts: list[np.ndarray]) -> np.ndarray:
        """Apply a layer without neighbours to the features of symbols (B, n, rows, columns) each, joined."""
        return self.conv(name, self.join([self.features(part) for part in parts]))

    def relu(self, x: np.ndarray) -> np.ndarray:
        """Clamp to the range of activations, 0..255."""
        return np.clip(x, 0, 255)

    def add(self, h: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Add to the state, within its 16 bits."""
        return np.clip(h + z, -LIMIT, LIMIT)

    def join(self, parts: list[np.ndarray]) -> np.ndarray:
        """Concatenate channels."""
        return np.concatenate(parts, 1)

    def spread(self, rate: np.ndarray, like: np.ndarray) -> np.ndarray:
        """Repeat (B, channels, 1, 1) over the rows and columns of `like`."""
        return np.broadcast_to(rate, (*rate.shape[:2], *like.shape[2:]))

    def shape_features(self, shapes: np.ndarray) -> np.ndarray:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns) of 32 and 0."""
        return shape_features(shapes)

    def take(self, features: np.ndarray, tiles: np.ndarray) -> np.ndarray:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""
        return features.reshape(*features.shape[:2], -1)[:, :, tiles][..., None]

    def linear(self, step: Step, symbols: np.ndarray, shapes: np.ndarray) -> np.ndarray:
        """Predict a step's symbols with the weights of each tile's class, in quarter symbols (B, n, rows, columns)."""
        batch, *_, rows, columns = symbols.shape
        classes = tile_classes(shapes)[:, step.map_number]
        means = []
        for i, band in enumerate(step.bands):
            inputs = [symbols[:, c, u, v].reshape(batch, -1, rows, columns) for c, u, v in linear_inputs(step, band)]
            padded = replicate(np.concatenate(inputs, 1))
            every = np.stack([correlate(weight, padded) for weight in self.weights[f"linear_{step.name}_{i}"]], 1)
            means.append(np.take_along_axis(every, classes[:, None, None], 1)[:, 0])
        return shift(np.concatenate(means, 1), LINEAR_SHIFT - 2)

    def nearest(self, quarter: np.ndarray) -> np.ndarray:
        """Round quarter symbols to whole symbols, half up."""
        return shift(quarter, 2)

    def dc_gather(self, dc: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Take the DCs (B, 3, rows, columns) at flat tile indices (N, 12): (B, 3, N, 12)."""
        return dc.reshape(*dc.shape[:2], -1)[:, :, near]

    def dc_linear(self, kind: str, scale_class: int, near: np.ndarray) -> np.ndarray:
        """Predict DCs from their neighbours (B, 3, N, 12), in quarter symbols (B, 3, N, 1)."""
        weight = self.weights[f"dc_linear_{kind}"][scale_class].astype(np.int64)
        return shift((near * weight[:, None, :]).sum(-1, keepdims=True), LINEAR_SHIFT - 2)

    def dc_features(self, near: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Return the features of the neighbours' differences to the prediction, (B, 72, N, 1)."""
        away = (near - self.nearest(prediction)).transpose(0, 1, 3, 2)  # (B, 3, 12, N)
        return self.features(away.reshape(len(away), -1, away.shape[-1], 1))

    def dc_class(self, scale_class: int, like: np.ndarray) -> np.ndarray:
        """Return the scale class one-hot, (B, 3) spread over the rows and columns of `like`."""
        one_hot = np.zeros((len(like), 3, *like.shape[2:]), np.int64)
        one_hot[:, scale_class] = 32
        return one_hot

    def dc_around(self, dc: np.ndarray) -> np.ndarray:
        """Return the differences of DCs to those of the eight tiles around, (B, 24, rows, columns)."""
        rows, columns = dc.shape[2:]
        padded = replicate(dc)
        around = [padded[:, :, i : i + rows, j : j + columns] - dc for i, j in np.ndindex(3, 3) if (i, j) != (1, 1)]
        return np.stack(around, 2).reshape(len(dc), -1, rows, columns)


def shape_features(shapes: np.ndarray) -> np.ndarray:
    """Return the one-hot features of maps (B, 2, 2 rows, 2 columns): 32 or 0 by map, quadrant and shape.

    They are int64 (B, 56, rows, columns).
    """
    quadrants = np.stack([shapes[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)], 2)
    b, _, _, rows, columns = quadrants.shape
    hot = quadrants[:, :, :, None] == np.arange(len(SHAPES))[:, None, None]
    return UNIT * hot.reshape(b, -1, rows, columns).astype(np.int64)


def tile_classes(shapes: np.ndarray) -> np.ndarray:
    """Return the class of every tile of maps (B, 2, 2 rows, 2 columns), 0..3, int64 (B, 2, rows, columns)."""
    return np.minimum(shapes[:, :, ::2, ::2], WHOLE).astype(np.int64)


def shift(acc: np.ndarray, bits: int | np.ndarray) -> np.ndarray:
    """Return acc / 2**bits, rounded half up."""
    return (acc + (np.left_shift(1, bits) >> 1)) >> bits


def replicate(x: np.ndarray) -> np.ndarray:
    """Return arrays (B, channels, rows, columns) with their edges repeated once on every side."""
    return np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode="edge")


def correlate(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return sums of weight (outputs, inputs, k, k) times the k x k surroundings in x, int64; x is padded already.

    The products are float64 for speed and exact: nothing here comes near 2**53.
    """
    side = weight.shape[-1]
    batch, inputs, rows, columns = x.shape[0], x.shape[1], x.shape[2] - side + 1, x.shape[3] - side + 1
    acc = np.zeros((batch, len(weight), rows * columns))
    for i, j in np.ndindex(side, side):
        window = x[:, :, i : i + rows, j : j + columns].reshape(batch, inputs, -1)
        acc += weight[:, :, i, j].astype(np.float64) @ window.astype(np.float64)
    return acc.reshape(batch, -1, rows, columns).astype(np.int64)
