"""`hvaecodec paper dct-vae-kodak`: Kodak from the contexts of its tiles alone, as files.

Kuzina and Tomczak, arXiv:2302.09976, section 5.3.2 and appendix G: figures 5, 6 and 9, by the two nets of CIFAR-10
that are in the package; nothing is trained. Rates of files and estimates stand in columns of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.data.datasets import load_dataset
from hvaecodec.bench.papers import PaperSettings, Report, vae_figures
from hvaecodec.bench.papers.dct_vae.kodak_measures import TEMPERATURE, Nets, fit_tiling, measure, top_latents
from hvaecodec.bench.papers.records import kept
from hvaecodec.bench.papers.vae_tables import claim, claims
from hvaecodec.bench.show.tables import Table, to_markdown
from hvaecodec.codec.registry import DEFAULT, WEIGHTS
from hvaecodec.codec.registry import load as load_codec
from hvaecodec.codec.tiles.dct_vae_cifar10 import DctVaeCifarCodec
from hvaecodec.codec.tiles.vae_weights import read_vae
from hvaecodec.training.data import load_training_photos

_SHOWN = 3


def run(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """`Experiment`. Kodak lies in the data folder or is downloaded; the training photos say what tiling costs."""
    if settings.only:
        raise ValueError("this experiment has one pair of nets; leave out --only")
    report("kodak", 0, "contexts of training photos")
    nets = released_nets(load_training_photos(settings.data))
    out = settings.out / settings.preset
    records_at = out / "kodak" / nets.digest()
    photos = load_dataset("kodak", settings.data if (settings.data / "kodak").is_dir() else None)
    records = []
    for number, photo in enumerate(photos):
        report("kodak", number / len(photos), photo.name)
        records.append(kept(records_at / f"{photo.name}.json", lambda p=photo: measure(p.pixels(), nets)))  # type: ignore[misc]
    names = [photo.name for photo in photos]
    tables = [_per_image(names, records), _claims(records)]
    _figures(out / "figures", names, records, [photo.pixels() for photo in photos[:_SHOWN]], nets)
    (out / "tables-kodak.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def released_nets(photos: Sequence[np.ndarray]) -> Nets:
    """Those of the package. photos: for training, what tiling costs is fitted on them."""
    codecs = DctVaeCifarCodec.load(), DctVaeCifarCodec.load()
    pair = read_vae(WEIGHTS / DctVaeCifarCodec.name), read_vae(WEIGHTS / "vdvae-cifar10")
    whole = load_codec(DEFAULT), load_codec(DEFAULT)
    return Nets(codecs, *pair, whole, fit_tiling(codecs[0].context, photos))


_DECODED = ("calm", "drawn", "vdvae_calm", "vdvae_drawn")
_RATES = (
    ("file", "n_bytes", 8), ("prior (estimate)", "prior_bits", 1), ("VDVAE KL (estimate)", "vdvae_kl_bits", 1),
    ("VDVAE at equal PSNR (estimate)", "vdvae_equal_kl_bits", 1), ("JPEG file", "jpeg_n_bytes", 8),
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
        "file: whole .hvc files, decoded again by the codec. prior: -log2 p of the same contexts under the net's own prior, the "
        "paper's rate; an estimate, as are VDVAE's KL of its two top latents and, at equal PSNR, of as many as that takes. JPEG: "
        "bytes of Pillow's files (4:2:0, optimised) at the PSNR, interpolated between two qualities; its PSNR and MS-SSIM are those of the better one. On "
        f"{coarsest} photos quality 1 has a higher PSNR already. drawn: latents at temperature {TEMPERATURE:.3f} of sigma, 0.1 "
        "of the variance; else at their means. seams: mean step across borders of tiles over that elsewhere. whole: "
        f"{DEFAULT} at no less PSNR, another model with other training photos, whose tiles know their neighbours.",
    ]
    return Table("Kodak from contexts alone (figures 5, 6 and 9)", header, rows, notes)


def _claims(records: Sequence[dict[str, Any]]) -> Table:
    ours, jpeg = (np.array([r[key] for r in records], float) for key in ("n_bytes", "jpeg_n_bytes"))
    estimate, equal = (np.array([r[key] for r in records]) / 8 for key in ("vdvae_kl_bits", "vdvae_equal_kl_bits"))
    latents = [int(r["vdvae_top"]) for r in records]
    pairs = [
        tuple(np.mean([r[f"{name}{how}_psnr_db"] for r in records]) for name in ("", "vdvae_"))
        for how in ("calm", "drawn")
    ]
    told = ", ".join(f"{a:.2f} dB against {b:.2f} dB" for a, b in pairs)
    mean = {key: float(np.mean([r[key] for r in records])) for key in ("alone_bits", "beside_bits")}
    prior = np.array([r["prior_bits"] for r in records]) / 8
    return claims(
        "The paper's claims",
        [
            claim(
                "fewer file bytes than JPEG at equal PSNR", bool(ours.mean() < jpeg.mean()),
                f"{ours.mean():.0f} against {jpeg.mean():.0f}; fewer on {int((ours < jpeg).sum())} of {len(ours)} photos",
            ),
            claim(
                "fewer bits than VDVAE's estimate at equal PSNR, both at the means", bool(ours.mean() < equal.mean()),
                f"{ours.mean():.0f} bytes against {equal.mean():.0f} in {min(latents)} to {max(latents)} top latents; "
                f"fewer on {int((ours < equal).sum())} of {len(ours)} photos",
            ),
            claim(
                "fewer bits than VDVAE's two top latents, at no less PSNR", bool(ours.mean() < estimate.mean() and all(a >= b for a, b in pairs)),
                f"{ours.mean():.0f} bytes against {estimate.mean():.0f}; at the means and drawn {told}",
            ),
            claim(
                "tiles that know nothing of each other cost bits (estimates of tables fitted on the same photos)",
                bool(mean["beside_bits"] < mean["alone_bits"]),
                f"{mean['alone_bits'] / 8:.0f} bytes alone, {mean['beside_bits'] / 8:.0f} beside their neighbours",
            ),
            claim(
                "the file is near the prior's -log p, which the paper calls its rate (within 10 %)", bool(abs(ours.mean() / prior.mean() - 1) < 0.1),
                f"{ours.mean():.0f} bytes, prior {prior.mean():.0f}",
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
