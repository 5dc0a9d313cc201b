"""What is measured of a trained net of the papers' VAEs, on how many pictures: the entries of a run's record."""

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
from hvaecodec.bench.papers.vae_measures.published import accounts
from hvaecodec.bench.papers.vae_measures.samples import information, state_norms
from hvaecodec.bench.papers.vae_measures.units import measure_units
from hvaecodec.models.vdvae.net import Vdvae

KL_POINTS = tuple(float(x) for x in np.round(np.concatenate([[0.0], np.logspace(-4, 1, 51)]), 6))


@dataclass(frozen=True)
class Sizes:
    """How many test pictures, None for all, and samples each measure takes."""

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
    "tiny": Sizes(elbo=4, units=4, weighted=2, samples=2, information=2, states=4, chained=2, elsewhere=2, attacked=2, layers=(1,), attack=Attack(steps=1, starts=1)),
}  # fmt: skip


@dataclass(frozen=True)
class Pictures:
    """x: whole numbers as float, what the likelihood is of. grey: what encoder and context see instead, if they do."""

    x: Tensor
    grey: Tensor | None = None

    @property
    def seen(self) -> Tensor:
        return self.x if self.grey is None else self.grey

    def to(self, device: str) -> Pictures:
        return Pictures(self.x.to(device), None if self.grey is None else self.grey.to(device))


def _elbo(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    found = bounds.negative_elbo(net, pictures.x[: sizes.elbo], seen=pictures.seen[: sizes.elbo])
    told = {key: [value.value, value.error] for key, value in found.items() if isinstance(value, bounds.Mean)}
    by_picture = [round(nats, 3) for nats in found["by_picture"]]
    return told | {"kl_by_latent": found["kl_by_latent"], "pictures": len(by_picture), "by_picture": by_picture}


def _weighted(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    x, seen = pictures.x[: sizes.weighted], pictures.seen[: sizes.weighted]
    found = bounds.weighted_nll(net, x, sizes.samples, seen=seen)
    means = {"nll": bounds.Mean.of(found.nll), "published": bounds.Mean.of(found.published)}
    means |= {"gain": bounds.Mean.of(found.elbo - found.nll)}
    told = {key: [mean.value, mean.error] for key, mean in means.items()}
    return told | {"samples": sizes.samples, "pictures": len(found.nll)}


def _elsewhere(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    nats = nats_elsewhere(net, pictures.x[: sizes.elsewhere])
    found = bounds.Mean.of(nats)
    return {"nats": [found.value, found.error], "pictures": len(nats)}


def _units(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    x = pictures.seen[: sizes.units]
    units = measure_units(net, x)
    return units.summary() | {
        "cdf": units.cdf(np.array(KL_POINTS)).round(6).tolist(),
        "pictures": len(x),
    }


def _information(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    return information(net, pictures.seen[: sizes.information]) | {"pictures": sizes.information}


def _alone(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    """What the two top latents know, all else at its mean: of a net with a context, this alone first."""
    x = pictures.seen[: sizes.information]
    return information(net, x, temperature=0.0, most=2) | {"pictures": len(x)}


def _states(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    return state_norms(net, pictures.seen[: sizes.states])


def _attack(net: Vdvae, pictures: Pictures, sizes: Sizes, radius: float | None = None) -> dict[str, Any]:
    attack = sizes.attack if radius is None else replace(sizes.attack, radius=radius)
    scores, x = {}, pictures.seen[: sizes.attacked]
    for m in sizes.layers:
        found = bounds.Mean.of(robustness(net, x, m, attack))
        scores[str(m)] = [found.value, found.error]
    return {"ms_ssim32": scores, "radius": attack.radius, "steps": attack.steps, "starts": attack.starts}


def _accounts(net: Vdvae, pictures: Pictures, sizes: Sizes) -> dict[str, Any]:
    x = pictures.x[: sizes.elbo]
    told = {name: [mean.value, mean.error] for name, mean in accounts(net, x).items()}
    return told | {"pictures": len(x)}


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
