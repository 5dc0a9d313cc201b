"""Our JPEG on the real Kodak pictures: the anchor that every figure of ours is against."""

from __future__ import annotations

from pathlib import Path

import pytest

from hvaecodec import bench
from hvaecodec.bench.show import curves

pytestmark = pytest.mark.data


def test_the_jpeg_anchor_is_where_it_was(data_dir: Path) -> None:
    """Optimised tables take 12 % off the published JPEG; BPG 4:4:4 stands at -55 % against ours."""
    jpeg = bench.curves_of(bench.run("kodak", ["jpeg"], metrics=["psnr"], data=data_dir), "psnr")["jpeg"]
    assert (len(jpeg.bpp), jpeg.left_out) == (19, 0)
    by_codec = {name: curves.published(name, "psnr") for name in ("jpeg", "bpg")}
    percent = {name: bench.bd_rate(jpeg, curve).percent for name, curve in by_codec.items() if curve is not None}
    assert percent["bpg"] == pytest.approx(-55.2, abs=0.3)
    assert percent["jpeg"] == pytest.approx(13.4, abs=0.5)
    assert curves.value_at(jpeg, 0.416) == pytest.approx(28.80, abs=0.05)
