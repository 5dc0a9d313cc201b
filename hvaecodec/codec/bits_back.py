"""Bits-back coding with the papers' VAEs, for real: lossless, on a stack of bits, at about the rate of the ELBO.

BB-ANS (arXiv:1901.04866) for top-down hierarchies: the latents are popped off the stack with the posterior, coarse to
fine, then the picture and the latents, fine to coarse, are pushed with the model. A decoder pops what was pushed and
pushes what was popped. Latents lie on a grid; the rate that this costs is second order in its step.

Floats decide here, so a chain decodes only where the same numbers come out: a fingerprint of the machine's results
stands at its head, and another machine is refused.
"""

from __future__ import annotations

import platform
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any
from zlib import crc32

import constriction
import numpy as np
import torch
from torch import Tensor

from hvaecodec.codec.errors import CorruptFile, ModelMismatch, NotThisFormat
from hvaecodec.models.context_autoregressive import AutoregressivePrior
from hvaecodec.models.latents import Gaussian
from hvaecodec.models.likelihoods import Bernoulli, LogisticMixture
from hvaecodec.models.vdvae import Vdvae

MAGIC = b"HVB\x01"
STEP = 1 / 32  # of the grid of latents
REACH = 16.0  # largest latent that can be coded
_WINDOW = 5.5  # deviations from its mean within which a posterior is sampled
_BOUND = round(REACH / STEP)
_HEAD = struct.Struct("<4sIIII")  # magic, fingerprint, pictures, initial words, words
_CONSTRICTION = version("constriction")
_LEAST = 1e-7  # probability of a bit or a grey level, so that any can be coded


@dataclass(frozen=True)
class Chain:
    """Pictures on one stack. Bits are lists, one number a picture.

    net_bits: by which the stack grew. model_bits: log2 q(z|x) - log2 p(x, z) at the very latents, densities on the
    grid's points. initial_bits: random bits that lay on the stack before the first picture and are left after the last.
    """

    data: bytes
    net_bits: list[float]
    model_bits: list[float]
    initial_bits: int


class BitsBack:
    """A net as a coder of pictures. Raises ValueError for a net whose context has no probabilities to code with."""

    def __init__(self, net: Vdvae) -> None:
        if net.context is not None and not isinstance(net.context_prior, AutoregressivePrior):
            raise ValueError("the diffusion prior of a context only bounds its probability; use the autoregressive one")
        self.net = net.eval().requires_grad_(False)
        self.latents = _normals(_BOUND)
        self.categorical = constriction.stream.model.Categorical(perfect=False)
        self.bits = constriction.stream.model.Bernoulli(perfect=False)

    def encode(self, pictures: np.ndarray, seed: int = 0) -> Chain:
        """Whole numbers (N, C, H, W): 0 or 1 for a net of bits, 0..255 otherwise."""
        x = torch.from_numpy(np.ascontiguousarray(pictures)).float()
        words = self._initial_words()
        rng = np.random.default_rng(seed)
        start = np.append(rng.integers(0, 2**32, words - 1, dtype=np.uint32), np.uint32(1))  # the last may not be 0
        coder = constriction.stream.stack.AnsCoder(start)
        net_bits, model_bits = [], []
        for picture in x:
            before = coder.num_valid_bits()
            model_bits.append(self._push(coder, picture[None]))
            net_bits.append(float(coder.num_valid_bits() - before))
        body = coder.get_compressed().astype("<u4")
        head = _HEAD.pack(MAGIC, self.fingerprint(), len(x), words, len(body))
        data = head + body.tobytes()
        return Chain(data + crc32(data).to_bytes(4, "little"), net_bits, model_bits, 32 * words)

    def decode(self, data: bytes) -> np.ndarray:
        """uint8 (N, C, H, W). Raises NotThisFormat, CorruptFile, or ModelMismatch on a machine with other floats."""
        if len(data) < _HEAD.size + 4 or data[:4] != MAGIC:
            raise NotThisFormat("this is no chain of bits-back coding")
        if crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise CorruptFile("the chain's checksum differs; it changed after it was written")
        _, fingerprint, n, _, words = _HEAD.unpack_from(data)
        if len(data) != _HEAD.size + 4 * words + 4:
            raise CorruptFile(f"the chain says {words} words and has {(len(data) - _HEAD.size - 4) / 4:g}")
        if fingerprint != self.fingerprint():
            raise ModelMismatch(
                f"written with fingerprint {fingerprint:08x}, here it is {self.fingerprint():08x}: another net, or a "
                "machine whose floats differ, on which the pictures would be noise"
            )
        coder = constriction.stream.stack.AnsCoder(np.frombuffer(data, "<u4", words, _HEAD.size).astype(np.uint32))
        found = [self._pop(coder) for _ in range(n)]
        c = self.net.config
        return np.stack(found[::-1]) if found else np.zeros((0, c.channels, c.side, c.side), np.uint8)

    def fingerprint(self) -> int:
        """Of all numbers that a made-up picture is coded with, the versions of the libraries, and the processor."""
        c = self.net.config
        x = (torch.arange(c.channels * c.side**2) * 7919 % self.net.likelihood.levels).float()
        x = x.reshape(1, c.channels, c.side, c.side)
        seen: list[Tensor] = []

        def choose(number: int, p: Gaussian, q: Gaussian) -> Tensor:
            seen.extend((p.mean, p.log_sigma, q.mean, q.log_sigma))
            return (q.mean / STEP).round() * STEP

        with torch.no_grad():
            symbols = self.net.symbols(x)
            parameters = self.net.walk(choose, 1, self.net.features(x), symbols)
            tables = [part.numpy() for part in seen] + self._picture_tables(parameters, x)
            tables += [] if symbols is None else self._context_tables(symbols)
        told = f"{torch.__version__} {_CONSTRICTION} {platform.machine()} {torch.get_num_threads()}".encode()
        for table in tables:
            told += table.tobytes()
        return crc32(told)

    def _initial_words(self) -> int:
        """Enough for the latents of one picture, at 16 bits each."""
        return 64 + sum(z * h * w for z, h, w in self.net.latent_shapes) // 2

    @torch.no_grad()
    def _push(self, coder: Any, x: Tensor) -> float:
        """A picture onto the stack; returns log2 q(z|x) - log2 p(x, z)."""
        net, symbols = self.net, self.net.symbols(x)
        pushed: list[tuple[np.ndarray, Gaussian]] = []
        nats = 0.0

        def choose(number: int, p: Gaussian, q: Gaussian) -> Tensor:
            nonlocal nats
            grid = _pop_posterior(coder, q)
            z = _values(grid, q.mean)
            nats += float((q.log_prob(z) - p.log_prob(z)).double().sum())
            pushed.append((grid, p))
            return z

        parameters = net.walk(choose, 1, net.features(x), symbols)
        nats -= float(net.likelihood.log_prob(parameters, x))
        self._push_picture(coder, parameters, x)
        for grid, p in reversed(pushed):
            coder.encode_reverse(grid, self.latents, *_on_grid(p))
        if symbols is not None:
            nats += float(net.context_prior.nats(symbols)) if net.context_prior is not None else 0.0
            self._push_context(coder, symbols)
        return nats / np.log(2)

    @torch.no_grad()
    def _pop(self, coder: Any) -> np.ndarray:
        """The picture on top of the stack, uint8 (C, H, W); leaves the stack as it was before the picture."""
        net = self.net
        symbols = self._pop_context(coder) if net.context is not None else None
        popped: list[Tensor] = []

        def take(number: int, p: Gaussian, q: Any) -> Tensor:
            popped.append(_values(coder.decode(self.latents, *_on_grid(p)), p.mean))
            return popped[-1]

        x = self._pop_picture(coder, net.walk(take, 1, None, symbols))
        posteriors: list[Gaussian] = []

        def repeat(number: int, p: Gaussian, q: Gaussian) -> Tensor:
            posteriors.append(q)
            return popped[number]

        net.walk(repeat, 1, net.features(x), symbols)
        for z, q in zip(reversed(popped), reversed(posteriors), strict=True):
            grid = (z.flatten().double() / STEP).round().int().numpy()
            _push_posterior(coder, grid, q)
        return x[0].byte().numpy()

    def _push_picture(self, coder: Any, parameters: Tensor, x: Tensor) -> None:
        tables = self._picture_tables(parameters, x)
        if isinstance(self.net.likelihood, Bernoulli):
            coder.encode_reverse(_integers(x), self.bits, *tables)
            return
        for channel in reversed(range(x.shape[1])):
            coder.encode_reverse(_integers(x[:, channel]), self.categorical, tables[channel])

    def _picture_tables(self, parameters: Tensor, x: Tensor) -> list[np.ndarray]:
        """What a known picture is coded with: the bits' probabilities, or the masses of every channel."""
        if isinstance(self.net.likelihood, Bernoulli):
            return [_probability(self.net.likelihood, parameters)]
        return [self._masses(parameters, x, channel) for channel in range(x.shape[1])]

    def _pop_picture(self, coder: Any, parameters: Tensor) -> Tensor:
        c = self.net.config
        x = torch.zeros(1, c.channels, c.side, c.side)
        if isinstance(self.net.likelihood, Bernoulli):
            found = coder.decode(self.bits, _probability(self.net.likelihood, parameters))
            return torch.from_numpy(found.astype(np.float32)).reshape(x.shape)
        for channel in range(c.channels):
            found = coder.decode(self.categorical, self._masses(parameters, x, channel))
            x[:, channel] = torch.from_numpy(found.astype(np.float32)).reshape(1, c.side, c.side)
        return x

    def _masses(self, parameters: Tensor, x: Tensor, channel: int) -> np.ndarray:
        """p of every grey level of a channel given the channels before it, float64 (pixels, 256)."""
        mixture = self.net.likelihood
        assert isinstance(mixture, LogisticMixture)
        weights, masses = mixture.conditional_log_masses(parameters, x, channel)  # (1, K, H, W), (256, K, H, W)
        p = torch.logsumexp(weights + masses, 1).double().exp().flatten(1).T.numpy()  # (pixels, 256)
        p = p + _LEAST
        return np.ascontiguousarray(p / p.sum(1, keepdims=True))

    def _push_context(self, coder: Any, symbols: Tensor) -> None:
        ordered = symbols.flatten(1)[:, self._prior().order]
        tables = np.concatenate(self._context_tables(symbols))
        coder.encode_reverse(_integers(ordered) + self._half(), self.categorical, tables)

    def _context_tables(self, symbols: Tensor) -> list[np.ndarray]:
        """What a known context is coded with, in the order of coding."""
        ordered = symbols.flatten(1)[:, self._prior().order]
        return [self._context_masses(ordered, i) for i in range(ordered.shape[1])]

    def _pop_context(self, coder: Any) -> Tensor:
        prior, half, c = self._prior(), self._half(), self.net.config.context
        assert c is not None
        ordered = torch.zeros(1, c.n_symbols)
        for i in range(c.n_symbols):
            ordered[0, i] = float(coder.decode(self.categorical, self._context_masses(ordered, i))[0] - half)
        return ordered[:, prior.rank].reshape(1, c.channels, c.size, c.size)

    def _context_masses(self, ordered: Tensor, place: int) -> np.ndarray:
        """p of the values at a place of the order, float64 (1, 2 half + 1); what comes later is blanked."""
        before = ordered.clone()
        before[:, place:] = 0  # the masked weights are zeros, but let sums be the very same
        p = self._prior().masses(before, place).double().numpy() + _LEAST
        return np.ascontiguousarray(p / p.sum(1, keepdims=True))

    def _prior(self) -> AutoregressivePrior:
        prior = self.net.context_prior
        assert isinstance(prior, AutoregressivePrior)
        return prior

    def _half(self) -> int:
        assert self.net.config.context is not None
        return self.net.config.context.half


@cache
def _normals(reach: int) -> Any:
    """The family of normals over the integers -reach..reach."""
    return constriction.stream.model.QuantizedGaussian(-reach, reach)


def _windows(q: Gaussian) -> Iterator[tuple[np.ndarray, int, np.ndarray, np.ndarray, np.ndarray]]:
    """Units of alike width: their places, reach of the window, its centres, and means and sigmas within.

    Every symbol of an alphabet has a least probability; over all of the grid, units without news would now and then
    be sampled anywhere. So a posterior has an alphabet of its own, of few deviations around its mean.
    """
    mean, sigma = _on_grid(q)
    reach = 2 ** np.ceil(np.log2(_WINDOW * sigma + 1)).astype(np.int64)
    reach = np.minimum(reach, _BOUND // 2)
    centre = np.clip(np.round(mean).astype(np.int64), reach - _BOUND, _BOUND - reach)
    for width in np.unique(reach):
        at = np.flatnonzero(reach == width)
        yield at, int(width), centre[at], np.ascontiguousarray(mean[at] - centre[at]), np.ascontiguousarray(sigma[at])


def _pop_posterior(coder: Any, q: Gaussian) -> np.ndarray:
    """A sample of q made of bits from the stack, int32 in steps of the grid."""
    grid = np.empty(q.mean.numel(), np.int32)
    for at, reach, centre, mean, sigma in _windows(q):
        grid[at] = coder.decode(_normals(reach), mean, sigma) + centre
    return grid


def _push_posterior(coder: Any, grid: np.ndarray, q: Gaussian) -> None:
    """The opposite of `_pop_posterior`."""
    for at, reach, centre, mean, sigma in reversed(list(_windows(q))):
        coder.encode_reverse((grid[at] - centre).astype(np.int32), _normals(reach), mean, sigma)


def _on_grid(normal: Gaussian) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation in steps of the grid, float64 flat."""
    mean = normal.mean.flatten().double().numpy() / STEP
    sigma = normal.log_sigma.flatten().double().exp().numpy() / STEP
    return np.ascontiguousarray(np.clip(mean, -REACH / STEP, REACH / STEP)), np.ascontiguousarray(
        np.maximum(sigma, 0.1)
    )


def _values(grid: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(grid.astype(np.float64) * STEP).float().reshape(like.shape)


def _integers(x: Tensor) -> np.ndarray:
    return np.ascontiguousarray(x.flatten().int().numpy())


def _probability(likelihood: Bernoulli, parameters: Tensor) -> np.ndarray:
    p = likelihood.mean(parameters).double().flatten().numpy()
    return np.ascontiguousarray(np.clip(p, _LEAST, 1 - _LEAST))
