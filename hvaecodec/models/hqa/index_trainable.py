"""This module trains the index prior in floats, with the roundings of the integers on request, and exports it.

With `rounding` on, weights, embeddings, activations and logits take exactly the values that the integers can, and
gradients pass straight through. With it off this is the float twin that the cost of the integers is measured against.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.exact_bound import UNIT
from hvaecodec.models.hqa.index_prior import CLASSES, CODES, DEPTH, N_TABLES, TABLE, IndexPriorConfig, layer_shapes
from hvaecodec.models.integer_rounding import TOP, straight, weight_exponents

LOGIT_STEP = 4  # tables for each unit of a logit
_SPREAD = 0.5  # standard deviation of the first embeddings
_BITS_PER_NAT = 1.4426950408889634


class IndexPriorNet(nn.Module):
    """This net is the prior of one layer's indices; its weights are keyed as `layer_shapes` names them.

    rounding: whether it computes with the values that the exported integers will have; off at first.
    """

    def __init__(self, config: IndexPriorConfig) -> None:
        """Make a net with random weights, drawn from PyTorch's default generator."""
        super().__init__()
        self.config, self.rounding = config, False
        self.embedding = nn.Parameter(torch.randn(config.embedding_rows, config.embedding) * 0.3)
        self.weights, self.biases = nn.ParameterDict(), nn.ParameterDict()
        for name, inputs, outputs in layer_shapes(config):
            gain = 0.3 if name == "head" else 1.0
            self.weights[_key(name)] = nn.Parameter(torch.randn(outputs, inputs) * gain * (2 / inputs) ** 0.5)
            self.biases[_key(name)] = nn.Parameter(torch.zeros(outputs))

    @torch.no_grad()
    def start_from(self, *codebooks: Tensor) -> None:
        """Embed codes by their vectors' main directions, so that codes that are alike begin alike; outside is 0.

        codebooks: (512, D) of the layer and, if cells see it, of the layer above.
        """
        for place, codebook in enumerate(codebooks):
            table = self.embedding[place * TABLE : (place + 1) * TABLE]
            centred = codebook - codebook.mean(0)
            rank = min(self.config.embedding, codebook.shape[1])
            main = torch.linalg.svd(centred, full_matrices=False).Vh[:rank]
            positions = centred @ main.T
            table[:CODES, :rank] = positions / positions.std() * _SPREAD
            table[CODES] = 0

    @torch.no_grad()
    def sharpen(self, temperature: float) -> None:
        """Divide all logits by `temperature`, for good."""
        self.weights["head"] /= temperature
        self.biases["head"] /= temperature

    def logits(self, kind: str, scale_class: Tensor, near: Tensor) -> Tensor:
        """Return the logits of the tree's nodes, (n, 511).

        kind: of the phases that the cells come from. scale_class: int64 (n,). near: what the cells see, int64 (n, 16)
        or (n, 25), as in `index_prior.Arithmetic`.
        """
        table: Tensor = self.embedding
        if self.rounding:
            table = straight(table, (table * UNIT).round().clamp(-127, 127) / UNIT)
        embedded = F.embedding(near, table).flatten(1)
        x = torch.cat([embedded, F.one_hot(scale_class, CLASSES).to(embedded.dtype)], 1)
        x = self._dense(f"{kind}.in", x).clamp(0, TOP)
        x = self._dense("mid", x).clamp(0, TOP)
        return self._dense("head", x)

    def bits(self, kind: str, scale_class: Tensor, near: Tensor, indices: Tensor) -> Tensor:
        """Return the bits that each index costs, float32 (n,): the sum over its path of log2(1 + exp(-logit)).

        indices: int64 (n,). The other arguments are those of `logits`.
        """
        logits = self.logits(kind, scale_class, near).float()
        if self.rounding:
            rounded = ((logits * UNIT + 4) / 8).floor() / LOGIT_STEP
            logits = straight(logits, rounded)
        limit = (N_TABLES - 1) / LOGIT_STEP
        logits = logits.clamp(-limit, limit)
        nodes, bits = paths(indices)
        signed = torch.where(bits, -logits.gather(1, nodes), logits.gather(1, nodes))
        return F.softplus(signed).sum(1) * _BITS_PER_NAT

    def _dense(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.weights[_key(name)], self.biases[_key(name)]
        if not self.rounding:
            return F.linear(x, weight, bias)
        step = torch.exp2(-weight_exponents(weight, bias))[:, None]
        weight = straight(weight, torch.round(weight / step).clamp(-127, 127) * step)
        y = F.linear(x, weight, bias)
        return straight(y, torch.round(y * UNIT) / UNIT)


def paths(indices: Tensor) -> tuple[Tensor, Tensor]:
    """Return the nodes of the tree on the way to every index, int64 (n, 9), and the index's bits there, bool (n, 9).

    Nodes are numbered from 0 at the root, one depth after the other: depth d has 2**d nodes, the i-th is 2**d - 1 + i.
    """
    tree_depths = torch.arange(DEPTH, device=indices.device)
    prefix = indices[:, None] >> (DEPTH - tree_depths)
    return (1 << tree_depths) - 1 + prefix, (indices[:, None] >> (DEPTH - 1 - tree_depths) & 1).bool()


def export_integers(net: IndexPriorNet) -> dict[str, np.ndarray]:
    """Return the bitstream weights of a trained net: `embedding` int8, and of every layer integers under its name.

    A layer has `weight` int8 (outputs, inputs), `bias` int32 and `shift` uint8 (outputs,). Raises ValueError if a
    weight does not fit int8.
    """
    embedding = (net.embedding.detach().float().cpu() * UNIT).round().clamp(-127, 127)
    out: dict[str, np.ndarray] = {"embedding": embedding.to(torch.int8).numpy()}
    for name, *_ in layer_shapes(net.config):
        weight = net.weights[_key(name)].detach().float().cpu()
        bias = net.biases[_key(name)].detach().double().cpu()
        shift = weight_exponents(weight, bias)
        integers = torch.round(weight * torch.exp2(shift)[:, None])
        if integers.abs().max() > 127:
            raise ValueError(f"a weight of layer {name} is above 127 and does not fit int8; train with weight decay")
        out[f"{name}.weight"] = integers.to(torch.int8).numpy()
        out[f"{name}.bias"] = torch.round(bias * UNIT * torch.exp2(shift)).to(torch.int32).numpy()
        out[f"{name}.shift"] = shift.to(torch.uint8).numpy()
    return out


def _key(name: str) -> str:
    return name.replace(".", "_")
