"""The diffusion prior of the context gives a bound on -log p(context) in nats, and samples.

arXiv:2302.09976, appendix C, equations (11) to (15), whose names we use; arXiv:2006.11239. Where we differ from the
published code: the likelihood of the integers sums to one, and the divergence at the last step, L_T, is counted. The
net sees the positions of the coefficients and stays at one scale; its mean is that of a guess of y_0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hvaecodec.models.latents import kl_gaussian, standard_noise
from hvaecodec.models.vdvae.context import ContextConfig, binned_normal


@dataclass(frozen=True)
class DiffusionConfig:
    """The configuration of a diffusion prior says how many steps it takes and how large its net is.

    steps: T. schedule: of beta, see `betas`. width: channels. blocks: residual blocks before the attention, and as many
    after it. heads: of the attention. dropout: of the residual blocks, in training.
    """

    steps: int = 7
    schedule: Literal["linear", "cosine"] = "linear"
    width: int = 32
    blocks: int = 3
    heads: int = 2
    dropout: float = 0.0


def betas(config: DiffusionConfig) -> Tensor:
    """Return beta_1 .. beta_T, float64 (T,).

    linear: from 1/T to 2/T for few steps, the usual 1e-3 to 2e-2 stretched for many (the DCT-VAE's code). cosine:
    arXiv:2102.09672, section 3.2.
    """
    steps = config.steps
    if config.schedule == "linear":
        low, high = (1 / steps, 2 / steps) if steps < 21 else (1.0 / steps, 20.0 / steps)
        return torch.linspace(low, high, steps, dtype=torch.float64)
    s = 0.008
    angle = (torch.arange(steps + 1, dtype=torch.float64) / steps + s) / (1 + s) * math.pi / 2
    alpha_bar = torch.cos(angle) ** 2
    return (1 - alpha_bar[1:] / alpha_bar[:-1]).clamp_max(0.999)


class DiffusionPrior(nn.Module):
    """This prior is p(symbols) through Gaussian steps from y_T, noise, to y_0, the symbols scaled to -1..1.

    In training mode `nats` draws one step for each context; otherwise it sums all steps. Buffers of index t (alpha_bar,
    0..T) or t - 1 (the others, 0..T-1): alpha_bar, of equation (11); y_0_weight and y_t_weight, of the mean of equation
    (12); log_sigma, half the logarithm of its beta-tilde.
    """

    alpha_bar: Tensor
    y_0_weight: Tensor
    y_t_weight: Tensor
    log_sigma: Tensor

    def __init__(self, config: DiffusionConfig, context: ContextConfig) -> None:
        """Make a prior with random weights."""
        super().__init__()
        self.config, self.context = config, context
        beta = betas(config)
        alpha_bar = torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - beta, 0)])
        before, after = alpha_bar[:-1], alpha_bar[1:]
        variance = beta * (1 - before) / (1 - after)
        variance[0] = beta[0]  # the first step ends in integers and has no posterior: where its sigma begins is ours
        y_0_weight = before.sqrt() * beta / (1 - after)
        y_t_weight = (1 - beta).sqrt() * (1 - before) / (1 - after)
        for name, value in (("alpha_bar", alpha_bar), ("y_0_weight", y_0_weight), ("y_t_weight", y_t_weight)):
            self.register_buffer(name, value.float(), persistent=False)
        self.register_buffer("log_sigma", 0.5 * variance.log().float(), persistent=False)
        self.net = _Denoiser(config, context)

    def nats(self, symbols: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Return an upper bound on -log p(symbols), (B,) nats: minus equation (13), with one sample of the noise.

        symbols: integers as float (B, C, d, d).
        """
        y = symbols.float() / self.context.half
        total, steps = self._last(y), self.config.steps
        if not self.training:
            for t_of_all in range(1, steps + 1):
                total = total + self._term(y, symbols, torch.full((len(y),), t_of_all, device=y.device), generator)
            return total
        device = y.device if generator is None else generator.device
        first = torch.randint(steps, (1,), generator=generator, device=device).to(y.device)
        t = (first + torch.arange(len(y), device=y.device)) % steps + 1  # every step as often as any
        return total + steps * self._term(y, symbols, t, generator)

    @torch.no_grad()
    def sample(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw the integers of `batch` contexts, as float (B, C, d, d)."""
        c = self.context
        y = standard_noise(self.alpha_bar.new_empty(batch, c.channels, c.size, c.size), generator)
        for t in range(self.config.steps, 0, -1):
            mean, log_sigma = self._step(y, torch.full((batch,), t, device=y.device))
            y = mean + log_sigma.exp() * standard_noise(mean, generator)
        return self._rounded(y)

    def _rounded(self, y: Tensor) -> Tensor:
        """Return the integers whose masses `_log_masses` gives, of values y."""
        half = self.context.half
        return (y * half).round().clamp(-half, half)

    def _last(self, y: Tensor) -> Tensor:
        """Return L_T = KL(q(y_T | y_0) || N(0, 1)) of equation (13), (B,) nats."""
        alpha_bar = self.alpha_bar[-1]
        return 0.5 * (alpha_bar * (y**2 - 1) - torch.log1p(-alpha_bar)).flatten(1).sum(1)

    def _term(self, y: Tensor, symbols: Tensor, t: Tensor, generator: torch.Generator | None) -> Tensor:
        """Return L_{t-1} of equation (13), (B,) nats: of the integers where t = 1, a divergence of normals elsewhere.

        y: the symbols in -1..1. t: int64 (B,), 1..T.
        """
        alpha_bar = _at(self.alpha_bar, t)
        noisy = alpha_bar.sqrt() * y + (1 - alpha_bar).sqrt() * standard_noise(y, generator)
        mean, log_sigma = self._step(noisy, t)
        target = _at(self.y_0_weight, t - 1) * y + _at(self.y_t_weight, t - 1) * noisy
        divergence = kl_gaussian((target, _at(self.log_sigma, t - 1).expand_as(y)), (mean, log_sigma))
        first = (t == 1)[:, None, None, None]
        safe = torch.where(first, log_sigma, torch.zeros_like(log_sigma))
        integers = -self._log_masses(symbols.float(), mean, safe)
        return torch.where(first, integers, divergence).flatten(1).sum(1)

    def _log_masses(self, symbols: Tensor, mean: Tensor, log_sigma: Tensor) -> Tensor:
        """Return log p(symbols | y_1) of equation (14), elementwise, in nats."""
        return binned_normal(symbols, mean, log_sigma, self.context.half)

    def _step(self, noisy: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log sigma of p(y_{t-1} | y_t), float32; noisy is y_t."""
        guess, raw = self.net(noisy, t - 1).float().chunk(2, 1)
        mean = _at(self.y_0_weight, t - 1) * guess + _at(self.y_t_weight, t - 1) * noisy
        return mean, _at(self.log_sigma, t - 1) + raw.clamp(-6, 6)


def _at(values: Tensor, t: Tensor) -> Tensor:
    """Return the value at each t, (B, 1, 1, 1)."""
    return values[t][:, None, None, None]


class _Denoiser(nn.Module):
    """The net of the steps sees (C, d, d) and t: residual blocks, attention, residual blocks; two outputs a value."""

    def __init__(self, config: DiffusionConfig, context: ContextConfig) -> None:
        super().__init__()
        width, c, d = config.width, context.channels, context.size
        self.enter = nn.Conv2d(c, width, 3, padding=1)
        self.position = nn.Parameter(torch.randn(1, width, d, d) * 0.02)
        self.time = nn.Embedding(config.steps, width)
        self.before = nn.ModuleList(_Residual(width, config.dropout) for _ in range(config.blocks))
        self.attention = _Attention(width, config.heads)
        self.after = nn.ModuleList(_Residual(width, config.dropout) for _ in range(config.blocks))
        self.norm = nn.GroupNorm(min(16, width), width)
        self.leave = nn.Conv2d(width, 2 * c, 3, padding=1)
        _zero(self.leave)

    def forward(self, y: Tensor, t: Tensor) -> Tensor:
        time = self.time(t)
        h = self.enter(y) + self.position
        for block in self.before:
            h = block(h, time)
        h = self.attention(h)
        for block in self.after:
            h = block(h, time)
        out: Tensor = self.leave(F.silu(self.norm(h)))
        return out


class _Residual(nn.Module):
    """This block adds two convolutions of normalised activations, which the step scales and shifts; 0 at first."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.norm_one, self.norm_two = (nn.GroupNorm(min(16, width), width) for _ in range(2))
        self.one, self.two = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        self.time = nn.Linear(width, 2 * width)
        self.dropout = nn.Dropout(dropout)
        _zero(self.two)

    def forward(self, h: Tensor, time: Tensor) -> Tensor:
        gain, shift = self.time(F.silu(time))[:, :, None, None].chunk(2, 1)
        y = self.norm_two(self.one(F.silu(self.norm_one(h)))) * (1 + gain) + shift
        return h + self.two(self.dropout(F.silu(y)))


class _Attention(nn.Module):
    """This block adds the attention of all positions to all, which is 0 at first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(min(16, width), width)
        self.ask, self.leave = nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        _zero(self.leave)

    def forward(self, h: Tensor) -> Tensor:
        b, width, rows, columns = h.shape
        qkv = self.ask(self.norm(h)).reshape(b, 3, self.heads, width // self.heads, rows * columns)
        q, k, v = qkv.transpose(-1, -2).unbind(1)  # (B, heads, positions, width / heads)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(-1, -2)
        return h + self.leave(mixed.reshape(b, width, rows, columns))


def _zero(conv: nn.Conv2d) -> None:
    nn.init.zeros_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
