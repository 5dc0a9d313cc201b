"""The DCT prior in integers: the `Arithmetic` of decoding, exact on every device and thread count.

All values are integers held in float32. Convolutions are matrix products of 8-bit activations (0..255) and 8-bit
weights whose partial sums stay below 2**24, asserted when the weights load: whatever order a library adds in, and
whether it multiplies in float32, TF32 or bfloat16, the result is the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.exact_bound import check_bound, check_linear
from hvaecodec.models.integer_rounding import weight_exponents
from hvaecodec.models.photo.block_shapes import TILE_CLASSES
from hvaecodec.models.photo.layout import Step
from hvaecodec.models.photo.prior_layers import LINEAR_SHIFT, PriorConfig, layer_shapes
from hvaecodec.models.photo.prior_numpy import shape_features, tile_classes
from hvaecodec.models.photo.prior_trainable import PriorNet, around, linear_patch, of_class
from hvaecodec.models.photo.quality import N_INDICES
from hvaecodec.models.side_by_side import cut, each, n_threads

LIMIT = 32767.0
LAST_LOG = 4095  # the largest value with a feature of its own
ROWS_AT_ONCE = 8192  # tiles of a convolution held unfolded at once
LEAST_PRODUCTS = 1 << 24  # of float32 that are worth a piece: about half a millisecond of one processor
VALUES_AT_ONCE = 1 << 22  # values whose places in the table of logarithms are held at once, of eight bytes each


def export_integers(net: PriorNet) -> dict[str, np.ndarray]:
    """Return the bitstream weights of a trained net as integers.

    Of each layer there are `weight` int8, `bias` int32 and `shift` uint8. Besides there are the linear predictions
    (int16), the log table and the hats of every step index (uint8). Raises ValueError for a weight that does not fit
    int8.
    """
    out: dict[str, np.ndarray] = {}
    for name, *_ in layer_shapes(net.config):
        key = name.replace(".", "_")
        weight, bias = net.weights[key].detach().float(), net.biases[key].detach().double()
        shift = weight_exponents(weight, bias)
        integers = torch.round(weight * torch.exp2(shift)[:, None, None, None])
        if integers.abs().max() > 127:
            raise ValueError(f"a weight of layer {name} is above 127 and does not fit int8; train with weight decay")
        out[f"{name}.weight"] = integers.to(torch.int8).numpy()
        out[f"{name}.bias"] = torch.round(bias * 32 * torch.exp2(shift)).to(torch.int32).numpy()
        out[f"{name}.shift"] = shift.to(torch.uint8).numpy()
    for name, value in net.named_buffers():
        if "linear" in name:
            out[name] = torch.round(value).to(torch.int16).numpy()
    log_table = np.minimum(np.round(np.log1p(np.arange(LAST_LOG + 1)) * 32), 255).astype(np.uint8)
    step_index = torch.arange(N_INDICES)
    return out | {"log_table": log_table, "rate_table": (net.rate(step_index)[:, :, 0, 0] * 32).round().byte().numpy()}


class ExactArithmetic:
    """`prior_walk.Arithmetic` over exported integers with PyTorch; arrays are float32 tensors of integers.

    Maps of shapes are numpy arrays.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], config: PriorConfig, device: str = "cpu") -> None:
        self.config, self.device = config, device
        self.names = {name for name, *_ in layer_shapes(config)}
        self.layers = {}
        for name in self.names:
            weight, bias, shift = (weights[f"{name}.{part}"] for part in ("weight", "bias", "shift"))
            check_bound(name, weight, bias, shift)
            matrix = torch.from_numpy(weight.astype(np.float32)).flatten(1)
            rounding = (1 << shift.astype(np.int64)) >> 1
            half = torch.from_numpy((bias + rounding).astype(np.float32))
            scale = torch.from_numpy(2.0 ** -shift.astype(np.float32))
            self.layers[name] = tuple(t.to(device) for t in (matrix, half[:, None], scale[:, None])), weight.shape[-1]
        for name, table in weights.items():
            if "linear" in name:
                check_linear(name, table)
        self.tables = {
            k: torch.from_numpy(v.astype(np.float64)).to(device) for k, v in weights.items() if "linear" in k
        }
        log_table = torch.from_numpy(weights["log_table"].astype(np.float32))
        self.log_table = torch.cat([-log_table[1:].flip(0), log_table]).to(device)  # of -LAST_LOG .. LAST_LOG
        self.rate_table = torch.from_numpy(weights["rate_table"].astype(np.float32)).to(device)

    def tensor(self, values: np.ndarray | Tensor) -> Tensor:
        """Return values in the arithmetic's own kind, on the arithmetic's device."""
        return torch.as_tensor(values).to(self.device)

    def numpy(self, x: Tensor) -> np.ndarray:
        """Return a tensor as an array, on the CPU."""
        return x.cpu().numpy()

    def rate(self, step_index: Tensor) -> Tensor:
        """Return the hat features (B, 8, 1, 1) of step indices (B,), in 1/32."""
        return self.rate_table[step_index.long()][:, :, None, None]

    def features(self, values: Tensor) -> Tensor:
        """Return sign(v) log(1 + |v|) and then log(1 + |v|) of every value, twice the channels, in 1/32."""
        n = values.shape[1]
        out = torch.empty((len(values), 2 * n, *values.shape[2:]), dtype=torch.float32, device=self.device)
        for rows in cut(values.shape[2], -(-values.numel() // VALUES_AT_ONCE)):
            signed = self.log_table[(values[:, :, rows].clamp(-LAST_LOG, LAST_LOG) + LAST_LOG).long()]
            out[:, :n, rows], out[:, n:, rows] = signed, signed.abs()
        return out

    def conv(self, name: str, x: Tensor) -> Tensor:
        """Apply the layer of that name and requantise; the result has a sign."""
        (matrix, half, scale), side = self.layers[name]
        with torch.autocast(x.device.type, enabled=False):
            if side == 1:
                return self._finish(product(matrix, x.flatten(2)), half, scale).unflatten(2, x.shape[2:])
            padded = F.pad(x, (1, 1, 1, 1))
            parts = []
            for rows in cut(x.shape[2], -(-x.shape[2] * x.shape[3] // ROWS_AT_ONCE)):
                columns = neighbourhoods(padded[:, :, rows.start : rows.stop + 2])
                parts.append(self._finish(product(matrix, columns), half, scale).unflatten(2, (-1, x.shape[3])))
            return torch.cat(parts, 2) if len(parts) > 1 else parts[0]

    @staticmethod
    def _finish(acc: Tensor, half: Tensor, scale: Tensor) -> Tensor:
        return acc.add_(half).mul_(scale).floor_()

    def embed(self, name: str, parts: list[Tensor]) -> Tensor:
        """Apply a layer without neighbours to the features of symbols (B, n, rows, columns) each, joined, by rows."""
        out = []
        for rows in cut(parts[0].shape[2], -(-parts[0].numel() // VALUES_AT_ONCE)):
            out.append(self.conv(name, self.join([self.features(part[:, :, rows]) for part in parts])))
        return torch.cat(out, 2) if len(out) > 1 else out[0]

    def relu(self, x: Tensor) -> Tensor:
        """Clamp to the range of activations, 0..255."""
        return x.clamp(0, 255)

    def add(self, h: Tensor, z: Tensor) -> Tensor:
        """Add to the state, within its 16 bits."""
        return (h + z).clamp_(-LIMIT, LIMIT)

    def join(self, parts: list[Tensor]) -> Tensor:
        """Concatenate channels."""
        return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

    def spread(self, rate: Tensor, like: Tensor) -> Tensor:
        """Repeat (B, channels, 1, 1) over the rows and columns of `like`."""
        return rate.expand(-1, -1, *like.shape[2:])

    def shape_features(self, shapes: np.ndarray) -> Tensor:
        """Return the one-hot features of maps (B, 2, 2 rows, 2 columns), (B, 56, rows, columns) of 32 and 0."""
        return self.tensor(shape_features(shapes).astype(np.float32))

    def take(self, features: Tensor, tiles: np.ndarray) -> Tensor:
        """Take features (B, channels, rows, columns) at flat tile indices (N,): (B, channels, N, 1)."""
        return features.flatten(2)[:, :, self.tensor(tiles)][..., None]

    def linear(self, step: Step, symbols: Tensor, shapes: np.ndarray) -> Tensor:
        """Predict a step's symbols with the weights of each tile's class, in quarter symbols (B, n, rows, columns)."""
        classes = self.tensor(tile_classes(shapes)[:, step.map_number])
        means = []
        for i, band in enumerate(step.bands):
            patch = F.pad(linear_patch(step, band, symbols).double(), (1, 1, 1, 1), mode="replicate")
            weight = self.tables[f"linear_{step.name}_{i}"].flatten(0, 1).flatten(1)
            every = (weight @ neighbourhoods(patch)).unflatten(1, (TILE_CLASSES, -1)).unflatten(3, symbols.shape[-2:])
            means.append(of_class(every, classes))
        return to_quarters(torch.cat(means, 1))

    def nearest(self, quarter: Tensor) -> Tensor:
        """Round quarter symbols to whole symbols, half up."""
        return torch.floor((quarter + 2) / 4)

    def dc_gather(self, dc: Tensor, near: np.ndarray) -> Tensor:
        """Take the DCs (B, 3, rows, columns) at flat tile indices (N, 12): (B, 3, N, 12)."""
        return dc.flatten(2)[:, :, self.tensor(near)].float()

    def dc_linear(self, kind: str, scale_class: int, near: Tensor) -> Tensor:
        """Predict DCs from their neighbours (B, 3, N, 12), in quarter symbols (B, 3, N, 1)."""
        weight = self.tables[f"dc_linear_{kind}"][scale_class]
        return to_quarters((near.double() * weight[None, :, None]).sum(-1, keepdim=True))

    def dc_features(self, near: Tensor, prediction: Tensor) -> Tensor:
        """Return the features of the neighbours' differences to the prediction, (B, 72, N, 1)."""
        away = near - self.nearest(prediction)
        return self.features(away.permute(0, 1, 3, 2).flatten(1, 2)[..., None])

    def dc_class(self, scale_class: int, like: Tensor) -> Tensor:
        """Return the scale class one-hot, (B, 3) spread over the rows and columns of `like`."""
        one_hot = like.new_zeros(1, 3, 1, 1)
        one_hot[:, scale_class] = 32
        return one_hot.expand(like.shape[0], -1, *like.shape[2:])

    def dc_around(self, dc: Tensor) -> Tensor:
        """Return the differences of DCs to those of the eight tiles around, (B, 24, rows, columns)."""
        dc = dc.float()
        return around(F.pad(dc, (1, 1, 1, 1), mode="replicate"), dc)


def neighbourhoods(padded: Tensor) -> Tensor:
    """Return what `F.unfold(padded, 3)` does, (B, 9 channels, places), six times as fast."""
    rows, columns = padded.shape[2] - 2, padded.shape[3] - 2
    shifted = [padded[:, :, y : y + rows, x : x + columns] for y in range(3) for x in range(3)]
    return torch.stack(shifted, 2).flatten(1, 2).flatten(2)


def product(matrix: Tensor, columns: Tensor) -> Tensor:
    """Return matrix @ columns, (B, out, places), side by side where that is much work.

    matrix: (out, in). columns: (B, in, places). Each piece is one call without Python's lock.
    """
    n_pieces = min(n_threads(), matrix.numel() * columns.shape[2] // LEAST_PRODUCTS)
    if n_pieces < 2 or len(columns) > 1:
        return matrix @ columns
    out = torch.empty((1, len(matrix), columns.shape[2]), dtype=matrix.dtype)
    each(lambda rows: torch.mm(matrix[rows], columns[0], out=out[0, rows]), cut(len(matrix), n_pieces))
    return out


def to_quarters(acc: Tensor) -> Tensor:
    """Round sums of linear predictions to quarter symbols, half up, float32 of their shape."""
    return torch.floor((acc + 2 ** (LINEAR_SHIFT - 3)) / 2 ** (LINEAR_SHIFT - 2)).float()
