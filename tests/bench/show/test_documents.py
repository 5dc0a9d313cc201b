"""The figures and tables of README and docs: made by one command, here at a tiny scale into a copy of them."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from hvaecodec.bench import baselines
from hvaecodec.bench.measure import runner
from hvaecodec.bench.papers import PAPERS
from hvaecodec.bench.show import documents
from hvaecodec.bench.show.documents import __main__, bench_records, document_runs, figures, markers, paper_blocks, parts
from hvaecodec.bench.show.documents.measured import load_run, measure_run
from hvaecodec.bench.show.documents.runs import Block, DocumentRun, FinishedRun
from hvaecodec.cli.main import app
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.metric_nets import metric_weights

ROOT = Path(__file__).parents[3]
QUALITIES = (50, 70)  # hqa-photo's files have room for dct-vae-photo's header then
SMALL = {
    "dct-vae-photo": "dct-vae-photo@effort=1",
    "dct-vae-photo@temperature=0.5": "dct-vae-photo@effort=1,temperature=0.5",
    "dct-vae-photo@temperature=1": "dct-vae-photo@effort=1,temperature=1",
    "hqa-photo@quality=10/30/50/70": "hqa-photo@quality=50/70",
    "hqa-photo@quality=10/30/50/70,temperature=1": "hqa-photo@quality=50/70,temperature=1",
    "hqa-photo@quality=10/30/50/70/90": "hqa-photo@quality=50/70",
    "hqa-photo@quality=10/30/50/70/90,temperature=1": "hqa-photo@quality=50/70,temperature=1",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the documents."""
    root = tmp_path / "checkout"
    (root / "docs" / "papers").mkdir(parents=True)
    for path in [*documents.documents(ROOT), *(ROOT / "docs").glob("*.png")]:
        shutil.copyfile(path, root / path.relative_to(ROOT))
    return root


@pytest.fixture
def recorded(checkout: Path) -> Path:
    """A copy of the documents with the records in the repository."""
    (checkout / "records").symlink_to(ROOT / "records")
    return checkout


def stored_runs(root: Path) -> dict[str, FinishedRun]:
    runs = ((run.name, load_run(run, root / "records")) for run in document_runs.RUNS)
    return {name: run for name, run in runs if run is not None}


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


def stored_runs_of(runs: list[DocumentRun], records: Path) -> list[FinishedRun]:
    stored = [load_run(run, records) for run in runs]
    return [run for run in stored if run is not None]


def _two_settings(baseline: str) -> str:
    settings = baselines.load(baseline).settings
    return f"{baseline}@quality={settings[2]:g}/{settings[-2]:g}"


def command(words: list[str]) -> None:
    """`hvaecodec` in this process, where everything is loaded already."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.stderr


def test_the_documents_are_what_the_records_say(recorded: Path) -> None:
    """Every generated block and every figure is of the records at this commit."""
    assert list(__main__.write_documents(recorded, stored_runs(recorded))) == [], (
        "run `python -m hvaecodec.bench.show.documents --records`"
    )


def test_a_record_that_changes_changes_its_blocks_and_figures(recorded: Path) -> None:
    runs = stored_runs(recorded)
    run = runs["equal-bytes"]
    worse = [record | {"psnr_db": record["psnr_db"] - 1} for record in run.records]
    (changed,) = __main__.write_documents(recorded, runs | {"equal-bytes": replace(run, records=worse)})
    assert changed == recorded / "docs/RESULTS.md"
    pictured = replace(runs["kodak"], record=runs["equal-bytes"].record)  # the digest of another record
    assert not figures.is_current(recorded / "docs/rd_psnr.png", pictured)
    assert figures.is_current(recorded / "docs/rd_psnr.png", runs["kodak"])
    assert not figures.is_current(recorded / "docs/no.png", runs["kodak"])


def test_plots_of_a_run_are_drawn_together_and_only_where_they_are_not_current(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One drawing makes all plots of a bench; a picture that a block draws for itself is a drawing more."""
    drawn = []

    def draw(block: Block, run: FinishedRun, folder: Path) -> None:
        drawn.append(run.run.name)
        for name in {"rp_fd_cifar.png", "rp_kd_cifar.png", "tradeoff_lpips.png", *block.plots}:
            Image.new("L", (3, 2)).save(folder / name)

    monkeypatch.setattr(figures, "_draw", draw)
    lost = {recorded / "docs" / name for name in ("rp_fd_cifar.png", "tradeoff_lpips.png", "pictures.png")}
    for path in lost:
        path.unlink()
    docs, blocks = recorded / "docs", document_runs.BLOCKS.values()
    assert set(figures.draw_figures(blocks, stored_runs(recorded), docs)) == lost
    assert sorted(drawn) == ["perception", "pictures"]
    assert figures.draw_figures(blocks, stored_runs(recorded), docs) == []


def test_what_has_no_record_says_how_it_is_measured(checkout: Path) -> None:
    texts = document_runs.block_texts({}, checkout / "records")
    unrecorded = texts.keys() - {document_runs.NETS, document_runs.WEIGHTS, document_runs.FORMAT, "papers.claims"}
    shown = {name for name in unrecorded if not name.endswith((".command", ".verdict"))}
    assert all(re.fullmatch(r"(- )?Not measured at this commit: `.+`(\n- Not .+)?", texts[name]) for name in shown)
    assert "--only hqa`" in texts["hqa.table"] and "`hvaecodec paper srvae --data DATA" in texts["srvae.table-1"]
    assert "Open:" in texts["papers-dct-vae.verdict"] and "Holds:" not in texts["papers-dct-vae.verdict"]
    assert texts["papers.claims"].count("| **open** | not measured |") == 14


def test_fourteen_claims_are_listed(recorded: Path) -> None:
    page = (ROOT / "docs/PAPERS.md").read_text(encoding="utf-8")
    rows = markers.blocks_in(page)["papers.claims"].splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [f"| {number}" for number in range(1, 15)]
    assert all(re.search(r"\| \*\*(holds|fails|open)\*\* \|", row) for row in rows)
    links = {link for row in rows for link in re.findall(r"\]\(([^)]+)\)", row)}
    assert links == {f"papers/{page.name}.md" for page in paper_blocks.PAGES}
    assert all((ROOT / "docs" / link).is_file() for link in links)


def test_every_experiment_has_a_page_and_a_command() -> None:
    shown = {experiment for page in paper_blocks.PAGES for experiment in page.experiments}
    assert shown == PAPERS.keys()
    options = CliRunner().invoke(app, ["paper", "--help"]).stdout
    for experiment in PAPERS:
        words = paper_blocks.paper_command(experiment).split()
        assert words[:3] == ["hvaecodec", "paper", experiment] and f"records/{experiment}" in words
        assert all(f" {word} " in options for word in words if word.startswith("--"))


def test_records_are_packed_without_loss_that_a_table_shows(tmp_path: Path) -> None:
    run = DocumentRun("a", 1, ("dct-vae-photo",), ("jpeg",), metrics=("psnr",))
    heads = [{"dataset": "d", "image": name, "pixels": name * 2, "height": 8, "width": 9} for name in "xy"]
    records = [
        head | {"codec": codec, "settings": {"quality": q}, "psnr_db": q + number / 3, "n_bytes": 5, "notes": ["lost"]}
        for codec in ("dct-vae-photo", "jpeg")
        for q in (1, 2)
        for number, head in enumerate(heads)
    ]
    path = bench_records.record_path(tmp_path, run)
    bench_records.write_record(path, run, records, [{"codec": "jpeg", "fd_cifar": 1 / 3}])
    again, sets = bench_records.read_record(path, run)
    assert [
        record | {"notes": ["lost"], "psnr_db": pytest.approx(record["psnr_db"], rel=1e-6)} for record in again
    ] == (records)
    assert sets == [{"codec": "jpeg", "fd_cifar": pytest.approx(1 / 3, rel=1e-6)}]
    other = replace(run, quality=(5.0,))
    assert bench_records.read_record(path, other) is None and bench_records.read_record(tmp_path / "no", run) is None
    failed = {**records[-1], "error": "no room"}
    with pytest.raises(CodecError, match="a: 1 of 8 measurements failed, the first of them jpeg on y: no room"):
        bench_records.write_record(path, run, [*records[:-1], failed], [])
    with pytest.raises(CodecError, match="not every setting was measured on the same pictures"):
        bench_records.write_record(path, run, records[:-1], [])


def test_a_sentence_says_the_bd_rate_against_a_baseline_of_the_run() -> None:
    """Half the bits at every fidelity are -50 % against that baseline, whatever another one takes."""
    rates = {"avif@speed=4": (0.2, 1.0), "ours@effort=2": (0.1, 0.5), "jpeg": (0.7, 3.0)}
    records = [
        {"codec": codec, "settings": {"quality": n}, "baseline": "ours" not in codec, "image": "a", "dataset": "valid"}
        | {"bpp": bpp, "psnr_db": 30.0 + 10 * n}
        for codec, pair in rates.items()
        for n, bpp in enumerate(pair)
    ]
    finished = FinishedRun(document_runs.RUNS[0], Path("valid.json"), records, [])
    sentence = parts.Against("avif")(finished)
    assert sentence == "Against `avif@speed=4` the BD-rate of `ours@effort=2` is -50.0 %, over 30.0–40.0 dB."
    run = replace(document_runs.RUNS[0], metrics=("psnr",), published=())
    header, _, *rows = parts.summary(replace(finished, run=run), costs=False).splitlines()[:5]
    assert header == "| codec | BD-rate psnr | over (points) | over 30.4–36.8 dB |"
    assert [row.split(" | ")[1] for row in rows] == ["0", "-50.0", "+224.0"]


def test_every_block_stands_somewhere() -> None:
    shown = {name for path in documents.documents(ROOT) for name in markers.blocks_in(path.read_text(encoding="utf-8"))}
    assert shown == document_runs.block_names()


def test_everything_is_made_from_scratch_and_reused(
    checkout: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(metric_weights.URL_VARIABLE, "http://127.0.0.1:9/")  # LPIPS and DISTS cannot be had
    monkeypatch.setattr(metric_weights, "folders", lambda: [tmp_path / "no weights"])
    runs = [tiny(run, photos) for run in document_runs.RUNS]
    records = checkout / "records"
    done = {run.name: measure_run(run, records, tmp_path / run.name, execute=command) for run in runs}
    changed = set(__main__.write_documents(checkout, done))
    plots = {
        "pictures.png",
        "rd_psnr.png",
        "rd_ms_ssim.png",
        "rp_fd_cifar.png",
        "rp_kd_cifar.png",
        "tradeoff_fd_cifar.png",
    }
    written = {
        "README.md",
        "docs/RESULTS.md",
        "docs/METRICS.md",
        "docs/papers/codecs-32.md",
        *(f"docs/{plot}" for plot in plots),
    }
    pages = {f"docs/papers/{page.name}.md" for page in paper_blocks.PAGES} | {"docs/PAPERS.md"}  # no records of theirs
    assert changed - {checkout / page for page in pages} == {checkout / name for name in written}
    drawn, plotted = (Image.open(path) for path in (checkout / "docs/rd_psnr.png", tmp_path / "kodak/rd_psnr.png"))
    different = (np.asarray(drawn) != np.asarray(plotted)).any(-1)
    assert different.mean() < 1e-3, "the plot of the bench, from numbers of seven digits"
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    results = (checkout / "docs/RESULTS.md").read_text(encoding="utf-8")
    blocks = markers.blocks_in(results) | markers.blocks_in(readme)
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
    assert blocks["perception.fd"].endswith("](rp_fd_cifar.png)")
    assert blocks["perception.lpips"] == "Not measured: lpips needs weights that were not there."
    assert "](rd_psnr.png)" in (checkout / "docs/index.md").read_text(encoding="utf-8")
    assert "FD-cifar |" in blocks["equal-bytes.table"] and done["perception"].run.metrics[:2] == ("psnr", "fd-cifar")
    metrics = markers.blocks_in((checkout / "docs/METRICS.md").read_text(encoding="utf-8"))
    assert metrics["perception.table"].count("dct-vae-photo@effort=1,temperature=1, quality ") == 2
    monkeypatch.setattr(runner, "_attempt", lambda *_: pytest.fail("measured again"))
    shutil.copytree(records, tmp_path / "before")
    shutil.rmtree(records)
    again = {run.name: measure_run(run, records, tmp_path / run.name, execute=command) for run in runs}
    assert [one.records for one in again.values()] == [one.records for one in done.values()]
    assert [one.records for one in stored_runs_of(runs, tmp_path / "before")] == [one.records for one in done.values()]
    assert list(__main__.write_documents(checkout, again)) == [], "written once, nothing changes"


def test_only_what_lacks_a_record_is_measured_and_a_failure_stops_nothing(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of two runs without a record one cannot be measured here; the other and all records are written all the same."""
    shutil.copytree(ROOT / "records", checkout / "records")
    lost = stored_runs(checkout)["equal-bytes"]
    lost.record.unlink()
    (checkout / "records/bench/pictures.json").unlink()
    asked = []

    def measure(run: DocumentRun, *_: object) -> FinishedRun:
        asked.append(run.name)
        if run.name != "equal-bytes":
            raise CodecError("no pictures here")
        return replace(lost, records=[record | {"psnr_db": 12.0} for record in lost.records])

    monkeypatch.setattr(__main__, "measure_run", measure)
    monkeypatch.setattr(figures, "draw_figures", lambda *_: [])
    words = ["documents", "--root", str(checkout), "--only", "equal-bytes", "pictures", "kodak"]
    monkeypatch.setattr(sys, "argv", words)
    assert __main__.main() == 1
    assert asked == ["pictures", "equal-bytes"], "kodak has a record, and hqa is not asked for"
    assert "error: pictures: no pictures here" in capsys.readouterr().err
    results = (checkout / "docs/RESULTS.md").read_text(encoding="utf-8")
    assert " | 12.00 | " in markers.blocks_in(results)["equal-bytes.table"]
    readme = (checkout / "README.md").read_text(encoding="utf-8")
    assert "--only pictures`" in markers.blocks_in(readme)["pictures.figure"]
    asked.clear()
    monkeypatch.setattr(sys, "argv", [*words[:3], "--records"])
    assert __main__.main() == 0 and asked == []


def test_make_results_knows_every_run() -> None:
    (names,) = re.findall(r"^RUNS = \$\(or \$\(ONLY\),([a-z0-9 -]+)\)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert names.split() == [run.name for run in document_runs.RUNS]


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
