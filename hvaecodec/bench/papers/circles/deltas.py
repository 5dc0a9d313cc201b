"""Measure Δ of the reductors between trained models, and store it in records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import torch
from torch import Tensor

from hvaecodec.bench.papers import Report
from hvaecodec.bench.papers.circles.measures import noiseless_points
from hvaecodec.bench.papers.circles.runs import Store
from hvaecodec.bench.papers.records import load_or_measure, origin, stamp
from hvaecodec.models.circles.diffusion_vae import LatentVae
from hvaecodec.models.circles.heat_kernel import embed
from hvaecodec.models.circles.reductors import FAMILIES, FitConfig, Source, delta, fit, of_truth, of_vae
from hvaecodec.training.vae.circles_task import Copy

PAIRS = tuple(FAMILIES)
# what the tables' models were trained with: (noise, sigma_X) of table 9.2, were 0.01 the variance, and, as we read it,
# of table 11.1
CIRCLE, AS_VARIANCE, TORUS = (0.1, 0.01), (0.1, 0.1), (0.0, 0.1)
Setting = tuple[float, float]


@dataclass(frozen=True)
class Delta:
    """A pair's Δ in nats for every repetition.

    at: noise and sigma_X of its models. data: samples of a point. floors: what the misfit of both decoders alone would
    make. mapped: (N, 2), where the first repetition's map takes the latents of noiseless sines; None for the torus.
    """

    pair: tuple[str, str]
    at: Setting
    data: int
    deltas: tuple[float, ...]
    floors: tuple[float, ...]
    mapped: Tensor | None


def settings_of(pair: tuple[str, str]) -> tuple[Setting, ...]:
    """Return the noises and sigma_X at which a pair's models are compared."""
    return (TORUS,) if "R4" in pair else (CIRCLE, AS_VARIANCE)


def measure_deltas(store: Store, pair: tuple[str, str], at: Setting, seeds: int | None, report: Report) -> list[Delta]:
    """Return the pair's Δ, from its record or fitted now; [] if a model of the pair is not trained.

    Repetition i of Z1 is reduced to repetition i of Z2.
    """
    copies = _copies(store, pair, at, seeds)
    if copies is None:
        return []
    path = _path(store, pair, at)
    trained = all(store.has_weights(name, copy) for name in pair if name != "Phi" for copy in copies)
    digest = _digest(store, pair, copies) if trained else None
    holds = path.exists() and _holds(path, _config(store, pair), digest)
    if not trained and not holds:
        return []

    def fit_pair() -> dict[str, Any]:
        """Fit the reductors of the pair, and return their record."""
        report("reductors", PAIRS.index(pair) / len(PAIRS), f"{pair[0]} → {pair[1]}")
        first, second, data = _ends(store, pair, copies)
        reductor = fit(first, second, FAMILIES[pair], _config(store, pair))
        values = delta(first, second, reductor.squared_error, data)
        return {
            "mapped": [] if "R4" in pair else reductor.map(_latents(store, pair[0], copies))[0].tolist(),
            "pair": list(pair), "data": data, "deltas": values.tolist(),
            "squared_error": reductor.squared_error.tolist(),
            "start_errors": reductor.start_errors.tolist(), "fit": asdict(_config(store, pair)),
            "models": digest, **origin(),
        }  # fmt: skip

    if not holds:
        path.unlink(missing_ok=True)
    record = load_or_measure(path, fit_pair)
    mapped = torch.tensor(record["mapped"]) if record["mapped"] else None
    floors = tuple(_floor(store, pair, copy) for copy in copies)
    return [Delta(pair, at, record["data"], tuple(record["deltas"]), floors, mapped)]


def read_deltas(store: Store) -> list[dict[str, Any]]:
    """Return the records of all fitted reductors, with the settings of their models as `at`."""
    return [
        json.loads(path.read_text(encoding="utf-8")) | {"at": list(at)}
        for pair in PAIRS
        for at in settings_of(pair)
        for path in [_path(store, pair, at)]
        if path.exists()
    ]


def _path(store: Store, pair: tuple[str, str], at: Setting) -> Path:
    return store.folder / "reductors" / f"{pair[0]}-{pair[1]}-noise{at[0]:g}-sigma{at[1]:g}.json"


def _holds(path: Path, config: FitConfig, digest: int | None) -> bool:
    """Say whether a record is of maps fitted like this to these models; without their weights, of maps fitted so."""
    record = json.loads(path.read_text(encoding="utf-8"))
    same_fit = stamp(record["fit"]) == stamp(json.loads(json.dumps(asdict(config))))
    return bool(same_fit and digest in (None, record["models"]))


def _digest(store: Store, pair: tuple[str, str], copies: Sequence[Copy]) -> int:
    """Return the CRC-32 of the models' weights and of how maps are fitted."""
    digest = crc32(repr(_config(store, pair)).encode())
    for name in pair:
        for copy in copies if name != "Phi" else ():
            digest = crc32(store.path(name, copy, "safetensors").read_bytes(), digest)
    return digest


def _floor(store: Store, pair: tuple[str, str], copy: Copy) -> float:
    """Return (MSE1 + MSE2) / 2 sigma², nats: of decoders that miss the same points independently. Φ misses none."""
    records = [store.record(name, copy) for name in pair if name != "Phi"]
    return sum(record["mse"] for record in records if record is not None) / (2 * copy.sigma_x**2)


def reductor_panels(store: Store, deltas: Sequence[Delta]) -> list[tuple[str, Tensor, Tensor, Tensor]]:
    """Return the panels of `plots.draw_maps`: the first repetition's latents of noiseless sines under every map."""
    panels = []
    for d in deltas:
        if d.mapped is not None and d.at == CIRCLE:
            copies = _copies(store, d.pair, d.at, 1)
            assert copies is not None
            if not all(store.has_weights(name, copies[0]) for name in d.pair if name != "Phi"):
                continue
            own = _latents(store, d.pair[1], copies)[0]
            panels.append((f"{d.pair[0]} → {d.pair[1]}", d.mapped, own, noiseless_points("sines")[1][:, 0]))
    return panels


def _latents(store: Store, name: str, copies: Sequence[Copy]) -> Tensor:
    """Return the posterior means of noiseless sines, (copies, N, 2); of Φ their phases as points of the circle."""
    x, true = noiseless_points("sines")
    if name == "Phi":
        return embed(true).expand(len(copies), -1, -1)
    vae = store.load(name, copies)
    return vae.space.middle(vae.encode(x.expand(len(copies), *x.shape)))


def _config(store: Store, pair: tuple[str, str]) -> FitConfig:
    return store.plan.fit_torus if "R4" in pair else store.plan.fit


def _copies(store: Store, pair: tuple[str, str], at: Setting, seeds: int | None) -> list[Copy] | None:
    """Return the repetitions of a pair's models, or None if one of them is not trained."""
    names = [name for name in pair if name != "Phi"]
    copies = [c for c in store.copies(names[0], seeds) if (c.noise, c.sigma_x) == at]
    trained = all(store.record(name, copy) is not None for name in names for copy in copies)
    return copies if trained and copies else None


def _ends(store: Store, pair: tuple[str, str], copies: Sequence[Copy]) -> tuple[Source, Source, int]:
    """Return both models and the number of samples of a point."""
    vaes: dict[str, LatentVae] = {name: store.load(name, copies) for name in pair if name != "Phi"}
    some = next(iter(vaes.values()))
    first, second = (of_vae(vaes[name]) if name in vaes else of_truth(some.sigma_x) for name in pair)
    return first, second, some.config.data
