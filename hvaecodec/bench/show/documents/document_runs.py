"""The runs that README.md and docs/ show, and what they show of each. The documents say where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from hvaecodec.bench.show.documents import paper_blocks, parts, weights_table
from hvaecodec.bench.show.documents.beside import Beside
from hvaecodec.bench.show.documents.parts import (
    Against,
    Figure,
    MetricAtRates,
    conditions,
    equally_real,
    every_setting,
    layers,
    summary,
)
from hvaecodec.bench.show.documents.runs import Block, DocumentRun, FinishedRun

_REAL = ("ms-illm", "hific", "dc-vic", "stablecodec")

RUNS = (
    DocumentRun(
        "kodak",
        minutes=55,
        codecs=("dct-vae-photo",),
        effort=2,
        quality=(1, 8, 18, 28, 40, 52, 64, 78, 92),
        baselines=("jpeg", "webp", "jpeg2000", "avif", "jxl"),
        published=("factorized", "hyperprior", "bpg", "qarv", "vtm", "hpcm", "cool-chic"),
    ),
    DocumentRun(
        "valid",
        minutes=60,
        dataset="valid",
        codecs=("dct-vae-photo",),
        effort=2,
        quality=(1, 8, 18, 28, 40, 52, 64, 78, 92),
        baselines=("jpeg", "avif@speed=4"),
    ),
    DocumentRun(
        "perception",
        minutes=80,
        effort=1,
        codecs=(
            "dct-vae-photo",
            "dct-vae-photo@temperature=0.5",
            "dct-vae-photo@temperature=1",
            "hqa-photo@quality=10/30/50/70",
            "hqa-photo@quality=10/30/50/70,temperature=1",
        ),
        quality=(1, 8, 18, 28, 40),
        baselines=("jpeg@quality=1/5/15/30/60", "webp@quality=1/10/30/60", "avif@quality=10/20/35/55"),
        metrics=("psnr", "lpips", "fd-cifar", "kd-cifar", "fd-cifar-check", "kd-cifar-check"),
        published=_REAL,
        threads=1,
    ),
    DocumentRun(
        "perception-vgg",
        minutes=90,
        effort=1,
        codecs=("dct-vae-photo", "dct-vae-photo@temperature=0.5", "dct-vae-photo@temperature=1"),
        quality=(1, 8, 18, 28, 40),
        baselines=("avif@quality=10/20/35/55",),
        metrics=("psnr", "dists", "lpips-vgg"),
        published=_REAL,
        threads=1,
    ),
    DocumentRun(
        "pictures",
        minutes=2,
        dataset="photos",
        limit=2,
        codecs=("dct-vae-photo@effort=1,like=jpeg", "dct-vae-photo@effort=1,like=jpeg,temperature=0.5"),
        quality=(1,),
        baselines=("jpeg@quality=1", "webp@quality=1", "avif@quality=10"),
        metrics=("psnr",),
        threads=1,
    ),
    DocumentRun(
        "hqa",
        minutes=6,
        codecs=("hqa-photo", "hqa-photo@temperature=1"),
        quality=(10, 30, 50, 70, 90),
        baselines=("jpeg@quality=1",),
        metrics=("psnr", "ms-ssim", "fd-cifar"),
    ),
    DocumentRun(
        "equal-bytes",
        minutes=2,
        codecs=("hqa-photo", "dct-vae-photo@effort=1,like=hqa-photo"),
        quality=(50, 70),
        limit=6,
        metrics=("psnr", "ms-ssim", "fd-cifar"),
    ),
    DocumentRun(
        "cifar10",
        minutes=8,
        dataset="cifar10",
        limit=1000,
        codecs=(
            "dct-vae-cifar10",
            "dct-vae-cifar10@temperature=1",
            "hqa-photo@quality=10/30/50/70/90",
            "hqa-photo@quality=10/30/50/70/90,temperature=1",
        ),
        baselines=("jpeg@quality=5/10/20/40/60/80",),
        metrics=("psnr", "ms-ssim32", "fd-cifar"),
        threads=1,
    ),
)

_FD = "FD-cifar against bits per pixel on Kodak"
_KD = "KD-cifar against bits per pixel on Kodak"
_LPIPS = "LPIPS against bits per pixel on Kodak"
_DISTS = "DISTS against bits per pixel on Kodak"

BLOCKS = {
    "kodak.figure": Block(
        "kodak", Figure("rd_psnr.png", "PSNR against bits per pixel on Kodak"), {"rd_psnr.png": "rd_psnr.png"}
    ),
    "kodak.ms-ssim": Block(
        "kodak",
        Figure("rd_ms_ssim.png", "MS-SSIM against bits per pixel on Kodak"),
        {"rd_ms_ssim.png": "rd_ms_ssim.png"},
    ),
    "kodak.conditions": Block("kodak", conditions),
    "kodak.summary": Block("kodak", summary),
    "kodak.psnr": Block("kodak", MetricAtRates("psnr")),
    "valid.conditions": Block("valid", conditions),
    "valid.summary": Block("valid", partial(summary, costs=False)),
    "valid.beside-avif": Block("valid", Against("avif")),
    "perception.conditions": Block("perception", conditions),
    "perception.lpips": Block("perception", Figure("rd_lpips.png", _LPIPS, "lpips"), {"rd_lpips.png": "rd_lpips.png"}),
    "perception-vgg.conditions": Block("perception-vgg", conditions),
    "perception-vgg.dists": Block(
        "perception-vgg", Figure("rd_dists.png", _DISTS, "dists"), {"rd_dists.png": "rd_dists.png"}
    ),
    "perception-vgg.table": Block("perception-vgg", every_setting),
    "perception.lpips-psnr": Block(
        "perception",
        Figure("tradeoff_lpips.png", "LPIPS against PSNR, each line one file at three temperatures", "lpips"),
        {"tradeoff_lpips.png": "tradeoff_lpips.png"},
    ),
    "perception.fd": Block("perception", Figure("rp_fd_cifar.png", _FD), {"rp_fd_cifar.png": "rp_fd_cifar.png"}),
    "perception.kd": Block("perception", Figure("rp_kd_cifar.png", _KD), {"rp_kd_cifar.png": "rp_kd_cifar.png"}),
    "perception.tradeoff": Block(
        "perception",
        Figure("tradeoff_fd_cifar.png", "FD-cifar against PSNR, each line one file at three temperatures"),
        {"tradeoff_fd_cifar.png": "tradeoff_fd_cifar.png"},
    ),
    "perception.table": Block("perception", every_setting),
    "perception.sentence": Block("perception", equally_real),
    "pictures.figure": Block(
        "pictures",
        Figure("pictures.png", "a photo of a cat and what is left of it in files of two kilobytes"),
        {"pictures.png": "pictures.png"},
        Beside(
            "pictures.png",
            number=1,
            words=("dct-vae-photo", "at temperature 0.5", "JPEG's smallest", "WebP's smallest", "AVIF, quality 10"),
            window=(slice(10, 200), slice(90, 370)),
        ),
    ),
    "hqa.conditions": Block("hqa", conditions),
    "hqa.table": Block("hqa", layers),
    "equal-bytes.table": Block("equal-bytes", every_setting),
    "cifar10.conditions": Block("cifar10", conditions),
    "cifar10.table": Block("cifar10", layers),
}

_COMMAND = "python -m hvaecodec.bench.show.documents"
WEIGHTS = "weights.table"
NETS = "nets.table"  # the classifiers of docs/METRICS.md: from the package's weights, without a run
FORMAT = "format.example"  # the worked example of docs/FORMAT.md: from the photo codec's weights, without a run


def block_names() -> set[str]:
    """Return the name of every block that a document may show."""
    return {NETS, WEIGHTS, FORMAT, *BLOCKS, *(f"{run.name}.command" for run in RUNS), *paper_blocks.BLOCKS}


def block_texts(finished: Mapping[str, FinishedRun], records: Path) -> dict[str, str]:
    """Return the text of every block: of a run or an experiment without a record, how it is measured.

    finished: runs by name. records: the folder `records/`.
    """
    texts = {f"{run.name}.command": f"```shell\n{run.shell()}\n```" for run in RUNS}
    for name, block in BLOCKS.items():
        run = finished.get(block.run)
        texts[name] = paper_blocks.not_measured(f"{_COMMAND} --only {block.run}") if run is None else block.text(run)
    texts |= {NETS: parts.nets(), WEIGHTS: weights_table.weights(), FORMAT: parts.format_example()}
    return texts | {name: text(records) for name, text in paper_blocks.BLOCKS.items()}
