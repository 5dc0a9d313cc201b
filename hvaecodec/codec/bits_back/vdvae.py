"""How one picture goes onto the stack with a VDVAE, a DCT-VAE or a Downsample-VAE."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.bits_back.gaussian_grid import Grid
from hvaecodec.codec.bits_back.likelihoods import (
    categorical,
    integers,
    normalise,
    picture_tables,
    pop_picture,
    push_picture,
)
from hvaecodec.models.latents import Gaussian
from hvaecodec.models.vdvae.context_autoregressive import AutoregressivePrior
from hvaecodec.models.vdvae.net import Vdvae

GRID = Grid(1 / 32, 16.0)


class VdvaeStack:
    """The `PictureStack` of a `Vdvae`. Raises ValueError if its context has no probabilities to code with."""

    def __init__(self, net: Vdvae) -> None:
        if net.context is not None and not isinstance(net.context_prior, AutoregressivePrior):
            raise ValueError("the diffusion prior of a context only bounds its probability; use the autoregressive one")
        self.net = net
        c = net.config
        self.shape, self.levels = (c.channels, c.side, c.side), net.likelihood.levels
        self.units = sum(z * h * w for z, h, w in net.latent_shapes)

    def push(self, coder: Any, x: Tensor) -> float:
        """Push a picture as `PictureStack.push` states."""
        net, symbols = self.net, self.net.symbols(x)
        latents: list[tuple[np.ndarray, Gaussian]] = []  # of every latent its points and its prior
        nats = 0.0

        def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
            nonlocal nats
            points = GRID.pop_sample(coder, q)
            z = GRID.values(points, q.mean)
            nats += float((q.log_prob(z) - p.log_prob(z)).double().sum())
            latents.append((points, p))
            return z

        parameters = net.walk(choose, 1, net.features(x), symbols)
        nats -= float(net.likelihood.log_prob(parameters, x))
        push_picture(coder, net.likelihood, parameters, x)
        for points, p in reversed(latents):
            GRID.push(coder, points, p)
        if symbols is not None:
            nats += float(net.context_prior.nats(symbols)) if net.context_prior is not None else 0.0
            self._push_context(coder, symbols)
        return nats

    def pop(self, coder: Any) -> Tensor:
        """Pop a picture as `PictureStack.pop` states."""
        net = self.net
        symbols = self._pop_context(coder) if net.context is not None else None
        latents: list[np.ndarray] = []  # of every latent its points

        def take(latent_number: int, p: Gaussian, q: Any) -> Tensor:
            latents.append(GRID.pop(coder, p))
            return GRID.values(latents[-1], p.mean)

        x = pop_picture(coder, net.likelihood, net.walk(take, 1, None, symbols), self.shape)
        posteriors: list[Gaussian] = []

        def repeat(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
            posteriors.append(q)
            return GRID.values(latents[latent_number], q.mean)

        net.walk(repeat, 1, net.features(x), symbols)
        for points, q in zip(reversed(latents), reversed(posteriors), strict=True):
            GRID.push_sample(coder, points, q)
        return x

    def numbers(self, x: Tensor) -> list[np.ndarray]:
        """Return the numbers of a picture as `PictureStack.numbers` states."""
        normals: list[Tensor] = []

        def choose(latent_number: int, p: Gaussian, q: Gaussian) -> Tensor:
            normals.extend((p.mean, p.log_sigma, q.mean, q.log_sigma))
            return GRID.nearest(q.mean)

        symbols = self.net.symbols(x)
        parameters = self.net.walk(choose, 1, self.net.features(x), symbols)
        tables = [part.numpy() for part in normals] + picture_tables(self.net.likelihood, parameters, x)
        return tables + ([] if symbols is None else self._context_tables(symbols))

    def _push_context(self, coder: Any, symbols: Tensor) -> None:
        ordered = symbols.flatten(1)[:, self._prior().order]
        tables = np.concatenate(self._context_tables(symbols))
        coder.encode_reverse(integers(ordered) + self._half(), categorical(), tables)

    def _context_tables(self, symbols: Tensor) -> list[np.ndarray]:
        """Return the masses that a known context is coded with, in the order of coding."""
        ordered = symbols.flatten(1)[:, self._prior().order]
        return [self._context_masses(ordered, i) for i in range(ordered.shape[1])]

    def _pop_context(self, coder: Any) -> Tensor:
        prior, half, c = self._prior(), self._half(), self.net.config.context
        assert c is not None
        ordered = torch.zeros(1, c.n_symbols)
        for i in range(c.n_symbols):
            ordered[0, i] = float(coder.decode(categorical(), self._context_masses(ordered, i))[0] - half)
        return ordered[:, prior.rank].reshape(1, c.channels, c.size, c.size)

    def _context_masses(self, ordered: Tensor, place: int) -> np.ndarray:
        """Return p of the values at a place of the order, float64 (1, 2 half + 1); what comes later is blanked."""
        before = ordered.clone()
        before[:, place:] = 0  # the masked weights are zeros, but let sums be the very same
        return normalise(self._prior().masses(before, place).double().numpy())

    def _prior(self) -> AutoregressivePrior:
        prior = self.net.context_prior
        assert isinstance(prior, AutoregressivePrior)
        return prior

    def _half(self) -> int:
        assert self.net.config.context is not None
        return self.net.config.context.half
