"""This net is the very deep VAE of three papers: VDVAE, DCT-VAE / Downsample-VAE and weight-shared VDVAE.

A state runs top-down through stochastic layers over scales that grow (arXiv:2011.10650, section 3); with a context it
sees the picture of the context at the beginning of every scale (arXiv:2302.09976, figure 8); with `repeats` one
parametrised layer a scale is applied again and again, each time with a latent of its own (arXiv:2301.08187, section
3.1). Training, sampling, partial reconstruction, measures and coding are the same `walk`: only `choose` differs. A
latent number counts the latents of the walk from 0, the coarsest.
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

# From (latent number, p, q) to the latent's value; q is None where there is no picture.
Choose = Callable[[int, Gaussian, Any], Tensor]
# Takes (latent number, state, state with the latent, state after the layer).
Watch = Callable[[int, Tensor, Tensor, Tensor], None]


@dataclass(frozen=True)
class Bound:
    """A bound holds the parts of -ELBO of every picture, (B,) nats each.

    nll: -log p(x | latents). kl: of each latent, coarse to fine. context: -log p(context), or a bound on it.
    """

    nll: Tensor
    kl: list[Tensor]
    context: Tensor | None = None

    def total(self) -> Tensor:
        """Return the sum of the parts: -ELBO of every picture, (B,) nats."""
        total = self.nll + torch.stack(self.kl).sum(0)
        return total if self.context is None else total + self.context


@dataclass(frozen=True)
class _Application:
    """An application of a layer has a latent of its own."""

    layer_number: int
    scale_number: int
    feature_number: int  # the step of the encoder whose result its posterior sees
    enters: bool  # whether the state has just come to this scale


class Vdvae(nn.Module):
    """This net is p(x | z, context) p(z | context) p(context) and q(z | x, context).

    Pictures are float (B, C, H, W), whole numbers 0..levels - 1 of the likelihood. `order` lists the applications of
    layers, one for each latent, coarse to fine.
    """

    def __init__(self, config: VdvaeConfig) -> None:
        """Make a net with random weights. Raises ValueError if it has a context and no prior of it."""
        super().__init__()
        self.config = config
        self.likelihood: Likelihood = config.likelihood
        self.checkpointing = False  # trade memory for a second forward pass; the gradients are the same
        scales = config.scales
        self.encoder = Encoder(config)
        self.order: list[_Application] = []
        self.layers = nn.ModuleList(layer for number in range(len(scales)) for layer in self._make_scale(number))
        if config.cells.start == "picture":
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

    def _make_scale(self, scale_number: int) -> list[TopDown]:
        """Make the layers of a scale, and append their applications to `order`."""
        scales, cells = self.config.scales, self.config.cells
        scale = scales[scale_number]
        finer_width = scales[scale_number + 1].width if scale_number + 1 < len(scales) else scale.width
        n_layers, ends = scale.layers + scale.mixin, self.encoder.last[scale_number]
        own_feature = cells.down == "first" and len(ends) == n_layers
        first = self.order[-1].layer_number + 1 if self.order else 0
        layers = []
        for i in range(n_layers):
            out = finer_width if i == n_layers - 1 else scale.width
            layers.append(TopDown(cells, scale.width, out=out, z=scale.z, side=scale.side, n_resnet=scale.resnet))
            feature = ends[-1 - i] if own_feature else ends[-1]
            for j in range(1 if scale.mixin and i == 0 else scale.repeats):
                self.order.append(_Application(first + i, scale_number, feature, enters=i == 0 and j == 0))
        return layers

    def _make_output(self) -> None:
        width, out = self.config.scales[-1].width, self.likelihood.n_parameters(self.config.channels)
        if self.config.cells.down == "own":
            self.gain = nn.Parameter(torch.ones(1, width, 1, 1))
            self.bias = nn.Parameter(torch.zeros(1, width, 1, 1))
            self.leave = nn.Conv2d(width, out, 1)
        else:
            self.leave = nn.Conv2d(width, out, 3, padding=1)

    def _initialise(self) -> None:
        """Start the weights as the papers' codes do: openai/vdvae, or the DCT-VAE's."""
        cells = self.config.cells
        if cells.down == "own":  # openai/vdvae begins with all biases at zero
            for conv in self.modules():
                if isinstance(conv, nn.Conv2d) and conv.bias is not None:
                    nn.init.zeros_(conv.bias)
        for module in self.layers:
            layer: Any = module
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
        """Return the shape (Z, h, w) of every latent, coarse to fine."""
        return [(s.z, s.side, s.side) for s in (self.config.scales[a.scale_number] for a in self.order)]

    def scaled(self, x: Tensor) -> Tensor:
        """Return what the encoder sees of pictures (B, C, H, W): grey levels less their mean, over a scale."""
        grey = x * (255 / (self.likelihood.levels - 1))
        return (grey - self.config.input_mean) / self.config.input_scale

    def features(self, x: Tensor) -> list[Tensor]:
        """Return the encoder's features of pictures (B, C, H, W), for `walk`."""
        features: list[Tensor] = self.encoder(self.scaled(x), self._run)
        return features

    def symbols(self, x: Tensor) -> Tensor | None:
        """Return the integers of the context of pictures, as float (B, C, d, d); None without a context."""
        return None if self.context is None else self.context.symbols(x / (self.likelihood.levels - 1))

    def walk(
        self,
        choose: Choose,
        batch: int,
        features: list[Tensor] | None = None,
        symbols: Tensor | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """Go down the hierarchy, and return the parameters of the likelihood, float32 (B, P, H, W).

        choose: gives the value of each latent. batch: the number of pictures. features: what `features` returns of
        them; without it posteriors are None. symbols: the integers of their context, for a net that has one. watch: is
        shown the states. Raises ValueError if a net with a context gets no symbols.
        """
        context = None
        if self.context is not None:
            if symbols is None:
                raise ValueError("this net needs the symbols of a context")
            context = 2 * self.context.picture(symbols) - 1
        state: Tensor | None = None
        top: Tensor | None = None
        for latent_number, application in enumerate(self.order):
            layer: Any = self.layers[application.layer_number]
            if application.enters:
                state = self._enter(state, application.scale_number, batch, context, top)
            assert state is not None
            state = normalised(state, self.config.normalise)
            p, h = self._run(layer.prior_of, state)
            q = None if features is None else self._run(layer.posterior_of, state, features[application.feature_number])
            z = choose(latent_number, p, q)
            top = z if latent_number == 0 else top
            with_latent = layer.take(state, h, z)
            after = self._run(layer.refine, with_latent)
            if watch is not None:
                watch(latent_number, state, with_latent, after)
            state = after
        assert state is not None
        return self._leave(state)

    def bound(self, x: Tensor, generator: torch.Generator | None = None, encoder_input: Tensor | None = None) -> Bound:
        """Return -ELBO of pictures by its parts, with one sample of the posterior.

        arXiv:2302.09976, eq. (1), and with a context the objective of section 4.2. encoder_input: what encoder and
        context see in place of x, in the same units, as the grey drawings that bits were drawn from. That is a bound
        all the same, but a decoder that has x alone cannot compute such a posterior.
        """
        encoder_input = x if encoder_input is None else encoder_input
        symbols = self.symbols(encoder_input)
        kl: list[Tensor] = []

        def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
            kl.append(summed(q.kl(p)))
            return q.sample(standard_noise(q.mean, generator))

        parameters = self.walk(choose, len(x), self.features(encoder_input), symbols)
        nll = -self.likelihood.log_prob(parameters, x)
        if symbols is None or self.context_prior is None:
            return Bound(nll, kl)
        return Bound(nll, kl, self.context_prior.nats(symbols, generator))

    def _enter(
        self, state: Tensor | None, scale_number: int, batch: int, context: Tensor | None, top: Tensor | None
    ) -> Tensor:
        """Return the state as a scale begins: the sum of what is above, the start, the context and the top latent.

        context: its picture in -1..1, (B, C, H, W). top: the value of the coarsest latent.
        """
        scale = self.config.scales[scale_number]
        terms = [] if state is None else [F.interpolate(state, size=(scale.side, scale.side), mode="nearest")]
        if self.config.cells.start == "picture" and scale_number < len(self.starts):
            terms.append(self.starts[scale_number].expand(batch, -1, -1, -1))
        if context is not None:
            terms.append(self.tell[scale_number](F.adaptive_avg_pool2d(context, scale.side)))
        if self.config.top_latent and top is not None and scale_number:
            conv: Any = self.recall[scale_number - 1]
            terms.append(F.interpolate(conv(top.to(conv.weight.dtype)), size=(scale.side, scale.side), mode="nearest"))
        if not terms:
            return self.leave.weight.new_zeros(batch, scale.width, scale.side, scale.side)
        return sum(terms[1:], terms[0])

    def _leave(self, state: Tensor) -> Tensor:
        """Return the parameters of the likelihood, float32 (B, P, H, W), of the last state."""
        if state.shape[-1] != self.config.side:
            state = F.interpolate(state, size=(self.config.side, self.config.side), mode="nearest")
        if self.config.cells.down == "own":
            state = state * self.gain + self.bias
        return self.leave(state).float()

    def _run(self, function: Callable[..., Any], *tensors: Tensor) -> Any:
        """Call a part of the net, which forgets what it can compute again if `checkpointing` is on."""
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(function, *tensors, use_reentrant=False)
        return function(*tensors)
