"""Perception: how far the decoded patches of a whole set are from the original ones. One entry in `SET_METRICS` each.

A value belongs to a codec at a setting over all images, never to one image, so it is no field of a record and enters no
BD-rate. What is kept for each record are the features of its decoded picture; `score` puts them together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.bench.metrics import frechet, inception, metric_weights
from hvaecodec.bench.metrics.frechet import TooFewPatches
from hvaecodec.bench.show.curves import Curve

FOLDER = "features"  # in the folder of a run
SUMMARY = "sets.json"
_STORED = np.float16  # its rounding moves no distance in the digits that are printed; see docs/METRICS.md

Record = dict[str, Any]


@dataclass(frozen=True)
class SetMetric:
    """A distance between the patches of two sets of pictures; lower is better."""

    key: str  # in the scores
    label: str  # on plots and in tables
    net: str  # whose features; see `features.NAMES` and `inception.load`
    describe: Callable[[np.ndarray], Any]  # what of a set the distance needs
    distance: Callable[[Any, Any], float]
    about: str  # input range, patches and network, to stand beside every number

    def ready(self) -> None:
        """Raise CodecUnavailable if it cannot be had."""
        _load(self.net)


def _cifar(net: str, suffix: str) -> dict[str, SetMetric]:
    about = f"32x32 patches with half shift, RGB in [0, 1], our CIFAR-10 classifier {net}: neither FID nor KID"
    tail = suffix.replace("-", "_")
    return {
        f"fd-cifar{suffix}": SetMetric(
            f"fd_cifar{tail}", f"FD-cifar{suffix}", net, frechet.gaussian, frechet.frechet_distance, about
        ),
        f"kd-cifar{suffix}": SetMetric(
            f"kd_cifar{tail}", f"KD-cifar{suffix}", net, frechet.powers, frechet.kernel_distance, about
        ),
    }


def _inception(side: int) -> dict[str, SetMetric]:
    about = f"{side}x{side} patches with half shift, RGB 0..255, torch-fidelity's Inception, {metric_weights.INCEPTION.about}"
    net = f"inception-{side}"
    return {
        f"fid-{side}": SetMetric(f"fid_{side}", f"FID/{side}", net, frechet.gaussian, frechet.frechet_distance, about),
        f"kid-{side}": SetMetric(f"kid_{side}", f"KID/{side}", net, inception.enough_for_kid, inception.kid, about),
    }


SET_METRICS = _cifar("features-cifar", "") | _cifar("features-cifar-check", "-check") | _inception(64) | _inception(256)


def split(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Metrics of one image, and metrics of a set, each in their order."""
    names = list(names)
    return [name for name in names if name not in SET_METRICS], [name for name in names if name in SET_METRICS]


class FeatureStore:
    """The features of pictures, in the folder of a run: a file for each record, or original, and net."""

    def __init__(self, folder: Path, metric_names: Iterable[str]) -> None:
        self.folder = folder / FOLDER
        self.nets = [_load(name) for name in dict.fromkeys(SET_METRICS[name].net for name in metric_names)]

    def has(self, head: Record) -> bool:
        """Whether a record's features are there, for every net."""
        return all(self._path(net.name, head).exists() for net in self.nets)

    def keep(self, head: Record, x: np.ndarray, x_hat: np.ndarray) -> None:
        """Store the features of a decoded picture, and those of its original once. uint8 (H, W) or (H, W, 3)."""
        original = {"pixels": head["pixels"]}
        for net in self.nets:
            for key, picture in ((original, x), (head, x_hat)):
                path = self._path(net.name, key)
                if key is head or not path.exists():
                    _write(path, net.of(frechet.patches(picture, net.side)))

    def of(self, net: str, records: Iterable[Record]) -> np.ndarray:
        """The features of all patches of decoded pictures, (N, D). Raises FileNotFoundError if a picture has none."""
        return np.concatenate([np.load(self._path(net, record)) for record in records])

    def of_originals(self, net: str, digests: Iterable[str]) -> np.ndarray:
        """The same of originals, by the digests of their pixels."""
        return np.concatenate([np.load(self._path(net, {"pixels": digest})) for digest in digests])

    def _path(self, net: str, head: Record) -> Path:
        (digest,) = (loaded.digest for loaded in self.nets if loaded.name == net)
        parts = [head.get(name) for name in ("codec", "settings", "version", "image", "pixels")]
        key = hashlib.sha256(json.dumps([digest, *parts], sort_keys=True).encode()).hexdigest()[:20]
        return self.folder / f"{net}-{key}.npy"


def score(records: Sequence[Record], store: FeatureStore, metric_names: Sequence[str]) -> list[Record]:
    """One entry for every codec and setting: rate, number of patches, and the distances by key.

    A distance that cannot be had is null, and `not_measured` says why. Rates are means over the images.
    """
    images = list(dict.fromkeys((record["image"], record["pixels"]) for record in records))
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(json.dumps([record["codec"], record["settings"]], sort_keys=True), []).append(record)
    described: dict[str, Any] = {}
    return [_entry(group, images, store, metric_names, described) for group in groups.values()]


def curves_of(scores: Sequence[Record], metric: str) -> dict[str, Curve]:
    """One curve for each codec, in rising rate; settings without a value are left out."""
    key = SET_METRICS[metric].key
    found = {}
    for name in dict.fromkeys(entry["codec"] for entry in scores):
        points = sorted((e["bpp"], e[key]) for e in scores if e["codec"] == name and e[key] is not None)
        if points:
            found[name] = Curve(name, metric, tuple(b for b, _ in points), tuple(v for _, v in points))
    return found


def write_summary(scores: Sequence[Record], folder: Path) -> Path:
    """The scores as a JSON list, `sets.json`."""
    path = folder / SUMMARY
    path.write_text(json.dumps(list(scores), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _entry(
    group: list[Record],
    images: list[tuple[str, str]],
    store: FeatureStore,
    metric_names: Sequence[str],
    described: dict[str, Any],
) -> Record:
    scored = [record for record in group if "error" not in record and record.get("bpp") is not None]
    head = {name: group[0].get(name) for name in ("dataset", "codec", "settings", "version", "baseline")}
    head["images"] = len(images)
    values: Record = {}
    reasons: dict[str, str] = {}
    for metric in (SET_METRICS[name] for name in metric_names):
        values[metric.key] = None
        values.setdefault(_patches(metric), 0)
        try:
            if len(scored) < len(images):
                raise TooFewPatches(f"{len(images) - len(scored)} of {len(images)} images were not decoded")
            decoded = store.of(metric.net, scored)
            values[_patches(metric)] = len(decoded)
            if metric.key not in described:
                originals = store.of_originals(metric.net, [digest for _, digest in images])
                described[metric.key] = metric.describe(originals)
            values[metric.key] = metric.distance(described[metric.key], metric.describe(decoded))
        except TooFewPatches as reason:
            reasons[metric.key] = str(reason)
    head["bpp"] = float(np.mean([record["bpp"] for record in scored])) if len(scored) == len(images) else None
    head["nets"] = {net.name: net.digest for net in store.nets}
    return head | values | ({"not_measured": reasons} if reasons else {})


def _patches(metric: SetMetric) -> str:
    """Where the number of its patches is: they differ between nets only in their side."""
    side = metric.net.rpartition("-")[2] if metric.net.startswith("inception") else ""
    return "patches" + (f"_{side}" if side else "")


def _load(net: str) -> Any:
    from hvaecodec.bench.metrics import features

    return inception.load(net) if net.startswith("inception") else features.load_features(net)


def _write(path: Path, features: np.ndarray) -> None:
    """As a whole or not at all: an interrupted run leaves no half file that looks whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.save(file, features.astype(_STORED), allow_pickle=False)
    temporary.replace(path)
