"""Folders on a local cluster: every input is accounted for once, whatever dies: `make test-cluster`, with Dask."""

from __future__ import annotations

import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from cluster_work import Reversal
from shell_lines import ROOT, blocks

import hvaecodec
from hvaecodec.codec.errors import CodecError

pytestmark = pytest.mark.cluster


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 1000)


def below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture(scope="module")
def client():
    """A cluster of three processes of one thread, of which each may be killed twice with an input in hand."""
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1, "distributed.comm.timeouts.connect": "120s"}),
        LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def alone():
    """A cluster of one thread of this process, which sees its memory."""
    from distributed import Client

    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        yield client


def test_a_worker_that_is_killed_costs_no_input(client, tmp_path):
    from hvaecodec.integrations.dask import convert

    names = [f"{letter}/{n}.png" for letter in "ab" for n in range(10)] + ["damaged.png"]
    write(tmp_path / "in", *names, ".hidden.png", "notes.txt")
    write(tmp_path / "out", "a/0.hvc")
    outcomes, killed = [], []

    def report(outcome):
        outcomes.append(outcome)
        if outcome.status == "done" and not killed:
            killed.extend(pid for pid in client.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)  # while it and the others have inputs in hand

    summary = convert(client, Reversal(0.2), str(tmp_path / "in"), str(tmp_path / "out"), report=report)
    assert killed and killed[0] not in client.run(os.getpid).values()
    sources = Counter(os.path.relpath(outcome.job.source, tmp_path / "in") for outcome in outcomes)
    assert sources == Counter(names)  # each once
    assert summary.counts == {"done": 19, "kept": 1, "failed": 1}
    assert str(summary).splitlines()[0] == "21 inputs: 19 done, 1 kept, 1 failed"
    assert len(summary.failures) == 1 and "damaged.png: cannot read this image" in summary.failures[0]
    assert below(tmp_path / "out") == sorted(name.replace("png", "hvc") for name in names[:-1])
    for name in names[1:-1]:
        assert (tmp_path / "out" / name).with_suffix(".hvc").read_bytes() == (name.encode() * 1000)[::-1]
    assert (tmp_path / "out" / "a/0.hvc").read_bytes() == b"a/0.hvc" * 1000


def test_an_input_that_kills_every_worker_is_a_failure_and_the_others_are_done(client, tmp_path):
    from hvaecodec.integrations.dask import convert

    write(tmp_path / "in", "a.png", "deadly.png", "z.png")
    summary = convert(client, Reversal(), [str(tmp_path / "in" / "deadly.png")], str(tmp_path / "out"))
    assert summary.counts == {"failed": 1}
    assert "deadly.png: 2 workers in a row died with it in hand" in summary.failures[0]
    summary = convert(
        client, Reversal(), [str(tmp_path / "in" / name) for name in ("a.png", "z.png")], str(tmp_path / "out")
    )
    assert summary.counts == {"done": 2} and below(tmp_path / "out") == ["a.hvc", "z.hvc"]


def test_the_same_again_keeps_everything(alone, tmp_path):
    from hvaecodec.integrations.dask import convert

    write(tmp_path / "in", "a.png", "b/c.png")
    places = str(tmp_path / "in"), str(tmp_path / "out")
    assert convert(alone, Reversal(), *places).counts == {"done": 2}
    assert convert(alone, Reversal(), *places).counts == {"kept": 2}
    (tmp_path / "out" / "a.hvc").write_bytes(b"precious")
    assert convert(alone, Reversal(), *places).n_bytes == len("precious") + len("b/c.png") * 1000
    assert convert(alone, Reversal(), *places, force=True).counts == {"done": 2}
    assert (tmp_path / "out" / "a.hvc").read_bytes() == b"gnp.a" * 1000


def test_urls_of_fsspec_and_a_list(alone):
    from fsspec.implementations.memory import MemoryFileSystem

    from hvaecodec.integrations.dask import convert

    memory = MemoryFileSystem()
    for name in ("a.png", "b/c.png", ".x/d.png", "e.txt"):
        memory.pipe_file(f"/photos/{name}", name.encode())
    summary = convert(alone, Reversal(), "memory://photos", "memory://files")
    assert summary.counts == {"done": 2}
    assert sorted(memory.find("/files")) == ["/files/a.hvc", "/files/b/c.hvc"]
    assert memory.cat_file("/files/b/c.hvc") == b"gnp.c/b"
    summary = convert(alone, Reversal(), ["memory://photos/b/c.png", "memory://photos/gone.png"], "memory://others")
    assert summary.counts == {"done": 1, "failed": 1} and "cannot read memory://photos/gone.png" in summary.failures[0]
    assert memory.find("/others") == ["/others/c.hvc"]


def test_the_python_of_the_page(alone, tmp_path, capsys):
    from PIL import Image
    from promises import PHOTO

    (tmp_path / "photos").mkdir()
    Image.fromarray(PHOTO[:40, :40]).save(tmp_path / "photos" / "a.png")
    (block,) = blocks(ROOT / "docs" / "cluster.md", "python")
    for words, real in (("tcp://scheduler:8786", alone.scheduler.address), ("s3://bucket", str(tmp_path))):
        assert words in block
        block = block.replace(words, real)
    exec(block, {"__name__": "__main__"})
    assert capsys.readouterr().out == "1 inputs: 1 done, 0 kept, 0 failed\n"
    assert hvaecodec.decode((tmp_path / "files" / "a.hvc").read_bytes()).shape == (40, 40, 3)


@pytest.mark.parametrize(
    ("work", "source", "words"),
    [
        (Reversal(known=False), None, "no codec 'none'"),
        (Reversal(), "memory://empty", "nothing to convert"),
        (Reversal(), ["memory://x/a.png", "memory://y/a.png"], "would become"),
    ],
)
def test_what_cannot_be_done_at_all_is_one_error(alone, tmp_path, work, source, words):
    from hvaecodec.integrations.dask import convert

    write(tmp_path / "in", "a.png")
    with pytest.raises(CodecError, match=words):
        convert(alone, work, source or str(tmp_path / "in"), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_target_is_whole_or_untouched(tmp_path):
    from fsspec.implementations.memory import MemoryFileSystem

    from hvaecodec.integrations.storage import Storage

    storage, moved = Storage(), []

    class Slow(MemoryFileSystem):
        """A file system on which what is being written can be seen."""

        protocol = "slow"
        cachable = False

        def mv(self, old, new, **more):
            moved.append((old, new))
            super().mv(old, new, **more)

    from hvaecodec.integrations import storage as module

    module._write_whole(Slow(), "/there/a.hvc", b"whole")
    ((old, new),) = moved
    assert old.startswith("/there/.") and new == "/there/a.hvc" and Slow().cat_file(new) == b"whole"
    target = str(tmp_path / "x" / "a.hvc")
    storage.write(target, b"first")
    storage.write(target, b"first")  # as an attempt of which nobody heard
    with pytest.raises(CodecError, match="exists and is kept"):
        storage.write(target, b"second")
    storage.write(target, b"second", force=True)
    assert Path(target).read_bytes() == b"second" and below(tmp_path) == ["x/a.hvc"]
