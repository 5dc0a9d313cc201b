"""The report's text: one page, nothing from outside, pictures as they are, and what is left out is told."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_run
import standin
from PIL import Image
from typer.testing import CliRunner

from hvaecodec import bench
from hvaecodec.bench import baselines
from hvaecodec.bench.show import report
from hvaecodec.bench.show.report import packed_images, picture_packer
from hvaecodec.cli.main import app

VOID = {"meta", "link", "input", "img", "br"}


class Page(HTMLParser):
    """Elements by id, with their text; complains of what is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: dict[str, dict[str, str | None]] = {}
        self.text: dict[str, str] = {}
        self.open: list[tuple[str, str | None]] = []
        self.links: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        name = attributes.get("id")
        assert name is None or name not in self.ids, f"two elements are called {name}"
        if name is not None:
            self.ids[name] = attributes
        self.links += [str(attributes[key]) for key in ("src", "href", "data", "action") if key in attributes]
        if tag not in VOID:
            self.open.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1][1] is not None:
            name = str(self.open[-1][1])
            self.text[name] = self.text.get(name, "") + data

    @property
    def data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self.text["data"])
        return data

    def picture(self, image: str, label: str) -> tuple[str, bytes]:
        (shown,) = (one["shown"] for one in self.data["images"] if one["name"] == image)
        (key,) = (variant["src"] for variant in shown if variant["label"] == label)
        return str(self.ids[key]["data-mime"]), base64.b64decode(self.text[key])


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    folder = report_run.write_pictures(tmp_path_factory.mktemp("report") / "pictures")
    with report_run.stand_in() as ours:
        yield folder, report_run.measure_small_run(folder, ours)


@pytest.fixture
def small_run(run: tuple[Path, list[dict[str, Any]]]) -> tuple[Path, list[dict[str, Any]]]:
    """Pictures and records that a test may change."""
    return run[0], [dict(record) for record in run[1]]


def write(folder: Path, records: list[dict[str, Any]], path: Path, **options: Any) -> Page:
    settings = {"metrics": ["psnr", "fd-cifar"], "anchor": "jpeg@quality=20", "published": ["vtm"]} | options
    settings = {"sets": report_run.set_scores(records), "rates": [0.4, 17.0]} | settings
    bench.write_html(records, path, bench.load_dataset(str(folder)), **settings)
    return Page(path.read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(small_run: Any, tmp_path: Path) -> None:
    page = write(*small_run, tmp_path / "r.html", command="hvaecodec bench <this> & that")
    assert all(link.startswith(("#", "data:")) for link in page.links)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp", text)
    assert "hvaecodec bench &lt;this&gt; &amp; that" in text
    assert baselines.load("jpeg").version in text


def test_nothing_shown_is_recompressed(small_run: Any, tmp_path: Path) -> None:
    folder, records = small_run
    page = write(folder, records, tmp_path / "r.html")
    x = np.asarray(Image.open(folder / "p1.png"))
    jpeg = baselines.load("jpeg").encode(x, quality=20)
    assert page.picture("p1", "jpeg@quality=20, quality 20") == ("image/jpeg", jpeg)
    for label in ("original", f"{standin.NAME}, quality 20"):
        mime, data = page.picture("p1", label)
        assert mime == "image/webp"
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), x)
    codec = baselines.load("jpeg2000")
    mime, data = page.picture("p1", "jpeg2000@quality=32, quality 32")
    assert mime == "image/webp"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), codec.decode(codec.encode(x, quality=32)))


def test_files_and_estimates_are_different_curves(small_run: Any, tmp_path: Path) -> None:
    plots = {plot["id"]: plot for plot in write(*small_run, tmp_path / "r.html").data["plots"]}
    kinds = {(curve["name"], curve["kind"], curve["estimated"]) for curve in plots["psnr"]["curves"]}
    assert {(standin.NAME, "ours", False), (standin.NAME, "ours", True), ("vtm", "published", False)} <= kinds
    assert plots["fd-cifar"]["kind"] == "rate-perception"
    assert plots["fd-cifar"]["log"] and not plots["psnr"]["log"]


def test_every_measure_of_an_image_stands_beside_its_picture(small_run: Any, tmp_path: Path) -> None:
    folder, records = small_run
    for record in records:
        record |= {"lpips": 0.0 if record["codec"].startswith("jpeg@") else 0.25, "ms_ssim": None}
    page = write(folder, records, tmp_path / "r.html")
    assert [measure["key"] for measure in page.data["measures"]] == ["mse", "psnr_db", "lpips"]
    shown = {variant["label"]: variant for variant in page.data["images"][0]["shown"]}
    jpeg = next(record for record in records if record["codec"] == "jpeg@quality=20")
    assert shown["jpeg@quality=20, quality 20"]["lpips"] == 0
    assert shown["jpeg@quality=20, quality 20"]["mse"] == jpeg["mse"]
    assert "RGB in [-1, 1]" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_pictures_without_room_are_left_out_and_told(small_run: Any, tmp_path: Path) -> None:
    page = write(*small_run, tmp_path / "r.html", megabytes=0.1)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "no room in 0.1 MB" in text
    assert sum(len(page.text[key]) for key in page.ids if re.fullmatch(r"p\d+", key)) <= 100_000
    assert write(*small_run, tmp_path / "s.html", n_images=0).data["images"][0]["shown"] == []


def test_a_file_that_is_no_longer_the_same_is_not_shown(small_run: Any, tmp_path: Path) -> None:
    folder, records = small_run
    for record in records:
        if record["codec"].startswith("jpeg@"):
            record["n_bytes"] += 1
        if record["codec"].startswith("webp"):
            record["version"] = "libwebp 0.0"
    write(folder, records, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "bytes now, and had" in text
    assert "measured with libwebp 0.0" in text


def test_packed_pictures_are_kept_for_the_next_time(small_run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    first = write(*small_run, tmp_path / "r.html", out=tmp_path / "out")
    monkeypatch.setattr(picture_packer, "pack_lossless", lambda x: pytest.fail("packed again"))
    again = write(*small_run, tmp_path / "r.html", out=tmp_path / "out")
    assert again.picture("p1", "original") == first.picture("p1", "original")


@pytest.mark.parametrize(
    "content",
    [
        b'image/png"><script>alert(1)</script>\n\x89PNG\r\n\x1a\n',
        b"text/html\n<script>alert(1)</script>",
        b"image/svg+xml\n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"image/png\n<script>alert(1)</script>",
        b"\xff\xfe\n\x89PNG\r\n\x1a\n",
        b"",
        None,
    ],
)
def test_a_kept_picture_of_a_stranger_is_packed_again(small_run: Any, tmp_path: Path, content: bytes | None) -> None:
    first = write(*small_run, tmp_path / "r.html", out=tmp_path / "out")
    for path in (tmp_path / "out" / "pictures").iterdir():
        if content is None:
            path.unlink()
            path.symlink_to("/dev/zero")
        else:
            path.write_bytes(content)
    again = write(*small_run, tmp_path / "r.html", out=tmp_path / "out")
    assert again.picture("p1", "original") == first.picture("p1", "original")
    assert "alert(1)" not in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_only_the_page_s_own_script_and_style_may_run(small_run: Any, tmp_path: Path) -> None:
    """The policy names them by the digest of their text, whatever else comes into the page."""
    write(*small_run, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert "unsafe" not in policy
    for tag, directive in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert not re.search(r"<[^>]* (style|on\w+)=", re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL))


def test_a_very_long_picture_becomes_png() -> None:
    x = np.arange(3 * 16400, dtype=np.uint32).astype(np.uint8).reshape(1, 16400, 3)
    mime, data = picture_packer.pack_lossless(x)
    assert mime == "image/png"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), x)


def test_the_nearest_file_is_shown_unless_far() -> None:
    records = [{"codec": "c", "image": "p", "bpp": bpp, "settings": {"quality": bpp}} for bpp in (0.1, 0.21, 3.0)]
    assert [r["bpp"] for r in packed_images.nearest_files(records, "p", 0.15)] == [0.21]
    assert packed_images.nearest_files(records, "p", 1.0) == []


def test_the_command_writes_a_report(tmp_path: Path) -> None:
    folder, out = report_run.write_pictures(tmp_path / "pictures", 1), tmp_path / "out"
    words = ["bench", str(folder), "--codec", "none", "--baseline", "jpeg@quality=20", "--metric", "psnr"]
    words += ["--out", str(out)]
    done = CliRunner().invoke(app, [*words, "--report", str(tmp_path / "r.html"), "--report-rates", "0.4"])
    assert done.exit_code == 0, done.output
    assert "r.html" in done.stderr
    assert len(Page((tmp_path / "r.html").read_text()).data["images"][0]["shown"]) == 2
    wrong = CliRunner().invoke(app, [*words, "--report", str(tmp_path / "no" / "r.html")])
    assert (wrong.exit_code, "there is no folder" in wrong.stderr) == (1, True)


def test_the_defaults_fit_the_limit_of_a_page() -> None:
    assert report.PictureChoice().megabytes < 40
