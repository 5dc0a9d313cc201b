"""Measure a photo for `hvaecodec paper dct-vae-kodak`: files, estimates, distortions and seams."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np
import torch

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.metrics.image_metrics import ms_ssim, psnr_db
from hvaecodec.bench.papers.dct_vae.tiling import Grid, Tiling, grids_of
from hvaecodec.bench.papers.records import weights_digest
from hvaecodec.codec.registry import Codec
from hvaecodec.codec.tiles.dct_vae_cifar10 import DctVaeCifarCodec
from hvaecodec.codec.tiles.tiles32 import BATCH, SIDE, cut, join, to_pixels, to_tensor
from hvaecodec.codec.torch_guard import without_autocast
from hvaecodec.codec.weights import OVERLAYS
from hvaecodec.models.latents import Gaussian, sigma_temperature, standard_noise
from hvaecodec.models.vdvae.context import Context
from hvaecodec.models.vdvae.net import Vdvae

TEMPERATURE = sigma_temperature(0.1)  # the paper's scales the variance
TOP = 2  # latents that VDVAE keeps
_FITTED_ON = 400  # training photos, for what tiling costs


@dataclass(frozen=True)
class Nets:
    """The nets that are compared. Each codec is there twice: the second object decodes what the first one encoded.

    dct, vdvae: the nets with a context and without. whole: the package's own codec, of whole pictures.
    """

    codec: tuple[DctVaeCifarCodec, DctVaeCifarCodec]
    dct: Vdvae
    vdvae: Vdvae
    whole: tuple[Codec, Codec]
    tiling: Tiling

    def digest(self) -> str:
        """Return the digest of the nets of tiles, on which a photo's record depends, as three hexadecimal numbers."""
        card = json.dumps(self.codec[0].card, sort_keys=True).encode() + self.codec[0].digest
        return f"{crc32(card):08x}-{weights_digest(self.dct)}-{weights_digest(self.vdvae)}"

    def whole_digest(self) -> str:
        """Return the digest of what `measure_whole` depends on too: the package's codec at temperature 0."""
        codec: Any = self.whole[0]
        smooth = codec.generators.base(codec.generators.newest, *OVERLAYS)
        return f"{crc32(codec.bitstream.digest + smooth):08x}"


def measure_photo(x: np.ndarray, nets: Nets) -> dict[str, Any]:
    """Measure a photo, uint8 (H, W, 3): its file, its contexts under the net's prior, VDVAE's estimate, and JPEG.

    n_bytes are of files and *_bits are estimates, both of the whole photo; PSNR is in dB.
    """
    pixels = x.shape[0] * x.shape[1]
    coder, decoder = nets.codec
    data = coder.encode(x)
    sample, calm = decoder.decode(data, temperature=TEMPERATURE, seed=0), decoder.decode(data)
    out: dict[str, Any] = {
        "pixels": pixels,
        "n_bytes": len(data),
        "est_bits": decoder.info(data, estimate=True)["est_bits"]["level 0"],
    }
    out |= {"prior_bits": _context_bits(x, nets.dct)}
    out |= dict(zip(("alone_bits", "beside_bits"), nets.tiling.bits(_grid(coder.context, x)), strict=True))
    out |= _distortion("drawn", x, sample) | _distortion("calm", x, calm)
    for name, temperature in (("vdvae_drawn", TEMPERATURE), ("vdvae_calm", 0.0)):
        top, out["vdvae_kl_bits"] = top_latents(x, nets.vdvae, temperature)
        out |= _distortion(name, x, top)
    out |= vdvae_at(x, nets.vdvae, out["calm_psnr_db"])
    out |= jpeg_at(x, jpeg_target(out))
    return out | {f"{name}_seam": seams(picture) for name, picture in (("photo", x), ("calm", calm), ("drawn", sample))}


def measure_whole(x: np.ndarray, record: dict[str, Any], nets: Nets) -> dict[str, Any]:
    """Measure a photo, uint8 (H, W, 3), in our own codec at the PSNR of its record, as `measure_photo` does."""
    data = nets.whole[0].encode(x, psnr=jpeg_target(record), effort=1)
    picture = nets.whole[1].decode(data)
    return {"whole_n_bytes": len(data), "whole_seam": seams(picture)} | _distortion("whole", x, picture)


def jpeg_target(record: dict[str, Any]) -> float:
    """Return the PSNR, dB, at which JPEG and the codec of whole pictures are compared with a photo's record."""
    return max(record["drawn_psnr_db"], record["calm_psnr_db"])


def seams(x: np.ndarray) -> float:
    """Return the mean step across the borders of tiles over the mean step between neighbours elsewhere; 1 is no seam.

    x: uint8 (H, W, 3); steps are of its mean over colours.
    """
    grey = x.astype(np.float64).mean(-1)
    across, along = [], []
    for steps in (np.abs(np.diff(grey, axis=0)), np.abs(np.diff(grey, axis=1)).T):
        border = np.arange(len(steps)) % SIDE == SIDE - 1
        across.append(steps[border].ravel())
        along.append(steps[~border].ravel())
    return float(np.concatenate(across).mean() / max(np.concatenate(along).mean(), 1e-9))


def top_latents(
    x: np.ndarray, net: Vdvae, temperature: float, top: int = TOP, seed: int = 0
) -> tuple[np.ndarray, float]:
    """Return a photo from VDVAE's top latents, uint8 (H, W, 3), and their KL in bits.

    The top latents come from the posterior, the rest from the prior at a temperature; at 0 the top latents are at their
    means too. The bits are an estimate: nothing codes these latents.
    """
    tiles = cut(x)
    batch = to_tensor(tiles)
    generator = torch.Generator().manual_seed(seed)
    nats, out = 0.0, []

    def choose(latent_number: int, p: Gaussian, q: Gaussian) -> torch.Tensor:
        nonlocal nats
        if latent_number >= top:
            return p.sample(standard_noise(p.mean, generator), temperature)
        nats += float(q.kl(p).double().sum())
        return q.sample(standard_noise(q.mean, generator), 1.0 if temperature else 0.0)

    with without_autocast():
        for part in batch.split(BATCH):
            out.append(to_pixels(net.likelihood.mean(net.walk(choose, len(part), net.features(part)))))
    picture = join(np.concatenate(out).reshape(*tiles.shape))
    return picture[: x.shape[0], : x.shape[1]], nats / math.log(2)


def vdvae_at(x: np.ndarray, net: Vdvae, psnr: float) -> dict[str, float]:
    """Return how few of its top latents VDVAE needs for a PSNR, dB, all at the means, and their KL in bits.

    The KL is that at the very PSNR, interpolated between that number of latents and one less.
    """

    def at(top: int) -> tuple[float, float]:
        picture, bits = top_latents(x, net, 0.0, top)
        return psnr_db(x, picture), bits

    low, high = 0, len(net.order)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle)[0] >= psnr else (middle, high)
    (less, below), (reached, bits) = at(low), at(high)
    if reached > psnr > less:
        bits = float(np.interp(psnr, [less, reached], [below, bits]))
    return {"vdvae_top": high, "vdvae_equal_kl_bits": bits, "vdvae_equal_psnr_db": reached}


def _context_bits(x: np.ndarray, net: Vdvae) -> float:
    """Return the paper's rate: -log2 p of all contexts under the net's own prior, exact or its bound."""
    if net.context_prior is None:
        raise ValueError("the net has no context")
    generator = torch.Generator().manual_seed(0)
    with without_autocast():
        symbols = net.symbols(to_tensor(cut(x)))
        assert symbols is not None
        nats = sum(float(net.context_prior.nats(part, generator).double().sum()) for part in symbols.split(BATCH))
    return nats / math.log(2)


def _distortion(name: str, x: np.ndarray, x_hat: np.ndarray) -> dict[str, float]:
    return {f"{name}_psnr_db": psnr_db(x, x_hat), f"{name}_ms_ssim": ms_ssim(x, x_hat)}


def jpeg_at(x: np.ndarray, psnr: float) -> dict[str, float]:
    """Measure JPEG of the smallest quality with at least a PSNR, dB, on uint8 (H, W, 3).

    Its bytes are at that very PSNR, interpolated between that quality and the one below. Quality 1 may already have
    more; its bytes stand as they are, and `jpeg_coarsest` is 1.
    """

    def at(quality: int) -> tuple[bytes, float]:
        data = Jpeg().encode(x, quality=quality)
        return data, psnr_db(x, Jpeg().decode(data))

    low, high = 0, 100
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle)[1] >= psnr else (middle, high)
    data, reached = at(high)
    n_bytes = float(len(data))
    if low and reached > psnr:
        below, less = at(low)
        n_bytes = float(np.interp(psnr, [less, reached], [len(below), n_bytes]))
    sizes = {"jpeg_quality": high, "jpeg_n_bytes": n_bytes, "jpeg_coarsest": float(not low)}
    return sizes | _distortion("jpeg", x, Jpeg().decode(data))


def _grid(context: Context, x: np.ndarray) -> Grid:
    """Return the contexts of a photo's tiles."""
    tiles = cut(x)
    with without_autocast():
        symbols = context.symbols(to_tensor(tiles) / 255).int().numpy()
    return symbols.reshape(*tiles.shape[:2], *symbols.shape[1:])


def fit_tiling(context: Context, photos: Sequence[np.ndarray]) -> Tiling:
    """Fit what tiling costs to the contexts of training photos, uint8 (H, W, 3) each."""
    grids = grids_of(photos[:_FITTED_ON], partial(_grid, context), SIDE)
    return Tiling.fit(grids, context.config.half)
