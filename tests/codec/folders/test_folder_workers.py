"""Processes that convert files: each on one thread, replaced when they die, and gone when the work is."""

import os
import signal
import subprocess
import sys
import time
from itertools import islice
from multiprocessing import active_children

import folder_stand_in
import pytest

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.folders.tree import Job
from hvaecodec.codec.folders.workers import convert_all, undisturbed


def jobs(tmp_path, *names):
    for name in names:
        (tmp_path / name).write_bytes(b"P5 3 2 255\nabcdef")
    return [Job(str(tmp_path / name), "unused") for name in names]


def by_name(replies):
    return {os.path.basename(job.source): reply for job, reply in replies}


def test_every_file_has_one_reply_and_a_dead_worker_costs_its_file_alone(tmp_path):
    names = ["a.pgm", "kill.pgm", "b.pgm", "exit.pgm", "bug.pgm", "warn.pgm", "c.pgm"]
    replies = list(convert_all(folder_stand_in.StandInEncode("x"), jobs(tmp_path, *names), 2))
    assert sorted(os.path.basename(job.source) for job, _ in replies) == sorted(names)
    made = by_name(replies)
    assert made["kill.pgm"].problem == "its worker was killed (SIGKILL), as happens when memory runs out"
    assert made["exit.pgm"].problem == "its worker ended with status 3"
    assert made["bug.pgm"].problem == "unexpected KeyError: 'odd\\nthing'; --debug shows where"
    assert "in act" in made["bug.pgm"].trace
    assert made["warn.pgm"].converted.notes == ("warning: this file is odd",)
    for name in ("a.pgm", "b.pgm", "c.pgm", "warn.pgm"):
        assert made[name].converted.data.startswith(b"HVC") and made[name].seconds > 0, name
        assert made[name].converted.summary.endswith(" bpp")
    assert active_children() == []


def test_a_worker_killed_from_outside(tmp_path):
    todo = jobs(tmp_path, "very-slow.pgm", "a.pgm")
    replies = convert_all(folder_stand_in.StandInEncode("x"), todo, 2)
    assert os.path.basename(next(replies)[0].source) == "a.pgm"
    (left,) = (process for process in active_children() if _is_asleep(process.pid))
    os.kill(left.pid, signal.SIGKILL)
    (last,) = replies
    assert last[0] == todo[0] and "killed (SIGKILL)" in last[1].problem


def _is_asleep(pid, patience=20.0):
    """Whether a process stays there; the worker that was dismissed ends by itself."""
    end = time.monotonic() + patience
    while time.monotonic() < end and len(active_children()) > 1:
        time.sleep(0.05)
    return any(process.pid == pid for process in active_children())


def test_closing_ends_the_workers_at_once(tmp_path):
    todo = jobs(tmp_path, "a.pgm", "very-slow.pgm", "very-slow2.pgm")
    replies = convert_all(folder_stand_in.StandInEncode("x"), todo, 1)
    assert len(list(islice(replies, 1))) == 1
    start = time.monotonic()
    replies.close()
    assert time.monotonic() - start < 20 and active_children() == []


def test_each_worker_has_one_thread_and_lives_for_many_files(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")
    replies = list(convert_all(folder_stand_in.Threads("x"), jobs(tmp_path, *(f"{i}.pgm" for i in range(5))), 1))
    assert len({reply.converted.summary for _, reply in replies}) == 1
    assert replies[0][1].converted.summary.startswith("1 1 ") and os.environ["OMP_NUM_THREADS"] == "4"


def test_work_that_cannot_begin(tmp_path):
    todo = jobs(tmp_path, "a.pgm", "b.pgm")
    with pytest.raises(CodecError, match="no codec 'no-such'"):
        list(convert_all(folder_stand_in.NoWeights("x"), todo, 2))
    with pytest.raises(CodecError, match="3 workers in a row ended as they started, the last ended with status 7"):
        list(convert_all(folder_stand_in.DiesAtStart(str(tmp_path / "starts")), todo, 2))
    assert (tmp_path / "starts").stat().st_size <= 4, "two that are replaced once each, not for ever"
    assert active_children() == []
    assert list(convert_all(folder_stand_in.NoWeights("x"), [], 0)) == []


def test_ctrl_c_waits_for_the_end_of_what_must_not_be_cut():
    steps = []

    @undisturbed()
    def write():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        steps.append("written")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with pytest.raises(KeyboardInterrupt):
            write()
    finally:
        signal.signal(signal.SIGINT, before)
    assert steps == ["written"]


def test_the_first_process_holds_ctrl_c_back_too():
    """The first one is started together with a process of multiprocessing's, which let the signal through again."""
    code = """
import signal, time
from multiprocessing import get_context
from hvaecodec.codec.folders.workers import undisturbed

if __name__ == "__main__":
    process = get_context("spawn").Process(target=time.sleep, args=(60,))
    with undisturbed():
        process.start()
    (held,) = [line.split()[1] for line in open(f"/proc/{process.pid}/status") if line.startswith("SigBlk")]
    print(bool(int(held, 16) >> signal.SIGINT - 1 & 1))
    process.kill()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"
