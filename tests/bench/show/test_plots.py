"""Figures of curves: what a reader sees of them."""

from __future__ import annotations

import io

from hvaecodec.bench.show import plots


def test_names_of_lines_cover_none_of_them():
    codecs = [f"codec@temperature={number},effort=1" for number in range(9)]
    common = {"dataset": "d", "images": 1, "setting": "1", "baseline": False}
    sets = [common | {"codec": codec, "bpp": bpp, "fd_cifar": 1 / bpp} for codec in codecs for bpp in (0.01, 2.4)]
    figure = plots.perception_figure(sets, "fd-cifar")
    figure.savefig(io.BytesIO())
    (axes,), (legend,) = figure.axes, figure.legends
    assert [text.get_text() for text in legend.get_texts()] == codecs
    assert legend.get_window_extent().y1 <= axes.get_window_extent().y0
    assert axes.get_window_extent().height > 4 * figure.dpi


def test_published_curves_are_drawn_each_in_its_own_way():
    names = ("factorized", "hyperprior", "bpg", "qarv", "vtm", "hpcm", "cool-chic")
    (axes,) = plots.distortion_figure([], "psnr", published=names).axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == len(names)
