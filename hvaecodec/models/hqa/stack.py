"""The hierarchical quantised autoencoder: layers of stochastic vector quantisation, each on top of the one below.

Williams et al., "Hierarchical Quantized Autoencoders", arXiv:2002.08111. Layer 0 codes pictures; layer l codes z_e,
the encoder's continuous output of layer l - 1, and its decoder reconstructs that z_e, which is a whole posterior over
the codes below and not one sample of it. Only the indices of the top layer are transmitted. Ours: an encoder reads the
standardised z_e, so that it need not learn its scale. How layers are trained: `hqa_losses`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

# (layer, (rows, columns) of its grid) -> numbers in 0..1, float64, (rows, columns) or (B, rows, columns)
Uniforms = Callable[[int, tuple[int, int]], "np.ndarray | Tensor"]

_CELLS = 1 << 14  # how many cells have their logits in memory at once
_EPSILON = 1e-5


@dataclass(frozen=True)
class LayerConfig:
    """inputs: channels of the target. encoder, decoder: widths. dim, codes: of the codebook. blocks: residual blocks
    in the encoder and in the decoder. stride: 2 halves the grid, 1 keeps it. outputs: channels that the decoder makes,
    0 for those of the target."""

    inputs: int
    encoder: int
    decoder: int
    dim: int = 64
    codes: int = 256
    blocks: int = 0
    stride: int = 2
    outputs: int = 0


class Residual(nn.Module):
    """3x3, Mish, 3x3, add, Mish."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = conv(width, width), conv(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return F.mish(x + self.second(F.mish(self.first(x))))


def conv(inputs: int, outputs: int, stride: int = 1, side: int = 3) -> nn.Conv2d:
    """A convolution that keeps the grid, or halves it with stride 2."""
    return nn.Conv2d(inputs, outputs, side, stride, side // 2)


def encoder(config: LayerConfig) -> nn.Sequential:
    """Target (B, inputs, H, W) to z_e (B, dim, H / stride, W / stride)."""
    half = max(1, config.encoder // 2)
    parts = [conv(config.inputs, half, config.stride), nn.Mish(), conv(half, config.encoder), nn.Mish()]
    parts += [Residual(config.encoder) for _ in range(config.blocks)]
    return nn.Sequential(*parts, conv(config.encoder, config.dim, side=1))


def decoder(config: LayerConfig) -> nn.Sequential:
    """z_q (B, dim, h, w) to the target (B, outputs, stride h, stride w)."""
    half = max(1, config.decoder // 2)
    parts: list[nn.Module] = [conv(config.dim, config.decoder), nn.Mish()]
    parts += [Residual(config.decoder) for _ in range(config.blocks)]
    if config.stride > 1:
        parts.append(nn.Upsample(scale_factor=config.stride))
    parts += [conv(config.decoder, half), nn.Mish(), conv(half, config.outputs or config.inputs)]
    return nn.Sequential(*parts)


class HqaLayer(nn.Module):
    """Encoder, codebook, decoder and the running standardisation of the target.

    bottom: the target is a picture in 0..1, standardised by the identity and reconstructed through a sigmoid.
    """

    seen: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, config: LayerConfig, bottom: bool = False) -> None:
        super().__init__()
        self.config, self.bottom = config, bottom
        self.encoder, self.decoder = encoder(config), decoder(config)
        self.codebook = nn.Parameter(torch.randn(config.codes, config.dim))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))  # values a channel that mean and std are of
        self.register_buffer("mean", torch.zeros(config.inputs))
        self.register_buffer("std", torch.ones(config.inputs))

    def encode(self, x: Tensor) -> Tensor:
        """z_e of a target."""
        z_e: Tensor = self.encoder(self.standardise(x))
        return z_e  # (B, dim, h, w)

    def logits(self, z_e: Tensor) -> Tensor:
        """-||z_e - e_k||^2 of every code, (B, K, h, w): the posterior before its softmax, eq. 3 of the paper."""
        return grid_of(self.cell_logits(cells_of(z_e)), z_e)

    def cell_logits(self, cells: Tensor) -> Tensor:
        """The same for separate cells: (N, dim) to (N, K)."""
        codes = self.codebook.to(cells.dtype)
        cross = torch.addmm((codes**2).sum(1), cells, codes.T, beta=-1, alpha=2)
        return cross - (cells**2).sum(1, keepdim=True)

    def logits_below(self, cells: Tensor, below: HqaLayer) -> Tensor:
        """What an output of `decode`, unstandardised, says of the codes below: (N, outputs) to (N, K)."""
        return below.cell_logits(cells)

    def lookup(self, indices: Tensor) -> Tensor:
        """Code vectors of (B, h, w) indices, (B, dim, h, w)."""
        return F.embedding(indices, self.codebook).permute(0, 3, 1, 2)

    def decode(self, z_q: Tensor) -> Tensor:
        """The reconstruction of the target before `unstandardise`."""
        out: Tensor = self.decoder(z_q)
        return out

    def standardise(self, target: Tensor) -> Tensor:
        """Every channel to mean 0 and deviation 1, by what `observe` has seen."""
        if self.bottom:
            return target
        return (target - self.mean[:, None, None]) / self.std[:, None, None]

    def unstandardise(self, decoded: Tensor) -> Tensor:
        """The opposite of `standardise`, for outputs of `decode`."""
        if self.bottom:
            return torch.sigmoid(decoded)
        return decoded * self.std[:, None, None] + self.mean[:, None, None]

    @torch.no_grad()
    def observe(self, target: Tensor) -> None:
        """Let the running mean and deviation take in one more batch of targets; only a layer in training is called."""
        if self.bottom:
            return
        n, seen = target.numel() // target.shape[1], int(self.seen)
        share = n / (seen + n)
        cells = cells_of(target).float()
        mean = cells.mean(0)
        now = ((cells - mean) ** 2).mean(0)
        apart = mean - self.mean
        variance = share * now
        if seen:
            variance += (1 - share) * (self.std**2 - _EPSILON) + share * (1 - share) * apart**2
        self.mean.copy_(self.mean + share * apart)
        self.std.copy_((variance.clamp_min(0) + _EPSILON).sqrt())
        self.seen += n


class HqaStack(nn.Module):
    """Layers from the bottom (0) to the top; fully convolutional. Pictures are float (B, C, H, W) in 0..1."""

    def __init__(self, layers: Sequence[HqaLayer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def __getitem__(self, layer: int) -> HqaLayer:
        return cast("HqaLayer", self.layers[layer])

    def __len__(self) -> int:
        return len(self.layers)

    def encode(self, x: Tensor, layer: int) -> Tensor:
        """z_e of a layer, (B, dim, h, w): continuous all the way, nothing is quantised below."""
        for number in range(layer + 1):
            x = self[number].encode(x)
        return x

    def indices(self, x: Tensor, layer: int) -> Tensor:
        """The codes of a layer, int64 (B, h, w): those of greatest posterior probability."""
        return self.quantise(self.encode(x, layer), layer)

    def quantise(self, z_e: Tensor, layer: int) -> Tensor:
        """The nearest codes of values that `encode` gave, int64 (B, h, w)."""
        return choose(self[layer].cell_logits, z_e)

    def decode(self, indices: Tensor, layer: int, uniforms: Uniforms | None = None, temperature: float = 1.0) -> Tensor:
        """The picture of a layer's (B, h, w) indices, (B, C, H, W) in 0..1.

        uniforms: None takes the mode of every layer below; with it they are sampled by the inverse of their cumulative
        probability, their logits divided by `temperature`. Draw them as `philox.uniforms` does and the picture depends
        on the seed alone.
        """
        for number in range(layer, 0, -1):
            values = self._below(indices, number)
            indices = self._descend(values, number, uniforms, temperature)
        return self._below(indices, 0)

    def decode_values(
        self, z_e: Tensor, layer: int, uniforms: Uniforms | None = None, temperature: float = 1.0
    ) -> Tensor:
        """The picture of continuous values of a layer, quantised first: for interpolation between pictures."""
        return self.decode(self.quantise(z_e, layer), layer, uniforms, temperature)

    def freeze(self) -> HqaStack:
        """Evaluation mode and no gradients: what the layers below one in training must be in."""
        return self.eval().requires_grad_(False)

    def _below(self, indices: Tensor, number: int) -> Tensor:
        layer = self[number]
        return layer.unstandardise(layer.decode(layer.lookup(indices)))

    def _descend(self, values: Tensor, number: int, uniforms: Uniforms | None, temperature: float) -> Tensor:
        """Indices of layer `number` - 1 from what layer `number` says of it."""
        below, drawn = number - 1, None
        if uniforms is not None and temperature > 0:
            drawn = torch.as_tensor(uniforms(below, (values.shape[2], values.shape[3]))).to(values.device)
        return choose(lambda cells: self[number].logits_below(cells, self[below]), values, drawn, temperature)


def choose(
    logits: Callable[[Tensor], Tensor], values: Tensor, uniforms: Tensor | None = None, temperature: float = 1.0
) -> Tensor:
    """An index for every cell of (B, C, h, w) values, int64 (B, h, w): the mode, or by inverse CDF.

    logits: (N, C) cells to (N, K). uniforms: float64, (h, w) for every picture of the batch or (B, h, w).
    """
    b, _, h, w = values.shape
    cells = cells_of(values).split(_CELLS)
    if uniforms is None:
        return torch.cat([logits(part).argmax(1) for part in cells]).view(b, h, w)
    drawn = uniforms.double().expand(b, h, w).reshape(-1).split(_CELLS)
    found = []
    for part, u in zip(cells, drawn, strict=True):
        cumulated = torch.softmax(logits(part).double() / temperature, 1).cumsum(1)
        found.append((cumulated < u[:, None] * cumulated[:, -1:]).sum(1))
    return torch.cat(found).view(b, h, w)


def cells_of(grid: Tensor) -> Tensor:
    """(B, C, h, w) to (B h w, C)."""
    return grid.permute(0, 2, 3, 1).flatten(0, 2)


def grid_of(cells: Tensor, like: Tensor) -> Tensor:
    """(B h w, C) to (B, C, h, w), with the batch and the grid of `like`."""
    b, _, h, w = like.shape
    return cells.view(b, h, w, -1).permute(0, 3, 1, 2)
