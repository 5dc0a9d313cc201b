"""A rated residual block with fixed weights, in few passes over memory: its result, and gradients by its inputs alone.

Gains and shifts belong to a channel of a whole picture, so they are folded into the weights of the convolution before
them, and what follows a convolution is done where its result lies. `rate_block.Block` has the plain form.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.refined_by_patches import Saved, fits, gradients, refine

_OFF = 1e-3  # a channel with less than this of its convolution's result has none
_silu_backward_ = torch.ops.aten.silu_backward.grad_input


def fold(weight: Tensor, bias: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight and bias of a convolution whose results are scaled by 1 + gain and shifted.

    weight: (width, width, 3, 3). moved: gains and then shifts, (1, 2 width).
    """
    gain, shift = (1 + moved[0, : len(weight)]), moved[0, len(weight) :]
    return weight * gain[:, None, None, None], bias * gain + shift


def refined(weight: Tensor, bias: Tensor, mix_weight: Tensor, mix_bias: Tensor, h: Tensor) -> Tensor:
    """Return what the block makes of a state (1, width, rows, columns). weight, bias: folded."""
    y = F.conv2d(F.silu(h), weight, bias, padding=1)
    y = F.conv2d(F.silu(y, inplace=True), mix_weight, mix_bias)
    return y.add_(h) if y.dtype == h.dtype else h + y


class RefinedWithGradients(torch.autograd.Function):
    """`refined`, with gradients by the state and by what moves it; call `apply` with both and then the four weights.

    The weights, float32, are not folded and get no gradients. Under autocast they take the state's dtype.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, moved: Tensor, *weights: Tensor) -> Tensor:
        """Return the refined state."""
        weight, bias, mix_weight, mix_bias = weights
        ctx.by_patches = fits(h)
        with torch.autocast(h.device.type, enabled=False):
            if ctx.by_patches:
                out, y = refine(h, moved.float(), weights)
                ctx.save_for_backward(h, y, moved, weight, mix_weight)
                return out
            folded, offset, mix_weight, mix_bias = (
                part.to(h.dtype) for part in (*fold(weight, bias, moved.float()), mix_weight, mix_bias)
            )
            y = F.conv2d(F.silu(h), folded, offset, padding=1)
            ctx.save_for_backward(h, y, moved, folded, mix_weight)
            return F.conv2d(F.silu(y), mix_weight, mix_bias).add_(h)

    @staticmethod
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients by the state and by what moves it."""
        saved = Saved(*ctx.saved_tensors)
        with torch.autocast(d_out.device.type, enabled=False):
            ways = gradients if ctx.by_patches else _gradients
            d_h, sums = ways(d_out, saved, ctx.needs_input_grad[1])
        return d_h, None if sums is None else _by_moved(sums, saved.moved), None, None, None, None


def _gradients(d_out: Tensor, saved: Saved, summed: bool) -> tuple[Tensor, Tensor | None]:
    """Return what `refined_by_patches.gradients` does, of maps of any size; weights are folded."""
    d = _through(d_out, saved.mix_weight)
    d = _silu_backward_(d, saved.y, grad_input=d)
    sums = None
    if summed:
        sums = torch.stack([x.sum((2, 3), dtype=torch.float32).double()[0] for x in (d, d * saved.y)])
    d = _through(d, saved.weight)
    return _silu_backward_(d, saved.h, grad_input=d).add_(d_out), sums


def _by_moved(sums: Tensor, moved: Tensor) -> Tensor:
    """Return the gradient by gains and shifts, (1, 2 width), from the sums of d and of d y, d being the one by y.

    With c the convolution's result and y = c gain + shift, the gradient by the gain is the sum of d c. Of that there is
    only y left: it is the sum of d (y - shift) / gain, and zero for a channel that is switched off.
    """
    (by_shift, by_y), (gain, shift) = sums, moved[0].double().chunk(2)
    by_gain = torch.where((1 + gain).abs() > _OFF, (by_y - shift * by_shift) / (1 + gain), 0)
    return torch.cat([by_gain, by_shift])[None].to(moved.dtype)


def _through(d: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient by the input of a convolution, which is one with the weight turned around.

    oneDNN takes longer for what PyTorch asks it as a gradient.
    """
    turned = weight.flip(2, 3).transpose(0, 1).contiguous(memory_format=torch.channels_last)
    return F.conv2d(d, turned, padding=weight.shape[2] // 2)
