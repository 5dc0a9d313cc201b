"""The page of `make web`, built into a folder, served, and driven in headless Chromium as a person would."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WEB = Path(__file__).parents[2] / "web"
WEIGHTS = "dct-vae-photo.weights"
PATIENCE = 240  # seconds; a busy machine is no failure
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}


def build(folder: Path, weights: Path | None = None) -> Path:
    """Build the page into a folder, as `make web` does. weights: a folder of weights; None is the package's."""
    assert (WEB / "node_modules").is_dir(), "run `make test-web`, which installs what the page is built with"
    parts = folder.parent / f"{folder.name}-parts"
    subprocess.run([_program("node"), WEB / "build.mjs", folder, parts], check=True)
    files = [parts / name for name in ("kernel.wasm", "runtime.mjs", "runtime.wasm")]
    own = [] if weights is None else ["--weights", weights]
    subprocess.run([sys.executable, WEB / "bundle.py", "--out", folder / WEIGHTS, *own, *files], check=True)
    return folder


def run_node_tests() -> None:
    """Check the types of the page's scripts and run their own tests, which need no browser."""
    node = _program("node")
    subprocess.run([node, WEB / "node_modules" / "typescript" / "bin" / "tsc", "-p", WEB], check=True)
    subprocess.run([node, "--test", *sorted((WEB / "test").glob("*.test.mjs"))], check=True)


def _program(*names: str) -> str:
    path = next((path for name in names if (path := shutil.which(name))), None)
    assert path, f"install {names[0]}, as with `apt-get install {names[0]}`"
    return path


class _Handler(SimpleHTTPRequestHandler):
    headers_too: dict[str, str] = {}

    def log_message(self, *words: Any) -> None:
        """Say nothing."""

    def end_headers(self) -> None:
        for name, value in self.headers_too.items():
            self.send_header(name, value)
        super().end_headers()


@contextmanager
def served(folder: Path, headers: dict[str, str] | None = None) -> Iterator[str]:
    """Serve a folder as a static host does, and give its address."""
    handler = type("Handler", (_Handler,), {"headers_too": headers or {}})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/index.html"
        finally:  # or a test that fails leaves a thread that no process ends without
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Any]:
    """Start the system's Chromium."""
    from playwright.sync_api import sync_playwright

    path = _program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Page:
    """The page in a browser. requests: all that it asked for. complaints: what the console said."""

    def __init__(self, browser: Any, address: str) -> None:
        self.page = browser.new_page()
        self.page.set_default_timeout(1000 * PATIENCE)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(address)

    def close(self) -> None:
        """Close the page."""
        self.page.close()

    def ready(self) -> Page:
        """Wait for the weights."""
        assert self._outcome(r"^Ready") is None
        return self

    def choose_weights(self, path: Path) -> str | None:
        """Choose the file of weights; return the line of an error, or None."""
        self.page.set_input_files("#weights", path)
        return self._outcome(r"^Ready")

    def drop(self, data: bytes) -> str | None:
        """Drop a file and wait for its picture; return the line of an error, or None."""
        self.page.evaluate(
            """(bytes) => {
                const dataTransfer = new DataTransfer();
                dataTransfer.items.add(new File([Uint8Array.from(bytes)], "dropped.hvc"));
                document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
            }""",
            list(data),
        )
        return self._outcome("pixels in")

    def show(self, data: bytes) -> str | None:
        """Choose a file and wait for its picture; return the line of an error, or None."""
        self.page.set_input_files("#file", {"name": "x.hvc", "mimeType": "", "buffer": data})
        return self._outcome("pixels in")

    def show_at_once(self, *files: bytes) -> tuple[str | None, list[str]]:
        """Choose files without waiting for the pictures of the first ones.

        Return the last one's outcome, as of `show`, and all that the page called an error meanwhile.
        """
        self.page.evaluate(
            """(files) => {
                const [input, error] = ["file", "error"].map((id) => document.getElementById(id));
                const errors = (globalThis.errors = []);
                new MutationObserver(() => errors.push(error.textContent)).observe(error, { childList: true });
                for (const bytes of files) {
                    const dataTransfer = new DataTransfer();
                    dataTransfer.items.add(new File([Uint8Array.from(bytes)], "x.hvc"));
                    input.files = dataTransfer.files;
                    input.dispatchEvent(new Event("change"));
                }
            }""",
            [list(data) for data in files],
        )
        outcome = self._outcome("pixels in")
        return outcome, [text for text in self.page.evaluate("globalThis.errors") if text]

    def set(self, **controls: float | str) -> str | None:
        """Move sliders and wait for the picture; return the line of an error, or None."""
        for name, value in controls.items():
            self.page.locator(f"#{name}").fill(str(value))
        return self._outcome("pixels in")

    def accept_cut_files(self, accepted: bool) -> str | None:
        """Tick the box, or untick it, and wait for the picture; return the line of an error, or None."""
        self.page.set_checked("#partial", accepted)
        return self._outcome("pixels in")

    def saved(self) -> Image.Image:
        """Return the PNG that the page saves."""
        with self.page.expect_download() as download:
            self.page.click("#save")
        image = Image.open(io.BytesIO(Path(download.value.path()).read_bytes()))
        image.load()
        return image

    def pixels(self) -> np.ndarray:
        """Return the picture that the page saves."""
        return np.asarray(self.saved())

    def info(self, words: Collection[str] = ()) -> dict[str, Any]:
        """Return what the page says of the file, read as JSON but for the terms `words`: a digest may be all digits."""
        terms, texts = (self.page.locator(f"#info {tag}").all_inner_texts() for tag in ("dt", "dd"))
        said = dict(zip(terms, texts, strict=True))
        return {term: text if term in words else json.loads(text) for term, text in said.items()}

    def notes(self) -> list[str]:
        """Return what the page says of the picture."""
        texts: list[str] = self.page.locator("#notes li").all_inner_texts()
        return texts

    def symbols(self) -> tuple[str, float]:
        """Return the digest of the file's symbols, and the seconds that it took to decode them."""
        answer = self.page.evaluate("hvaecodec.call('symbols')")
        return answer["digest"], answer["seconds"]

    def seconds(self) -> float:
        """Return how long the picture took, symbols and nets."""
        return float(self.page.inner_text("#status").split()[-2])

    def _outcome(self, expected: str) -> str | None:
        """Wait until the status is as expected, and return None, or until there is an error, and return its words."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            error: str = self.page.inner_text("#error")
            if error:
                return error.removeprefix("error: ")
            if re.search(expected, self.page.inner_text("#status")):
                return None
            time.sleep(0.02)
        raise TimeoutError(f"the page says {self.page.inner_text('#status')!r}")
