"""Changes a layer's codes and first values by other means than gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from hvaecodec.models.hqa.stack import HqaLayer, cells_of

_ROUNDS = 12  # of Lloyd's algorithm
_LAST_ROUNDS = 3  # those that move no code


@torch.no_grad()
def spread(layer: HqaLayer, target: Tensor, deviation: float = 0.7, least: float = 1e-4) -> None:
    """Scale an encoder's last convolution so that every channel of z_e has mean 0 and the same deviation.

    Posteriors have no temperature of their own: from values close together every code would look alike at first.
    target: what the layer encodes, (B, C, H, W). least: a channel's deviation is taken to be no smaller.
    """
    cells = cells_of(layer.encode(target))
    last = layer.encoder[-1]
    factor = deviation / cells.std(0).clamp_min(least)
    last.bias.copy_((last.bias - cells.mean(0)) * factor)
    last.weight.mul_(factor[:, None, None, None])


@torch.no_grad()
def reset_rare(codebook: Tensor, counts: Tensor, below: float, cells: Tensor, rng: torch.Generator) -> int:
    """Move every code with less than a share `below` of the mean use onto a random cell, in place; return how many.

    The paper moves one code next to the most used one; with 512 codes and few steps that leaves many unused.
    codebook: (K, D). counts: (K,). cells: (N, D) values of z_e.
    """
    rare = torch.nonzero(counts < below * counts.mean())[:, 0]
    picks = torch.randint(len(cells), (len(rare),), generator=rng)
    codebook[rare] = cells[picks.to(cells.device)].to(codebook.dtype)
    return len(rare)


@torch.no_grad()
def balance(layer: HqaLayer, cells: Tensor, below: float, rng: torch.Generator) -> None:
    """Run Lloyd's algorithm on a layer's codes; all but its last rounds also move rare codes onto random cells.

    cells: (N, D) values of z_e. below: as in `reset_rare`.
    """
    codes = layer.codebook
    for number in range(_ROUNDS):
        nearest = torch.cat([layer.cell_logits(part).argmax(1) for part in cells.split(16384)])
        counts = torch.bincount(nearest, minlength=len(codes)).to(cells)
        means = torch.zeros_like(codes).index_add_(0, nearest, cells) / counts.clamp_min(1)[:, None]
        codes.copy_(torch.where(counts[:, None] > 0, means, codes))
        if number < _ROUNDS - _LAST_ROUNDS:
            reset_rare(codes, counts, below, cells, rng)
