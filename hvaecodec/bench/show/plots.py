"""Rate–distortion plots: our codecs thick, baselines thin, published curves grey, estimates dashed and hollow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hvaecodec.bench.measure.record_files import of_pictures
from hvaecodec.bench.metrics import image_metrics, set_metrics
from hvaecodec.bench.show import curves
from hvaecodec.bench.show.curves import Curve
from hvaecodec.codec.files import printable

_COLOURS = ("#d1495b", "#00798c", "#edae49", "#5f4bb6", "#30638e", "#52a447", "#8c5e3c", "#e377c2", "#17becf")
_DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (9, 3)), (0, (1, 3)), (0, (4, 1, 1, 1, 1, 1)), (0, (9, 2, 3, 2)))
_HEIGHT, _LEGEND_ROW = 6.2, 0.19  # inches


class NotebookFigure(Figure):
    """A figure that a notebook shows as a picture, with pyplot or without.

    Names of codecs and of folders stand in it as they are: a dollar sign begins no formula.
    """

    def savefig(self, *args: Any, **options: Any) -> None:
        """Write the picture as matplotlib's `Figure.savefig` does."""
        texts = [text for axes in self.axes for text in (axes.title, *axes.texts)]
        for text in [*texts, *(text for legend in self.legends for text in legend.get_texts())]:
            text.set_parse_math(False)
            text.set_text("\n".join(printable(line) for line in text.get_text().split("\n")))
        super().savefig(*args, **options)

    def _repr_png_(self) -> bytes:
        sink = io.BytesIO()
        self.savefig(sink, format="png")
        return sink.getvalue()


def rate_distortion(
    records: Sequence[dict[str, Any]], metric: str, path: Path, *, published: Sequence[str] = (), max_bpp: float = 2.5
) -> Path:
    """Write `distortion_figure` to the picture file `path`, and return the path."""
    distortion_figure(records, metric, published=published, max_bpp=max_bpp).savefig(path)
    return path


def rate_perception(sets: Sequence[dict[str, Any]], metric: str, path: Path, *, max_bpp: float = 2.5) -> Path:
    """Write `perception_figure` to the picture file `path`, and return the path."""
    perception_figure(sets, metric, max_bpp=max_bpp).savefig(path)
    return path


def distortion_figure(
    records: Sequence[dict[str, Any]], metric: str, *, published: Sequence[str] = (), max_bpp: float = 2.5
) -> NotebookFigure:
    """Draw every codec's curve for `metric`, and published curves behind.

    Files and estimates are never joined: rates from `est_bits` are a curve of their own, dashed with hollow markers,
    left out where it would lie on the files' curve. max_bpp: the right end of the axis, in bits per pixel.
    Raises ValueError for an unknown metric or published curve.
    """
    figure, axes = _empty()
    for index, name in enumerate(published):
        curve = curves.published(name, metric)
        if curve is not None:
            _draw_published(axes, curve, index)
    baselines = {record["codec"] for record in records if record["baseline"]}
    files = curves.from_records(records, metric)
    estimates = curves.from_records(records, metric, estimated=True)
    order = sorted(files, key=lambda name: name in baselines)  # ours take the first colours
    for index, name in enumerate(order):
        colour = _COLOURS[index % len(_COLOURS)]
        _draw(axes, files[name], colour, ours=name not in baselines)
        if name in estimates and apart(files[name], estimates[name]):
            _draw(axes, estimates[name], colour, ours=False)
    _label(axes, records, metric, max_bpp)
    _put_legend(figure)
    return figure


def perception_figure(sets: Sequence[dict[str, Any]], metric: str, *, max_bpp: float = 2.5) -> NotebookFigure:
    """Draw every codec's distance over the whole set against its rate; lower is better.

    sets: from `set_metrics.score_sets`. The axis is logarithmic; where unbiased estimates fell below 0 it is linear
    between the lowest and its opposite, for what is smaller than that cannot be told from 0.
    """
    figure, axes = _empty()
    baselines = {entry["codec"] for entry in sets if entry["baseline"]}
    by_codec = set_metrics.curves_of(sets, metric)
    for index, name in enumerate(sorted(by_codec, key=lambda name: name in baselines)):
        _draw(axes, by_codec[name], _COLOURS[index % len(_COLOURS)], ours=name not in baselines)
    lowest = min((value for curve in by_codec.values() for value in curve.values), default=0)
    if lowest > 0:
        axes.set_yscale("log")
    elif lowest < 0:
        axes.set_yscale("symlog", linthresh=-lowest, linscale=0.4)
    axes.set_xscale("log")
    names = ", ".join(dict.fromkeys(entry["dataset"] for entry in sets))
    axes.set_title(f"{names}: all patches of {sets[0]['images']} images, over the whole set", fontsize=11)
    axes.set_xlabel("rate (bits per pixel of the whole file)")
    axes.set_ylabel(f"{set_metrics.SET_METRICS[metric].label} (lower is better)")
    axes.set_xlim(right=max_bpp)
    axes.grid(alpha=0.3, which="both")
    _put_legend(figure)
    return figure


def tradeoff(
    rows: Sequence[dict[str, Any]], metrics: tuple[str, str], path: Path, *, published: Sequence[str] = ()
) -> Path:
    """Write `tradeoff_figure` to the picture file `path`, and return the path."""
    tradeoff_figure(rows, metrics, published=published).savefig(path)
    return path


def tradeoff_figure(
    rows: Sequence[dict[str, Any]], metrics: tuple[str, str], *, published: Sequence[str] = ()
) -> NotebookFigure:
    """Draw one metric against another; a line joins the pictures of the same files at rising temperature.

    rows: of a `ResultTable`. metrics: the names of those across and up. published: names of published Kodak curves;
    theirs are drawn behind, a line over their rates, which stand at its points.
    """
    from hvaecodec.bench.show import tradeoffs

    figure, axes = _empty()
    across, up = map(tradeoffs.column_and_label, metrics)
    for index, (name, theirs) in enumerate(tradeoffs.published_points(published, *metrics).items()):
        _draw_grey(axes, [(x, y) for _, x, y in theirs], f"{name} (published, Kodak, by rate)", index)
        for bpp, x, y in theirs:
            axes.annotate(f"{bpp:.2g} bpp", (x, y), xytext=(3, -9), textcoords="offset points", fontsize=6, color="0.5")
    files: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row[across[0]] is not None and row[up[0]] is not None:
            files.setdefault(row["file"], []).append(row)
    for index, (name, pictures) in enumerate(files.items()):
        pictures.sort(key=lambda row: row["temperature"] or 0)
        points = [(row[across[0]], row[up[0]]) for row in pictures]
        label = f"{name}, {pictures[0]['bpp']:.3f} bpp"
        axes.plot(*zip(*points, strict=True), marker="o", color=_COLOURS[index % len(_COLOURS)], label=label)
        for row, point in zip(pictures, points, strict=True):
            if row["temperature"] is not None:
                axes.annotate(f"{row['temperature']:g}", point, xytext=(4, 4), textcoords="offset points", fontsize=8)
    axes.set_title("Lines join the pictures of one file; numbers are temperatures", fontsize=11)
    axes.set_xlabel(across[1])
    axes.set_ylabel(up[1])
    axes.grid(alpha=0.3)
    _put_legend(figure)
    return figure


def _empty() -> tuple[NotebookFigure, Any]:
    figure = NotebookFigure(figsize=(9, _HEIGHT), dpi=140, layout="constrained")
    return figure, figure.add_subplot()


def _put_legend(figure: NotebookFigure) -> None:
    """Name all lines below the axes, where nothing lies under the names, in a figure that grows by them."""
    (axes,) = figure.axes
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.set_figheight(_HEIGHT + _LEGEND_ROW * -(-len(handles) // 2))
        figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=8.5, frameon=False)


def apart(files: Curve, estimates: Curve) -> bool:
    """Return whether estimates are worth a curve of their own: somewhere they lie more than 2 % from the files."""
    if len(files.bpp) != len(estimates.bpp):
        return True
    return any(abs(e - f) > 0.02 * f for f, e in zip(files.bpp, estimates.bpp, strict=True))


def _draw(axes: Any, curve: Curve, colour: str, *, ours: bool) -> None:
    style: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 5 if ours else 3.5}
    style |= {"linewidth": 2.6 if ours else 1.3, "zorder": 4 if ours else 3, "label": curve.name}
    if curve.estimated:
        style |= {"linestyle": "--", "markerfacecolor": "none", "label": f"{curve.name}, estimated bits"}
    axes.plot(curve.bpp, curve.values, **style)


def _draw_published(axes: Any, curve: Curve, index: int) -> None:
    _draw_grey(axes, list(zip(curve.bpp, curve.values, strict=True)), f"{curve.name} (published, Kodak)", index)


def _draw_grey(axes: Any, points: Sequence[tuple[float, float]], label: str, index: int) -> None:
    """A line behind, as what was published is drawn."""
    grey = f"{0.35 + 0.06 * (index % 7):.2f}"
    style = {"color": grey, "linewidth": 1.0, "linestyle": _DASHES[index % len(_DASHES)], "zorder": 2}
    axes.plot(*zip(*points, strict=True), label=label, **style)


def _label(axes: Any, records: Sequence[dict[str, Any]], metric: str, max_bpp: float) -> None:
    names = ", ".join(dict.fromkeys(record["dataset"] for record in records))
    n_images = len({record["image"] for record in of_pictures(records)})
    axes.set_title(f"{names}: mean of {n_images} images, whole files decoded by a fresh decoder", fontsize=11)
    axes.set_xlabel("rate (bits per pixel of the whole file)")
    axes.set_ylabel(image_metrics.get(metric).label)
    if image_metrics.is_perceptual_distance(metric):
        axes.set_xscale("log")  # perception is compared at low rates
        axes.set_xlim(right=max_bpp)
    else:
        axes.set_xlim(0, max_bpp)
    inside = [y for line in axes.lines for x, y in zip(*line.get_data(), strict=True) if x <= max_bpp]
    if inside:
        margin = 0.5 if image_metrics.get(metric).unit else 0.03 * (max(inside) - min(inside)) or 0.5
        axes.set_ylim(min(inside) - margin, max(inside) + margin)
    axes.grid(alpha=0.3)
