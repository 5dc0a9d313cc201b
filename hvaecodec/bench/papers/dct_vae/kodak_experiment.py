"""Run `hvaecodec paper dct-vae-kodak`: Kodak from the contexts of its tiles alone, as files.

Kuzina and Tomczak, arXiv:2302.09976, section 5.3.2 and appendix G: figures 5, 6 and 9, by the two nets of CIFAR-10
that are in the package; nothing is trained.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hvaecodec.bench.baselines.jpeg import Baseline as Jpeg
from hvaecodec.bench.data.datasets import NamedImage, load_dataset
from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.dct_vae.kodak_measures import (
    TEMPERATURE,
    Nets,
    fit_tiling,
    measure_photo,
    measure_whole,
    top_latents,
)
from hvaecodec.bench.papers.dct_vae.kodak_tables import RATES, make_tables
from hvaecodec.bench.papers.records import RECORDED, load_or_measure, origin
from hvaecodec.bench.papers.vae_figures import Lines, draw_lines, draw_panels
from hvaecodec.bench.show.tables import Table, to_markdown
from hvaecodec.codec.registry import DEFAULT, WEIGHTS
from hvaecodec.codec.registry import load as load_codec
from hvaecodec.codec.tiles.dct_vae_cifar10 import DctVaeCifarCodec
from hvaecodec.codec.tiles.vae_weights import read_vae
from hvaecodec.training.data import load_training_photos

_PICTURED = 3  # photos in the figure of pictures


def run_experiment(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """Measure and judge as `Experiment` says.

    Kodak lies in the data folder or is downloaded; training photos say what tiling costs. Raises ValueError for an
    `only` that is not RECORDED.
    """
    out = settings.out / settings.preset
    if settings.only == (RECORDED,):
        return _write_tables(out, read_photos(out))
    if settings.only:
        raise ValueError("this experiment has one pair of nets; leave out --only")
    report("kodak", 0, "contexts of training photos")
    nets = released_nets(load_training_photos(settings.data))
    photos = load_dataset("kodak", settings.data if (settings.data / "kodak").is_dir() else None)
    records = []
    for number, photo in enumerate(photos):
        report("kodak", number / len(photos), photo.name)
        records.append(_record(out / "kodak", photo, nets))
    names = [photo.name for photo in photos]
    tables = _write_tables(out, dict(zip(names, records, strict=True)))
    _draw_rates(out / "figures", records)
    _draw_pictures(out / "figures", names, records, [photo.pixels() for photo in photos[:_PICTURED]], nets)
    return tables


def read_photos(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the records of the photos by name, each joined with that of whole pictures. folder: OUT/PRESET."""
    photos: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "kodak").glob("*/*.json")):
        photos.setdefault(path.stem, {}).update(json.loads(path.read_text(encoding="utf-8")))
    return photos


def _write_tables(folder: Path, photos: dict[str, dict[str, Any]]) -> Sequence[Table]:
    tables = make_tables(list(photos), list(photos.values())) if photos else []
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tables-kodak.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def _record(folder: Path, photo: NamedImage, nets: Nets) -> dict[str, Any]:
    """Load or measure a photo; nets of tiles have records of their own, so that new weights cost minutes."""
    path, whole = (folder / digest / f"{photo.name}.json" for digest in (nets.digest(), f"whole-{nets.whole_digest()}"))
    record = load_or_measure(path, lambda: measure_photo(photo.pixels(), nets) | origin())
    return record | load_or_measure(whole, lambda: measure_whole(photo.pixels(), record, nets) | origin())


def released_nets(photos: Sequence[np.ndarray]) -> Nets:
    """Load the nets of the package; what tiling costs is fitted on training photos, uint8 (H, W, 3)."""
    codecs = DctVaeCifarCodec.load(), DctVaeCifarCodec.load()
    pair = read_vae(WEIGHTS / DctVaeCifarCodec.name), read_vae(WEIGHTS / "vdvae-cifar10")
    whole = load_codec(DEFAULT), load_codec(DEFAULT)
    return Nets(codecs, *pair, whole, fit_tiling(codecs[0].context, photos))


def _draw_rates(folder: Path, records: Sequence[dict[str, Any]]) -> None:
    order = np.argsort([r["calm_psnr_db"] for r in records])
    lines: Lines = {
        name: (range(len(order)), [factor * records[i][key] / records[i]["pixels"] for i in order], None)
        for name, key, factor in RATES
    }
    draw_lines(lines, folder / "kodak-rates.png", "Figure 5", x="photos by PSNR", y="bits per pixel")


def _draw_pictures(
    folder: Path, names: Sequence[str], records: Sequence[dict[str, Any]], photos: Sequence[np.ndarray], nets: Nets
) -> None:
    rows: list[torch.Tensor] = []
    for x, record in zip(photos, records, strict=False):
        data, decoder = nets.codec[0].encode(x), nets.codec[1]
        jpeg = Jpeg().decode(Jpeg().encode(x, quality=int(record["jpeg_quality"])))
        sample, top = decoder.decode(data, temperature=TEMPERATURE, seed=0), top_latents(x, nets.vdvae, TEMPERATURE)[0]
        strip = np.stack([_middle(picture) for picture in (x, top, sample, decoder.decode(data), jpeg)])
        rows.append(torch.from_numpy(strip).permute(0, 3, 1, 2).float() / 255)
    words = ("photo", "VDVAE, 2 latents", "context, drawn", "context", "JPEG")
    draw_panels(rows, words, folder / "kodak-pictures.png", "Figures 6 and 9: " + ", ".join(names[: len(photos)]))


def _middle(x: np.ndarray, side: int = 256) -> np.ndarray:
    top, left = ((n - min(n, side)) // 2 for n in x.shape[:2])
    return x[top : top + side, left : left + side]
