"""`hvaecodec paper dct-vae-kodak`: Kodak from the contexts of its tiles alone, as files.

Kuzina and Tomczak, arXiv:2302.09976, section 5.3.2 and appendix G: figures 5, 6 and 9. The nets are those of
`paper dct-vae` on CIFAR-10; the same OUT shares them. Rates of files and estimates stand in columns of their own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.datasets import load_dataset
from hvaecodec.bench.metrics import ms_ssim, psnr_db
from hvaecodec.bench.papers import PaperSettings, Report, vae_figures
from hvaecodec.bench.papers.vae_runs import Store, System
from hvaecodec.bench.papers.vae_tables import claim, claims
from hvaecodec.bench.tables import Table, to_markdown
from hvaecodec.codec.dct_vae_cifar10 import DctVaeCifarCodec
from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.inference import plain
from hvaecodec.codec.registry import DEFAULT, Codec
from hvaecodec.codec.registry import load as load_codec
from hvaecodec.codec.small_tiles import BATCH, SIDE, cut, join, to_pixels, to_tensor
from hvaecodec.models.latents import Gaussian, sigma_temperature, standard_noise
from hvaecodec.models.vdvae import Vdvae
from hvaecodec.training.run import Settings, train

SYSTEMS = {name: System(name) for name in ("cifar10-small-dct", "cifar10-small-vdvae")}
TEMPERATURE = sigma_temperature(0.1)  # the paper's scales the variance
TOP = 2  # latents that VDVAE keeps
_SHOWN = 3


@dataclass(frozen=True)
class Nets:
    codec: DctVaeCifarCodec
    dct: Vdvae
    vdvae: Vdvae
    whole: Codec  # of whole pictures, without tiles that know nothing of each other


def run(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """`Experiment`. Trains the two nets if OUT does not have them; Kodak lies in the data folder or is downloaded."""
    if settings.only:
        raise ValueError("this experiment has one pair of systems; leave out --only")
    store = Store(settings, SYSTEMS)
    for name in SYSTEMS:
        store.make(name, report)
    nets = Nets(_codec(store), store.load("cifar10-small-dct"), store.load("cifar10-small-vdvae"), load_codec(DEFAULT))
    photos = load_dataset("kodak", settings.data if (settings.data / "kodak").is_dir() else None)
    records = []
    for number, photo in enumerate(photos):
        report("kodak", number / len(photos), photo.name)
        records.append(_kept(store.folder / "kodak" / f"{photo.name}.json", lambda p=photo: measure(p.pixels(), nets)))  # type: ignore[misc]
    names = [photo.name for photo in photos]
    tables = [_per_image(names, records), _claims(records)]
    _figures(store.folder / "figures", names, records, [photo.pixels() for photo in photos[:_SHOWN]], nets)
    (store.folder / "tables-kodak.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def measure(x: np.ndarray, nets: Nets) -> dict[str, Any]:
    """Of one photo: bytes of the file and distortions, the bound on its contexts, VDVAE's estimate, JPEG beside them."""
    pixels = x.shape[0] * x.shape[1]
    data = nets.codec.encode(x)
    drawn, calm = nets.codec.decode(data, temperature=TEMPERATURE, seed=0), nets.codec.decode(data)
    out: dict[str, Any] = {
        "pixels": pixels,
        "n_bytes": len(data),
        "est_bits": nets.codec.info(data)["est_bits"]["level 0"],
    }
    out |= {"bound_bits": _context_bits(x, nets.dct)}
    out |= _distortion("drawn", x, drawn) | _distortion("calm", x, calm)
    top, bits = top_latents(x, nets.vdvae)
    out |= {"vdvae_kl_bits": bits} | _distortion("vdvae", x, top)
    quality, jpeg = _jpeg_at(x, jpeg_target(out))
    out |= {"jpeg_quality": quality, "jpeg_n_bytes": len(jpeg)} | _distortion("jpeg", x, Jpeg().decode(jpeg))
    whole = nets.whole.encode(x, psnr=jpeg_target(out), effort=1)
    picture = nets.whole.decode(whole)
    out |= {"whole_n_bytes": len(whole)} | _distortion("whole", x, picture)
    return out | {
        f"{name}_seam": seams(picture)
        for name, picture in (("photo", x), ("calm", calm), ("drawn", drawn), ("whole", picture))
    }


def jpeg_target(record: dict[str, Any]) -> float:
    """The PSNR, dB, that JPEG and the codec of whole pictures have to reach."""
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


def top_latents(x: np.ndarray, net: Vdvae, seed: int = 0) -> tuple[np.ndarray, float]:
    """VDVAE with its `TOP` top latents from the posterior, the rest drawn at the paper's temperature: the picture, and
    the KL of those latents in bits, which is an estimate: nothing codes them."""
    tiles = cut(x)
    batch = to_tensor(tiles)
    generator = torch.Generator().manual_seed(seed)
    nats, out = 0.0, []

    def choose(number: int, p: Gaussian, q: Gaussian) -> torch.Tensor:
        nonlocal nats
        if number >= TOP:
            return p.sample(standard_noise(p.mean, generator), TEMPERATURE)
        nats += float(q.kl(p).double().sum())
        return q.sample(standard_noise(q.mean, generator))

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


def _jpeg_at(x: np.ndarray, psnr: float) -> tuple[int, bytes]:
    """The smallest JPEG of at least a PSNR (quality 1 may already have more)."""
    low, high = 0, 100
    while high - low > 1:
        middle = (low + high) // 2
        reached = psnr_db(x, Jpeg().decode(Jpeg().encode(x, quality=middle))) >= psnr
        low, high = (low, middle) if reached else (middle, high)
    return high, Jpeg().encode(x, quality=high)


def _codec(store: Store) -> DctVaeCifarCodec:
    """The codec of the trained net, exported into OUT."""
    folder = store.folder / "codec"
    made = store.recipe("cifar10-small-dct")
    out = store.folder / "train" / "cifar10-small-dct-seed0"
    train(made, Settings(store.settings.data, out, export=folder, force=True))
    return DctVaeCifarCodec.load(folder)


def _kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(make(), indent=1).encode(), force=True)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


_RATES = (
    ("file", "n_bytes", 8), ("bound", "bound_bits", 1), ("VDVAE KL (estimate)", "vdvae_kl_bits", 1), ("JPEG file", "jpeg_n_bytes", 8),
    ("whole-picture file", "whole_n_bytes", 8),
)  # fmt: skip


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    rates = (f"{factor * record[key] / record['pixels']:.4f}" for _, key, factor in _RATES)
    psnr = (f"{record[f'{name}_psnr_db']:.2f}" for name in ("calm", "drawn", "vdvae", "jpeg", "whole"))
    similar = (f"{record[f'{name}_ms_ssim']:.3f}" for name in ("calm", "drawn", "vdvae", "jpeg"))
    return *rates, *psnr, *similar, *(f"{record[f'{name}_seam']:.2f}" for name in ("calm", "whole", "photo"))


def _per_image(names: Sequence[str], records: Sequence[dict[str, Any]]) -> Table:
    rows = [(name, *_cells(record)) for name, record in zip(names, records, strict=True)]
    keys = [key for key, value in records[0].items() if isinstance(value, int | float)]
    rows.append(("mean", *_cells({key: float(np.mean([r[key] for r in records])) for key in keys})))
    header = (
        "photo", *(f"{name}, bpp" for name, *_ in _RATES),
        "PSNR", "PSNR drawn", "PSNR VDVAE", "PSNR JPEG", "PSNR whole",
        "MS-SSIM", "drawn", "VDVAE", "JPEG", "seams", "whole", "of the photo",
    )  # fmt: skip
    notes = [
        "file: whole .hvc files, decoded again by the codec. bound: the diffusion prior's, of the same contexts, as in the "
        "paper; an estimate, as is VDVAE's KL of its two top latents. JPEG: the smallest Pillow file (4:2:0, optimised) of "
        f"at least the PSNR. drawn: latents at temperature {TEMPERATURE:.3f} of sigma, 0.1 of the variance. seams: mean step "
        f"across borders of tiles over that elsewhere. whole: {DEFAULT} at the same PSNR, whose tiles know their neighbours.",
    ]
    return Table("Kodak from contexts alone (figures 5, 6 and 9)", header, rows, notes)


def _claims(records: Sequence[dict[str, Any]]) -> Table:
    ours, jpeg = (np.array([r[key] for r in records], float) for key in ("n_bytes", "jpeg_n_bytes"))
    estimate = np.array([r["vdvae_kl_bits"] for r in records]) / 8
    best = np.array([max(r["calm_psnr_db"], r["drawn_psnr_db"]) for r in records])
    theirs = np.array([r["vdvae_psnr_db"] for r in records])
    whole = np.array([r["whole_n_bytes"] for r in records], float)
    bound = np.array([r["bound_bits"] for r in records]) / 8
    return claims(
        "The paper's claims",
        [
            claim(
                "fewer file bytes than JPEG at equal PSNR", bool(ours.mean() < jpeg.mean()),
                f"{ours.mean():.0f} against {jpeg.mean():.0f}; fewer on {int((ours < jpeg).sum())} of {len(ours)} photos",
            ),
            claim(
                "fewer bits than VDVAE's estimate, at no less PSNR", bool(ours.mean() < estimate.mean() and best.mean() >= theirs.mean()),
                f"{ours.mean():.0f} bytes against {estimate.mean():.0f}; {best.mean():.2f} dB against {theirs.mean():.2f} dB",
            ),
            claim(
                "tiles that know nothing of each other cost bits: whole pictures need fewer at equal PSNR", bool(whole.mean() < ours.mean()),
                f"{whole.mean():.0f} bytes against {ours.mean():.0f}",
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
        data = nets.codec.encode(x)
        jpeg = Jpeg().decode(Jpeg().encode(x, quality=records[len(rows)]["jpeg_quality"]))
        drawn = nets.codec.decode(data, temperature=TEMPERATURE, seed=0)
        strip = np.stack([_middle(p) for p in (x, top_latents(x, nets.vdvae)[0], drawn, nets.codec.decode(data), jpeg)])
        rows.append(torch.from_numpy(strip).permute(0, 3, 1, 2).float() / 255)
    words = ("photo", "VDVAE, 2 latents", "context, drawn", "context", "JPEG")
    vae_figures.panels(rows, words, folder / "kodak-pictures.png", "Figures 6 and 9: " + ", ".join(names[: len(shown)]))


def _middle(x: np.ndarray, side: int = 256) -> np.ndarray:
    top, left = ((n - min(n, side)) // 2 for n in x.shape[:2])
    return x[top : top + side, left : left + side]
