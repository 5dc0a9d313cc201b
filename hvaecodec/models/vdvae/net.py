"""Very deep VAEs of three papers in one net: VDVAE, DCT-VAE / Downsample-VAE, weight-shared VDVAE.

A state runs top-down through stochastic layers over scales that grow (arXiv:2011.10650, section 3); with a context it
is told the decoded context at the beginning of every scale (arXiv:2302.09976, figure 8); with `repeats` one
parametrised layer a scale is applied again and again, each time with a latent of its own (arXiv:2301.08187, section
3.1). Training, sampling, partial reconstruction, measures and coding are the same `walk`: only `choose` differs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from hvaecodec.models.latents import Gaussian, standard_noise, summed
from hvaecodec.models.likelihoods import Likelihood
from hvaecodec.models.vdvae.blocks import TopDown
from hvaecodec.models.vdvae.config import VdvaeConfig
from hvaecodec.models.vdvae.context import Context, make_context
from hvaecodec.models.vdvae.context_priors import ContextPrior, make_context_prior
from hvaecodec.models.vdvae.encoder import Encoder, normalised

_LARGEST_START = 64  # scales up to this side begin with a learned picture


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

    def bound(self, x: Tensor, generator: torch.Generator | None = None, seen: Tensor | None = None) -> Bound:
        """-ELBO of pictures by its parts, with one sample of the posterior.

        seen: what encoder and context see in place of x, in the same units, as the grey drawings that bits were drawn
        from: a bound all the same, but a decoder that has x alone cannot compute such a posterior.
        """
        seen = x if seen is None else seen
        symbols = self.symbols(seen)
        kl: list[Tensor] = []

        def choose(number: int, p: Gaussian, q: Gaussian) -> Tensor:
            kl.append(summed(q.kl(p)))
            return q.sample(standard_noise(q.mean, generator))

        parameters = self.walk(choose, len(x), self.features(seen), symbols)
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
        return sum(parts[1:], parts[0])

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
