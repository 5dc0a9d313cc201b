"""Residual cells of the very deep VAE in the two forms that the papers use; all that differs is in `Cells`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from hvaecodec.models.latents import Gaussian

_SMALLEST_RAW = -20.0  # softplus underflows far below, and its logarithm has no gradient there


@dataclass(frozen=True)
class Cells:
    """How the cells of a net are built. The defaults are the original VDVAE (arXiv:2011.10650; openai/vdvae).

    gate: a learned scalar, 0 at first, before every residual (ReZero). residual=False: the ablation without residual
    cells. prior: kernels in the middle of the prior's head, two 3x3 or one depthwise 5x5. order: whether activations
    stand before or after the convolutions of the top-down cells. join: how the posterior sees the state and the
    encoder's feature. log_sigma: free, or the logarithm of a softplus with the log-variance held in -5..0.
    down: a cell of its own takes the encoder to the next scale, or the first cell of a scale does. start: the state of
    a scale begins as a learned picture or as zeros. bare_side: at sides up to this the 3x3 kernels are 1x1.
    idle: the heads own what the DCT-VAE's code gives them and never uses (a skip convolution and a gate each), so
    that sizes are the printed ones.
    """

    activation: Literal["gelu", "silu"] = "gelu"
    bottleneck: float = 0.25
    gate: bool = False
    residual: bool = True
    weight_norm: bool = False
    prior: Literal["3x3", "5x5"] = "3x3"
    order: Literal["before", "after"] = "before"
    join: Literal["concat", "sum"] = "concat"
    log_sigma: Literal["free", "bounded"] = "free"
    down: Literal["own", "first"] = "own"
    start: Literal["picture", "zeros"] = "picture"
    bare_side: int = 2
    idle: bool = False


# The cells of the DCT-VAE paper (arXiv:2302.09976, appendix E), with the binary sets' width of bottleneck.
REZERO = Cells(
    activation="silu", bottleneck=1, gate=True, prior="5x5", order="after", join="sum", log_sigma="bounded",
    down="first", start="zeros", bare_side=0, idle=True,
)  # fmt: skip


class Depthwise(nn.Conv2d):
    """A 5x5 kernel for every channel.

    In bf16 on a CPU oneDNN has no fast gradient of such kernels. Where there are tiles of AMX, dense kernels with zeros
    between the channels have one, the sums are the same; elsewhere float32 is faster than both.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 5, padding=2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda or not (torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")):
            return super().forward(x)
        if not _has_amx():
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float()).to(x.dtype)
        dense = torch.diag_embed(self.weight[:, 0].permute(1, 2, 0)).permute(2, 3, 0, 1)
        return F.conv2d(x, dense, self.bias, padding=2)


@cache
def _has_amx() -> bool:
    found: bool = getattr(torch.cpu, "_is_amx_tile_supported", bool)()  # not in PyTorch 2.4
    return found


class Cell(nn.Module):
    """1x1 to the bottleneck, the middle, 1x1 to `out` channels; plus the skip where it is residual."""

    def __init__(
        self,
        cells: Cells,
        width: int,
        out: int,
        side: int,
        *,
        head: bool = False,
        order: Literal["before", "after"] | None = None,
        middle: Literal["3x3", "5x5"] = "3x3",
        input_width: int | None = None,
    ) -> None:
        """width: of the state, of which the bottleneck is a part. head: not residual, gives parameters."""
        super().__init__()
        self.order = order or cells.order
        self.act = F.gelu if cells.activation == "gelu" else F.silu
        entering = input_width or width
        hidden = max(1, int(width * cells.bottleneck))
        kernel = 1 if side <= cells.bare_side else 3
        convs = [nn.Conv2d(entering, hidden, 1)]
        if middle == "5x5":
            convs.append(Depthwise(hidden))
        else:
            convs += [nn.Conv2d(hidden, hidden, kernel, padding=kernel // 2) for _ in range(2)]
        self.last = nn.Conv2d(hidden, out, 1)
        self.residual = cells.residual and not head
        gated = cells.gate and self.residual
        self.gate = nn.Parameter(torch.zeros(1)) if gated else None
        self.skip = nn.Conv2d(entering, out, 1) if self.residual and entering != out else None
        if cells.weight_norm:
            convs = [weight_norm(conv) for conv in convs]
            if self.order == "before":
                self.last = weight_norm(self.last)
        self.convs = nn.ModuleList(convs)
        if head and cells.idle:
            self.idle_gate = nn.Parameter(torch.zeros(1))
            self.idle_skip = nn.Conv2d(entering, out, 1) if entering != out else None

    def forward(self, x: Tensor) -> Tensor:
        h = x
        for conv in self.convs:
            h = conv(self.act(h)) if self.order == "before" else self.act(conv(h))
        h = self._leave(self.act(h) if self.order == "before" else h)
        return h + (x if self.skip is None else self.skip(x)) if self.residual else h

    def _leave(self, h: Tensor) -> Tensor:
        """The last convolution times the gate, whose product with the weights is far smaller than that with the state."""
        if self.gate is None:
            return self.last(h)
        return F.conv2d(h, self.gate * self.last.weight, self.gate * self.last.bias)


class TopDown(nn.Module):
    """One stochastic layer: heads of prior and posterior, and what takes the state on once the latent is known."""

    def __init__(self, cells: Cells, width: int, out: int, z: int, side: int, n_resnet: int = 1) -> None:
        super().__init__()
        self.cells = cells
        seen = 2 * width if cells.join == "concat" else width
        self.prior = Cell(cells, width, 2 * z + width, side, head=True, middle=cells.prior)
        self.posterior = Cell(cells, width, 2 * z, side, head=True, input_width=seen)
        self.project = nn.Conv2d(z, width, 1)
        widths = [width] * n_resnet + [out]
        self.resnet = nn.ModuleList(Cell(cells, w, o, side) for w, o in pairwise(widths))
        self.split = z, z, width

    def prior_of(self, state: Tensor) -> tuple[Gaussian, Tensor]:
        """p(z | state), and what the head adds to the state."""
        mean, raw, h = self.prior(state).split(self.split, 1)
        return self._gaussian(mean, raw), h

    def posterior_of(self, state: Tensor, feature: Tensor) -> Gaussian:
        """q(z | state, feature of the encoder)."""
        joined = torch.cat([state, feature], 1) if self.cells.join == "concat" else state + feature
        return self._gaussian(*self.posterior(joined).chunk(2, 1))

    def take(self, state: Tensor, h: Tensor, z: Tensor) -> Tensor:
        """The state with the latent in it."""
        return state.to(h.dtype) + h + self.project(z.to(h.dtype))

    def refine(self, state: Tensor) -> Tensor:
        for cell in self.resnet:
            state = cell(state)
        return state

    def _gaussian(self, mean: Tensor, raw: Tensor) -> Gaussian:
        raw = raw.float()
        if self.cells.log_sigma == "bounded":
            raw = 0.5 * F.softplus(raw.clamp_min(_SMALLEST_RAW), beta=0.7).log().clamp(-5, 0)
        return Gaussian(mean.float(), raw)
