"""A target holds the whole new file or is untouched, and nothing else is left behind."""

import os
import signal
import stat
import subprocess
import sys
import threading

import pytest

from hvaecodec.codec import files
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import check_target, read_bytes, write_atomically


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


def test_writes_and_keeps_what_exists(tmp_path):
    target = tmp_path / "a.hvc"
    write_atomically(target, b"first")
    assert target.read_bytes() == b"first"
    for refuse in (lambda: write_atomically(target, b"second"), lambda: check_target(target)):
        with pytest.raises(CodecError, match="exists and is kept; --force"):
            refuse()
    assert target.read_bytes() == b"first"
    target.chmod(0o640)
    write_atomically(target, b"third", force=True)
    assert target.read_bytes() == b"third"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert names(tmp_path) == ["a.hvc"]


def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path):
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("force", [False, True])
def test_targets_that_cannot_be(tmp_path, force):
    (tmp_path / "file").write_bytes(b"")
    for target in ("", "file/a", "missing/a", "x" * 300, "zero\0byte"):
        with pytest.raises(CodecError, match="cannot write|no folder"):
            write_atomically(tmp_path / target, b"data", force)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failure_on_the_way_leaves_everything_as_it_was(tmp_path, monkeypatch, failing):
    def fail(*_args):
        raise OSError(28, "No space left on device")

    target = tmp_path / "a.hvc"
    target.write_bytes(b"old")
    monkeypatch.setattr(files.os, failing, fail)
    with pytest.raises(CodecError, match="no space left"):
        write_atomically(target, b"new", force=True)
    assert target.read_bytes() == b"old" and names(tmp_path) == ["a.hvc"]


@pytest.mark.parametrize("links", [True, False])
def test_a_target_that_appears_meanwhile_is_kept(tmp_path, monkeypatch, links):
    target = tmp_path / "a.hvc"
    synced = os.fsync

    def slow(descriptor):
        synced(descriptor)
        target.write_bytes(b"theirs")

    def no_links(*_args, **_more):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.os, "fsync", slow)
    if not links:
        monkeypatch.setattr(files.os, "link", no_links)
    with pytest.raises(CodecError, match="exists and is kept"):
        write_atomically(target, b"ours")
    assert target.read_bytes() == b"theirs" and names(tmp_path) == ["a.hvc"]


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def no_links(*_args, **_more):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(files.os, "link", no_links)
    write_atomically(tmp_path / "a.hvc", b"ours")
    assert (tmp_path / "a.hvc").read_bytes() == b"ours" and names(tmp_path) == ["a.hvc"]


@pytest.mark.parametrize("force", [False, True])
def test_a_process_that_is_killed_while_it_writes_leaves_nothing(tmp_path, force):
    code = f"""
import os, signal
from hvaecodec.codec import files
files.os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
files.write_atomically({str(tmp_path / "a.hvc")!r}, b"ours", force={force})
"""
    (tmp_path / "b.hvc").write_bytes(b"theirs")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert names(tmp_path) == ["b.hvc"]


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", b"new", force=True)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"new"


def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_atomically(pipe, b"data", force=True)
    reader.join(10)
    assert got == [b"data"] and pipe.is_fifo()


def test_reading(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert read_bytes(tmp_path / "a") == b"abc"
    for name, message in (("b", "no such file"), ("", "is a directory"), ("a\0", "null byte")):
        with pytest.raises(CodecError, match=message):
            read_bytes(tmp_path / name)
