"""`encode` and `decode` of folders: what they say where, exit codes, logs, Ctrl-C, and the bar on a terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import folder_stand_in
import numpy as np
import pytest
from PIL import Image

import hvaecodec
from hvaecodec.cli import folder_progress
from hvaecodec.cli import main as cli_main
from hvaecodec.cli.folder_progress import Progress, in_words
from hvaecodec.codec import files
from hvaecodec.codec.folders import work
from hvaecodec.codec.folders.run import Outcome
from hvaecodec.codec.folders.tree import Job
from hvaecodec.codec.images import read_image

PIXELS = np.random.default_rng(5).integers(0, 256, (9, 12, 3), dtype=np.uint8)
STAND_IN = [sys.executable, folder_stand_in.__file__]


def write_pictures(folder, *names):
    for name in names:
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS).save(path)


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if not path.is_dir())


@pytest.fixture
def run(monkeypatch, capsys, tmp_path, stand_in):
    """Runs the command in this process and in tmp_path; its workers are other processes. Returns code and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work, "EncodeWork", folder_stand_in.StandInEncode)
    monkeypatch.setattr(work, "DecodeWork", folder_stand_in.StandInDecode)

    def run(*words: object) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["hvaecodec", *map(str, words)])
        with pytest.raises(SystemExit) as done:
            cli_main.main()
        out, err = capsys.readouterr()
        assert out == ""
        return done.value.code or 0, err.splitlines()

    return run


def records(path="log.jsonl"):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def test_a_limit_of_pixels_holds_for_every_file(run, stand_in):
    write_pictures("in", "a.png")
    assert run("encode", "in", "--out", "files", "--jobs", 1)[0] == 0
    code, lines = run("decode", "files", "--out", "pictures", "--jobs", 1, "--max-pixels", 1023)
    assert code == 1 and below("pictures") == []
    assert any("9 x 12 pixels, 1024 in whole tiles, is above the limit of 1023" in line for line in lines)
    assert run("decode", "files", "--out", "pictures", "--jobs", 1, "--max-pixels", 2048)[0] == 0
    assert below("pictures") == ["a.png"]


def test_there_and_back(run, stand_in):
    write_pictures("in", "a/b.png", "c.jpg", "._c.jpg.png", "d.bug.png")
    code, lines = run("encode", "in", "--out", "files", "--jobs", 2, "--log", "log.jsonl")
    assert code == 1 and below("files") == ["a/b.hvc", "c.hvc"]
    assert lines[-1] == "2 of 3 files done, 1 failed; left alone: 1 hidden"
    (failure,) = (line for line in lines if line.startswith("error: "))
    assert failure == "error: in/d.bug.png: unexpected KeyError: 'odd\\nthing'; --debug shows where"
    size = Path("files/a/b.hvc").stat().st_size
    (line,) = (line for line in lines if "files/a/b.hvc" in line)
    assert f"/3 files/a/b.hvc: {size} bytes, {8 * size / 108:.3f} bpp" in line
    assert sum(" left" in line for line in lines[:-1]) >= 1, "an estimate"
    logged = {record["file"]: record for record in records()}
    assert {name: record["status"] for name, record in logged.items()} == {
        "in/a/b.png": "done",
        "in/c.jpg": "done",
        "in/d.bug.png": "failed",
    }
    assert logged["in/a/b.png"]["bytes"] == size and logged["in/a/b.png"]["output"] == "files/a/b.hvc"
    assert 0 < logged["in/a/b.png"]["seconds"] < 60 and logged["in/d.bug.png"]["bytes"] is None
    assert "KeyError" in logged["in/d.bug.png"]["message"]

    code, lines = run("decode", "files", "--out", "back")
    assert code == 0 and below("back") == ["a/b.png", "c.png"] and lines[-1] == "2 of 2 files done"
    assert lines[0] == "1/2 back/a/b.png: 12 × 9 pixels; about" + lines[0].partition("about")[2]
    np.testing.assert_array_equal(read_image("back/a/b.png").pixels, PIXELS)


def test_it_goes_on_where_it_stopped_and_force_does_not(run):
    write_pictures("in", "a.png", "b.png")
    assert run("encode", "in", "-o", "out", "--log", "log.jsonl")[0] == 0
    Path("out/a.hvc").write_bytes(b"precious")
    Path("out/b.hvc").unlink()
    code, lines = run("encode", "in", "-o", "out", "--log", "log.jsonl")
    assert code == 0 and lines[-1] == "1 of 2 files done, 1 kept as they were"
    assert Path("out/a.hvc").read_bytes() == b"precious"
    assert [record["status"] for record in records()] == ["done", "done", "kept", "done"]
    assert run("encode", "in", "-o", "out")[1] == ["0 of 2 files done, 2 kept as they were"]
    assert run("encode", "in", "-o", "out", "--force")[1][-1] == "2 of 2 files done"
    assert Path("out/a.hvc").read_bytes().startswith(b"HVC")


def test_without_an_output_files_go_beside_the_originals(run):
    write_pictures("in", "a.png", "b/c.gif")
    before = Path("in/a.png").read_bytes()
    assert run("encode", "in")[0] == 0
    code, lines = run("decode", "in/")
    assert code == 0 and lines[-1].startswith("1 of 2 files done, 1 kept as they were")
    assert below("in") == ["a.hvc", "a.png", "b/c.gif", "b/c.hvc", "b/c.png"]
    assert Path("in/a.png").read_bytes() == before


def test_settings_are_those_of_every_file(run):
    write_pictures("in", "a.png", "b.png")
    run("encode", "in", "--out", "files")
    for path in ("files/a.hvc", "files/b.hvc"):
        Path(path).write_bytes(Path(path).read_bytes()[:-9])
    code, lines = run("decode", "files", "--out", "back")
    assert code == 1 and [line.partition(": ")[0] for line in lines[:-1]] == ["error", "error"]
    assert "truncated" in lines[0] and lines[0].startswith("error: files/a.hvc: ")
    code, lines = run("decode", "files", "--out", "back", "--partial", "--scale", "1/2")
    assert code == 0 and read_image("back/b.png").pixels.shape == (5, 6, 3)
    assert lines[0] == "warning: files/a.hvc: level 1 is incomplete and left out"


def test_notes_name_their_file(run):
    Path("in").mkdir()
    Image.fromarray(PIXELS).convert("P").save("in/a.gif")
    assert run("encode", "in")[1][0] == "note: in/a.gif: palette converted to RGB"


def test_names_that_are_no_text(run):
    write_pictures("in", "a.png")
    os.rename(b"in/a.png", b"in/\xff.png")
    code, lines = run("encode", "in", "--out", "out", "--log", "log.jsonl")
    assert code == 0 and os.listdir(b"out") == [b"\xff.hvc"] and lines[0].startswith(r"1/1 out/\udcff.hvc: ")
    assert os.fsencode(records()[0]["file"]) == b"in/\xff.png"


def test_a_killed_worker_costs_one_file(run):
    write_pictures("in", "a.png", "kill.png", "z.png")
    code, lines = run("encode", "in", "--out", "out", "--jobs", 2)
    assert code == 1 and below("out") == ["a.hvc", "z.hvc"]
    assert "error: in/kill.png: its worker was killed (SIGKILL), as happens when memory runs out" in lines
    assert lines[-1] == "2 of 3 files done, 1 failed"


def test_a_full_disk_is_one_line(run, monkeypatch):
    write_pictures("in", "a.png", "b.png", "c.png")
    n_synced = iter(range(9))

    def fsync(file):
        if next(n_synced):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fsync)
    code, lines = run("encode", "in", "--out", "out", "--log", "log.jsonl")
    assert code == 1 and below("out") == ["a.hvc"] and len(lines) == 2
    assert lines[1] == (
        "error: cannot write out/b.hvc: no space left on device; 1 of 3 files done, 1 failed, 1 not tried; "
        "the same command goes on from there"
    )
    assert [record["status"] for record in records()] == ["done", "failed"]


def test_debug_shows_where_a_file_failed(run):
    write_pictures("in", "bug.png", "c.png")
    code, lines = run("encode", "in", "--out", "out", "--debug")
    assert code == 1 and "Traceback (most recent call last):" in lines and below("out") == ["c.hvc"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["encode", "in", "--jobs", "0"], 2, "--jobs"),
        (["encode", "in", "--jobs", "-2"], 2, "--jobs"),
        (["encode", "in", "--jobs", "two"], 2, "--jobs"),
        (["encode", "in", "--out", "-"], 2, "go into files"),
        (["encode", "in", "--log", "-"], 2, "go into files"),
        (["encode", "in", "--quality", "101"], 2, "quality must lie in 1..100"),
        (["encode", "in", "--bpp", "0"], 2, "bpp must be above 0"),
        (["encode", "in", "--bpp", "1", "--psnr", "30"], 2, "one of --quality"),
        (["encode", "in", "--model", "no-such"], 1, "no codec 'no-such'"),
        (["encode", "in", "--out", "in/a.png"], 1, "is not a folder"),
        (["encode", "in", "--log", "in/a.png"], 1, "is no log"),
        (["encode", "in", "--log", "no/log"], 1, "cannot write the log no/log: no such file"),
        (["encode", "both", "--out", "out"], 1, "both/a.jpg and both/a.png would become out/a.hvc; nothing is written"),
        (["encode", "none", "--out", "out"], 1, "nothing to encode in none; left alone: 1 of another kind (.txt)"),
        (["decode", "in", "--out", "out"], 1, "nothing to decode in in; left alone: 1 of another kind (.png)"),
        (["decode", "in", "--temperature", "3"], 2, "temperature must lie in 0..2"),
        (["decode", "in", "--model", "no-such"], 1, "no codec 'no-such'"),
        (["encode", "in/a.png", "--jobs", "2"], 2, "--jobs is for folders, and in/a.png is none"),
        (["decode", "in/a.hvc", "--log", "x"], 2, "--log is for folders, and in/a.hvc is none"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(run, words, code, message):
    write_pictures(".", "in/a.png", "both/a.png", "both/a.jpg", "both/b.png")
    Path("none").mkdir()
    Path("none/x.txt").write_bytes(b"")
    before = {name: Path(name).read_bytes() for name in below(".")}
    exit_code, lines = run(*words)
    assert exit_code == code and len(lines) == 1 and lines[0].startswith("error: ") and message in lines[0]
    assert {name: Path(name).read_bytes() for name in below(".")} == before and not Path("out").exists()


def test_a_log_that_cannot_grow_keeps_its_whole_lines(tmp_path):
    from hvaecodec.cli.folder_log import FolderLog
    from hvaecodec.codec.errors import CodecError

    path = tmp_path / "log.jsonl"
    outcome = Outcome(Job("a.png", "a.hvc"), "done", 7)
    with FolderLog(str(path)) as log:
        log.write(outcome)
        size = path.stat().st_size
        whole = log._file
        log._file = Narrow(whole)
        with pytest.raises(CodecError, match="cannot write the log"):
            log.write(outcome)
        log._file = whole
    assert path.stat().st_size == size and len(records(path)) == 1


class Narrow:
    """A file on a disk with room for three more bytes."""

    def __init__(self, file):
        self.file = file
        self.fileno, self.truncate = file.fileno, file.truncate

    def write(self, data):
        return self.file.write(data[:3])


def wait_for(condition, patience=60.0):
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.02)


def is_there(group):
    """Whether a group of processes has any."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_ends_at_once_and_the_next_run_goes_on(tmp_path):
    write_pictures(tmp_path / "in", "a.png", "b-very-slow.png", "c-very-slow.png", "d.png")
    words = [*STAND_IN, "encode", "in", "--out", "out", "--jobs", "2"]
    process = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for((tmp_path / "out" / "a.hvc").exists)
    start = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and time.monotonic() - start < 30
    *_, last = err.splitlines()
    assert last == "interrupted: 1 of 4 files done, 3 not tried; the same command goes on from there"
    assert "Traceback" not in err and below(tmp_path / "out") == ["a.hvc"]
    wait_for(lambda: not is_there(process.pid))  # no worker is left

    for name in ("b-very-slow.png", "c-very-slow.png"):
        (tmp_path / "in" / name).rename(tmp_path / "in" / name.replace("-very-slow", ""))
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.splitlines()[-1] == "3 of 4 files done, 1 kept as they were"
    assert below(tmp_path / "out") == ["a.hvc", "b.hvc", "c.hvc", "d.hvc"]


def test_a_bar_on_a_terminal(tmp_path):
    write_pictures(tmp_path / "in", "a-slow.png", "bug.png", "c-slow.png")
    ours, theirs = pty.openpty()
    words, environment = [*STAND_IN, "encode", "in", "--out", "out"], os.environ | {"TERM": "xterm"}
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 4096):
                shown += part
        os.close(ours)
        assert process.wait() == 1 and process.stdout.read() == b""
    text = shown.decode()
    assert "/3" in text and "left" in text and "━" in text
    assert "error: in/bug.png: unexpected KeyError" in text and "2 of 3 files done, 1 failed" in text
    assert "out/a-slow.hvc:" not in text, "the bar stands for the lines"


def test_the_estimate(monkeypatch, capsys):
    now = iter([100.0, 110.0, 120.0, 130.0])
    monkeypatch.setattr(folder_progress.time, "monotonic", lambda: next(now))
    progress = Progress("encode", 5)
    job = Job("a.png", "a.hvc")
    progress.advance(Outcome(job, "kept"))
    progress.advance(Outcome(job, "done", 7, 1.0, "7 bytes"))
    progress.advance(Outcome(job, "failed", message="no"))
    progress.advance(Outcome(job, "done", 7, 1.0, "7 bytes"))
    progress.advance(Outcome(job, "done", 7, 1.0, "7 bytes"))
    assert capsys.readouterr().err.splitlines() == [
        "2/5 a.hvc: 7 bytes; about 30 s left",
        "4/5 a.hvc: 7 bytes; about 10 s left",
        "5/5 a.hvc: 7 bytes",
    ]
    assert [in_words(seconds) for seconds in (0.4, 99, 100, 5900, 6000, 12_000)] == [
        "0 s",
        "99 s",
        "2 min",
        "98 min",
        "1 h 40 min",
        "3 h 20 min",
    ]


def test_the_default_codec_in_processes_of_its_own(tmp_path):
    """With real weights, from pictures to files to pictures."""
    write_pictures(tmp_path / "in", "a.png", "b/c.png")
    words = [sys.executable, "-m", "hvaecodec"]
    encode = subprocess.run(
        [*words, "encode", "in", "--out", "out", "--jobs", "2", "--effort", "1", "--quality", "30"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert encode.returncode == 0, encode.stderr
    for name in ("a.hvc", "b/c.hvc"):
        info = hvaecodec.info((tmp_path / "out" / name).read_bytes())
        assert (info["height"], info["width"], info["codec"]) == (9, 12, "dct-vae-photo")
        assert abs(info["quality"] - 30) < 1
    decode = subprocess.run([*words, "decode", "out", "--out", "back"], cwd=tmp_path, capture_output=True, text=True)
    assert decode.returncode == 0, decode.stderr
    assert below(tmp_path / "back") == ["a.png", "b/c.png"]
    assert read_image(tmp_path / "back" / "b" / "c.png").pixels.shape == PIXELS.shape
