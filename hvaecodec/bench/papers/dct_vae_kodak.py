"""`hvaecodec paper dct-vae-kodak`: Kodak from the contexts of its tiles alone, as files.

Kuzina and Tomczak, arXiv:2302.09976, section 5.3.2 and appendix G: figures 5, 6 and 9. The nets are those of
`paper dct-vae` on CIFAR-10; the same OUT shares them. Rates of files and estimates stand in columns of their own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.datasets import load_dataset
from hvaecodec.bench.metrics import ms_ssim, psnr_db
from hvaecodec.bench.papers import PaperSettings, Report, vae_figures
from hvaecodec.bench.papers.records import kept
from hvaecodec.bench.papers.tiling import Grid, Tiling, grids_of
from hvaecodec.bench.papers.vae_runs import Store, System
from hvaecodec.bench.papers.vae_tables import claim, claims
from hvaecodec.bench.tables import Table, to_markdown
from hvaecodec.codec.dct_vae_cifar10 import DctVaeCifarCodec
from hvaecodec.codec.inference import plain
from hvaecodec.codec.registry import DEFAULT, Codec
from hvaecodec.codec.registry import load as load_codec
from hvaecodec.codec.small_tiles import BATCH, SIDE, cut, join, to_pixels, to_tensor
from hvaecodec.models.context import Context
from hvaecodec.models.latents import Gaussian, sigma_temperature, standard_noise
from hvaecodec.models.vdvae import Vdvae
from hvaecodec.training.data import load_training_photos
from hvaecodec.training.run import Settings, train

SYSTEMS = {name: System(name) for name in ("cifar10-small-dct", "cifar10-small-vdvae")}
TEMPERATURE = sigma_temperature(0.1)  # the paper's scales the variance
TOP = 2  # latents that VDVAE keeps
_SHOWN = 3
_FITTED_ON = 400  # training photos, for what tiling costs


@dataclass(frozen=True)
class Nets:
    """Each codec twice: the second object decodes what the first one made."""

    codec: tuple[DctVaeCifarCodec, DctVaeCifarCodec]
    dct: Vdvae
    vdvae: Vdvae
    whole: tuple[Codec, Codec]  # the package's own, of whole pictures
    tiling: Tiling

    def digest(self) -> str:
        """Of what records depend on."""
        codec, whole = (one[0].card for one in (self.codec, self.whole))
        told = json.dumps([codec, whole], sort_keys=True).encode() + self.codec[0].digest
        for net in (self.dct, self.vdvae):
            for value in net.state_dict().values():
                told += crc32(value.contiguous().numpy().tobytes()).to_bytes(4, "little")
        return f"{crc32(told):08x}"


def run(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """`Experiment`. Trains the two nets if OUT does not have them; Kodak lies in the data folder or is downloaded."""
    if settings.only:
        raise ValueError("this experiment has one pair of systems; leave out --only")
    store = Store(settings, SYSTEMS)
    for name in SYSTEMS:
        store.make(name, report)
    whole = load_codec(DEFAULT), load_codec(DEFAULT)
    codecs = _codecs(store)
    report("kodak", 0, "contexts of training photos")
    tiling = _tiling(codecs[0].context, load_training_photos(settings.data))
    nets = Nets(codecs, store.load("cifar10-small-dct"), store.load("cifar10-small-vdvae"), whole, tiling)
    folder = store.folder / "kodak" / nets.digest()
    photos = load_dataset("kodak", settings.data if (settings.data / "kodak").is_dir() else None)
    records = []
    for number, photo in enumerate(photos):
        report("kodak", number / len(photos), photo.name)
        records.append(kept(folder / f"{photo.name}.json", lambda p=photo: measure(p.pixels(), nets)))  # type: ignore[misc]
    names = [photo.name for photo in photos]
    tables = [_per_image(names, records), _claims(records)]
    _figures(store.folder / "figures", names, records, [photo.pixels() for photo in photos[:_SHOWN]], nets)
    (store.folder / "tables-kodak.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def measure(x: np.ndarray, nets: Nets) -> dict[str, Any]:
    """Of one photo: bytes of the file and distortions, the bound on its contexts, VDVAE's estimate, JPEG beside them."""
    pixels = x.shape[0] * x.shape[1]
    coder, decoder = nets.codec
    data = coder.encode(x)
    drawn, calm = decoder.decode(data, temperature=TEMPERATURE, seed=0), decoder.decode(data)
    out: dict[str, Any] = {
        "pixels": pixels,
        "n_bytes": len(data),
        "est_bits": decoder.info(data)["est_bits"]["level 0"],
    }
    out |= {"bound_bits": _context_bits(x, nets.dct)}
    out |= dict(zip(("alone_bits", "beside_bits"), nets.tiling.bits(_grid(coder.context, x)), strict=True))
    out |= _distortion("drawn", x, drawn) | _distortion("calm", x, calm)
    for name, temperature in (("vdvae_drawn", TEMPERATURE), ("vdvae_calm", 0.0)):
        top, out["vdvae_kl_bits"] = top_latents(x, nets.vdvae, temperature)
        out |= _distortion(name, x, top)
    out |= _jpeg_at(x, jpeg_target(out))
    whole = nets.whole[0].encode(x, psnr=jpeg_target(out), effort=1)
    picture = nets.whole[1].decode(whole)
    out |= {"whole_n_bytes": len(whole)} | _distortion("whole", x, picture)
    return out | {
        f"{name}_seam": seams(picture)
        for name, picture in (("photo", x), ("calm", calm), ("drawn", drawn), ("whole", picture))
    }


def jpeg_target(record: dict[str, Any]) -> float:
    """The PSNR, dB, at which JPEG and the codec of whole pictures are compared."""
    return max(record["drawn_psnr_db"], record["calm_psnr_db"])


def seams(x: np.ndarray) -> float:
    """Mean step across the borders of tiles over the mean step between neighbours elsewhere; 1 is no seam."""
    grey = x.astype(np.float64).mean(-1)
    across, along = [], []
    for steps in (np.abs(np.diff(grey, axis=0)), np.abs(np.diff(grey, axis=1)).T):
        border = np.arange(len(steps)) % SIDE == SIDE - 1
        across.append(steps[border].ravel())
        along.append(steps[~border].ravel())
    return float(np.concatenate(across).mean() / max(np.concatenate(along).mean(), 1e-9))


def top_latents(x: np.ndarray, net: Vdvae, temperature: float, seed: int = 0) -> tuple[np.ndarray, float]:
    """VDVAE with its `TOP` top latents from the posterior, the rest drawn at a temperature: the picture, and the KL of
    those latents in bits, which is an estimate: nothing codes them. At 0 the top latents are at their means too."""
    tiles = cut(x)
    batch = to_tensor(tiles)
    generator = torch.Generator().manual_seed(seed)
    nats, out = 0.0, []

    def choose(number: int, p: Gaussian, q: Gaussian) -> torch.Tensor:
        nonlocal nats
        if number >= TOP:
            return p.sample(standard_noise(p.mean, generator), temperature)
        nats += float(q.kl(p).double().sum())
        return q.sample(standard_noise(q.mean, generator), 1.0 if temperature else 0.0)

    with plain():
        for part in batch.split(BATCH):
            out.append(to_pixels(net.likelihood.mean(net.walk(choose, len(part), net.features(part)))))
    picture = join(np.concatenate(out).reshape(*tiles.shape))
    return picture[: x.shape[0], : x.shape[1]], nats / math.log(2)


def _context_bits(x: np.ndarray, net: Vdvae) -> float:
    """The paper's rate: the prior's bound on -log2 p of all contexts, L_T counted."""
    if net.context_prior is None:
        raise ValueError("the net has no context")
    generator = torch.Generator().manual_seed(0)
    with plain():
        symbols = net.symbols(to_tensor(cut(x)))
        assert symbols is not None
        nats = sum(float(net.context_prior.nats(part, generator).double().sum()) for part in symbols.split(BATCH))
    return nats / math.log(2)


def _distortion(name: str, x: np.ndarray, x_hat: np.ndarray) -> dict[str, float]:
    return {f"{name}_psnr_db": psnr_db(x, x_hat), f"{name}_ms_ssim": ms_ssim(x, x_hat)}


def _jpeg_at(x: np.ndarray, psnr: float) -> dict[str, float]:
    """JPEG of the smallest quality with at least a PSNR, and its bytes at that very PSNR: interpolated between that
    quality and the one below. Quality 1 may already have more; its bytes stand as they are."""

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
    told = {"jpeg_quality": high, "jpeg_n_bytes": n_bytes, "jpeg_coarsest": float(not low)}
    return told | _distortion("jpeg", x, Jpeg().decode(data))


def _codecs(store: Store) -> tuple[DctVaeCifarCodec, DctVaeCifarCodec]:
    """The codec of the trained net, exported into OUT, twice."""
    folder = store.folder / "codec"
    made = store.recipe("cifar10-small-dct")
    out = store.folder / "train" / "cifar10-small-dct-seed0"
    train(made, Settings(store.settings.data, out, export=folder, force=True))
    return DctVaeCifarCodec.load(folder), DctVaeCifarCodec.load(folder)


def _grid(context: Context, x: np.ndarray) -> Grid:
    """The contexts of a photo's tiles."""
    tiles = cut(x)
    with plain():
        symbols = context.symbols(to_tensor(tiles) / 255).int().numpy()
    return symbols.reshape(*tiles.shape[:2], *symbols.shape[1:])


def _tiling(context: Context, photos: Sequence[np.ndarray]) -> Tiling:
    grids = grids_of(photos[:_FITTED_ON], partial(_grid, context), SIDE)
    return Tiling.fit(grids, context.config.half)


_DECODED = ("calm", "drawn", "vdvae_calm", "vdvae_drawn")
_RATES = (
    ("file", "n_bytes", 8), ("bound", "bound_bits", 1), ("VDVAE KL (estimate)", "vdvae_kl_bits", 1), ("JPEG file", "jpeg_n_bytes", 8),
    ("whole-picture file", "whole_n_bytes", 8),
)  # fmt: skip


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    rates = (f"{factor * record[key] / record['pixels']:.4f}" for _, key, factor in _RATES)
    psnr = (f"{record[f'{name}_psnr_db']:.2f}" for name in (*_DECODED, "jpeg", "whole"))
    similar = (f"{record[f'{name}_ms_ssim']:.3f}" for name in (*_DECODED, "jpeg"))
    return *rates, *psnr, *similar, *(f"{record[f'{name}_seam']:.2f}" for name in ("calm", "whole", "photo"))


def _per_image(names: Sequence[str], records: Sequence[dict[str, Any]]) -> Table:
    rows = [(name, *_cells(record)) for name, record in zip(names, records, strict=True)]
    keys = [key for key, value in records[0].items() if isinstance(value, int | float)]
    rows.append(("mean", *_cells({key: float(np.mean([r[key] for r in records])) for key in keys})))
    coarsest = sum(record["jpeg_coarsest"] > 0 for record in records)
    header = (
        "photo", *(f"{name}, bpp" for name, *_ in _RATES),
        "PSNR", "drawn", "VDVAE", "VDVAE drawn", "JPEG", "whole",
        "MS-SSIM", "drawn", "VDVAE", "VDVAE drawn", "JPEG", "seams", "whole", "of the photo",
    )  # fmt: skip
    notes = [
        "file: whole .hvc files, decoded again by the codec. bound: the diffusion prior's, of the same contexts, as in the "
        "paper; an estimate, as is VDVAE's KL of its two top latents. JPEG: bytes of Pillow's files (4:2:0, optimised) at the "
        "PSNR, interpolated between two qualities; its PSNR and MS-SSIM are those of the better one. On "
        f"{coarsest} photos quality 1 has a higher PSNR already. drawn: latents at temperature {TEMPERATURE:.3f} of sigma, 0.1 "
        "of the variance; else at their means. seams: mean step across borders of tiles over that elsewhere. whole: "
        f"{DEFAULT} at no less PSNR, another model with other training photos, whose tiles know their neighbours.",
    ]
    return Table("Kodak from contexts alone (figures 5, 6 and 9)", header, rows, notes)


def _claims(records: Sequence[dict[str, Any]]) -> Table:
    ours, jpeg = (np.array([r[key] for r in records], float) for key in ("n_bytes", "jpeg_n_bytes"))
    estimate = np.array([r["vdvae_kl_bits"] for r in records]) / 8
    pairs = [
        tuple(np.mean([r[f"{name}{how}_psnr_db"] for r in records]) for name in ("", "vdvae_"))
        for how in ("calm", "drawn")
    ]
    told = ", ".join(f"{a:.2f} dB against {b:.2f} dB" for a, b in pairs)
    mean = {key: float(np.mean([r[key] for r in records])) for key in ("alone_bits", "beside_bits")}
    bound = np.array([r["bound_bits"] for r in records]) / 8
    return claims(
        "The paper's claims",
        [
            claim(
                "fewer file bytes than JPEG at equal PSNR", bool(ours.mean() < jpeg.mean()),
                f"{ours.mean():.0f} against {jpeg.mean():.0f}; fewer on {int((ours < jpeg).sum())} of {len(ours)} photos",
            ),
            claim(
                "fewer bits than VDVAE's estimate, at no less PSNR", bool(ours.mean() < estimate.mean() and all(a >= b for a, b in pairs)),
                f"{ours.mean():.0f} bytes against {estimate.mean():.0f}; at the means and drawn {told}",
            ),
            claim(
                "tiles that know nothing of each other cost bits (estimates of tables fitted on the same photos)",
                bool(mean["beside_bits"] < mean["alone_bits"]),
                f"{mean['alone_bits'] / 8:.0f} bytes alone, {mean['beside_bits'] / 8:.0f} beside their neighbours",
            ),
            claim(
                "the file is near the bound that the paper calls its rate (within 10 %)", bool(abs(ours.mean() / bound.mean() - 1) < 0.1),
                f"{ours.mean():.0f} bytes, bound {bound.mean():.0f}",
            ),
        ],
    )  # fmt: skip


def _figures(
    folder: Path, names: Sequence[str], records: Sequence[dict[str, Any]], shown: Sequence[np.ndarray], nets: Nets
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    order = np.argsort([r["calm_psnr_db"] for r in records])
    lines: vae_figures.Lines = {
        name: (range(len(order)), [factor * records[i][key] / records[i]["pixels"] for i in order], None)
        for name, key, factor in _RATES
    }
    vae_figures.lines(lines, folder / "kodak-rates.png", "photos by PSNR", "bits per pixel", "Figure 5")
    rows: list[torch.Tensor] = []
    for x in shown:
        data, decoder = nets.codec[0].encode(x), nets.codec[1]
        jpeg = Jpeg().decode(Jpeg().encode(x, quality=int(records[len(rows)]["jpeg_quality"])))
        drawn, top = decoder.decode(data, temperature=TEMPERATURE, seed=0), top_latents(x, nets.vdvae, TEMPERATURE)[0]
        strip = np.stack([_middle(p) for p in (x, top, drawn, decoder.decode(data), jpeg)])
        rows.append(torch.from_numpy(strip).permute(0, 3, 1, 2).float() / 255)
    words = ("photo", "VDVAE, 2 latents", "context, drawn", "context", "JPEG")
    vae_figures.panels(rows, words, folder / "kodak-pictures.png", "Figures 6 and 9: " + ", ".join(names[: len(shown)]))


def _middle(x: np.ndarray, side: int = 256) -> np.ndarray:
    top, left = ((n - min(n, side)) // 2 for n in x.shape[:2])
    return x[top : top + side, left : left + side]
