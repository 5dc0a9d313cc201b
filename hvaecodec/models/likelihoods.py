"""The likelihoods p(x | parameters) of the papers' VAEs are of bits, and of 8-bit samples under mixtures of logistics.

All log-probabilities are nats of a distribution that sums to one over the values of a picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

# Limits of a logistic's log-scale, where black is -1 and white 1. The smallest is openai/vdvae's (vae_helpers.py). Far
# above the largest all samples are as likely, and float32 loses the difference between the edges of a bin.
LOG_SCALES = (-7.0, 4.0)
_HALF_RANGE = 127.5  # grey levels per unit of that scale


def logistic_nll(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Return -log p of 8-bit values under a logistic binned to 0..255, elementwise, in nats.

    arXiv:1701.05517, section 2.1: p(x) = s((x + 1/2 - mean) / scale) - s((x - 1/2 - mean) / scale), s the logistic
    function, where the end bins 0 and 255 take the tails. x, mean: in grey levels. log_scale: log of the scale in grey
    levels. All broadcast. We write the difference of two s as a product, so that it keeps its digits far from the mean.
    """
    inverse = torch.exp(-log_scale)
    above, below = (x - mean + 0.5) * inverse, (x - mean - 0.5) * inverse
    least, most = F.softplus(-above), F.softplus(below)  # -log sigma(above) and -log sigma(-below): the end bins
    # sigma(above) - sigma(below) = sigma(above) sigma(-below) (1 - e^-inverse)
    inner = least + most - torch.log(-torch.expm1(-inverse))
    return torch.where(x < 0.5, least, torch.where(x > 254.5, most, inner))


class Likelihood(Protocol):
    """A likelihood is a distribution over pictures that the output of a net's last layer parametrises.

    Pictures are float (B, C, H, W), whole numbers 0..`levels` - 1. Parameters are (B, P, H, W).
    """

    @property
    def levels(self) -> int:
        """Return the number of values that a sample of a picture may take."""
        ...

    def n_parameters(self, channels: int) -> int:
        """Return P, the channels that a net must give for pictures of so many channels."""
        ...

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return log p(x) of whole pictures, (B,) nats."""
        ...

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one picture for each of the batch, (B, C, H, W)."""
        ...

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the expected pictures, (B, C, H, W), not rounded."""
        ...


@dataclass(frozen=True)
class Bernoulli:
    """A `Bernoulli` likelihood takes all samples as independent bits; the parameters are their logits."""

    levels: int = 2

    def n_parameters(self, channels: int) -> int:
        """Return one logit for every channel."""
        return channels

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return log p(x) of whole pictures, (B,) nats: the sum of x log p + (1 - x) log(1 - p)."""
        return -F.binary_cross_entropy_with_logits(parameters.float(), x, reduction="none").flatten(1).sum(1)

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one picture of 0 and 1 for each of the batch, (B, C, H, W)."""
        return torch.bernoulli(self.mean(parameters), generator=generator)

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the probabilities of 1, (B, C, H, W)."""
        return parameters.float().sigmoid()


@dataclass(frozen=True)
class LogisticMixture:
    """A `LogisticMixture` takes 8-bit samples as mixtures of logistics binned to 0..255; channels share the weights.

    arXiv:1701.05517, sections 2.1 and 2.2. mixtures: their number K. coupled: whether the means of green and blue move
    with the values of the channels before, as there and in VDVAE; they do not in the DCT-VAE's code, whose mixtures
    have 1 + 2 C numbers each.
    """

    mixtures: int = 10
    coupled: bool = True
    levels: int = 256

    def n_parameters(self, channels: int) -> int:
        """Return the numbers a pixel: for each mixture a weight, means and log-scales by channel, and couplings."""
        return self.mixtures * (1 + 2 * channels + self._couplings(channels))

    def _couplings(self, channels: int) -> int:
        return channels * (channels - 1) // 2 if self.coupled else 0

    def _split(self, parameters: Tensor, channels: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Split parameters into log-weights (B, K, H, W), means, log-scales and couplings.

        Means and log-scales are (B, K, C, H, W), in grey levels and their logarithm; couplings (B, K, n, H, W).
        """
        b, _, h, w = parameters.shape
        # contiguous, because from channels_last all that follows would be twice as slow
        numbers = parameters.float().contiguous().reshape(b, self.mixtures, -1, h, w)
        logits, mean, log_scale, coupling = numbers.split([1, channels, channels, self._couplings(channels)], 2)
        mean = (mean + 1) * _HALF_RANGE
        log_scale = log_scale.clamp(*LOG_SCALES) + math.log(_HALF_RANGE)
        return logits[:, :, 0].log_softmax(1), mean, log_scale, coupling.tanh()

    def _conditional_mean(self, mean: Tensor, coupling: Tensor, channel: int, before: Tensor) -> Tensor:
        """Return the means of a channel once the channels `before` it are known, (B, K, H, W) in grey levels.

        arXiv:1701.05517, section 2.2, whose coefficients are our couplings. before: (B, 1 or K, C, H, W).
        """
        out, first = mean[:, :, channel], channel * (channel - 1) // 2
        for other in range(channel if self.coupled else 0):
            out = out + coupling[:, :, first + other] * (before[:, :, other] - _HALF_RANGE)
        return out

    def log_prob(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return log p(x) of whole pictures, (B,) nats: at each pixel the log of the mixtures' weighted sum."""
        weights, mean, log_scale, coupling = self._split(parameters, x.shape[1])
        total = self._channel_log_probs(mean, log_scale, coupling, x)  # (B, K, C, H, W)
        return torch.logsumexp(weights + total.sum(2), 1).flatten(1).sum(1)

    def channel_log_probs(self, parameters: Tensor, x: Tensor) -> Tensor:
        """Return log p of every sample under each mixture, given the channels before it: (B, K, C, H, W) nats."""
        return self._channel_log_probs(*self._split(parameters, x.shape[1])[1:], x)

    def _channel_log_probs(self, mean: Tensor, log_scale: Tensor, coupling: Tensor, x: Tensor) -> Tensor:
        values = x[:, None]
        means = [self._conditional_mean(mean, coupling, c, values) for c in range(x.shape[1])]
        return -logistic_nll(values, torch.stack(means, 2), log_scale)

    def conditional_log_masses(self, parameters: Tensor, x: Tensor, channel: int) -> tuple[Tensor, Tensor]:
        """Return what a coder of one picture x (1, C, H, W) needs for one of its channels, in nats.

        That is the mixtures' log-weights given the channels before, (1, K, H, W), and the log-mass of each of the 256
        values of the channel under each mixture, (256, K, H, W). Later channels of x are not looked at.
        """
        weights, mean, log_scale, coupling = self._split(parameters, x.shape[1])
        before = x[:, None]
        for c in range(channel):
            centre = self._conditional_mean(mean, coupling, c, before)
            weights = weights - logistic_nll(before[:, :, c], centre, log_scale[:, :, c])
        values = torch.arange(self.levels, device=x.device, dtype=torch.float32)[:, None, None, None]
        centre = self._conditional_mean(mean, coupling, channel, before)
        return weights.log_softmax(1), -logistic_nll(values, centre, log_scale[:, :, channel])

    def sample(self, parameters: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Draw one picture for each of the batch, (B, C, H, W): a mixture for each pixel, then channel by channel."""
        channels = self._channels(parameters)
        weights, mean, log_scale, coupling = self._split(parameters, channels)
        gumbel = -torch.log(-torch.log(_uniform(weights, generator)))
        pick = (weights + gumbel).argmax(1, keepdim=True)  # (B, 1, H, W)
        out = torch.zeros_like(mean[:, :1])  # (B, 1, C, H, W)
        for c in range(channels):
            centre = self._conditional_mean(mean, coupling, c, out).gather(1, pick)
            u = _uniform(centre, generator)
            noise = torch.log(u) - torch.log1p(-u)
            value = centre + log_scale[:, :, c].gather(1, pick).exp() * noise
            out[:, :, c] = value.round().clamp(0, self.levels - 1)
        return out[:, 0]

    def mean(self, parameters: Tensor) -> Tensor:
        """Return the expected pictures, (B, C, H, W) in 0..255, of unbinned logistics.

        A coupled mean is taken at the expected values of the channels before.
        """
        channels = self._channels(parameters)
        weights, mean, _, coupling = self._split(parameters, channels)
        out = torch.zeros_like(mean[:, :1])
        for c in range(channels):
            expected = (weights.exp() * self._conditional_mean(mean, coupling, c, out)).sum(1, keepdim=True)
            out[:, :, c] = expected.clamp(0, self.levels - 1)
        return out[:, 0]

    def likeliest(self, parameters: Tensor) -> Tensor:
        """Return the mean of the likeliest mixture of every pixel, (B, C, H, W), not rounded.

        This is what the srVAE's paper shows as a picture.
        """
        channels = self._channels(parameters)
        weights, mean, _, coupling = self._split(parameters, channels)
        pick = weights.argmax(1, keepdim=True)  # (B, 1, H, W)
        out = torch.zeros_like(mean[:, :1])  # (B, 1, C, H, W)
        for c in range(channels):
            out[:, :, c] = self._conditional_mean(mean, coupling, c, out).gather(1, pick).clamp(0, self.levels - 1)
        return out[:, 0]

    def _channels(self, parameters: Tensor) -> int:
        return next(c for c in (1, 2, 3, 4) if self.n_parameters(c) == parameters.shape[1])


def _uniform(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Return numbers in (0, 1) of the shape of `like`, drawn where the generator is."""
    device = like.device if generator is None else generator.device
    u = torch.rand(like.shape, generator=generator, device=device)
    return u.to(like.device).clamp(1e-6, 1 - 1e-6)
