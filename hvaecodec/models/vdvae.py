"""Very deep VAEs of three papers in one net: VDVAE, DCT-VAE / Downsample-VAE, weight-shared VDVAE.

A state runs top-down through stochastic layers over scales that grow (arXiv:2011.10650, section 3); with a context it
is told the decoded context at the beginning of every scale (arXiv:2302.09976, figure 8); with `repeats` one
parametrised layer a scale is applied again and again, each time with a latent of its own (arXiv:2301.08187, section
3.1). Training, sampling, partial reconstruction, measures and coding are the same `walk`: only `choose` differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .context import Context, ContextConfig, make_context
from .context_priors import ContextPrior, PriorConfig, make_context_prior
from .latents import Gaussian, standard_noise
from .likelihoods import Bernoulli, Likelihood, LogisticMixture
from .vdvae_blocks import Cell, Cells, TopDown

_LARGEST_START = 64  # scales up to this side begin with a learned picture
_TINY = 1e-12


@dataclass(frozen=True)
class Scale:
    """One resolution. layers: stochastic layers with weights of their own; encoder: cells of the encoder.

    repeats: how often each layer and each of those cells is applied. mixin: one more layer, never repeated, at its
    beginning. resnet: residual cells of a layer, and of the encoder for each of `encoder`.
    """

    side: int
    layers: int
    encoder: int
    width: int
    z: int
    repeats: int = 1
    mixin: bool = False
    resnet: int = 1


@dataclass(frozen=True)
class VdvaeConfig:
    """Scales coarse to fine. normalise: divide the state by its norm before every cell, "rms" times sqrt(size).

    fourier: octaves of sin and cos of the pixels that the encoder sees too (arXiv:2107.00630, appendix C).
    top_latent: its value reaches every later scale, as in the CIFAR-10 net of the DCT-VAE paper.
    input_mean, input_scale: what the encoder sees is (x - mean) / scale, in grey levels.
    """

    side: int
    channels: int
    scales: tuple[Scale, ...]
    cells: Cells = field(default_factory=Cells)
    likelihood: Bernoulli | LogisticMixture = field(default_factory=Bernoulli)
    context: ContextConfig | None = None
    context_prior: PriorConfig | None = None
    normalise: Literal["no", "unit", "rms"] = "no"
    fourier: tuple[int, ...] = ()
    top_latent: bool = False
    input_mean: float = 127.5
    input_scale: float = 127.5


# The value of a latent from (its number, p, q); q is None where there is no picture.
Choose = Callable[[int, Gaussian, Any], Tensor]
# (number of the application, state, state with the latent, state after the layer)
Watch = Callable[[int, Tensor, Tensor, Tensor], None]


@dataclass(frozen=True)
class Bound:
    """The parts of -ELBO of every picture, nats, (B,) each. kl: by latent, coarse to fine. context: -log p(context)."""

    nll: Tensor
    kl: list[Tensor]
    context: Tensor | None = None

    def total(self) -> Tensor:
        out = self.nll + torch.stack(self.kl).sum(0)
        return out if self.context is None else out + self.context


@dataclass(frozen=True)
class _Application:
    layer: int
    scale: int
    feature: int  # which step of the encoder it sees
    enters: bool  # the state has just come to this scale


class Encoder(nn.Module):
    """Bottom-up features; `steps` is the order in which cells are applied, (cell, side after it)."""

    def __init__(self, config: VdvaeConfig) -> None:
        super().__init__()
        self.config = config
        cells, fine = config.cells, config.scales[-1]
        kernel = 3 if cells.down == "own" else 1
        inputs = config.channels * (1 + 2 * len(config.fourier))
        self.enter = nn.Conv2d(inputs, fine.width, kernel, padding=kernel // 2)
        made: list[Cell] = []
        self.steps: list[tuple[int, int]] = []
        self.last: list[list[int]] = []  # of every scale, coarse to fine: the steps whose results its layers see
        side, width = config.side, fine.width
        for number in reversed(range(len(config.scales))):
            scale, mine = config.scales[number], []
            for i in range(scale.encoder):
                for j in range(scale.resnet):
                    made.append(Cell(cells, width, scale.width, side, order="before"))
                    width = scale.width
                    if i == 0 and j == scale.resnet - 1 and cells.down == "first":
                        side = scale.side
                    self.steps += [(len(made) - 1, side)] * scale.repeats
                mine.append(len(self.steps) - 1)
            self.last.insert(0, mine)
            if number and cells.down == "own":
                below = config.scales[number - 1]
                made.append(Cell(cells, width, below.width, side, order="before"))
                width, side = below.width, below.side
                self.steps.append((len(made) - 1, side))
                # without cells of its own, the next scale sees this one's result
                if not below.encoder:
                    raise ValueError(f"scale {below.side} needs a cell in the encoder")
        self.cells = nn.ModuleList(made)
        if cells.down == "own":
            for cell in made:
                cell.last.weight.data *= math.sqrt(1 / len(self.steps))

    def forward(self, x: Tensor, run: Callable[..., Any]) -> list[Tensor]:
        """The result of every step, fine to coarse. x: scaled pictures (B, C, H, W)."""
        if self.config.fourier:
            waves = [f(x * (math.pi * 2**n)) for n in self.config.fourier for f in (torch.sin, torch.cos)]
            x = torch.cat([x, *waves], 1)
        h = self.enter(x)
        found = []
        for cell, side in self.steps:
            h = run(self.cells[cell], normalised(h, self.config.normalise))
            if side != h.shape[-1]:
                h = F.avg_pool2d(h, h.shape[-1] // side)
            found.append(h)
        return found


class Vdvae(nn.Module):
    """p(x | z, context) p(z | context) p(context) and q(z | x, context); pictures are whole numbers, see likelihoods."""

    def __init__(self, config: VdvaeConfig) -> None:
        super().__init__()
        self.config = config
        self.likelihood: Likelihood = config.likelihood
        self.checkpointing = False  # trade memory for a second forward pass; the gradients are the same
        cells, scales = config.cells, config.scales
        self.encoder = Encoder(config)
        self.order: list[_Application] = []
        layers: list[TopDown] = []
        for number, scale in enumerate(scales):
            finer = scales[number + 1].width if number + 1 < len(scales) else scale.width
            n_own = scale.layers + scale.mixin
            for i in range(n_own):
                out = finer if i == n_own - 1 else scale.width
                layers.append(TopDown(cells, scale.width, out, scale.z, scale.side, scale.resnet))
                times = 1 if scale.mixin and i == 0 else scale.repeats
                seen = self.encoder.last[number]
                own = cells.down == "first" and len(seen) == n_own
                feature = seen[-1 - i] if own else seen[-1]
                self.order += [_Application(len(layers) - 1, number, feature, i == 0 and j == 0) for j in range(times)]
        self.layers = nn.ModuleList(layers)
        if cells.start == "picture":
            self.starts = nn.ParameterList(
                nn.Parameter(torch.zeros(1, s.width, s.side, s.side)) for s in scales if s.side <= _LARGEST_START
            )
        self.context: Context | None = make_context(config.context) if config.context else None
        self.context_prior: ContextPrior | None = None
        if config.context is not None:
            if config.context_prior is None:
                raise ValueError("a net with a context needs a prior of it")
            self.context_prior = make_context_prior(config.context_prior, config.context)
            self.tell = nn.ModuleList(nn.Conv2d(config.channels, s.width, 3, padding=1) for s in scales)
        if config.top_latent:
            self.recall = nn.ModuleList(nn.Conv2d(scales[0].z, s.width, 1) for s in scales[1:])
        self._make_output()
        self._initialise()

    def _make_output(self) -> None:
        width, out = self.config.scales[-1].width, self.likelihood.n_parameters(self.config.channels)
        if self.config.cells.down == "own":
            self.gain = nn.Parameter(torch.ones(1, width, 1, 1))
            self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))
            self.leave = nn.Conv2d(width, out, 1)
        else:
            self.leave = nn.Conv2d(width, out, 3, padding=1)

    def _initialise(self) -> None:
        cells = self.config.cells
        if cells.down == "own":  # openai/vdvae begins with all biases at zero
            for module in self.modules():
                if isinstance(module, nn.Conv2d) and module.bias is not None:
                    nn.init.zeros_(module.bias)
        for made in self.layers:
            layer: Any = made
            for weight in (layer.project.weight, layer.resnet[-1].last.weight):
                weight.data *= math.sqrt(1 / len(self.order))
            nn.init.zeros_(layer.prior.last.weight)
            nn.init.zeros_(layer.prior.last.bias)
            if cells.join == "sum":
                nn.init.uniform_(layer.posterior.last.weight, -1, 1)
        if self.leave.bias is not None:
            nn.init.zeros_(self.leave.bias)

    @property
    def latent_shapes(self) -> list[tuple[int, int, int]]:
        """(Z, h, w) of every latent, coarse to fine."""
        return [(s.z, s.side, s.side) for s in (self.config.scales[a.scale] for a in self.order)]

    def scaled(self, x: Tensor) -> Tensor:
        """What the encoder sees of whole numbers 0..levels - 1."""
        grey = x * (255 / (self.likelihood.levels - 1))
        return (grey - self.config.input_mean) / self.config.input_scale

    def features(self, x: Tensor) -> list[Tensor]:
        """The encoder's features of pictures, for `walk`."""
        found: list[Tensor] = self.encoder(self.scaled(x), self._run)
        return found

    def symbols(self, x: Tensor) -> Tensor | None:
        """The integers of the context of pictures, (B, C, d, d), None without a context."""
        return None if self.context is None else self.context.symbols(x / (self.likelihood.levels - 1))

    def walk(
        self,
        choose: Choose,
        batch: int,
        features: list[Tensor] | None = None,
        symbols: Tensor | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Down the hierarchy: parameters of the likelihood, float32 (B, P, H, W), from latents that `choose` gives."""
        told = None
        if self.context is not None:
            if symbols is None:
                raise ValueError("this net needs the symbols of a context")
            told = 2 * self.context.picture(symbols) - 1
        state: Tensor | None = None
        top: Tensor | None = None
        for number, step in enumerate(self.order):
            layer: Any = self.layers[step.layer]
            if step.enters:
                state = self._enter(state, step.scale, batch, told, top)
            assert state is not None
            state = normalised(state, self.config.normalise)
            p, h = self._run(layer.prior_of, state)
            q = None if features is None else self._run(layer.posterior_of, state, features[step.feature])
            z = choose(number, p, q)
            top = z if number == 0 else top
            with_latent = layer.take(state, h, z)
            after = self._run(layer.refine, with_latent)
            if watch is not None:
                watch(number, state, with_latent, after)
            state = after
        assert state is not None
        return self._leave(state)

    def bound(self, x: Tensor, generator: torch.Generator | None = None) -> Bound:
        """-ELBO of pictures by its parts, with one sample of the posterior."""
        symbols = self.symbols(x)
        kl: list[Tensor] = []

        def choose(number: int, p: Gaussian, q: Gaussian) -> Tensor:
            kl.append(q.kl(p).flatten(1).sum(1))
            return q.sample(standard_noise(q.mean, generator))

        parameters = self.walk(choose, len(x), self.features(x), symbols)
        nll = -self.likelihood.log_prob(parameters, x)
        if symbols is None or self.context_prior is None:
            return Bound(nll, kl)
        return Bound(nll, kl, self.context_prior.nats(symbols, generator))

    def _enter(self, state: Tensor | None, number: int, batch: int, told: Tensor | None, top: Tensor | None) -> Tensor:
        """The state as a scale begins: what comes from above, the start, the context, the top latent."""
        scale = self.config.scales[number]
        parts = [] if state is None else [F.interpolate(state, size=(scale.side, scale.side), mode="nearest")]
        if self.config.cells.start == "picture" and number < len(self.starts):
            parts.append(self.starts[number].expand(batch, -1, -1, -1))
        if told is not None:
            parts.append(self.tell[number](F.adaptive_avg_pool2d(told, scale.side)))
        if self.config.top_latent and top is not None and number:
            conv: Any = self.recall[number - 1]
            parts.append(F.interpolate(conv(top.to(conv.weight.dtype)), size=(scale.side, scale.side), mode="nearest"))
        if not parts:
            return self.leave.weight.new_zeros(batch, scale.width, scale.side, scale.side)
        return torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]

    def _leave(self, state: Tensor) -> Tensor:
        if state.shape[-1] != self.config.side:
            state = F.interpolate(state, size=(self.config.side, self.config.side), mode="nearest")
        if self.config.cells.down == "own":
            state = state * self.gain + self.bias
        return self.leave(state).float()

    def _run(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(function, *tensors, use_reentrant=False)
        return function(*tensors)


def normalised(state: Tensor, how: Literal["no", "unit", "rms"]) -> Tensor:
    """The state over its L2 norm of each picture ("unit"), or over its root mean square ("rms")."""
    if how == "no":
        return state
    norm = state.float().flatten(1).norm(dim=1).clamp_min(_TINY)[:, None, None, None]
    if how == "rms":
        norm = norm / math.sqrt(state[0].numel())
    return (state / norm).to(state.dtype)
