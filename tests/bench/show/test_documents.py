"""The figures and tables of README and docs: made by one command, here at a tiny scale into a copy of them."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from hvaecodec.bench import baselines
from hvaecodec.bench.measure import runner
from hvaecodec.bench.show import documents
from hvaecodec.bench.show.documents import DocumentRun, __main__, document_runs, markers
from hvaecodec.cli.main import app
from hvaecodec.codec.metric_nets import metric_weights

ROOT = Path(__file__).parents[3]
QUALITIES = (50, 70)  # hqa-photo's files have room for dct-vae-photo's header then
SMALL = {
    "dct-vae-photo": "dct-vae-photo@effort=1",
    "dct-vae-photo@temperature=0.5": "dct-vae-photo@effort=1,temperature=0.5",
    "dct-vae-photo@temperature=1": "dct-vae-photo@effort=1,temperature=1",
    "hqa-photo@quality=10/30/50/70": "hqa-photo@quality=50/70",
    "hqa-photo@quality=10/30/50/70,temperature=1": "hqa-photo@quality=50/70,temperature=1",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the documents."""
    root = tmp_path / "checkout"
    (root / "docs").mkdir(parents=True)
    for path in documents.documents(ROOT):
        shutil.copyfile(path, root / path.relative_to(ROOT))
    return root


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two crops, just large enough for MS-SSIM and for distances over the set."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(data.chelsea()[30:222, 100:324]).save(folder / "cat.png")
    Image.fromarray(np.ascontiguousarray(data.astronaut()[:224, 100:324])).save(folder / "face.png")
    return folder


def tiny(run: DocumentRun, photos: Path) -> DocumentRun:
    """The same codecs on two small pictures at two qualities and effort 1."""
    small = [SMALL.get(codec, codec) for codec in run.codecs]
    swept = [name if name == "jpeg@quality=1" else _two_settings(name.partition("@")[0]) for name in run.baselines]
    run = replace(run, dataset=str(photos), codecs=tuple(small), baselines=tuple(swept), quality=QUALITIES)
    return replace(run, threads=1, limit=None, effort=None)


def _two_settings(baseline: str) -> str:
    settings = baselines.load(baseline).settings
    return f"{baseline}@quality={settings[2]:g}/{settings[-2]:g}"


def command(words: list[str]) -> None:
    """`hvaecodec` in this process, where everything is loaded already."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr


def test_the_documents_show_the_commands_that_are_run(checkout: Path) -> None:
    assert list(__main__.write_documents(checkout, {})) == [], (
        "run `python -m hvaecodec.bench.show.documents --commands`"
    )


def test_every_block_stands_somewhere() -> None:
    shown = {name for path in documents.documents(ROOT) for name in markers.blocks_in(path.read_text(encoding="utf-8"))}
    assert shown == document_runs.block_names()


def test_everything_is_made_from_scratch_and_reused(
    checkout: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metric_weights.URL_VARIABLE, "http://127.0.0.1:9/")  # LPIPS and DISTS cannot be had
    monkeypatch.setattr(metric_weights, "folders", lambda: [tmp_path / "no weights"])
    runs = [tiny(run, photos) for run in document_runs.RUNS]
    done = {run.name: documents.finish_run(run, tmp_path / run.name, execute=command) for run in runs}
    changed = set(__main__.write_documents(checkout, done))
    plots = {
        "pictures.png",
        "rd_psnr.png",
        "rd_ms_ssim.png",
        "rp_fd_cifar.png",
        "rp_kd_cifar.png",
        "tradeoff_fd_cifar.png",
    }
    written = {"README.md", "docs/METRICS.md", *(f"docs/{plot}" for plot in plots)}
    assert changed == {checkout / name for name in written}
    assert (checkout / "docs/rd_psnr.png").read_bytes() == (tmp_path / "kodak/rd_psnr.png").read_bytes()
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    blocks = markers.blocks_in(readme)
    emptied = dict.fromkeys(document_runs.block_names(), "")
    before = (ROOT / "README.md").read_text(encoding="utf-8")
    assert markers.replace_blocks(readme, emptied) == markers.replace_blocks(before, emptied), "the words around stay"
    for name in ("kodak.summary", "kodak.psnr"):
        assert blocks[name] in (tmp_path / "kodak/table.md").read_text(encoding="utf-8")
    assert re.search(r"\| hqa-photo, layer 2 \| 0\.\d+ \| -?\d+ % \| \d\d\.\d\d \| 0\.\d{4} \| ", blocks["hqa.table"])
    assert "| dct-vae-photo@effort=1,like=hqa-photo, quality 70 |" in blocks["equal-bytes.table"]
    assert re.match(r"2 images; measured \d{4}-\d\d-\d\d on .+, 1 thread\.", blocks["perception.conditions"])
    with Image.open(checkout / "docs/pictures.png") as shown:
        assert shown.size == (3 * 134 + 12, 2 * (190 + 22) + 6), "three columns, two rows, each with words above"
    assert blocks["perception.fd"].endswith("](docs/rp_fd_cifar.png)")
    assert "](rd_psnr.png)" in (checkout / "docs/index.md").read_text(encoding="utf-8")
    assert "FD-cifar |" in blocks["equal-bytes.table"] and done["perception"].run.metrics[:2] == ("psnr", "fd-cifar")
    metrics = markers.blocks_in((checkout / "docs/METRICS.md").read_text(encoding="utf-8"))
    assert metrics["perception.table"].count("dct-vae-photo@effort=1,temperature=1, quality ") == 2
    monkeypatch.setattr(runner, "_attempt", lambda *_: pytest.fail("measured again"))
    again = {run.name: documents.finish_run(run, tmp_path / run.name, execute=command) for run in runs}
    assert [one.records for one in again.values()] == [one.records for one in done.values()]
    assert list(__main__.write_documents(checkout, {"hqa": again["hqa"]})) == [], "written once, nothing changes"


def test_a_command_is_one_that_can_be_typed() -> None:
    run = DocumentRun(
        "a", 1, ("dct-vae-photo@effort=1,temperature=1",), ("jpeg@quality=5/50",), metrics=("fd-cifar",), limit=3
    )
    typed = run.shell().replace("\\\n", "").split()
    assert typed == ["hvaecodec", *run.words("runs/a")]
    assert all(len(line) < 120 for run in document_runs.RUNS for line in run.shell().splitlines())


def test_blocks_are_found_and_replaced_alone() -> None:
    text = "# Title\n<!-- a.b -->\n\nold\n\n<!-- /a.b -->\nwords\n<!-- a.c -->\nkept\n<!-- /a.c -->\n"
    assert markers.blocks_in(text) == {"a.b": "old", "a.c": "kept"}
    new = markers.replace_blocks(text, {"a.b": "new\n"})
    assert markers.blocks_in(new) == {"a.b": "new", "a.c": "kept"}
    assert "words" in new and markers.replace_blocks(new, {"a.b": "new"}) == new
    assert "<!-- a.b -->\n\n<!-- /a.b -->" in markers.replace_blocks(new, {"a.b": ""})
    for wrong in ("<!-- a.b -->\nno end\n", "<!-- a.b -->\n<!-- /a.c -->\n", "inline <!-- a.b --> x <!-- /a.b -->\n"):
        with pytest.raises(ValueError, match="block a.b does not begin and end"):
            markers.blocks_in(wrong)


def test_a_block_that_nothing_makes_is_told(checkout: Path) -> None:
    (checkout / "docs/index.md").write_text("<!-- kodak.sumary -->\n\n<!-- /kodak.sumary -->\n", encoding="utf-8")
    with pytest.raises(ValueError, match="shows kodak.sumary, which nothing makes"):
        __main__.write_documents(checkout, {})
