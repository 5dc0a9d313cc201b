"""Training of all layers of `hqa-photo` together: the paper's loss of each, and LPIPS and error of the picture.

The paper (arXiv:2002.08111) trains a layer on frozen ones, on the values of the layer below alone. Ours, all of it:
the layers are trained at once; the picture that a file decodes to is in the loss, through the decoders and the codes of
all layers under the coded one; LPIPS (arXiv:1801.03924) judges it beside the squared error. The paper's terms stay, at
a lower weight, so that every decoder still reconstructs the values below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.hqa.index_prior import Arithmetic
from hvaecodec.models.hqa.losses import GumbelPool, Relaxed, squared_error
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, cells_of, choose, grid_of
from hvaecodec.training.data import Crops, Photos
from hvaecodec.training.hqa.code_bits import code_bits
from hvaecodec.training.hqa.codes import reset_rare
from hvaecodec.training.hqa.stack_validation import StackValidation
from hvaecodec.training.loop import Moment
from hvaecodec.training.perceptual.lpips_loss import LpipsLoss
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.hqa_perceptual import StackTraining

_CROPS, _GUMBEL = 22, 23  # kinds of random draws
_MEMORY = 0.99  # of the codes' running shares, a step
_ROWS = 4096  # cells whose logits are in memory at once


@dataclass(frozen=True)
class Decoded:
    """A batch is decoded to pictures, (B, 3, H, W) in 0..1, at a cost.

    paper: the mean of the coded layers' losses in the paper. rate: the mean of their bits a cell, where they count.
    use: the mean of what their uneven use of codes costs, in nats.
    """

    picture: Tensor
    paper: Tensor
    rate: Tensor
    use: Tensor


class StackTask:
    """Trains an `HqaStack` from the weights that it has; a `loop.Task`.

    priors: the index priors of the codec that the stack is of. valid: measures it, None for no validation. Raises
    CodecUnavailable without LPIPS.
    """

    def __init__(
        self,
        config: StackTraining,
        stack: HqaStack,
        priors: Sequence[Arithmetic],
        photos: Photos,
        place: Place = HERE,
        *,
        valid: StackValidation | None = None,
    ) -> None:
        self.config, self.place, self.device = config, place, place.device
        self.priors, self.valid = priors, valid
        self.lpips = LpipsLoss(place)
        self.crops = Crops(photos.train, place.seed + 5)
        self.net = stack.to(self.device).train().requires_grad_(True)
        self.tops = torch.tensor(config.tops) - 1
        if not (self.tops.diff() <= 0).all() or not 0 <= int(self.tops.min()) <= int(self.tops.max()) < len(stack):
            raise ValueError(f"tops are layers from {len(stack)} down to 1, the highest first, not {config.tops}")
        numbers = torch.Generator().manual_seed(int(place.common_rng(_GUMBEL).integers(2**62)))
        self.gumbel = GumbelPool(numbers, device=self.device)
        self.used = torch.zeros(len(stack), stack[0].config.codes, device=self.device)
        self.shares = torch.full_like(self.used, 1 / self.used.shape[1])

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the picture's terms and the paper's, and each of them."""
        c = self.config
        batch = self.crops.batch(len(c.tops), c.side, rng=self.place.rng(_CROPS, moment.step))
        photo = batch.to(self.device, memory_format=torch.channels_last)
        drawn = float(torch.rand((), generator=rng)) < c.drawn
        values = self._encode(photo / 255)
        moved = self._reset(moment, values, rng)  # before the graph of this step has the codes
        decoded = self._decode(values, photo / 255, rng if drawn else None)
        x = 255 * decoded.picture
        lpips, shrunk = self.lpips(photo, x, rng)
        error = F.mse_loss(x, photo)
        total = c.lpips * lpips + c.shrunk * shrunk + c.error * error + c.paper * decoded.paper
        total = total + c.rate * decoded.rate + c.use * decoded.use
        logs = {"lpips": lpips, "shrunk": shrunk, "error": error, "paper": decoded.paper, "rate": decoded.rate}
        logs |= {"use": decoded.use, "moved": moved}
        return total, {name: value.detach().float() for name, value in logs.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return what `StackValidation` measures of every layer."""
        return self.valid(self.net) if self.valid else {}

    def state(self) -> dict[str, Tensor]:
        """Return how often each code was used since codes were last moved, and their running shares."""
        return {"used": self.used, "shares": self.shares}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put uses and shares back."""
        for name, value in state.items():
            getattr(self, name).copy_(value)

    def _rows(self, number: int) -> slice:
        """Return the crops of a batch that are coded at this layer."""
        return slice(int((self.tops > number).sum()), int((self.tops >= number).sum()))

    def _encode(self, pictures: Tensor) -> list[Tensor]:
        """Return z_e of every layer, of those crops that are coded there or higher."""
        values, x = [], pictures
        for number in range(len(self.net)):
            with self.place.autocast():
                x = self.net[number].encode(x[: self._rows(number).stop])
            x = x.float()
            values.append(x)
        return values

    def _decode(self, values: list[Tensor], pictures: Tensor, rng: torch.Generator | None) -> Decoded:
        """Return the pictures of all crops, and what the coded layers cost.

        Crops join those of higher layers on the way down. rng: draws codes, None takes the nearest.
        """
        losses, rates, uses, x = [], [], [], values[-1][:0]
        for number in range(len(self.net) - 1, -1, -1):
            layer, rows = self.net[number], self._rows(number)
            z = values[number][rows]
            top, nll, nearest = self._top(layer, z, rng) if len(z) else (z, z[:, 0], z[:, 0])
            with self.place.autocast():
                decoded = layer.decode(torch.cat([self._below(layer, x, rng), top]))
            decoded = decoded.float()
            if len(z):
                target = (values[number - 1] if number else pictures)[rows].detach()
                error = squared_error(layer, decoded[rows], target).mean()
                losses.append(error + self.config.probabilistic * nll.sum() / target.numel())
                self.used[number] += torch.bincount(nearest, minlength=self.used.shape[1])
                q = torch.softmax(layer.cell_logits(cells_of(z)), 1)
                uses.append(self._use(number, q))
                if number + 1 >= self.config.rated:
                    rates.append(self._rate(number, q, nearest.view(len(z), *z.shape[2:])))
            x = layer.unstandardise(decoded)
        rate = torch.stack(rates).mean() if rates else x.new_zeros(())
        return Decoded(x, torch.stack(losses).mean(), rate, torch.stack(uses).mean())

    def _rate(self, number: int, q: Tensor, nearest: Tensor) -> Tensor:
        """Return the bits of a cell that its posterior q (N, K) expects, beside the nearest codes of the others."""
        bits = [code_bits(self.priors[number], grid) for grid in nearest.cpu().numpy()]
        return (q * torch.from_numpy(np.concatenate(bits)).to(q)).sum(1).mean()

    def _use(self, number: int, q: Tensor) -> Tensor:
        """Return what the use of codes lacks of an even one, in nats, and take these posteriors (N, K) into account.

        Its gradient is that of minus the entropy of the codes' running shares, of which a batch alone tells too little.
        """
        now, shares = q.mean(0), self.shares[number]
        shares.lerp_(now.detach(), 1 - _MEMORY)
        return (now * (shares.clamp_min(1e-6) * len(shares)).log()).sum()

    def _below(self, layer: HqaLayer, z: Tensor, rng: torch.Generator | None) -> Tensor:
        """Return the codes that a decoder takes for what the decoder above it says, (B, D, h, w), straight through.

        Where codes lie close, the mean of a posterior moves as its z does: exp(-d^2) has a variance of 1/2, and the
        derivative of its mean is twice that. So the gradient of a code is handed to z as it is.
        """
        if not len(z):
            return z
        cells, codes = cells_of(z), layer.codebook
        chosen = choose(layer.cell_logits, z.detach()).flatten()
        if rng is not None:
            noise = self.gumbel.take(len(cells) * len(codes), rng).view(len(cells), -1)
            chosen = drawn_codes(layer, cells.detach(), noise)
        return grid_of(F.embedding(chosen, codes) + (cells - cells.detach()), z)

    def _top(self, layer: HqaLayer, z: Tensor, rng: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return the codes of values z (B, D, h, w), the two terms of the paper (N,), and the nearest codes (N,).

        Forwards they are whole codes, nearest or drawn; backwards, the relaxed sample at temperature 1 that the paper
        decodes in training: straight through (arXiv:1611.01144, section 2.2).
        """
        cells, codes = cells_of(z), layer.codebook
        noise = cells.new_zeros(1, 1).expand(len(cells), len(codes))
        if rng is not None:
            noise = self.gumbel.take(noise.numel(), rng).view(noise.shape)
        relaxed = Relaxed.apply(cells, codes, noise, 1.0)
        mixed, nll, nearest = cast("tuple[Tensor, Tensor, Tensor]", relaxed)
        chosen = nearest if rng is None else drawn_codes(layer, cells.detach(), noise)
        hard = F.embedding(chosen, codes)
        return grid_of(mixed + (hard - mixed).detach(), z), nll, nearest

    def _reset(self, moment: Moment, values: list[Tensor], rng: torch.Generator) -> Tensor:
        """Move the codes that were hardly used since the last time onto cells of this batch; return how many."""
        c, moved = self.config, torch.zeros((), device=self.device)
        if moment.step and moment.step % c.reset_every == 0:
            if moment.fraction < c.reset_until:
                for number, z in enumerate(values):
                    cells = cells_of(z.detach())
                    moved = moved + reset_rare(self.net[number].codebook, self.used[number], c.reset_below, cells, rng)
            self.used.zero_()
        return moved


@torch.no_grad()
def drawn_codes(layer: HqaLayer, cells: Tensor, noise: Tensor) -> Tensor:
    """Draw a code for every cell (N, D) from the layer's posterior: the largest logit plus Gumbel noise (N, K)."""
    parts = zip(cells.split(_ROWS), noise.split(_ROWS), strict=True)
    return torch.cat([(layer.cell_logits(z) + g).argmax(1) for z, g in parts])
