"""The hierarchical quantised autoencoder (HQA) stacks layers of stochastic vector quantisation on each other.

Williams et al., "Hierarchical Quantized Autoencoders", arXiv:2002.08111. Layer 0 codes pictures; layer l codes z_e,
the encoder's continuous output of layer l - 1, and its decoder reconstructs that z_e, which is a whole posterior over
the codes below and not one sample of it. Only the indices of the top layer are transmitted. Ours: an encoder reads the
standardised z_e, so that it need not learn its scale. How layers are trained is in `losses`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.hqa.layer_config import LayerConfig
from hvaecodec.models.hqa.upsampled_conv import UpsampledConv
from hvaecodec.models.side_by_side import each

# From the number of a layer and (rows, columns) of its grid to float64 in 0..1, (rows, columns) or (B, rows, columns).
Uniforms = Callable[[int, tuple[int, int]], "np.ndarray | Tensor"]

_CELLS = 1 << 14  # how many cells have their logits in memory at once
_EPSILON = 1e-5  # added to variances, so that a channel that never varies can be divided by its deviation


class Residual(nn.Module):
    """A residual block adds two 3x3 convolutions with Mish between them to its input, and takes the Mish of that."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, width, h, w) to the same shape."""
        return F.mish(x + self.second(F.mish(self.first(x))))


def conv(inputs: int, outputs: int, stride: int = 1, side: int = 3) -> nn.Conv2d:
    """Make a convolution of kernel side x side that keeps the grid, or halves it with stride 2."""
    return nn.Conv2d(inputs, outputs, side, stride, side // 2)


def encoder(config: LayerConfig) -> nn.Sequential:
    """Make the net that takes a target (B, inputs, H, W) to z_e (B, dim, H / stride, W / stride)."""
    half = max(1, config.encoder // 2)
    modules = [conv(config.inputs, half, config.stride), nn.Mish(), conv(half, config.encoder), nn.Mish()]
    modules += [Residual(config.encoder) for _ in range(config.blocks)]
    return nn.Sequential(*modules, conv(config.encoder, config.dim, side=1))


def decoder(config: LayerConfig) -> nn.Sequential:
    """Make the net that takes z_q (B, dim, h, w) to the target (B, outputs, stride h, stride w)."""
    half = max(1, config.decoder // 2)
    modules: list[nn.Module] = [conv(config.dim, config.decoder), nn.Mish()]
    modules += [Residual(config.decoder) for _ in range(config.blocks)]
    modules += upsampled_conv(config.decoder, half) if config.stride > 1 else [conv(config.decoder, half)]
    return nn.Sequential(*modules, nn.Mish(), conv(half, config.outputs or config.inputs))


def upsampled_conv(inputs: int, outputs: int) -> list[nn.Module]:
    """Make what doubles a grid, as a convolution 3 x 3 of its values repeated 2 x 2 does.

    The first of the two modules does nothing: it keeps the number that the repetition has in the names of weights.
    """
    return [nn.Identity(), UpsampledConv(inputs, outputs)]


class HqaLayer(nn.Module):
    """A layer is an encoder, a codebook, a decoder, and the running standardisation of the target that it codes.

    bottom: whether the target is a picture in 0..1, standardised by the identity and reconstructed through a sigmoid;
    otherwise it is z_e of the layer below. Cells are (N, dim): the places of a grid, one after the other.
    """

    seen: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, config: LayerConfig, bottom: bool = False) -> None:
        """Make a layer with random weights, drawn from PyTorch's default generator."""
        super().__init__()
        self.config, self.bottom = config, bottom
        self.encoder, self.decoder = encoder(config), decoder(config)
        self.codebook = nn.Parameter(torch.randn(config.codes, config.dim))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))  # values a channel that mean and std are of
        self.register_buffer("mean", torch.zeros(config.inputs))
        self.register_buffer("std", torch.ones(config.inputs))

    def encode(self, x: Tensor) -> Tensor:
        """Return z_e of a target (B, inputs, H, W): the encoder's continuous output, (B, dim, h, w)."""
        z_e: Tensor = self.encoder(self.standardise(x))
        return z_e  # (B, dim, h, w)

    def logits(self, z_e: Tensor) -> Tensor:
        """Return -||z_e - e_k||^2 for every code e_k, (B, K, h, w): the posterior before its softmax.

        arXiv:2002.08111, eq. 3. z_e: (B, dim, h, w).
        """
        return grid_of(self.cell_logits(cells_of(z_e)), z_e)

    def cell_logits(self, cells: Tensor) -> Tensor:
        """Return `logits` of separate cells: -||z - e_k||^2 for every code, (N, dim) to (N, K)."""
        codes = self.codebook.to(cells.dtype)
        cross = torch.addmm((codes**2).sum(1), cells, codes.T, beta=-1, alpha=2)
        return cross - (cells**2).sum(1, keepdim=True)

    def logits_below(self, cells: Tensor, below: HqaLayer) -> Tensor:
        """Return the logits that this layer's decoder implies for the codes of the layer below: (N, outputs) to (N, K).

        cells: outputs of `decode`, unstandardised. A decoder that reconstructs z_e names its nearest code.
        """
        return below.cell_logits(cells)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return the code vectors (B, dim, h, w) of indices (B, h, w)."""
        return F.embedding(indices, self.codebook).permute(0, 3, 1, 2)

    def decode(self, z_q: Tensor) -> Tensor:
        """Return the reconstruction of the target from z_q (B, dim, h, w), before `unstandardise`."""
        out: Tensor = self.decoder(z_q)
        return out

    def standardise(self, target: Tensor) -> Tensor:
        """Bring every channel of a target to mean 0 and deviation 1, by the statistics that `observe` gathered."""
        if self.bottom:
            return target
        return (target - self.mean[:, None, None]) / self.std[:, None, None]

    def unstandardise(self, decoded: Tensor) -> Tensor:
        """Undo `standardise` for outputs of `decode`; those of the bottom layer go through a sigmoid."""
        if self.bottom:
            return torch.sigmoid(decoded)
        return decoded * self.std[:, None, None] + self.mean[:, None, None]

    @torch.no_grad()
    def observe(self, target: Tensor) -> None:
        """Let the running mean and deviation take in one more batch of targets (B, inputs, H, W).

        Call it for a layer in training only: those below it must stay as they were. Two sets of values combine as in
        Chan, Golub and LeVeque, "Algorithms for computing the sample variance" (1983).
        """
        if self.bottom:
            return
        n, before = target.numel() // target.shape[1], int(self.seen)
        share = n / (before + n)
        cells = cells_of(target).float()
        mean = cells.mean(0)
        batch_variance = ((cells - mean) ** 2).mean(0)
        apart = mean - self.mean
        variance = share * batch_variance
        if before:
            variance += (1 - share) * (self.std**2 - _EPSILON) + share * (1 - share) * apart**2
        self.mean.copy_(self.mean + share * apart)
        self.std.copy_((variance.clamp_min(0) + _EPSILON).sqrt())
        self.seen += n


class HqaStack(nn.Module):
    """A stack holds layers from the bottom (number 0) to the top; it is fully convolutional.

    Pictures are float (B, C, H, W) in 0..1.
    """

    def __init__(self, layers: Sequence[HqaLayer]) -> None:
        """Take the layers, bottom first."""
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def __getitem__(self, layer_number: int) -> HqaLayer:
        return cast("HqaLayer", self.layers[layer_number])

    def __len__(self) -> int:
        return len(self.layers)

    def encode(self, x: Tensor, layer_number: int) -> Tensor:
        """Return z_e of a layer, (B, dim, h, w): continuous all the way, nothing is quantised below.

        x: pictures (B, C, H, W).
        """
        for number in range(layer_number + 1):
            x = self[number].encode(x)
        return x

    def indices(self, x: Tensor, layer_number: int) -> Tensor:
        """Return the codes of a layer, int64 (B, h, w): those of greatest posterior probability.

        x: pictures (B, C, H, W).
        """
        return self.quantise(self.encode(x, layer_number), layer_number)

    def quantise(self, z_e: Tensor, layer_number: int) -> Tensor:
        """Return the nearest codes of continuous values of a layer: (B, dim, h, w) to int64 (B, h, w)."""
        return choose(self[layer_number].cell_logits, z_e)

    def decode(
        self, indices: Tensor, layer_number: int, uniforms: Uniforms | None = None, temperature: float = 1.0
    ) -> Tensor:
        """Return the picture of a layer's indices: int64 (B, h, w) to (B, C, H, W) in 0..1.

        uniforms: None takes the mode of every layer below; with it they are sampled by the inverse of their cumulative
        probability, their logits divided by `temperature`. Draw them as `philox.uniforms` does and the picture depends
        on the seed alone. arXiv:2002.08111, algorithm 1, and section 5.1 for the sampling.
        """
        for number in range(layer_number, 0, -1):
            values = self._decode_layer(indices, number)
            indices = self._choose_below(values, number, uniforms, temperature)
        return self._decode_layer(indices, 0)

    def decode_values(
        self, z_e: Tensor, layer_number: int, uniforms: Uniforms | None = None, temperature: float = 1.0
    ) -> Tensor:
        """Return the picture of continuous values of a layer, quantised first: for interpolation between pictures.

        z_e: (B, dim, h, w). The other arguments and the result are those of `decode`.
        """
        return self.decode(self.quantise(z_e, layer_number), layer_number, uniforms, temperature)

    def freeze(self) -> HqaStack:
        """Set evaluation mode and stop gradients, as the layers below one in training need, and return the stack."""
        return self.eval().requires_grad_(False)

    def _decode_layer(self, indices: Tensor, layer_number: int) -> Tensor:
        """Return what a layer reconstructs of its target from its indices."""
        layer = self[layer_number]
        return layer.unstandardise(layer.decode(layer.lookup(indices)))

    def _choose_below(self, values: Tensor, layer_number: int, uniforms: Uniforms | None, temperature: float) -> Tensor:
        """Return the indices of the layer below from the values (B, C, h, w) that this layer reconstructs."""
        below, u = layer_number - 1, None
        if uniforms is not None and temperature > 0:
            u = torch.as_tensor(uniforms(below, (values.shape[2], values.shape[3]))).to(values.device)
        return choose(lambda cells: self[layer_number].logits_below(cells, self[below]), values, u, temperature)


def choose(
    logits: Callable[[Tensor], Tensor], values: Tensor, uniforms: Tensor | None = None, temperature: float = 1.0
) -> Tensor:
    """Choose an index for every cell of (B, C, h, w) values, int64 (B, h, w).

    logits: takes cells (N, C) to (N, K). uniforms: None takes the largest logit. Otherwise float64 in 0..1, (h, w) for
    every picture of the batch or (B, h, w): the first index at which the cumulative softmax(logits / temperature)
    reaches the number.
    """
    b, _, h, w = values.shape
    cells = cells_of(values).split(_CELLS)
    if uniforms is None:
        return torch.cat(each(lambda part: logits(part).argmax(1), cells)).view(b, h, w)
    numbers = uniforms.double().expand(b, h, w).reshape(-1).split(_CELLS)
    indices = []
    for part, u in zip(cells, numbers, strict=True):
        cumulated = torch.softmax(logits(part).double() / temperature, 1).cumsum(1)
        indices.append((cumulated < u[:, None] * cumulated[:, -1:]).sum(1))
    return torch.cat(indices).view(b, h, w)


def cells_of(grid: Tensor) -> Tensor:
    """List the cells of grids one after the other: (B, C, h, w) to (B h w, C)."""
    return grid.permute(0, 2, 3, 1).flatten(0, 2)


def grid_of(cells: Tensor, like: Tensor) -> Tensor:
    """Put cells (B h w, C) back on grids (B, C, h, w), with the batch and the grid of `like`."""
    b, _, h, w = like.shape
    return cells.view(b, h, w, -1).permute(0, 3, 1, 2)
