"""The whole bench on small pictures: the Python API, the files it writes, the command, and a cheap import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hvaecodec import bench
from hvaecodec.bench.measure import isolated, record_files, specs
from hvaecodec.bench.show import curve_tables, plots, tables
from hvaecodec.cli.main import app
from hvaecodec.codec.errors import CodecError, CodecUnavailable


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures, large enough for MS-SSIM."""
    path = tmp_path_factory.mktemp("pictures")
    rows, columns = np.mgrid[0:164, 0:170]
    for index in (1, 2):
        waves = 127 + 60 * np.sin(rows / (5 * index)) + 60 * np.cos(columns / 9)
        noise = np.random.default_rng(index).normal(0, 6, (164, 170, 3))
        Image.fromarray((waves[..., None] + noise).clip(0, 255).astype(np.uint8)).save(path / f"p{index}.png")
    return path


@pytest.fixture(scope="module")
def records(folder: Path) -> list[dict[str, object]]:
    return bench.run(str(folder), ["jpeg", "webp@method=0"], threads=1)


def test_the_readme_lines(records: list[dict[str, object]]) -> None:
    curves = bench.curves_of(records, "psnr")
    assert list(curves) == ["jpeg", "webp@method=0"]
    assert len(curves["jpeg"].bpp) == 19
    assert bench.bd_rate(curves["jpeg"], curves["webp@method=0"]).percent < 0


def test_a_report_holds_tables_and_plots(records: list[dict[str, object]], tmp_path: Path) -> None:
    paths = bench.write_report(records, tmp_path, published=["vtm", "hyperprior"])
    assert sorted(path.name for path in paths.values()) == ["rd_ms_ssim.png", "rd_psnr.png", "table.md"]
    text = paths["table"].read_text()
    assert "| jpeg | 0 |" in text
    assert "vtm (published)" in text
    with Image.open(paths["plot psnr"]) as plot:
        assert min(plot.size) > 600


def test_a_published_jpeg_is_not_taken_for_the_measured_one(records: list[dict[str, object]]) -> None:
    one = [record for record in records if record["image"] == records[0]["image"]]
    kodak = [{**record, "dataset": "kodak", "image": f"{number:02}"} for record in one for number in range(24)]
    rows = {row[0]: row[1] for row in curve_tables.summary(kodak, ["psnr"], "jpeg", ["jpeg"]).rows}
    assert rows["jpeg"] == "0"
    assert re.fullmatch(r"[+-]\d+\.\d", rows["jpeg (published)"])


def test_published_curves_are_not_compared_on_other_pictures(records: list[dict[str, object]]) -> None:
    table = curve_tables.summary(records, ["psnr"], "jpeg", ["vtm"])
    assert {row[0]: row[1] for row in table.rows}["vtm (published)"] == "–"
    assert any("of Kodak, not of these pictures" in note for note in table.notes)


def test_image_by_image_names_the_worst_first(records: list[dict[str, object]]) -> None:
    table = curve_tables.per_image(records, "psnr", "webp@method=0", "jpeg")
    worst = [float(row[2]) for row in table.rows]
    assert len(worst) == 2
    assert worst == sorted(worst, reverse=True)
    assert table.notes[0].startswith(f"{sum(w > 0 for w in worst)} of 2 images")


def test_of_many_images_the_worst_are_shown_and_the_others_counted(records: list[dict[str, object]]) -> None:
    one = [record for record in records if record["image"] == records[0]["image"]]
    n, lone = curve_tables.MOST_IMAGES + 30, 40
    many = [{**record, "image": f"{number:03}"} for number in range(n) for record in one]
    many += [{**one[0], "image": f"lone{number:02}"} for number in range(lone)]
    table = curve_tables.per_image(many, "psnr", "webp@method=0", "jpeg")
    assert len(table.rows) == curve_tables.MOST_IMAGES
    assert f" of {n} images" in table.notes[0]
    assert "lone00, lone01" in table.notes[1]
    assert table.notes[1].endswith("lone23 and 16 others.")
    assert table.notes[2] == f"The {curve_tables.MOST_IMAGES} worst are shown."


def test_a_codec_with_one_rate_has_its_row_and_no_table_by_image(records: list[dict[str, object]]) -> None:
    first = next(record for record in records if record["codec"] == "webp@method=0")
    mine = [
        r | {"baseline": False} for r in records if (r["codec"], r["settings"]) == (first["codec"], first["settings"])
    ]
    both = [record for record in records if record["codec"] == "jpeg"] + mine
    by_title = {table.title: table for table in tables.all_tables(both, ["psnr"], "jpeg")}
    assert not any("image by image" in title for title in by_title)
    assert [row[0] for row in by_title["PSNR (dB, RGB) at bits per pixel"].rows] == ["jpeg"]
    assert not any("at bits per pixel" in table.title for table in tables.all_tables(mine, ["psnr"], "jpeg"))
    rate = sum(float(str(record["bpp"])) for record in mine) / len(mine)
    assert [row[1] for row in by_title["Every setting"].rows if row[0].startswith("webp")] == [f"{rate:.3g}"]


def test_estimates_are_drawn_apart_from_files(records: list[dict[str, object]], tmp_path: Path) -> None:
    texts = []
    for factor in (0.5, 1.001):
        estimated = [{**record, "est_bpp": factor * float(str(record["bpp"]))} for record in records]
        texts.append(plots.rate_distortion(estimated, "psnr", tmp_path / f"{factor}.svg").read_text())
    assert "stroke-dasharray" in texts[0]
    assert "stroke-dasharray" not in texts[1]


def test_failures_have_a_table(records: list[dict[str, object]]) -> None:
    failed = [{**records[0], "error": "OSError: no | really"}, *records]
    assert tables.failures(failed).rows == [("jpeg", "1", "OSError: no | really")]
    assert "no \\| really" in tables.failures(failed).markdown()


def test_the_command_writes_resumes_and_prints(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        "bench",
        str(folder),
        "--codec",
        "none",
        "--baseline",
        "png",
        "--baseline",
        "jpeg2000",
        "--metric",
        "psnr",
        "--limit",
        "1",
    ]
    first = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert first.exit_code == 0, first.output
    assert first.stdout.startswith("### ")
    lines = (out / "records.jsonl").read_text()
    again = CliRunner().invoke(app, [*words, "--out", str(out)])
    assert again.stdout == first.stdout
    assert (out / "records.jsonl").read_text() == lines
    assert (out / "table.md").read_text() == first.stdout
    CliRunner().invoke(app, [*words, "--out", str(out), "--fresh"])
    assert len((out / "records.jsonl").read_text().splitlines()) == 2 * len(lines.splitlines())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--baseline", "gif"], 2, "no codec 'gif'"),
        (["--baseline", "jpeg", "--metric", "vmaf"], 2, "no metric 'vmaf'"),
        (["--baseline", "jpeg", "--quality", "high"], 2, "--quality wants numbers"),
        (["--baseline", "jpeg", "--published", "vtm99"], 2, "no published curve 'vtm99'"),
        (["--baseline", "jpeg", "--baseline", "jpeg"], 2, "named twice"),
        (["--codec", "none", "--baseline", "jpeg@"], 0, ""),
        (["--baseline", "jpeg@subsampling"], 2, "key=value"),
        (["--codec", "dct-vae-photo@effort=much", "--limit", "1"], 2, "option effort wants a number"),
    ],
)
def test_wrong_words_are_one_line(folder: Path, tmp_path: Path, words: list[str], code: int, message: str) -> None:
    limit = ["--limit", "1", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, ["bench", str(folder), *words, *limit])
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert code == 0 or len(result.stderr.strip().splitlines()) == 1


def test_a_folder_with_other_files_is_left_alone(folder: Path) -> None:
    result = CliRunner().invoke(
        app, ["bench", str(folder), "--codec", "none", "--baseline", "png", "--out", str(folder)]
    )
    assert result.exit_code == 1
    assert "holds other files" in result.stderr


def test_a_missing_data_set_exits_1(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "nowhere", "--baseline", "png", "--out", str(tmp_path / "o")])
    assert (result.exit_code, "neither a folder" in result.stderr) == (1, True)


def test_our_codecs_carry_effort_in_their_label() -> None:
    spec = specs.parse("dct-vae-photo", effort=1)
    assert (spec.label, spec.settings(50)) == ("dct-vae-photo@effort=1", {"quality": 50, "effort": 1})
    assert specs.parse("dct-vae-photo@effort=3", effort=1).encode_options == {"effort": 3}
    assert specs.parse("compressai:mbt2018").options["model"] == "mbt2018"


def test_a_codec_with_one_rate_is_measured_once(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"codec": "srvae-cifar10"}')
    for name in ("dct-vae-cifar10", str(tmp_path)):
        spec = specs.parse(f"{name}@temperature=1")
        assert (len(spec.qualities), spec.own_sweep) == (1, True)
    assert len(specs.parse("dct-vae-photo").qualities) > 1
    with pytest.raises(CodecUnavailable, match=r"card\.json"):
        specs.parse(str(tmp_path.parent))


def test_a_codec_with_qualities_of_its_own(folder: Path, tmp_path: Path) -> None:
    spec = specs.parse("jpeg@quality=20/80")
    assert (spec.label, spec.qualities) == ("jpeg", (20, 80)), "several are a sweep, and no part of the name"
    assert specs.parse("webp@quality=20/80,method=4").label == "webp@method=4"
    ours = specs.parse("hqa-photo@quality=10/30", effort=1)
    assert (ours.label, ours.qualities, ours.own_sweep) == ("hqa-photo@effort=1", (10, 30), True)
    words = [
        "--codec",
        "none",
        "--baseline",
        "jpeg@quality=20/80",
        "--baseline",
        "webp@quality=20/80",
        "--metric",
        "psnr",
    ]
    result = CliRunner().invoke(app, ["bench", str(folder), *words, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.stderr
    assert "in per cent against jpeg," in result.stdout
    records = record_files.read_records(tmp_path / "out" / "records.jsonl")
    assert {(r["codec"], r["settings"]["quality"]) for r in records} == {
        (c, q) for c in ("jpeg", "webp") for q in (20, 80)
    }


def test_one_quality_of_a_baseline() -> None:
    spec = specs.parse("jpeg@quality=1")
    assert spec.qualities == (1,) and "quality" not in spec.options and spec.label == "jpeg@quality=1"


def test_as_many_bytes_as_another_codec_needs(stand_in: str) -> None:
    asked = []

    class Ours:
        def encode(self, image: np.ndarray, **settings: object) -> bytes:
            asked.append(settings)
            return b"file"

    image = np.zeros((40, 50, 3), np.uint8)
    spec = specs.parse(f"{stand_in}@like=jpeg", effort=1)
    assert spec.encode(Ours(), image, 30) == b"file"
    there = len(specs.parse("jpeg").make().encode(image, quality=30))
    assert asked == [{"bpp": 8 * there / 2000, "effort": 1}]
    assert spec.settings(30) == {"quality": 30, "like": "jpeg", "effort": 1}
    assert ", like Pillow" in spec.version(None)


def test_importing_the_bench_is_cheap() -> None:
    heavy = "{'torch', 'matplotlib', 'scipy', 'skimage', 'pooch', 'numpy', 'pytorch_msssim'}"
    code = f"import sys, hvaecodec.bench, hvaecodec.cli.bench; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_job_runs_in_a_process_of_its_own(folder: Path) -> None:
    job = isolated.Job(codec="jpeg", quality=50, dataset=str(folder), megapixels=0.05, repeat=2, threads=1)
    answer = isolated.measure_in_process(job)
    assert (len(answer["encode_s"]), len(answer["decode_s"])) == (2, 2)
    assert answer["height"] * answer["width"] == pytest.approx(50_000, rel=0.01)
    assert answer["peak_bytes"] > 10e6
    with pytest.raises(CodecError, match="no image 'p9'"):
        isolated.measure_in_process(isolated.Job(codec="jpeg", quality=50, dataset=str(folder), image="p9"))


@pytest.mark.parametrize("megapixels", [0.001, 0.02, 0.3])
def test_a_mosaic_has_the_asked_size_and_starts_with_the_photo(megapixels: float) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    grown = isolated.mosaic(photo, megapixels)
    assert grown.shape[0] * grown.shape[1] == pytest.approx(1e6 * megapixels, rel=0.02)
    part = grown[:40, :50]
    np.testing.assert_array_equal(part, photo[: part.shape[0], : part.shape[1]])


def test_records_reread_are_the_records(records: list[dict[str, object]], tmp_path: Path) -> None:
    for record in records:
        record_files.append_record(tmp_path / "r.jsonl", record)
    assert record_files.read_records(tmp_path / "r.jsonl") == records


def test_one_of_ours_goes_through_the_registry(folder: Path, stand_in: str, tmp_path: Path) -> None:
    records = bench.run(str(folder), [stand_in, "png"], quality=[10, 20], effort=1, metrics=["psnr"], out=tmp_path)
    ours = [record for record in records if not record["baseline"]]
    assert {record["codec"] for record in ours} == {f"{stand_in}@effort=1"}
    assert [record["settings"] for record in ours[::2]] == [{"quality": q, "effort": 1} for q in (10, 20)]
    assert all(record["mse"] == 0 and record["not_measured"] for record in ours)
    assert all(record["version"].startswith("hvaecodec ") for record in ours)
    again = bench.run(str(folder), [stand_in, "png"], quality=[10, 20], effort=1, metrics=["psnr"], out=tmp_path)
    assert again == records
