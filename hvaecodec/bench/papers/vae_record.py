"""Measure the entries of a run's record: the measures of the papers' VAEs, and on how many pictures each is taken."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from hvaecodec.bench.papers.chains import measure_chain
from hvaecodec.bench.papers.vae_measures import bounds
from hvaecodec.bench.papers.vae_measures.attack import Attack, robustness
from hvaecodec.bench.papers.vae_measures.elsewhere import nats_elsewhere
from hvaecodec.bench.papers.vae_measures.published import context_accounts
from hvaecodec.bench.papers.vae_measures.samples import information, state_norms
from hvaecodec.bench.papers.vae_measures.units import measure_units
from hvaecodec.models.vdvae.net import Vdvae

KL_POINTS = tuple(float(x) for x in np.round(np.concatenate([[0.0], np.logspace(-4, 1, 51)]), 6))


@dataclass(frozen=True)
class Sizes:
    """The numbers of test pictures, None for all, and of samples that each measure takes.

    layers: the numbers of top layers that are attacked.
    """

    elbo: int | None = None
    units: int | None = None
    weighted: int = 200
    samples: int = 100
    information: int = 200
    states: int = 1000
    attacked: int = 50
    chained: int = 100
    elsewhere: int = 100
    layers: tuple[int, ...] = (1, 2, 4)
    attack: Attack = field(default_factory=Attack)


SIZES = {
    "cpu": Sizes(attack=Attack(steps=30, starts=2)),
    "gpu": Sizes(weighted=1000, samples=1000, information=2000, layers=(1, 2, 3, 4, 6, 8)),
    "tiny": Sizes(
        elbo=4, units=4, weighted=2, samples=2, information=2, states=4,
        chained=2, elsewhere=2, attacked=2, layers=(1,), attack=Attack(steps=1, starts=1),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Pictures:
    """Test pictures as a net takes them, (N, C, H, W).

    x: whole numbers as float, the pictures that the likelihood is of. grey: what encoder and context see in their
    place, for nets that see the grey levels which the bits of x were drawn from.
    """

    x: Tensor
    grey: Tensor | None = None

    @property
    def net_input(self) -> Tensor:
        """Return what encoder and context see."""
        return self.x if self.grey is None else self.grey

    def to(self, device: str) -> Pictures:
        """Return the pictures on another device."""
        return Pictures(self.x.to(device), None if self.grey is None else self.grey.to(device))


def _pair(mean: bounds.Mean) -> list[float]:
    return [mean.value, mean.error]


def _elbo(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    parts = bounds.negative_elbo(net, pictures.x[: sizes.elbo], net_input=pictures.net_input[: sizes.elbo])
    means = {key: _pair(value) for key, value in parts.items() if isinstance(value, bounds.Mean)}
    by_picture = [round(nats, 3) for nats in parts["by_picture"]]
    return means | {"kl_by_latent": parts["kl_by_latent"], "pictures": len(by_picture), "by_picture": by_picture}


def _weighted(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    x, net_input = pictures.x[: sizes.weighted], pictures.net_input[: sizes.weighted]
    nats = bounds.weighted_nll(net, x, sizes.samples, net_input=net_input)
    values = {"nll": nats.nll, "published": nats.published, "gain": nats.elbo - nats.nll}
    means = {key: _pair(bounds.Mean.of(of_pictures)) for key, of_pictures in values.items()}
    return means | {"samples": sizes.samples, "pictures": len(nats.nll)}


def _elsewhere(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    nats = nats_elsewhere(net, pictures.x[: sizes.elsewhere])
    return {"nats": _pair(bounds.Mean.of(nats)), "pictures": len(nats)}


def _units(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    x = pictures.net_input[: sizes.units]
    units = measure_units(net, x)
    return units.summary() | {
        "cdf": units.cdf(np.array(KL_POINTS)).round(6).tolist(),
        "pictures": len(x),
    }


def _information(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    return information(net, pictures.net_input[: sizes.information]) | {"pictures": sizes.information}


def _alone(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    """Measure what the two top latents know, all else at its mean; in a net with a context that is one of the two."""
    x = pictures.net_input[: sizes.information]
    return information(net, x, temperature=0.0, most=2) | {"pictures": len(x)}


def _states(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    return state_norms(net, pictures.net_input[: sizes.states])


def _attack(net: Vdvae, pictures: Pictures, sizes: Sizes, radius: float | None = None) -> dict[str, Any]:
    attack = sizes.attack if radius is None else replace(sizes.attack, radius=radius)
    x = pictures.net_input[: sizes.attacked]
    scores = {str(m): _pair(bounds.Mean.of(robustness(net, x, m, attack))) for m in sizes.layers}
    return {"ms_ssim32": scores, "radius": attack.radius, "steps": attack.steps, "starts": attack.starts}


def _accounts(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    x = pictures.x[: sizes.elbo]
    return {name: _pair(mean) for name, mean in context_accounts(net, x).items()} | {"pictures": len(x)}


def _bits_back(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    x = pictures.x[: sizes.chained].cpu()
    net = copy.deepcopy(net).cpu()
    return measure_chain(net, x, bounds.negative_elbo(net, x, seed=1)["elbo"])


MEASURES: dict[str, Callable[[Vdvae, Pictures, Sizes], dict[str, Any]]] = {
    "elbo": _elbo,
    "weighted": _weighted,
    "elsewhere": _elsewhere,
    "units": _units,
    "information": _information,
    "alone": _alone,
    "states": _states,
    "attack": _attack,
    "bits_back": _bits_back,
    "accounts": _accounts,
}
# of other sizes than the usual one; the paper prints none
ATTACKS = {f"attack-{radius:g}": radius for radius in (0.05, 0.2)}
MEASURES |= {name: partial(_attack, radius=radius) for name, radius in ATTACKS.items()}
