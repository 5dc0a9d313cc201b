"""Optimisers that see a weight as a matrix and not as a heap of numbers: SOAP and Muon, cheap enough for CPUs.

Both are written out: bases that are refreshed seldom make SOAP a fifth of a training step on a CPU, and so do steps
that are rotated back in bfloat16 where that is fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from hvaecodec.models.processor import product_type

if TYPE_CHECKING:
    from hvaecodec.training.recipes.common import LoopConfig

LARGEST_SIDE = 1024  # sides above this are not rotated
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # coefficients of the quintic of Muon's author


def make_optimiser(net: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    """Return the optimiser that a loop asks for, over the parameters of a net."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.optimiser == "soap":
        return Soap(net.parameters(), rate, weight_decay=decay, every=config.every, gather=config.gather)
    if config.optimiser == "muon":
        return Muon(net.parameters(), rate, betas=config.betas, weight_decay=decay)
    return torch.optim.AdamW(net.parameters(), rate, betas=config.betas, weight_decay=decay, fused=True)


class Soap(torch.optim.Optimizer):
    """Adam in the eigenbasis of Shampoo's preconditioner (SOAP, arXiv:2409.11321), for matrices and convolutions.

    A convolution (O, I, k, k) is rotated along O and I only, which costs O + I multiplications a weight and not
    O + k k I; it is held as a matrix (O k k, I). The bases are refreshed every `every` steps by one step of power
    iteration and a QR; the second moments that they come from are gathered every `gather` steps. Vectors, and sides
    longer than `largest`, are not rotated.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 2e-3,
        *,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        every: int = 20,
        gather: int = 5,
        largest: int = LARGEST_SIDE,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"every": every, "gather": gather, "largest": largest})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient; the closure is not called."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._update(p, group)

    def _update(self, p: Tensor, group: dict[str, Any]) -> None:
        state, (beta1, beta2) = self.state[p], group["betas"]
        assert p.grad is not None
        grad = p.grad if p.ndim == 1 else p.grad.movedim(1, -1).reshape(-1, p.shape[1])
        if not state:
            state["step"] = torch.zeros((), dtype=torch.int64)
            state["mean"], state["square"] = torch.zeros_like(grad), torch.zeros_like(grad)
            for side in (0, 1) if p.ndim > 1 else ():
                if 1 < p.shape[side] <= group["largest"]:
                    state[f"gram{side}"] = _gram(grad, side, p.shape[0])
                    noise = 1e-12 * torch.eye(p.shape[side])
                    state[f"basis{side}"] = _eigenvectors(state[f"gram{side}"] + noise)
            return  # the first gradient only makes the bases
        state["step"] += 1
        step = int(state["step"])
        rotated = _rotate(grad, state, back=False)
        state["mean"].lerp_(rotated, 1 - beta1)
        state["square"].mul_(beta2).addcmul_(rotated, rotated, value=1 - beta2)
        change = state["mean"] / state["square"].sqrt().add_(group["eps"])
        change = _rotate(change, state, back=True, coarse=True)
        if p.ndim > 1:
            p.mul_(1 - group["lr"] * group["weight_decay"])
            change = change.view(p.shape[0], *p.shape[2:], p.shape[1]).movedim(-1, 1)
        p.add_(change, alpha=-group["lr"] * (1 - beta2**step) ** 0.5 / (1 - beta1**step))
        sides = [side for side in (0, 1) if f"gram{side}" in state]
        if step % group["gather"] == 0:
            for side in sides:
                state[f"gram{side}"].lerp_(_gram(grad, side, p.shape[0]), 1 - beta2)
        if step % group["every"] == 0 and sides:
            _refresh(state, sides)


def _eigenvectors(gram: Tensor) -> Tensor:
    """The eigenvectors in columns, the largest value's first, in the order in memory that a checkpoint keeps."""
    return torch.linalg.eigh(gram).eigenvectors.flip(1).contiguous()


def _gram(x: Tensor, side: int, outputs: int) -> Tensor:
    """Second moments of a gradient (O k k, I) between outputs or between inputs."""
    rows = x.view(outputs, -1) if side == 0 else x.T
    return rows @ rows.T


def _rotate(x: Tensor, state: dict[str, Any], back: bool, coarse: bool = False) -> Tensor:
    """A matrix (O k k, I) into the eigenbases of both sides or back, float32.

    Back in bfloat16 where that is faster, for a step needs no more. Not there: Adam would make steps of the rounding
    errors in directions that hold little of a gradient.
    """
    if "basis0" not in state and "basis1" not in state:
        return x
    kind = product_type(x.device) if back and coarse else torch.float32
    x = x.to(kind)
    if "basis0" in state:
        basis = state["basis0"].to(kind)
        x = ((basis if back else basis.T) @ x.view(len(basis), -1)).view(x.shape)
    if "basis1" in state:
        basis = state["basis1"].to(kind)
        x = x @ (basis.T if back else basis)
    return x.float()


def _refresh(state: dict[str, Any], sides: list[int]) -> None:
    """New bases from the gathered moments; the mean moves along, the squares only follow the new order."""
    original = _rotate(state["mean"], state, back=True)
    for side in sides:
        basis, gram = state[f"basis{side}"], state[f"gram{side}"]
        order = (basis * (gram @ basis)).sum(0).argsort(descending=True)
        square = state["square"]
        if side == 0:
            state["square"] = square.view(len(order), -1)[order].view(square.shape)
        else:
            state["square"] = square[:, order]
        state[f"basis{side}"] = torch.linalg.qr(gram @ basis[:, order]).Q.contiguous()
    state["mean"] = _rotate(original, state, back=False)


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal by Newton-Schulz iterations, for matrices (Muon, K. Jordan, 2024); Adam for vectors.

    A convolution is the matrix (O, I k k). The rate is scaled so that a step is as large as one of Adam's would be
    (root mean square 0.2), so that Adam's rates and weight decay serve for both.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        lr: float = 2e-3,
        *,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.01,
        turns: int = 5,
    ) -> None:
        super().__init__(
            params,
            {"lr": lr, "momentum": momentum, "betas": betas, "weight_decay": weight_decay, "turns": turns},
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Change every parameter that has a gradient; the closure is not called."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.ndim > 1:
                    self._matrix(p, group)
                else:
                    self._vector(p, group)

    def _matrix(self, p: Tensor, group: dict[str, Any]) -> None:
        grad, momentum, state = p.grad, group["momentum"], self.state[p]
        assert grad is not None
        if not state:
            state["mean"] = torch.zeros_like(grad)
        mean = state["mean"].lerp_(grad, 1 - momentum)
        direction = orthogonal(grad.lerp(mean, momentum).flatten(1), group["turns"])
        scale = 0.2 * max(direction.shape) ** 0.5
        p.mul_(1 - group["lr"] * group["weight_decay"])
        p.add_(direction.view(p.shape), alpha=-group["lr"] * scale)

    def _vector(self, p: Tensor, group: dict[str, Any]) -> None:
        grad, (beta1, beta2), state = p.grad, group["betas"], self.state[p]
        assert grad is not None
        if not state:
            state["step"] = torch.zeros((), dtype=torch.int64)
            state["mean"], state["square"] = torch.zeros_like(p), torch.zeros_like(p)
        state["step"] += 1
        step = int(state["step"])
        state["mean"].lerp_(grad, 1 - beta1)
        state["square"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        rate = group["lr"] * (1 - beta2**step) ** 0.5 / (1 - beta1**step)
        p.addcdiv_(state["mean"], state["square"].sqrt().add_(1e-8), value=-rate)


def orthogonal(x: Tensor, turns: int) -> Tensor:
    """Return nearly the orthogonal factor of a matrix, its singular values pushed towards 1, float32 of its shape."""
    a, b, c = NEWTON_SCHULZ
    tall = x.shape[0] > x.shape[1]
    y = (x.T if tall else x).to(product_type(x.device))
    y = y / (y.float().norm() + 1e-7).to(y.dtype)
    for _ in range(turns):
        gram = y @ y.T
        y = a * y + (b * gram + c * gram @ gram) @ y
    return (y.T if tall else y).float()
