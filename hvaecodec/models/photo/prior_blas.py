"""The DCT prior in integers held in float32, with numpy: the `Arithmetic` of decoding where there is no PyTorch.

Convolutions are products of matrices, which BLAS may add in any order and on any number of threads: the layers keep the
bound of `exact_bound`, asserted when they load, so every partial sum is exact. Linear predictions are float64, and as
exact. The results are those of `prior_exact` and of the reference `prior_numpy`, to the bit.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hvaecodec.models.exact_bound import UNIT, check_bound, check_linear
from hvaecodec.models.photo.block_shapes import TILE_CLASSES
from hvaecodec.models.photo.layout import Step
from hvaecodec.models.photo.prior_layers import LINEAR_SHIFT, PriorConfig, layer_shapes, linear_inputs
from hvaecodec.models.photo.prior_numpy import replicate, shape_features, tile_classes
from hvaecodec.models.side_by_side import cut

LIMIT = np.float32(32767)
ROWS_AT_ONCE = 8192  # tiles of a convolution held unfolded at once
VALUES_AT_ONCE = 1 << 22  # values whose places in the table of logarithms are held at once


class BlasArithmetic:
    """A `prior_walk.Arithmetic` over the integers that `prior_exact.export_integers` stores; arrays are float32."""

    def __init__(self, weights: Mapping[str, np.ndarray], config: PriorConfig) -> None:
        """Load the weights. Raises ValueError if the partial sums of a layer can reach 2**24."""
        self.config = config
        self.names = {name for name, *_ in layer_shapes(config)}
        self.layers = {}
        for name in self.names:
            weight, bias, shift = (weights[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
            check_bound(name, weight, bias, shift)
            matrix = weight.astype(np.float32).reshape(len(weight), -1)
            half = (bias + ((1 << shift.astype(np.int64)) >> 1)).astype(np.float32)
            self.layers[name] = matrix, half[:, None], 2.0 ** -shift.astype(np.float32)[:, None], weight.shape[-1]
        tables = {name: table for name, table in weights.items() if "linear" in name}
        for name, table in tables.items():
            check_linear(name, table)
        self.tables = {name: table.astype(np.float64) for name, table in tables.items()}
        self.log_table = weights["log_table"].astype(np.float32)
        self.rate_table = weights["rate_table"].astype(np.float32)

    def tensor(self, values: np.ndarray) -> np.ndarray:
        """Return values as they are: integers of any dtype do."""
        return np.asarray(values)

    def numpy(self, x: np.ndarray) -> np.ndarray:
        """Return an array as it is."""
        return x

    def rate(self, step_index: np.ndarray) -> np.ndarray:
        """Return the hat features (B, 8, 1, 1) of step indices (B,), in 1/32."""
        return self.rate_table[step_index][:, :, None, None]

    def features(self, values: np.ndarray) -> np.ndarray:
        """Return sign(v) log(1 + |v|) and then log(1 + |v|) of every value, twice the channels, in 1/32."""
        n = values.shape[1]
        out = np.empty((len(values), 2 * n, *values.shape[2:]), np.float32)
        for rows in cut(values.shape[2], -(-values.size // VALUES_AT_ONCE)):
            part = values[:, :, rows]
            size = self.log_table.take(np.abs(part).astype(np.int32), mode="clip")  # the last entry: all beyond
            out[:, :n, rows], out[:, n:, rows] = np.where(part < 0, -size, size), size
        return out

    def conv(self, name: str, x: np.ndarray) -> np.ndarray:
        """Apply the layer of that name and requantise; the result has a sign."""
        matrix, half, scale, side = self.layers[name]
        batch, channels, rows, columns = x.shape
        if side == 1:
            flat = np.asarray(x, np.float32).reshape(batch, channels, -1)
            return _finish(matrix @ flat, half, scale).reshape(batch, -1, rows, columns)
        at_once = max(1, ROWS_AT_ONCE // columns)
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        parts = []
        for top in range(0, rows, at_once):
            unfolded = _unfold(padded[:, :, top : min(top + at_once, rows) + 2])
            parts.append(_finish(matrix @ unfolded, half, scale).reshape(batch, len(matrix), -1, columns))
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 2)

    def embed(self, name: str, parts: list[np.ndarray]) -> np.ndarray:
        """Apply a layer without neighbours to the features of symbols (B, n, rows, columns) each, joined, by rows."""
        out = []
        for rows in cut(parts[0].shape[2], -(-parts[0].size // VALUES_AT_ONCE)):
            out.append(self.conv(name, self.join([self.features(part[:, :, rows]) for part in parts])))
        return np.concatenate(out, 2) if len(out) > 1 else out[0]

    def relu(self, x: np.ndarray) -> np.ndarray:
        """Clamp to the range of activations, 0..255."""
        return np.clip(x, np.float32(0), np.float32(255))

    def add(self, h: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Add to the state, within its 16 bits."""
        total = h + z
        return np.clip(total, -LIMIT, LIMIT, out=total)

    def join(self, parts: list[np.ndarray]) -> np.ndarray:
        """Concatenate channels."""
        return parts[0] if len(parts) == 1 else np.concatenate(parts, 1)

    def spread(self, rate: np.ndarray, like: np.ndarray) -> np.ndarray:
        """Repeat (B, channels, 1, 1) over the rows and columns of `like`."""
        return np.broadcast_to(rate, (*rate.shape[:2], *like.shape[2:]))

    def shape_features(self, shapes: np.ndarray) -> np.ndarray:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns) of 32 and 0."""
        return shape_features(shapes).astype(np.float32)

    def take(self, features: np.ndarray, tiles: np.ndarray) -> np.ndarray:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""
        return features.reshape(*features.shape[:2], -1)[:, :, tiles][..., None]

    def linear(self, step: Step, symbols: np.ndarray, shapes: np.ndarray) -> np.ndarray:
        """Predict a step's symbols with the weights of each tile's class, in quarter symbols (B, n, rows, columns)."""
        batch, *_, rows, columns = symbols.shape
        classes = tile_classes(shapes)[:, step.map_number, None, None]
        means = []
        for i, band in enumerate(step.bands):
            inputs = [symbols[:, c, u, v].reshape(batch, -1, rows, columns) for c, u, v in linear_inputs(step, band)]
            unfolded = _unfold(replicate(np.concatenate(inputs, 1)).astype(np.float64))
            table = self.tables[f"linear_{step.name}_{i}"]
            every = table.reshape(table.shape[0] * table.shape[1], -1) @ unfolded
            every = every.reshape(batch, TILE_CLASSES, -1, rows, columns)
            means.append(np.take_along_axis(every, classes, 1)[:, 0])
        return _to_quarters(np.concatenate(means, 1))

    def nearest(self, quarter: np.ndarray) -> np.ndarray:
        """Round quarter symbols to whole symbols, half up."""
        return np.floor((quarter + np.float32(2)) / np.float32(4))

    def dc_gather(self, dc: np.ndarray, near: np.ndarray) -> np.ndarray:
        """Take the DCs (B, 3, rows, columns) at flat tile indices (N, 12): (B, 3, N, 12)."""
        return dc.reshape(*dc.shape[:2], -1)[:, :, near].astype(np.float32)

    def dc_linear(self, kind: str, scale_class: int, near: np.ndarray) -> np.ndarray:
        """Predict DCs from their neighbours (B, 3, N, 12), in quarter symbols (B, 3, N, 1)."""
        weight = self.tables[f"dc_linear_{kind}"][scale_class]
        return _to_quarters((near.astype(np.float64) * weight[:, None]).sum(-1, keepdims=True))

    def dc_features(self, near: np.ndarray, prediction: np.ndarray) -> np.ndarray:
        """Return the features of the neighbours' differences to the prediction, (B, 72, N, 1)."""
        away = near - self.nearest(prediction)
        batch, _, n, _ = away.shape
        return self.features(away.transpose(0, 1, 3, 2).reshape(batch, -1, n, 1))

    def dc_class(self, scale_class: int, like: np.ndarray) -> np.ndarray:
        """Return the scale class one-hot, (B, 3) spread over the rows and columns of `like`."""
        one_hot = np.zeros((1, 3, 1, 1), np.float32)
        one_hot[:, scale_class] = UNIT
        return np.broadcast_to(one_hot, (len(like), 3, *like.shape[2:]))

    def dc_around(self, dc: np.ndarray) -> np.ndarray:
        """Return the differences of DCs to those of the eight tiles around, (B, 24, rows, columns)."""
        rows, columns = dc.shape[2:]
        padded, centre = replicate(dc).astype(np.float32), dc.astype(np.float32)
        around = [padded[:, :, i : i + rows, j : j + columns] - centre for i, j in np.ndindex(3, 3) if (i, j) != (1, 1)]
        return np.stack(around, 2).reshape(len(dc), -1, rows, columns)


def _unfold(padded: np.ndarray) -> np.ndarray:
    """The 3 x 3 surroundings of every place in (B, channels, rows + 2, columns + 2): (B, 9 channels, places)."""
    batch, channels, rows, columns = padded.shape
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))  # (B, channels, rows, columns, 3, 3)
    return windows.transpose(0, 1, 4, 5, 2, 3).reshape(batch, 9 * channels, (rows - 2) * (columns - 2))


def _finish(acc: np.ndarray, half: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Requantise sums: floor((acc + half) * scale)."""
    acc += half
    acc *= scale
    return np.floor(acc, out=acc)


def _to_quarters(acc: np.ndarray) -> np.ndarray:
    """Round sums of linear predictions to quarter symbols, half up, float32 of their shape."""
    return np.floor((acc + 2 ** (LINEAR_SHIFT - 3)) / 2 ** (LINEAR_SHIFT - 2)).astype(np.float32)
