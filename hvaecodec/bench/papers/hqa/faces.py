"""Repeat HQA's experiment on faces: table 2 and figure 2 (right) of arXiv:2002.08111 at reduced scale.

Distances are FD-cifar, in the features of our own CIFAR-10 classifier on 32x32 patches, and not the paper's rFID. The
pictures go to OUT alone: the terms of the data (CelebA, research only) allow no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hvaecodec.bench.metrics import frechet
from hvaecodec.bench.metrics.features import load_features
from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.hqa.figures import grid_picture, rate_curves
from hvaecodec.bench.papers.hqa.runs import Runs, cell, code_pictures, is_stochastic, used_part
from hvaecodec.bench.show.tables import Table
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training import small_images
from hvaecodec.training.recipes.hqa_faces import FACES, SINGLES

N_TEST = {"cpu": 500, "gpu": 1000, "tiny": 64}
SHIFT = {"cpu": 32, "gpu": 16, "tiny": 16}  # of the patches
_SEED = 0  # of samples
METRICS = {"mse": ("MSE", 4), "fd_cifar": ("FD-cifar", 2)}
TITLES = {"hqa": "HQA", "hams": "HAMs"} | {f"vqvae-{bits}": f"VQ-VAE, {bits} bits" for bits in SINGLES["cpu"]}
_NOTE = (
    "{n} faces of 64x64 that no system was trained on. HQA samples the layers below, as the paper does; `modes` "
    "takes the "
    "most probable codes instead, as the others do. FD-cifar: Fréchet distance of 32x32 "
    "patches in the features of our CIFAR-10 classifier {digest}; the paper's figure 2 has rFID without numbers, so "
    "only orders compare. MSE is plain, on 0..1. Bits are cells times log2 of the codes. A VQ-VAE is as large as the "
    "layers of HQA that it stands against."
)


def run_experiment(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """Train and measure as `Experiment` says; `only` takes names of FACES, or RECORDED."""
    runs = Runs(settings, FACES)
    if runs.choose():
        _fill(runs, report)
    return runs.write_tables(make_tables(runs.records()))


def make_tables(records: list[dict[str, Any]]) -> list[Table]:
    """Return every table that the records of runs allow."""
    return [rates_table(records)] if records else []


def _fill(runs: Runs, report: Report) -> None:
    """Train and measure what the folder lacks, and draw the figures."""
    settings = runs.settings
    test = small_images.faces64(settings.data).test[: N_TEST[settings.preset]]

    def measure(system: str, stack: HqaStack) -> dict[str, Any]:
        return measure_stack(system, stack, test, SHIFT[settings.preset]) | {"pictures": len(test)}

    runs.fill(range(settings.seeds or 1), measure, report)
    rate_curves(runs.records(), TITLES, METRICS, "own", runs.out / "rates.png")
    _grid(runs, test[:6])


def measure_stack(system: str, stack: HqaStack, test: np.ndarray, shift: int) -> dict[str, Any]:
    """Measure every layer as a code of its own: bits a face, MSE and FD-cifar, decoded as the system does and by modes.

    test: uint8 (N, 64, 64, 3). shift: of the patches, in pixels.
    """
    rows, layers = torch.from_numpy(test).permute(0, 3, 1, 2), []
    for layer in range(len(stack)):
        modes = code_pictures(stack, rows, layer)
        codes = len(stack[layer].codebook)
        record: dict[str, Any] = {"bits": round(modes.indices[0].numel() * np.log2(codes))}
        record |= {"used": used_part(modes.indices, codes), "modes": measure_distances(modes.pictures, test, shift)}
        record["own"] = record["modes"]
        if is_stochastic(system) and layer:
            sampled = code_pictures(stack, rows, layer, _SEED).pictures
            record["own"] = measure_distances(sampled, test, shift)
        layers.append(record)
    return {"layers": layers}


def measure_distances(decoded: Tensor, test: np.ndarray, shift: int) -> dict[str, float]:
    """Measure MSE on 0..1 and FD-cifar of pictures, float (N, 3, 64, 64) in 0..1, to the uint8 originals."""
    pictures = decoded.clamp(0, 1).permute(0, 2, 3, 1).numpy()
    mse = float(np.mean((pictures.astype(np.float64) - test / 255) ** 2))
    net = load_features("features-cifar")
    both = []
    for images in (test, np.round(255 * pictures).astype(np.uint8)):
        cut = np.concatenate([frechet.patches(image, 32, shift) for image in images])
        both.append(frechet.gaussian(net.of(cut)))
    return {"mse": mse, "fd_cifar": frechet.frechet_distance(*both)}


def rates_table(records: list[dict[str, Any]]) -> Table:
    """Return the table with a row for each rate of each system."""
    rows: list[tuple[str, ...]] = []
    for system in FACES:
        mine = [record for record in records if record["system"] == system]
        for layer in range(len(mine[0]["layers"]) if mine else 0):
            layers = [record["layers"][layer] for record in mine]
            cells = [cell((t["own"][key] for t in layers), digits) for key, (_, digits) in METRICS.items()]
            name = TITLES[system].partition(",")[0]
            cells.append(cell((t["modes"]["fd_cifar"] for t in layers), 2) if is_stochastic(system) else "")
            share = cell((100 * t["used"] for t in layers), 0)
            rows.append((name, str(layers[0]["bits"]), *cells, share, f"{mine[0]['parameters']:,}"))
    rows.sort(key=lambda row: -int(row[1]))
    header: tuple[str, ...] = ("system", "bits", *(title for title, _ in METRICS.values()), "modes: FD-cifar")
    header += ("perplexity, % of codes", "parameters")
    notes = [_NOTE.format(n=records[0]["pictures"], digest=load_features("features-cifar").digest)]
    return Table("Faces, figure 2 (right) of arXiv:2002.08111", header, rows, notes)


def _grid(runs: Runs, few: np.ndarray) -> None:
    """Write `faces.png`: some faces at every rate of every system, as in table 2."""
    rows = torch.from_numpy(few).permute(0, 3, 1, 2)
    pictures, labels = [rows.float() / 255], ["original"]
    for record in runs.records():
        system, seed = record["system"], record["seed"]
        if seed or not runs.folder(system, seed).is_dir():
            continue
        stack = runs.stack(system, seed)
        for layer, of_layer in enumerate(record["layers"]):
            pictures.append(code_pictures(stack, rows, layer, _SEED if is_stochastic(system) else None).pictures)
            labels.append(f"{TITLES[system].partition(',')[0]}, {of_layer['bits']} bits")
    grid_picture(pictures, labels, runs.out / "faces.png")
