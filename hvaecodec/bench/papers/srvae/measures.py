"""Measure an srVAE or its twin on CIFAR-10's test set, and store each result in the run's folder."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hvaecodec.bench.metrics import frechet
from hvaecodec.bench.metrics.features import Features, load_features
from hvaecodec.bench.papers.chains import measure_chain
from hvaecodec.bench.papers.records import load_or_measure, weights_digest
from hvaecodec.bench.papers.vae_measures.bounds import Mean
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.tiles.srvae_cifar10 import SrVaeCodec
from hvaecodec.models.srvae.srvae import SingleVae, SrVae, downscaled
from hvaecodec.training.checkpoint import load_checkpoint
from hvaecodec.training.small_images import SmallImages

NETS = {"": "features-cifar", "_check": "features-cifar-check"}
_BATCH = 100
_FILES = 500  # pictures that files are made of
_CHAINED = 100
ENLARGED = {"means": "srVAE, u and z at their means", "drawn": "srVAE, u and z drawn"}
RECONSTRUCTIONS = "reconstructions"  # from y and a z of the posterior, which no file has
SAMPLES = {1.0: "samples", 0.8: "samples-0.8", 0.6: "samples-0.6"}  # by the temperature of z

Model = SingleVae | SrVae


@dataclass(frozen=True)
class Measurement:
    """Everything that is measured of one run.

    hours: of training. side: of the pictures. terms: mean nats of test pictures, by name. distances: Fréchet, by what
    is compared; without the feature nets there are none. psnr_db: of pictures from y alone, by method, and codec: of
    files, both only for the srVAE. chain: `measure_chain`.
    """

    parameters: int
    steps: int
    hours: float
    side: int  # 32 but for tiny models
    terms: dict[str, float]
    distances: dict[str, float]
    psnr_db: dict[str, float]
    codec: dict[str, float]
    chain: dict[str, Any] = field(default_factory=dict)

    @property
    def bits_per_dim(self) -> float:
        """Return the sum of all terms in bits per dim, an estimate."""
        return bits_per_dim(sum(self.terms.values()), self.side)


def bits_per_dim(nats: float, side: int = 32) -> float:
    """Return the nats of an RGB picture of a side as bits per sample."""
    return nats / (3 * side**2 * math.log(2))


def measure_model(model: Model, images: SmallImages, out: Path, seed: int = 0) -> Measurement:
    """Measure a trained model on the test pictures; what is stored for just these weights is used again."""
    checkpoint = load_checkpoint(out / "model")
    assert checkpoint is not None
    test = _cropped(images.test, model)
    mark = f"{weights_digest(model)}-{len(test)}"
    terms = load_or_measure(out / f"terms-{mark}.json", lambda: mean_terms(model, test, seed))
    makers: dict[str, Callable[[], np.ndarray]] = {
        name: partial(_samples, model, len(test), seed, temperature) for temperature, name in SAMPLES.items()
    }
    makers[RECONSTRUCTIONS] = partial(_reconstructions, model, test, seed)
    psnr: dict[str, float] = {}
    files: dict[str, float] = {}
    if isinstance(model, SrVae):
        makers |= {name: partial(_super_resolved, model, test, t, seed) for name, t in (("means", 0.0), ("drawn", 1.0))}
        makers["generative"] = partial(_from_u, model, test, seed)
        ours = {words: _pictures(out / f"{name}-{mark}.npy", makers[name]) for name, words in ENLARGED.items()}
        psnr = load_or_measure(out / f"super-resolution-{mark}.json", lambda: _psnrs(test, ours))
        if (out / "weights").is_dir() and model.config.side == 32:
            files = load_or_measure(
                out / f"codec-{mark}.json", lambda: measure_files(out / "weights", model, test, seed)
            )
    distances = _distances(makers, test, out, mark)
    chain = load_or_measure(out / f"bits-back-{mark}.json", lambda: _chain(model, test[:_CHAINED], seed))
    parameters = sum(p.numel() for p in model.parameters())
    steps, hours = checkpoint.position.step, checkpoint.position.seconds / 3600
    return Measurement(
        parameters,
        steps,
        hours,
        model.config.side,
        terms=terms,
        distances=distances,
        psnr_db=psnr,
        codec=files,
        chain=chain,
    )


def _cropped(images: np.ndarray, model: Model) -> np.ndarray:
    """Crop pictures to the model's side, which is their own but for tiny models."""
    return images[:, : model.config.side, : model.config.side]


def batches(images: np.ndarray) -> Iterator[Tensor]:
    """Yield pictures, uint8 (N, H, W, 3), as batches of whole numbers, float (B, 3, H, W)."""
    for start in range(0, len(images), _BATCH):
        yield torch.from_numpy(np.ascontiguousarray(images[start : start + _BATCH].transpose(0, 3, 1, 2))).float()


def to_uint8(x: Tensor) -> np.ndarray:
    """Round pictures, float (..., 3, H, W) in 0..255, to uint8 (..., H, W, 3)."""
    return x.movedim(-3, -1).round().clamp(0, 255).byte().numpy()


@torch.no_grad()
def mean_terms(model: Model, test: np.ndarray, seed: int) -> dict[str, float]:
    """Return the mean of every term over the test set, nats, one sample of the latents each."""
    rng = torch.Generator().manual_seed(seed)
    sums: dict[str, float] = {}
    for x in batches(test):
        for name, value in model.terms(x, rng).items():
            sums[name] = sums.get(name, 0.0) + float(value.double().sum())
    return {name: total / len(test) for name, total in sums.items()}


@torch.no_grad()
def _chain(model: Model, test: np.ndarray, seed: int) -> dict[str, Any]:
    x = torch.cat(list(batches(test)))
    nats = torch.stack(list(model.terms(x, torch.Generator().manual_seed(seed + 1)).values())).sum(0)
    return measure_chain(copy.deepcopy(model).cpu(), x, Mean.of(nats))


def _psnrs(test: np.ndarray, ours: dict[str, np.ndarray]) -> dict[str, float]:
    """Return the mean PSNR, dB, of x from y: interpolated by Pillow, and as the model enlarged it."""
    sums = {"bilinear": 0.0, "bicubic": 0.0}
    for x in batches(test):
        y = downscaled(x)
        for name in sums:
            sums[name] += float(psnr_by_picture(to_uint8(x), enlarge(y, Image.Resampling[name.upper()])).sum())
    means = {name: total / len(test) for name, total in sums.items()}
    return means | {name: float(psnr_by_picture(test, pictures).mean()) for name, pictures in ours.items()}


def _super_resolved(model: SrVae, test: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    rng = torch.Generator().manual_seed(seed)
    return np.concatenate([to_uint8(model.super_resolve(downscaled(x), temperature, rng)) for x in batches(test)])


def measure_files(folder: Path, model: SrVae, test: np.ndarray, seed: int) -> dict[str, float]:
    """Measure real files of the first test pictures, each decoded by another codec object than wrote it.

    folder: of the weights. test: uint8 (N, 32, 32, 3). Returns means: bits per pixel of files and as the model
    estimates them, PSNR in dB of what files decode to and of reconstructions with a z of the posterior.
    """
    codec, decoder = SrVaeCodec.load(folder), SrVaeCodec.load(folder)
    rows = []
    for picture in test[:_FILES]:
        data = codec.encode(picture)
        estimate = codec.estimate(picture, seed)
        info = decoder.info(data)
        bits = [8 * len(data), 8 * info["payload_bytes"]["level 0"], estimate.y + estimate.kl_u, estimate.kl_z]
        psnr = [
            psnr_by_picture(picture[None], decoder.decode(data, temperature=t, seed=seed)[None])[0] for t in (0.0, 1.0)
        ]
        rows.append([*np.array(bits) / picture[..., 0].size, *psnr])
    names = ("bpp", "payload_bpp", "est_y_bpp", "est_z_bpp", *ENLARGED)
    reconstructed = psnr_by_picture(test[:_FILES], _reconstructions(model, test[:_FILES], seed)).mean()
    return {"files": len(rows), RECONSTRUCTIONS: float(reconstructed)} | dict(
        zip(names, np.mean(rows, 0).tolist(), strict=True)
    )


def enlarge(y: Tensor, filter: Image.Resampling) -> np.ndarray:
    """Enlarge pictures, whole numbers (B, 3, H, W), to uint8 (B, 2 H, 2 W, 3) by one of Pillow's filters."""
    pictures = to_uint8(y)
    size = (2 * pictures.shape[2], 2 * pictures.shape[1])
    return np.stack([np.asarray(Image.fromarray(picture).resize(size, filter)) for picture in pictures])


def psnr_by_picture(x: np.ndarray, x_hat: np.ndarray) -> np.ndarray:
    """Return the PSNR of uint8 pictures, dB (N,), peak 255; equal ones count as an error of one level in one sample."""
    mse = ((x.astype(np.float64) - x_hat) ** 2).mean((1, 2, 3))
    return 10 * np.log10(255**2 / np.maximum(mse, 1 / x[0].size))


def _distances(
    makers: Mapping[str, Callable[[], np.ndarray]], test: np.ndarray, out: Path, mark: str
) -> dict[str, float]:
    """Return the Fréchet distances of what each maker makes to the test pictures, in every feature net there is."""
    distances: dict[str, float] = {}
    for suffix, name in NETS.items():
        try:
            net = load_features(name)
        except CodecUnavailable:
            continue
        if test.shape[1:] != (32, 32, 3) or len(test) < frechet.PATCHES_PER_FEATURE * net.net.n_features:
            continue
        for what, make in makers.items():
            pictures = _pictures(out / f"{what}-{mark}.npy", make)
            path = out / f"distance-{what}-{mark}-{net.digest}.json"
            distances[what + suffix] = load_or_measure(path, partial(_distance, net, test, pictures))["frechet"]
    return distances


def _distance(net: Features, first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    return {"frechet": frechet.frechet_distance(*(frechet.gaussian(net.of(images)) for images in (first, second)))}


def _pictures(path: Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    if not path.exists():
        np.save(path.with_suffix(".tmp.npy"), make())
        path.with_suffix(".tmp.npy").replace(path)
    loaded: np.ndarray = np.load(path)
    return loaded


def _samples(model: Model, count: int, seed: int, temperature: float) -> np.ndarray:
    rng, out = torch.Generator().manual_seed(seed), []
    for start in range(0, count, _BATCH):
        sample = model.generate(min(_BATCH, count - start), rng, temperature)
        out.append(to_uint8(sample[1] if isinstance(sample, tuple) else sample))
    return np.concatenate(out)


def _from_u(model: SrVae, test: np.ndarray, seed: int) -> np.ndarray:
    """Reconstruct pictures from u alone, the counterpart of what the single-level VAE reconstructs from z."""
    rng = torch.Generator().manual_seed(seed)
    return np.concatenate([to_uint8(model.generative_reconstruct(x, rng)[1]) for x in batches(test)])


def _reconstructions(model: Model, test: np.ndarray, seed: int) -> np.ndarray:
    rng = torch.Generator().manual_seed(seed)
    return np.concatenate([to_uint8(model.reconstruct(x, rng)) for x in batches(test)])
