"""Rate–distortion curves from records, the published ones, and Bjøntegaard deltas between any two.

Conventions: rate and distortion are averaged over the images at each setting; MS-SSIM is averaged first and then put
on its dB scale, as the published curves are.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from hvaecodec.bench.data import kodak
from hvaecodec.bench.measure.record_files import of_pictures
from hvaecodec.bench.metrics import image_metrics

# Short words for the published curves one asks for most.
ALIASES = {
    "bpg": "bpg_444_x265_ycbcr",
    "cool-chic": "cool-chic-v5.0",
    "factorized": "compressai-bmshj2018-factorized_mse_cuda",
    "hpcm": "hpcm-large",
    "hyperprior": "compressai-bmshj2018-hyperprior_mse_cuda",
    "qarv": "qarv_base",
    "vtm": "vtm18.0",
}
_PUBLISHED_KEYS = {"psnr": "psnr", "ms-ssim": "ms_ssim", "lpips": "lpips", "dists": "dists"}


@dataclass(frozen=True)
class Curve:
    """The points of a codec in the plane of rate and metric, sorted by rising rate.

    bpp: bits per pixel. values: the metric on its axis, which is in dB for psnr and ms-ssim.
    estimated: whether the rates are a model's estimates and not sizes of files. source: where a published curve comes
    from, None for one that was measured here. left_out: the number of settings without a point, because an image has
    no value there.
    """

    name: str
    metric: str
    bpp: tuple[float, ...]
    values: tuple[float, ...]
    estimated: bool = False
    source: str | None = None
    left_out: int = 0


@dataclass(frozen=True)
class BDRate:
    """How many per cent more bits a codec takes at equal distortion, over the range [low, high] that both curves reach.

    n_anchor, n_test: points of either curve inside the range.
    """

    percent: float
    low: float
    high: float
    n_anchor: int
    n_test: int


class NoOverlap(ValueError):
    """Two curves share too little of the distortion axis for a Bjøntegaard delta; the message says how little."""


def from_records(records: Iterable[dict[str, Any]], metric: str, estimated: bool = False) -> dict[str, Curve]:
    """Return one curve for each codec, averaged over the images, by name and in the order of the records.

    A setting counts only if it has a value for every image in the records, so all points average the same pictures.
    estimated: whether rates come from `est_bits` instead of file sizes; codecs without them have no curve.
    Raises ValueError for an unknown metric.
    """
    records = of_pictures(records)
    images = {record["image"] for record in records}
    curves = {}
    for name in dict.fromkeys(record["codec"] for record in records):
        mine = [record for record in records if record["codec"] == name]
        curve = _average(name, mine, images, metric, estimated)
        if curve.bpp:
            curves[name] = curve
    return curves


@functools.cache
def published_names() -> tuple[str, ...]:
    """Return the names of the published Kodak curves that come with the package."""
    return tuple(_published())


def published_entry(name: str) -> dict[str, Any]:
    """Return a published curve as it is stored: source, note, bpp, and some of psnr, ms_ssim, lpips, dists.

    Raises ValueError, with names like it, if there is none.
    """
    entry: dict[str, Any] | None = _published().get(ALIASES.get(name, name))
    if entry is None:
        near = [known for known in _published() if name.lower() in known.lower()]
        raise ValueError(f"no published curve {name!r}" + (f"; near it: {', '.join(near[:8])}" if near else ""))
    return entry


def published(name: str, metric: str) -> Curve | None:
    """Return a published Kodak curve, or None if its source has no such metric.

    Conventions differ a little between sources. Raises ValueError if there is no curve of that name.
    """
    by_rate = published_values(name, metric)
    return _curve(name, metric, by_rate.items(), source=published_entry(name)["source"]) if by_rate else None


def published_values(name: str, metric: str) -> dict[float, float]:
    """Return the values of a published curve as its source has them, off the metric's axis, by bits per pixel.

    They are none if the source has no such metric. Raises ValueError if there is no curve of that name.
    """
    entry = published_entry(name)
    values = entry.get(_PUBLISHED_KEYS.get(metric, ""))
    pairs = [] if values is None else zip(entry["bpp"], values, strict=True)
    return {b: v for b, v in pairs if v is not None}


def on_published_pictures(records: Iterable[dict[str, Any]]) -> bool:
    """Return whether the records are of the pictures of the published curves: all of Kodak, and nothing else."""
    images = {(record["dataset"], record["image"]) for record in records}
    return len(images) == len(kodak.FILES) and {dataset for dataset, _ in images} == {"kodak"}


def bd_rate(anchor: Curve, test: Curve, within: tuple[float, float] | None = None) -> BDRate:
    """Return how many per cent more bits `test` takes than `anchor` at equal distortion; negative is better.

    within: the range of distortion to compare on; None means the whole range that both curves reach.

    It is the mean difference of log-rate over the common range of distortion, D₁..D₂,
    100 (exp(∫ (log R_test - log R_anchor) dD / (D₂ - D₁)) - 1), of G. Bjøntegaard, "Calculation of average PSNR
    differences between RD-curves", ITU-T VCEG-M33, 2001. Where he fits a cubic polynomial, log-rate is interpolated by
    piecewise cubic Hermite polynomials (PCHIP: Fritsch and Carlson, SIAM J. Numer. Anal. 17(2), 1980), as is usual
    since.
    Raises NoOverlap if the curves share no range of distortion, or not all of `within`, or one of them has a single
    point.
    """
    low, high, log_anchor, log_test = _common(anchor, test)
    if within is not None:
        if within[0] < low or within[1] > high:
            raise NoOverlap(f"{anchor.name} and {test.name} share {low:.1f}..{high:.1f} only")
        low, high = within
    difference = (log_test.integrate(low, high) - log_anchor.integrate(low, high)) / (high - low)
    inside = [sum(low <= value <= high for value in curve.values) for curve in (anchor, test)]
    return BDRate(100 * math.expm1(float(difference)), low, high, *inside)


def worst_ratio(anchor: Curve, test: Curve, n: int = 200) -> tuple[float, float]:
    """Return the largest ratio of the rate of `test` to that of `anchor` at equal distortion, and where it is.

    Under 1, the codec is better than the anchor everywhere on the common range of distortion. n: in how many places of
    the range the ratio is taken. Raises NoOverlap.
    """
    low, high, log_anchor, log_test = _common(anchor, test)
    grid = np.linspace(low, high, n)
    ratio = np.exp(log_test(grid) - log_anchor(grid))
    worst = int(np.argmax(ratio))
    return float(ratio[worst]), float(grid[worst])


def value_at(curve: Curve, bpp: float) -> float | None:
    """Return the distortion at a rate in bits per pixel, by PCHIP over log-rate; None outside the curve."""
    from scipy.interpolate import PchipInterpolator

    rates, values = _increasing(curve.bpp, curve.values)
    if len(rates) < 2 or not rates[0] <= bpp <= rates[-1]:
        return None
    return float(PchipInterpolator(np.log(rates), values)(math.log(bpp)))


def _common(anchor: Curve, test: Curve) -> tuple[float, float, Any, Any]:
    """The range of distortion that both curves reach, and the log-rate of each as a function of distortion."""
    from scipy.interpolate import PchipInterpolator

    fits = []
    for curve in (anchor, test):
        values, rates = _increasing(curve.values, curve.bpp)
        if len(values) < 2:
            raise NoOverlap(f"{curve.name} has {len(values)} point, a curve needs 2")
        fits.append((values, PchipInterpolator(values, np.log(rates))))
    low = max(values[0] for values, _ in fits)
    high = min(values[-1] for values, _ in fits)
    if low >= high:
        raise NoOverlap(f"{anchor.name} and {test.name} share no distortion")
    return float(low), float(high), fits[0][1], fits[1][1]


def _increasing(xs: Sequence[float], ys: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """The points in rising x; where several have an equal x, one with the mean of their y."""
    x, index = np.unique(np.asarray(xs, dtype=np.float64), return_inverse=True)
    y = np.bincount(index, weights=np.asarray(ys, dtype=np.float64)) / np.bincount(index)
    return x, y


def _average(name: str, records: list[dict[str, Any]], images: set[str], metric: str, estimated: bool) -> Curve:
    """The curve of one codec, from its records of all settings and images."""
    key, rate = image_metrics.get(metric).key, "est_bpp" if estimated else "bpp"
    groups: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(json.dumps(record["settings"], sort_keys=True), []).append(record)
    pairs = []
    for group in groups.values():
        scored = {r["image"]: r for r in group if r.get(key) is not None and r.get(rate) is not None}
        if set(scored) == images:
            mean = [float(np.mean([r[field] for r in scored.values()])) for field in (rate, key)]
            pairs.append((mean[0], mean[1]))
    return _curve(name, metric, pairs, estimated=estimated, left_out=len(groups) - len(pairs))


def _curve(name: str, metric: str, pairs: Iterable[tuple[float, float]], **more: Any) -> Curve:
    axis: Callable[[float], float] = image_metrics.get(metric).axis
    ordered = sorted((b, axis(v)) for b, v in pairs)
    return Curve(name, metric, tuple(b for b, _ in ordered), tuple(v for _, v in ordered), **more)


@functools.cache
def _published() -> dict[str, Any]:
    file = resources.files("hvaecodec.bench.show") / "published.json"
    return dict(json.loads(file.read_text(encoding="utf-8")))
