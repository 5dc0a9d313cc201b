"""The runner with a stand-in codec: what a record holds, failures, fresh objects, resuming."""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from hvaecodec.bench.data.datasets import NamedImage
from hvaecodec.bench.measure import memory, record_files, runner
from hvaecodec.bench.measure.codec_spec import CodecSpec
from hvaecodec.cli.main import app
from hvaecodec.codec.errors import CodecError


@dataclass(eq=False)
class StandIn:
    """Stores rows and columns and the pixels, dropped to `quality` grey levels; counts what it is asked to do."""

    version: str = "1"
    calls: list[str] = field(default_factory=list)
    fails_on_width: int = -1

    def encode(self, image: np.ndarray, *, quality: float) -> bytes:
        self.calls.append("encode")
        if image.shape[1] == self.fails_on_width:
            raise OSError("too wide")
        step = int(quality)
        return bytes([step, *image.shape[:2]]) + (image // step).tobytes()

    def decode(self, data: bytes) -> np.ndarray:
        self.calls.append("decode")
        step, height, width = data[:3]
        return (np.frombuffer(data[3:], np.uint8).reshape(height, width, 3) * step).astype(np.uint8)

    def info(self, data: bytes) -> dict[str, Any]:
        return {"est_bits": [8.0 * (len(data) - 4), 8.0]}


def images(*widths: int) -> list[NamedImage]:
    rng = np.random.default_rng(0)
    pixels = {f"w{w}": rng.integers(0, 256, (6, w, 3), dtype=np.uint8) for w in widths}
    return [NamedImage(name, lambda x=x: Image.fromarray(x)) for name, x in pixels.items()]


def spec(objects: list[StandIn] | None = None, **more: Any) -> CodecSpec:
    objects = [] if objects is None else objects
    settings = {key: more.pop(key) for key in ("version", "fails_on_width") if key in more}

    def make() -> StandIn:
        objects.append(StandIn(**settings))
        return objects[-1]

    return CodecSpec(**({"label": "standin", "is_baseline": True, "make": make, "qualities": (3, 9)} | more))


def run(specs: list[CodecSpec], pictures: list[NamedImage], **more: Any) -> list[dict[str, Any]]:
    return runner.measure_codecs(pictures, specs, ["mse", "psnr", "ms-ssim"], dataset="test", **more)


def test_a_record_says_everything() -> None:
    records = run([spec()], images(5, 7))
    assert [(r["settings"]["quality"], r["image"]) for r in records] == [(3, "w5"), (3, "w7"), (9, "w5"), (9, "w7")]
    first = records[0]
    assert first["n_bytes"] == 3 + 6 * 5 * 3
    assert first["bpp"] == 8 * first["n_bytes"] / 30
    assert 0 < first["mse"] < 9
    assert first["ms_ssim"] is None
    assert first["not_measured"] == {"ms_ssim": "a side is under 161 pixels"}
    assert {"codec", "version", "encode_s", "decode_s", "device", "threads", "commit", "warm_up"} <= set(first)
    assert "est_bits" not in first
    json.dumps(records, allow_nan=False)


def test_the_object_that_encodes_never_decodes() -> None:
    objects: list[StandIn] = []
    run([spec(objects)], images(5, 7))
    used = [set(codec.calls) for codec in objects if codec.calls]
    assert used == [{"encode"}, {"decode"}] * 2


def test_a_factory_that_gives_one_object_twice_is_refused() -> None:
    shared = StandIn()
    records = run([spec(make=lambda: shared)], images(5))
    assert all("the decoder must be a fresh one" in record["error"] for record in records)


def test_a_failure_is_a_line_and_the_run_goes_on() -> None:
    records = run([spec(fails_on_width=7)], images(5, 7))
    assert [record.get("error") for record in records] == [None, "OSError: too wide"] * 2
    assert "bpp" not in records[1]


def test_an_unavailable_codec_is_a_line_for_each_image() -> None:
    records = run([spec(unavailable="not here")], images(5))
    assert {record["error"] for record in records} == {"CodecUnavailable: not here"}


def test_estimates_stand_beside_the_bytes_for_our_codecs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CodecSpec, "version", lambda self, codec: "1")
    record = run([spec(is_baseline=False)], images(5), qualities=[4])[0]
    assert record["settings"]["quality"] == 4
    assert record["n_bytes"] == 93
    assert record["est_bits"] == 8 * 90
    assert record["est_bpp"] == 24


def test_a_quality_is_one_number_whole_or_not() -> None:
    ours = spec(is_baseline=False, own_version="1")
    earlier = [json.loads(json.dumps(record)) for record in run([ours], images(5), qualities=[30.0])]
    added: list[dict[str, Any]] = []
    run([ours], images(5), qualities=[30], earlier=earlier, add_record=added.append)
    assert added == []


def test_records_that_hold_are_reused_and_others_are_not() -> None:
    pictures = images(5, 7)
    earlier = run([spec()], pictures)
    added: list[dict[str, Any]] = []
    assert run([spec()], pictures, earlier=earlier, add_record=added.append) == earlier
    assert added == []
    run([spec(version="2")], pictures, earlier=earlier, add_record=added.append)
    assert len(added) == 4
    other = [pictures[0], NamedImage("w7", lambda: Image.fromarray(np.zeros((6, 7, 3), np.uint8)))]
    added.clear()
    run([spec()], other, earlier=earlier, add_record=added.append)
    assert [record["image"] for record in added] == ["w7", "w7"]


def test_a_failure_and_a_missing_metric_are_measured_again() -> None:
    pictures = images(5)
    earlier = runner.measure_codecs(pictures, [spec()], ["mse"], dataset="test")
    earlier[1] = {key: earlier[1][key] for key in ("codec", "settings", "version", "image", "pixels")} | {"error": "x"}
    added: list[dict[str, Any]] = []
    runner.measure_codecs(pictures, [spec()], ["mse"], dataset="test", earlier=earlier, add_record=added.append)
    assert [record["settings"]["quality"] for record in added] == [9]
    added.clear()
    run([spec()], pictures, earlier=earlier, add_record=added.append)
    assert len(added) == 2


def test_records_survive_a_torn_last_line(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    record_files.append_record(path, {"a": 1})
    with path.open("a") as sink:
        sink.write('{"a": 2, "b"')
    assert record_files.read_records(path) == [{"a": 1}]


def test_a_run_after_a_torn_line_starts_its_own(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"a": 1}\n{"a": 2, "b"')
    record_files.append_record(path, {"a": 3})
    assert record_files.read_records(path) == [{"a": 1}, {"a": 3}]


GOOD = {"dataset": "d", "codec": "jpeg", "settings": {"quality": 5.0}, "version": "1", "image": "a", "pixels": "00",
        "baseline": True, "n_bytes": 3, "bpp": 0.5, "mse": 1.0, "psnr_db": None, "warm_up": True,
        "notes": ["n"]}  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        b"7",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b'{"a": 1}',
        b'{"a": ' + b"9" * 5000 + b"}",
        *(
            json.dumps(GOOD | change).encode()
            for change in (
                {"settings": 5}, {"settings": {"quality": "5"}}, {"settings": {}}, {"codec": ["jpeg"]}, {"image": None},
                {"bpp": "0.5"}, {"bpp": [1]}, {"mse": float("nan")}, {"n_bytes": {}}, {"baseline": 1}, {"pixels": 3},
                {"not_measured": "words"}, {"bpp": True}, {"psnr_db": float("inf")}, {"width": 1e308 * 10},
            )
        ),
    ],
)  # fmt: skip
def test_lines_that_are_no_records_are_left_out(tmp_path: Path, line: bytes) -> None:
    good = json.dumps(GOOD).encode()
    (tmp_path / record_files.FILE).write_bytes(good + b"\n" + line + b"\n" + good)
    earlier, _ = record_files.open_records(tmp_path, fresh=False)
    assert earlier == [GOOD, GOOD]


def test_two_benches_do_not_share_a_folder(tmp_path: Path) -> None:
    record_files.open_records(tmp_path, fresh=False)
    with record_files.alone_in(tmp_path):
        with pytest.raises(CodecError, match="another bench is writing into"), record_files.alone_in(tmp_path):
            pass
        (tmp_path / "pictures").mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / "a.png")
        words = ["bench", str(tmp_path / "pictures"), "--codec", "none", "--baseline", "png", "--out", str(tmp_path)]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 1 and "another bench is writing into" in result.stderr, result.output
    with record_files.alone_in(tmp_path), record_files.alone_in(None):
        pass


def test_peak_memory_sees_what_a_block_touched() -> None:
    with memory.PeakMemory() as small:
        pass
    with memory.PeakMemory() as large, mmap.mmap(-1, 64_000_000) as pages:  # new pages, whatever the allocator keeps
        for place in range(0, len(pages), mmap.ALLOCATIONGRANULARITY):
            pages[place] = 1
    if small.n_bytes is None or large.n_bytes is None:
        pytest.skip("this system does not let a process reset its high-water mark")
    assert large.n_bytes - small.n_bytes > 40e6
    assert memory.process_peak() >= 40e6
