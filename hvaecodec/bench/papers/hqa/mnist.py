"""Repeat HQA's experiments on digits: table 3, figure 3, and interpolations as in table 4 (arXiv:2002.08111).

Distances are rFD-LeNet, in the features of our own digit classifier, and not the paper's rFID, whose net is not named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from hvaecodec.bench.metrics.features import digit_errors, load_features, rfd_lenet
from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.hqa import printed
from hvaecodec.bench.papers.hqa.figures import grid_picture, interpolations, rate_curves
from hvaecodec.bench.papers.hqa.runs import Runs, cell, code_pictures, is_stochastic, used_part
from hvaecodec.bench.papers.hqa.weak_digits import WeakClassifier
from hvaecodec.bench.show.tables import Table
from hvaecodec.models.hqa.stack import HqaStack
from hvaecodec.training import small_images
from hvaecodec.training.recipes.hqa import HIERARCHIES, MNIST

SEEDS = 3
N_TEST = {"cpu": 10_000, "gpu": 10_000, "tiny": 512}
N_BELOW = 1000  # digits for the rates of figure 3
METRICS = {"mse": ("MSE", 4), "rfd": ("rFD-LeNet", 1), "error_percent": ("class error %", 2)}
_SEED = 0  # of the samples that decoders draw

_RATES = (
    f"Bits are cells times log2 of the codes, not of a file. On the first {N_BELOW} test digits, for equal footing."
)
TITLES = {"vqvae": "VQ-VAE"} | {name: system.title for name, system in HIERARCHIES.items()}
_NOTES = (
    "8 bits a digit; {n} test digits of 32x32; mean ± 95 % interval (Student's t) over {seeds} seeds. MSE is plain, on "
    "0..1. rFD-LeNet is the Fréchet distance in the features of our digit classifier {digest}, whose scale is not "
    "that of the paper's rFID; compare orders, not numbers.",
    "Systems with GS decode as the paper says, by sampling the layers below; `modes` takes the most probable codes "
    "instead, as the deterministic systems do.",
    "The weak classifier has one hidden layer and errs on {weak:.2f} % of the originals, about as the paper's "
    "net does.",
)


def run_experiment(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """Train and measure as `Experiment` says; `only` takes names of MNIST, or RECORDED."""
    runs = Runs(settings, MNIST)
    if runs.choose():
        _fill(runs, report)
    return runs.write_tables(make_tables(runs.records()))


def make_tables(records: list[dict[str, Any]]) -> list[Table]:
    """Return every table that the records of runs allow."""
    return [table_3(records), rates_table(records)] if records else []


def _fill(runs: Runs, report: Report) -> None:
    """Train and measure what the folder lacks, and draw the figures."""
    digits = small_images.mnist32(runs.settings.data)
    n = N_TEST[runs.settings.preset]
    test, labels = digits.test[:n], digits.test_labels[:n] if digits.test_labels is not None else np.zeros(n)
    weak = WeakClassifier(digits.train, cast(np.ndarray, digits.train_labels))
    originals = {
        "pictures": len(test),
        "error_percent": 100 * digit_errors(test, labels),
        "weak_error_percent": 100 * weak.errors(test, labels),
    }

    def measure(system: str, stack: HqaStack) -> dict[str, Any]:
        return measure_stack(system, stack, test, labels, weak) | {"originals": originals}

    runs.fill(range(runs.settings.seeds or SEEDS), measure, report)
    _figures(runs, runs.records(), test)


def measure_stack(
    system: str, stack: HqaStack, test: np.ndarray, labels: np.ndarray, weak: WeakClassifier
) -> dict[str, Any]:
    """Measure every layer as a code of its own, decoded as the system does; the top also by modes.

    test: uint8 (N, 32, 32). labels: of these digits, (N,).
    """
    rows, layers, top = torch.from_numpy(test)[:, None], [], len(stack) - 1
    for layer in range(len(stack)):
        n = len(test) if layer == top else min(N_BELOW, len(test))
        decoded = code_pictures(stack, rows[:n], layer, _SEED if is_stochastic(system) else None)
        codes = len(stack[layer].codebook)
        record: dict[str, Any] = {"bits": round(decoded.indices[0].numel() * np.log2(codes))}
        record |= {"used": used_part(decoded.indices, codes)}
        record |= {"own": measure_distances(decoded.pictures, test[:n], labels[:n])}
        if layer == top:
            record["first"] = measure_distances(decoded.pictures[:N_BELOW], test[:N_BELOW], labels[:N_BELOW])
            modes = code_pictures(stack, rows, layer) if is_stochastic(system) else decoded
            record["modes"] = measure_distances(modes.pictures, test, labels)
            record["weak_error_percent"] = 100 * weak.errors(decoded.pictures[:, 0].clamp(0, 1).numpy(), labels)
        else:
            record["first"] = record["own"]
        layers.append(record)
    return {"layers": layers}


def measure_distances(decoded: Tensor, test: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Measure how far digits, float (N, 1, 32, 32) in 0..1, are from the uint8 originals (N, 32, 32).

    Returns MSE on 0..1, rFD-LeNet, and the class error in per cent.
    """
    pictures = np.ascontiguousarray(decoded[:, 0].clamp(0, 1).numpy(), np.float32)
    mse = float(np.mean((pictures.astype(np.float64) - test / 255) ** 2))
    return {"mse": mse, "rfd": rfd_lenet(test, pictures), "error_percent": 100 * digit_errors(pictures, labels)}


def table_3(records: list[dict[str, Any]]) -> Table:
    """Return our numbers beside the printed ones, one row for each system, at 8 bits a digit."""
    originals = records[0]["originals"]
    clean, weakly = originals["error_percent"], originals["weak_error_percent"]
    first = ("No compression", "0.0000", "0.0", f"{clean:.2f}", f"{weakly:.2f}", "", "", "", "", *printed.UNCOMPRESSED)
    rows: list[tuple[str, ...]] = [first]
    for system in MNIST:
        mine = [record for record in records if record["system"] == system]
        if not mine:
            continue
        tops = [record["layers"][-1] for record in mine]
        ours = [cell((top["own"][key] for top in tops), d) for key, (_, d) in METRICS.items()]
        modes = [cell((top["modes"][key] for top in tops), METRICS[key][1]) for key in ("rfd", "error_percent")]
        ours.append(cell((top["weak_error_percent"] for top in tops), 2))
        extra = (*modes, cell((100 * top["used"] for top in tops), 0), f"{mine[0]['parameters']:,}")
        rows.append((f"{TITLES[system]} ({len(mine)})", *ours, *extra, *printed.TABLE_3[system]))
    header: tuple[str, ...] = ("system (runs)", *(title for title, _ in METRICS.values()))
    header += ("weak classifier: error %", "modes: rFD-LeNet", "modes: error %", "perplexity, % of codes", "parameters")
    header += ("paper: distortion", "paper: rFID", "paper: error %")
    seeds = max((sum(r["system"] == s for r in records) for s in MNIST), default=0)
    digest = load_features("digits").digest
    notes = [line.format(n=originals["pictures"], seeds=seeds, digest=digest, weak=weakly) for line in _NOTES]
    return Table("MNIST in 8 bits, table 3 of arXiv:2002.08111", header, rows, notes)


def rates_table(records: list[dict[str, Any]]) -> Table:
    """Return the numbers behind figure 3, a row for each layer of each system."""
    rows = []
    for system in MNIST:
        mine = [record for record in records if record["system"] == system]
        for layer in range(len(mine[0]["layers"]) if mine else 0):
            layers = [record["layers"][layer] for record in mine]
            cells = [cell((t["first"][key] for t in layers), d) for key, (_, d) in METRICS.items()]
            rows.append((TITLES[system], str(layers[0]["bits"]), *cells, cell((100 * t["used"] for t in layers), 0)))
    header = ("system", "bits", *(title for title, _ in METRICS.values()), "perplexity, % of codes")
    return Table("Rates over layers, figure 3", header, rows, [_RATES])


def _figures(runs: Runs, records: list[dict[str, Any]], test: np.ndarray) -> None:
    """Write `rates.png`, `digits.png` (reconstructions in 8 bits) and `interpolations.png` of what was run here."""
    out = runs.out
    rate_curves(records, TITLES, METRICS, "first", out / "rates.png")
    seed = 0
    here = [
        s for s in MNIST if any(r["system"] == s and r["seed"] == seed for r in records) and _has_run(runs, s, seed)
    ]
    if not here:
        return
    stacks = {TITLES[system]: runs.stack(system, seed) for system in here}
    few = torch.from_numpy(test[:16])[:, None]
    pictures = [few.float() / 255]
    for system, stack in zip(here, stacks.values(), strict=True):
        pictures.append(code_pictures(stack, few, len(stack) - 1, _SEED if is_stochastic(system) else None).pictures)
    grid_picture(pictures, ["original", *stacks], out / "digits.png")
    pairs = torch.from_numpy(test[[1, 7]])[:, None], torch.from_numpy(test[[9, 0]])[:, None]
    few_stacks = {title: stacks[title] for title in (TITLES[s] for s in ("hqa", "hams", "vqvae")) if title in stacks}
    interpolations(few_stacks, *pairs, out / "interpolations.png")


def _has_run(runs: Runs, system: str, seed: int) -> bool:
    return runs.folder(system, seed).is_dir()
