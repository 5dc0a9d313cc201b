"""The report in a real browser, headless: the line moves, curves switch off, nothing complains. `make test-browser`.

`make test-report` makes that of Kodak and looks at its size and speed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import report_run

from hvaecodec import bench

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    browser = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    assert browser, "install Chromium, as with `apt-get install chromium`"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("report")
    folder = report_run.write_pictures(tmp_path / "pictures")
    with report_run.stand_in() as ours:
        return _write(folder, tmp_path / "r.html", report_run.measure_small_run(folder, ours))


def _write(folder: Path, path: Path, records: list[dict[str, Any]]) -> Path:
    options: dict[str, Any] = {"metrics": ["psnr", "fd-cifar"], "anchor": "jpeg@quality=20", "published": ["vtm"]}
    options |= {"sets": report_run.set_scores(records), "rates": [0.4, 17.0]}
    return bench.write_html(records, path, bench.load_dataset(str(folder)), **options)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 390)])
def test_the_page_works(browser: Any, report: Path, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, has_touch=width < 500)
    context.set_default_timeout(120_000)  # a busy machine is no failure
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on("request", lambda request: request.url.startswith(("file:", "data:")) or messages.append(request.url))
    page.goto(report.as_uri())
    _colours(page, scheme)
    _sizes(page)
    _curves(page)
    _line(page)
    _zoom(page)
    _images(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page itself never scrolls sideways"
    assert messages == []
    context.close()


def _colours(page: Any, scheme: str) -> None:
    red, green, blue = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).map(Number)"
    )
    assert (red + green + blue < 200) == (scheme == "dark")


def _sizes(page: Any) -> None:
    words = page.evaluate("document.querySelector('#plot text').getBoundingClientRect().height")
    assert words > 12, "words in the plot can be read on a phone"
    heights = page.evaluate("[...document.querySelectorAll('.controls label')].map((l) => l.offsetHeight)")
    assert max(heights) < 48, "no label is broken into lines"


def _curves(page: Any) -> None:
    before = page.locator("#plot g").count()
    tick = page.locator("#legend input").first
    tick.focus()
    page.keyboard.press("Space")
    assert page.locator("#plot g").count() == before - 1
    assert page.evaluate("document.activeElement.type") == "checkbox", "the focus stays where it was"
    page.keyboard.press("Space")
    assert page.locator("#plot g").count() == before
    assert page.locator("#plot g.estimated").count() == 1
    page.focus("#plot")
    page.keyboard.press("ArrowRight")
    first = page.inner_text("#readout")
    page.keyboard.press("ArrowDown")
    assert "bpp" in first and page.inner_text("#readout") != first
    page.select_option("#metric", label="FD-cifar, whole set")
    assert "FD-cifar" in page.inner_html("#plot")
    page.select_option("#metric", "0")
    page.select_option("#of", "1")
    assert page.locator("#plot g").count() >= 1


def _cut(page: Any) -> float:
    return float(page.evaluate("parseFloat(document.getElementById('b').style.clipPath.match(/([\\d.]+)px\\)/)[1])"))


def _line(page: Any) -> None:
    assert page.evaluate(
        "[...document.querySelectorAll('#pair img')].every((i) => i.complete && i.naturalWidth === 240)"
    )
    page.locator("#stage").scroll_into_view_if_needed()
    start = _cut(page)
    box = page.locator("#line").bounding_box()
    page.mouse.move(box["x"] + 22, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 62, box["y"] + 60)
    page.mouse.up()
    assert _cut(page) == pytest.approx(start + 40, abs=1.5)
    page.focus("#stage")
    page.keyboard.press("ArrowLeft")
    assert _cut(page) < start + 39
    page.locator("#slider").fill("500")
    assert _cut(page) == pytest.approx(start, abs=1)


def _zoom(page: Any) -> None:
    page.click("#zoom button[data-zoom='8']")
    assert page.evaluate("document.getElementById('pair').offsetWidth") == 8 * 240
    assert page.evaluate("getComputedStyle(document.getElementById('a')).imageRendering") == "pixelated"
    before = _cut(page)
    page.evaluate("document.getElementById('window').scrollLeft += 100")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert _cut(page) == pytest.approx(before + 100, abs=1.5), "the line stays where it is over the window"
    page.focus("#stage")
    page.keyboard.press("-")
    assert page.evaluate("document.getElementById('pair').offsetWidth") == 4 * 240
    page.click("#zoom button[data-zoom='fit']")


def _images(page: Any) -> None:
    page.focus("#stage")
    page.keyboard.press(".")
    assert page.evaluate("location.hash") == "#p2"
    assert page.inner_text("#facts caption").startswith("p2, 240")
    assert "MSE ↓" in page.inner_text("#facts thead") and "PSNR dB ↑" in page.inner_text("#facts thead")
    before = page.input_value("#left"), page.input_value("#right")
    page.keyboard.press("s")
    assert (page.input_value("#right"), page.input_value("#left")) == before
    page.click("#previous")
    assert page.evaluate("location.hash") == "#p1"


@pytest.mark.slow
@pytest.mark.data
def test_kodak_with_four_codecs_is_small_and_opens_at_once(browser: Any, data_dir: Path, tmp_path: Path) -> None:
    """All of Kodak at two rates of each codec: under 40 MB, every picture in it, ready to use within two seconds."""
    path = tmp_path / "kodak.html"
    words = "--codec dct-vae-photo --quality 20,40 --baseline jpeg@quality=5/20/50 --baseline webp@quality=5/25/60"
    words += f" --baseline avif@quality=20/40/60 --effort 1 --out {tmp_path / 'run'} --report {path} --data {data_dir}"
    subprocess.run([sys.executable, "-m", "hvaecodec", "bench", "kodak", *words.split()], check=True)
    assert path.stat().st_size < 40e6
    page = browser.new_page()
    start = time.perf_counter()
    page.goto(path.as_uri())
    page.wait_for_function("[...document.querySelectorAll('#pair img')].every((i) => i.complete && i.naturalWidth)")
    page.wait_for_function("document.querySelectorAll('#plot g').length >= 4")
    seconds = time.perf_counter() - start
    print(f"{path.stat().st_size / 1e6:.1f} MB, ready after {seconds:.2f} s")
    assert seconds < 2
    assert "pictures are not in this page" not in page.inner_text("body")
