"""What a sweep returns prints as a small table, can be filtered, and is a data frame where pandas is."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from hvaecodec.bench.measure.result_table import ResultTable
from hvaecodec.bench.show import row_table


def records(n_qualities: int = 2) -> list[dict[str, Any]]:
    """Two codecs on two images, one codec at two temperatures."""
    lines = []
    for codec, temperature in (("ours@effort=1", None), ("ours@effort=1,temperature=1", 1.0), ("jpeg", None)):
        for quality in range(1, n_qualities + 1):
            for image in ("a", "b"):
                settings = {"quality": quality} | ({} if temperature is None else {"temperature": temperature})
                head = {"dataset": "kodak", "codec": codec, "settings": settings, "version": "1", "image": image}
                rates = {"n_bytes": 100 * quality, "bpp": 0.1 * quality, "encode_s": 0.1, "decode_s": 0.1}
                scores = {"psnr_db": 20.0 + quality, "lpips": 0.5 / quality + (image == "b") * 0.1}
                lines.append(head | {"baseline": codec == "jpeg", "pixels": image} | rates | scores)
    return lines


def table(n_qualities: int = 2) -> ResultTable:
    lines = records(n_qualities)
    labels = {line["codec"]: line["codec"].partition(",")[0] for line in lines}
    sets = [
        {"codec": line["codec"], "settings": line["settings"], "bpp": 0.1, "fd_cifar": 2.5, "patches": 300}
        for line in lines[::2]
    ]
    return ResultTable.from_records(lines, sets, ("lpips", "fd-cifar", "psnr"), labels)


def test_it_prints_as_a_small_table() -> None:
    shown = repr(table()).splitlines()
    assert shown[0] == "kodak: means over 2 images"
    assert " ".join(shown[1].split()) == "codec quality temperature bpp LPIPS (AlexNet) FD-cifar PSNR dB"
    assert shown[2].split() == ["ours@effort=1", "1", "–", "0.1", "0.5500", "2.5", "21.00"]
    assert shown[5].split() == ["ours@effort=1,temperature=1", "2", "1", "0.2", "0.3000", "2.5", "22.00"]
    assert len(shown) == 2 + 6 and len({len(line) for line in shown[1:]}) == 1, "aligned"
    assert str(table()) == repr(table())
    assert repr(ResultTable([], [], [], ("psnr",))).splitlines()[0] == "no rows"


def test_a_long_table_stays_small() -> None:
    shown = repr(table(100))
    assert len(shown.splitlines()) == 2 + row_table.MOST_ROWS + 1 and len(shown) < 5000
    assert shown.endswith("and 260 more rows, in `records` and `to_dataframe()`")
    assert "260 more rows" in table(100)._repr_html_()


def test_a_notebook_shows_an_html_table() -> None:
    html = table()._repr_html_()
    assert html.startswith("<table>") and html.count("<tr>") == 1 + 6
    assert "<td>0.5500</td>" in html
    named = table()
    named.records[0]["codec"] = "<script>"
    assert "&lt;script&gt;" in named._repr_html_() and "<script>" not in named._repr_html_()


def test_rows_are_filtered_by_codec_and_metric() -> None:
    whole = table()
    ours = whole.filter("ours")
    assert [row["codec"] for row in ours] == ["ours@effort=1"] * 2 + ["ours@effort=1,temperature=1"] * 2
    assert [row["codec"] for row in whole.filter("ours@effort=1")] == ["ours@effort=1"] * 2
    one = whole.filter(["jpeg"], metric="lpips")
    assert one.metrics == ("lpips",) and len(one) == 2
    assert "lpips" in one[0] and "psnr_db" not in one[0] and "fd_cifar" not in one[0] and one[0]["bpp"] == 0.1
    assert one.curves() == {"jpeg": whole.curves("lpips")["jpeg"]}
    assert ours.filter(metric=["psnr", "fd-cifar"]).sets == ours.sets
    assert len(whole) == 6 and whole.metrics == ("lpips", "fd-cifar", "psnr"), "the table itself stays"
    with pytest.raises(ValueError, match="no codec 'webp' in the table; there are jpeg, ours@effort=1,"):
        whole.filter("webp")
    with pytest.raises(ValueError, match="'dists' was not measured"):
        whole.filter(metric="dists")


def test_it_is_a_data_frame_where_pandas_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=lambda rows: ("frame", rows)))
    assert table().to_dataframe() == ("frame", table().records)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="^to_dataframe needs pandas, which is not installed: pip install pandas$"):
        table().to_dataframe()
