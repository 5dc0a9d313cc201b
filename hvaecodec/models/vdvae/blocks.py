"""The very deep VAE has residual cells in the two forms that the papers use; all that differs is in `Cells`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from hvaecodec.models.latents import Gaussian
from hvaecodec.models.processor import has_amx

_SMALLEST_RAW = -20.0  # softplus underflows far below, and its logarithm has no gradient there


@dataclass(frozen=True)
class Cells:
    """This says how the cells of a net are built; the defaults are VDVAE's (arXiv:2011.10650; openai/vdvae).

    activation: of all cells. bottleneck: hidden channels over those of the state. gate: a learned scalar, 0 at first,
    before every residual (ReZero). residual: False is the ablation without residual cells. weight_norm: whether
    convolutions are weight-normalised. prior: kernels in the middle of the prior's head, two 3x3 or one depthwise 5x5.
    order: whether activations stand before or after the convolutions of the top-down cells. join: how the posterior
    sees the state and the encoder's feature. log_sigma: free, or the logarithm of a softplus with the log-variance held
    in -5..0. down: a cell of its own takes the encoder to the next scale, or the first cell of a scale does. start: the
    state of a scale begins as a learned picture or as zeros. bare_side: at sides up to this the 3x3 kernels are 1x1.
    idle: the heads own what the DCT-VAE's code gives them and never uses (a skip convolution and a gate each), so that
    sizes are the printed ones.
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
    """A depthwise convolution has a 5x5 kernel for every channel, and here gradients that are fast on CPUs.

    In bf16 on a CPU oneDNN has no fast gradient of such kernels. Where there are tiles of AMX, dense kernels with zeros
    between the channels have one, and the sums are the same; elsewhere float32 is faster than both.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 5, padding=2, groups=channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, channels, h, w) to the same shape."""
        if x.is_cuda or not (torch.is_grad_enabled() and torch.is_autocast_enabled("cpu")):
            return super().forward(x)
        if not has_amx():
            with torch.autocast("cpu", enabled=False):
                return super().forward(x.float()).to(x.dtype)
        dense = torch.diag_embed(self.weight[:, 0].permute(1, 2, 0)).permute(2, 3, 0, 1)
        return F.conv2d(x, dense, self.bias, padding=2)


class Cell(nn.Module):
    """A cell is a 1x1 convolution to the bottleneck, the middle ones, and a 1x1 one to `out` channels, plus a skip."""

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
        """Make a cell with random weights.

        width: channels of the state, of which the bottleneck is a part. out: channels of the result. side: of the
        picture. head: whether the cell gives parameters, and so has no skip. order: another than that of `cells`.
        middle: two 3x3 kernels or one depthwise 5x5. input_width: channels of the input where they are not the state's.
        """
        super().__init__()
        self.order = order or cells.order
        self.act = F.gelu if cells.activation == "gelu" else F.silu
        entering = input_width or width
        hidden = max(1, int(width * cells.bottleneck))
        kernel = 1 if side <= cells.bare_side else 3
        convs = [nn.Conv2d(entering, hidden, 1), *_middle_convs(hidden, 5 if middle == "5x5" else kernel)]
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
        """Map (B, input width, side, side) to (B, out, side, side)."""
        h = x
        for conv in self.convs:
            h = conv(self.act(h)) if self.order == "before" else self.act(conv(h))
        h = self._leave(self.act(h) if self.order == "before" else h)
        return h + (x if self.skip is None else self.skip(x)) if self.residual else h

    def _leave(self, h: Tensor) -> Tensor:
        """Return the last convolution times the gate: to scale its weights takes far less than to scale the state."""
        if self.gate is None:
            return self.last(h)
        return F.conv2d(h, self.gate * self.last.weight, self.gate * self.last.bias)


def _middle_convs(width: int, kernel: int) -> list[nn.Conv2d]:
    """Make the convolutions in the middle of a cell: a depthwise one of 5x5, or two of another kernel."""
    if kernel == 5:
        return [Depthwise(width)]
    return [nn.Conv2d(width, width, kernel, padding=kernel // 2) for _ in range(2)]


class TopDown(nn.Module):
    """One stochastic layer has heads of prior and posterior, and takes the state on once the latent is known.

    arXiv:2011.10650, section 3; arXiv:2302.09976, appendix E.1 and figure 8. States are (B, width, side, side).
    """

    def __init__(self, cells: Cells, width: int, *, out: int, z: int, side: int, n_resnet: int = 1) -> None:
        """Make a layer with random weights.

        width: channels of the state; out: those that the layer leaves with. z: channels of the latent. side: of the
        state. n_resnet: residual cells after the latent.
        """
        super().__init__()
        self.cells = cells
        joined_width = 2 * width if cells.join == "concat" else width
        self.prior = Cell(cells, width, 2 * z + width, side, head=True, middle=cells.prior)
        self.posterior = Cell(cells, width, 2 * z, side, head=True, input_width=joined_width)
        self.project = nn.Conv2d(z, width, 1)
        widths = [width] * n_resnet + [out]
        self.resnet = nn.ModuleList(Cell(cells, w, o, side) for w, o in pairwise(widths))
        self.split = z, z, width

    def prior_of(self, state: Tensor) -> tuple[Gaussian, Tensor]:
        """Return p(z | state), and what the head adds to the state."""
        mean, raw, h = self.prior(state).split(self.split, 1)
        return self._gaussian(mean, raw), h

    def posterior_of(self, state: Tensor, feature: Tensor) -> Gaussian:
        """Return q(z | state, feature of the encoder)."""
        joined = torch.cat([state, feature], 1) if self.cells.join == "concat" else state + feature
        return self._gaussian(*self.posterior(joined).chunk(2, 1))

    def take(self, state: Tensor, h: Tensor, z: Tensor) -> Tensor:
        """Return the state with the latent z (B, Z, side, side) in it; h is what `prior_of` adds to the state."""
        return state.to(h.dtype) + h + self.project(z.to(h.dtype))

    def refine(self, state: Tensor) -> Tensor:
        """Return the state after the layer's residual cells."""
        for cell in self.resnet:
            state = cell(state)
        return state

    def _gaussian(self, mean: Tensor, raw: Tensor) -> Gaussian:
        """Return the normal of a head's outputs.

        Bounded, as in the DCT-VAE's code: log sigma^2 is the log of a softplus (beta 0.7) of `raw`, held in -5..0.
        """
        raw = raw.float()
        if self.cells.log_sigma == "bounded":
            raw = 0.5 * F.softplus(raw.clamp_min(_SMALLEST_RAW), beta=0.7).log().clamp(-5, 0)
        return Gaussian(mean.float(), raw)
