"""How far the decoded patches of a whole set are from the original ones: perception, one entry in `SET_METRICS` each.

A value belongs to a codec at a setting over all images, never to one image, so it is no field of a record and enters no
BD-rate. For each record the features of its decoded picture are stored; `score_sets` puts them together.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.bench.measure.record_files import of_pictures
from hvaecodec.bench.metrics import frechet, inception
from hvaecodec.bench.metrics.frechet import TooFewPatches
from hvaecodec.bench.show.curves import Curve
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.metric_nets import metric_weights

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
        """Raise CodecUnavailable if the network, or a library or weights that it needs, cannot be had."""
        _load(self.net)


def _cifar(net: str, suffix: str) -> dict[str, SetMetric]:
    """The Fréchet and the kernel distance in the features of one of our classifiers."""
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
    """FID and KID on patches of a side."""
    weights = metric_weights.INCEPTION.about
    about = f"{side}x{side} patches with half shift, RGB 0..255, torch-fidelity's Inception, {weights}"
    net = f"inception-{side}"
    return {
        f"fid-{side}": SetMetric(f"fid_{side}", f"FID/{side}", net, frechet.gaussian, frechet.frechet_distance, about),
        f"kid-{side}": SetMetric(f"kid_{side}", f"KID/{side}", net, inception.enough_for_kid, inception.kid, about),
    }


SET_METRICS = _cifar("features-cifar", "") | _cifar("features-cifar-check", "-check") | _inception(64) | _inception(256)


def split_names(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the names of metrics of one image, and those of metrics of a set, each in their order."""
    names = list(names)
    return [name for name in names if name not in SET_METRICS], [name for name in names if name in SET_METRICS]


class FeatureStore:
    """The features of pictures, in the folder of a run: a file for each net and decoded picture or original."""

    def __init__(self, folder: Path, metric_names: Iterable[str]) -> None:
        self.folder = folder / FOLDER
        self.nets = [_load(name) for name in dict.fromkeys(SET_METRICS[name].net for name in metric_names)]

    def has(self, head: Record) -> bool:
        """Return whether the features of a record's picture are there, for every net. head: its identifying fields."""
        return all(self._path(net.name, head).exists() for net in self.nets)

    def keep(self, head: Record, x: np.ndarray, x_hat: np.ndarray) -> None:
        """Store the features of a decoded picture, and once those of its original.

        head: the identifying fields of the record. x, x_hat: original and decoded, uint8 (H, W) or (H, W, 3).
        """
        original = {"pixels": head["pixels"]}
        for net in self.nets:
            for key, picture in ((original, x), (head, x_hat)):
                path = self._path(net.name, key)
                if key is head or not path.exists():
                    _write(path, net.of(frechet.patches(picture, net.side)))

    def of(self, net: str, records: Iterable[Record]) -> np.ndarray:
        """Return the features of all patches of the records' decoded pictures, float16 (N, D).

        Raises FileNotFoundError if those of a picture are not there.
        """
        return np.concatenate([np.load(self._path(net, record)) for record in records])

    def of_originals(self, net: str, digests: Iterable[str]) -> np.ndarray:
        """Return the features of all patches of originals, float16 (N, D), by the digests of their pixels.

        Raises FileNotFoundError if those of a picture are not there.
        """
        return np.concatenate([np.load(self._path(net, {"pixels": digest})) for digest in digests])

    def _path(self, net: str, head: Record) -> Path:
        (digest,) = (other.digest for other in self.nets if other.name == net)
        parts = [head.get(name) for name in ("codec", "settings", "version", "image", "pixels")]
        key = hashlib.sha256(json.dumps([digest, *parts], sort_keys=True).encode()).hexdigest()[:20]
        return self.folder / f"{net}-{key}.npy"


def score_sets(records: Sequence[Record], store: FeatureStore, metric_names: Sequence[str]) -> list[Record]:
    """Return an entry for every codec and setting: mean rate, number of patches, and the distances by key.

    A distance that cannot be had is null, and `not_measured` says why. Rates are means over the images, null if one of
    them was not decoded.
    """
    records = of_pictures(records)
    images = list(dict.fromkeys((record["image"], record["pixels"]) for record in records))
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(json.dumps([record["codec"], record["settings"]], sort_keys=True), []).append(record)
    originals = _Originals(store, [digest for _, digest in images])
    return [_entry(group, originals, metric_names) for group in groups.values()]


def curves_of(scores: Sequence[Record], metric: str) -> dict[str, Curve]:
    """Return one curve for each codec, in rising rate; settings without a value are left out.

    scores: from `score_sets`. metric: one of SET_METRICS.
    """
    key = SET_METRICS[metric].key
    curves = {}
    for name in dict.fromkeys(entry["codec"] for entry in scores):
        points = sorted((e["bpp"], e[key]) for e in scores if e["codec"] == name and e[key] is not None)
        if points:
            curves[name] = Curve(name, metric, tuple(b for b, _ in points), tuple(v for _, v in points))
    return curves


def write_summary(scores: Sequence[Record], folder: Path) -> Path:
    """Write the scores as a JSON list to `sets.json` in a folder, and return its path."""
    path = folder / SUMMARY
    path.write_text(json.dumps(list(scores), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return path


class _Originals:
    """What the distances need of the originals of a set, described once for each metric."""

    def __init__(self, store: FeatureStore, digests: list[str]) -> None:
        self.store, self.digests = store, digests
        self._descriptions: dict[str, Any] = {}

    def describe(self, metric: SetMetric) -> Any:
        if metric.key not in self._descriptions:
            features = self.store.of_originals(metric.net, self.digests)
            self._descriptions[metric.key] = metric.describe(features)
        return self._descriptions[metric.key]


def _entry(group: list[Record], originals: _Originals, metric_names: Sequence[str]) -> Record:
    """The scores of one codec at one setting, from its records of all images."""
    store, n_images = originals.store, len(originals.digests)
    scored = [record for record in group if "error" not in record and record.get("bpp") is not None]
    head = {name: group[0].get(name) for name in ("dataset", "codec", "settings", "version", "baseline")}
    head["images"] = n_images
    values: Record = {}
    reasons: dict[str, str] = {}
    for metric in (SET_METRICS[name] for name in metric_names):
        values[metric.key] = None
        values.setdefault(_patches(metric), 0)
        try:
            if len(scored) < n_images:
                raise TooFewPatches(f"{n_images - len(scored)} of {n_images} images were not decoded")
            decoded = store.of(metric.net, scored)
            values[_patches(metric)] = len(decoded)
            values[metric.key] = metric.distance(originals.describe(metric), metric.describe(decoded))
        except TooFewPatches as reason:
            reasons[metric.key] = str(reason)
    head["bpp"] = float(np.mean([record["bpp"] for record in scored])) if len(scored) == n_images else None
    head["nets"] = {net.name: net.digest for net in store.nets}
    return head | values | ({"not_measured": reasons} if reasons else {})


def _patches(metric: SetMetric) -> str:
    """The key of the number of a metric's patches, which differ between nets only in their side."""
    side = metric.net.rpartition("-")[2] if metric.net.startswith("inception") else ""
    return "patches" + (f"_{side}" if side else "")


def _load(net: str) -> Any:
    from hvaecodec.bench.metrics import features

    return inception.load(net) if net.startswith("inception") else features.load_features(net)


def _write(path: Path, features: np.ndarray) -> None:
    """Write features as a whole or not at all: an interrupted run leaves no half file that looks whole."""
    content = io.BytesIO()
    np.save(content, features.astype(_STORED), allow_pickle=False)
    write_into_folder(path, content.getvalue(), force=True)
