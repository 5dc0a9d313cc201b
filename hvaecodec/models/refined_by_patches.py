"""A rated residual block with fixed weights on large float32 maps, and its gradients, strip by strip in the cache.

`frozen_block` says what is computed. Here its 3 x 3 convolutions are those of `winograd`, and whatever else is done to
a strip of rows is done while a processor's cache holds it. Strips run side by side; they are the same ones on any
number of threads, so the results are too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from hvaecodec.models.side_by_side import cut, each, n_threads
from hvaecodec.models.winograd import SIDE, Filter, Patches

LEAST_WIDTH = 96  # channels; with fewer the products are no longer most of a convolution's time
_PATCHES = 128  # of a strip: some two megabytes of 96 channels

_silu = torch.ops.aten.silu.out
_silu_backward = torch.ops.aten.silu_backward.grad_input


def fits(h: Tensor) -> bool:
    """Return whether a state, (batch, width, rows, columns), is one that `refine` takes."""
    large = len(h) == 1 and h.shape[1] >= LEAST_WIDTH and h.dtype == torch.float32 and h.device.type == "cpu"
    return large and h.shape[2] % SIDE == 0 and h.shape[3] % SIDE == 0


def refine(h: Tensor, moved: Tensor, weights: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Return the refined state and y, the convolution's scaled and shifted result, both of the state's shape.

    h: (1, width, rows, columns). moved: gains and then shifts, (1, 2 width). weights: as `frozen_block` has them.
    """
    weight, bias, mix_weight, mix_bias = weights
    gain, shift = moved[0].chunk(2)
    gain = 1 + gain
    shift = shift + gain * bias
    mix, state = mix_weight[:, :, 0, 0].t().contiguous(), _rows(h)
    y, out = torch.empty_like(state), torch.empty_like(state)

    def fill(strip: _Strip, room: Tensor) -> None:
        """Write what is convolved."""
        _silu(state[strip.around], out=room)

    def finish(strip: _Strip, result: Tensor) -> None:
        """Write y, and the refined rows."""
        own = y[strip.own]
        torch.addcmul(shift, result, gain, out=own.view(result.shape))
        torch.addmm(_flat(state[strip.own]), _flat(torch.nn.functional.silu(own)), mix, out=_flat(out[strip.own]))
        out[strip.own] += mix_bias

    _in_strips(state, lambda: Filter(weight), fill, finish)
    return _map(out), _map(y)


class Saved(NamedTuple):
    """What `refine` leaves for its gradients: its inputs but for biases, and y."""

    h: Tensor
    y: Tensor
    moved: Tensor
    weight: Tensor
    mix_weight: Tensor


def gradients(d_out: Tensor, saved: Saved, summed: bool) -> tuple[Tensor, Tensor | None]:
    """Return the gradient by the state, and the sums of d and of d y over the map, d being the gradient by y.

    d_out: the gradient by the refined state. summed: whether the sums, float64 (2, width), are asked for.
    """
    gain, mix = 1 + saved.moved[0, : len(saved.weight)], saved.mix_weight[:, :, 0, 0]
    d_rows, h, y = (_rows(x) for x in (d_out, saved.h, saved.y))
    d_h = torch.empty_like(h)
    sums: dict[int, Tensor] = {}

    def fill(strip: _Strip, room: Tensor) -> None:
        """Write what is convolved, and add up d of the strip's own rows."""
        near = d_rows[strip.around]
        d = torch.mm(_flat(near), mix).view(near.shape)
        _silu_backward(d, y[strip.around], grad_input=d)
        if summed:
            own = d[strip.inside]
            sums[strip.own.start] = torch.stack([own.sum((0, 1)), (own * y[strip.own]).sum((0, 1))]).double()
        torch.mul(d, gain, out=room)

    def finish(strip: _Strip, result: Tensor) -> None:
        """Write the gradient by the state."""
        own = d_h[strip.own]
        own.view(result.shape).copy_(result)
        _silu_backward(own, h[strip.own], grad_input=own)
        own += d_rows[strip.own]

    _in_strips(h, lambda: Filter(saved.weight.flip(2, 3).transpose(0, 1)), fill, finish)
    return _map(d_h), torch.stack([sums[start] for start in sorted(sums)]).sum(0) if summed else None


class _Strip(NamedTuple):
    """Rows of a strip, these and one more each way as far as there are any, and the strip's rows among those."""

    own: slice
    around: slice
    inside: slice

    @classmethod
    def of(cls, start: int, stop: int, height: int) -> _Strip:
        around = slice(max(0, start - 1), min(height, stop + 1))
        return cls(slice(start, stop), around, slice(start - around.start, stop - around.start))


def _in_strips(
    like: Tensor,
    make: Callable[[], Filter],
    fill: Callable[[_Strip, Tensor], Any],
    finish: Callable[[_Strip, Tensor], Any],
) -> None:
    """Convolve maps of the shape of `like`, (rows, columns, width), by strips.

    make: makes the kernel, in each thread for itself: those of a library that divided it would spin while ours compute.
    fill: writes what is convolved of a strip's rows and those around. finish: takes the result, as `Patches` gives it.
    """
    height, width, channels = like.shape
    at_once = SIDE * max(1, SIDE * _PATCHES // width)
    strips = [_Strip.of(start, min(start + at_once, height), height) for start in range(0, height, at_once)]

    def run(some: slice) -> None:
        """Compute some of the strips on one thread, in room of its own."""
        with torch.no_grad(), torch.autocast("cpu", enabled=False):
            kernel, rooms = make(), dict[int, Patches]()
            for strip in strips[some]:
                rows = (strip.own.stop - strip.own.start) // SIDE
                if rows not in rooms:  # the last strip may be lower
                    rooms[rows] = Patches(rows, width // SIDE, channels)
                room = rooms[rows]
                first = 1 - strip.inside.start
                for outside in (room.input[0], room.input[-1], room.input[:, 0], room.input[:, -1]):
                    outside.zero_()
                fill(strip, room.input[first : first + strip.around.stop - strip.around.start, 1:-1])
                finish(strip, room.convolve(kernel))

    each(run, cut(len(strips), n_threads()))


def _rows(x: Tensor) -> Tensor:
    """A map (1, width, rows, columns) as (rows, columns, width)."""
    return x[0].permute(1, 2, 0).contiguous()


def _map(x: Tensor) -> Tensor:
    return x.permute(2, 0, 1)[None]


def _flat(x: Tensor) -> Tensor:
    return x.view(-1, x.shape[-1])
