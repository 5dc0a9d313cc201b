"""`hvaecodec train`: from pictures to a codec that encodes, words for mistakes, and two processes under torchrun."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from smooth import pictures, write_pictures
from typer.testing import CliRunner

import hvaecodec
from hvaecodec.cli import long_work
from hvaecodec.cli.main import app
from hvaecodec.training.checkpoint import NAME, load_checkpoint


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("photos"))


@pytest.fixture
def run(monkeypatch):
    for name, value in long_work._KEEP_PAGES.items():
        monkeypatch.setenv(name, value)
    return lambda *words: CliRunner().invoke(app, ["train", *map(str, words)])


def test_pictures_become_a_codec(run, photos, tmp_path):
    weights = tmp_path / "weights"
    words = "dct-vae-photo", "--data", photos, "--out", tmp_path / "run", "--preset", "tiny", "--export", weights
    result = run(*words, "--steps", 8)
    assert result.exit_code == 0, result.output
    assert "bitstream.safetensors" in result.stderr and result.stdout == ""
    codec = hvaecodec.load(weights)
    (image,) = pictures(1, 50, 70)
    data = codec.encode(image, quality=30, effort=1)
    assert codec.decode(data).shape == image.shape
    part = codec.card["parts"]["bitstream"]
    assert [stage["name"] for stage in part["stages"]] == ["prior", "prior-searched"]
    assert all(stage["steps"] >= 1 and stage["hardware"] and stage["metrics"] for stage in part["stages"])
    assert part["preset"] == "tiny" and part["seed"] == 0 and part["data"]

    result = run(*words, "--steps", 8)
    assert result.exit_code == 1 and "--force" in result.stderr
    result = run(
        "dct-vae-photo-finetune", "--data", photos, "--out", tmp_path / "tuned", "--preset", "tiny", "--steps", 2,
        "--init", weights,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert load_checkpoint(tmp_path / "tuned" / "generator-searched").position.step == 1


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["dct-vae-poto"], 2, "did you mean dct-vae-photo"),
        (["dct-vae-photo", "--preset", "big"], 2, "no preset"),
        (["dct-vae-photo", "--minutes", "1", "--steps", "2"], 2, "not both"),
        (["dct-vae-photo-finetune"], 2, "--init"),
        (["dct-vae-photo-prior", "--preset", "tiny"], 1, "pictures"),
    ],
)
def test_mistakes_are_one_line(run, tmp_path, words, code, message):
    result = run(*words, "--data", tmp_path, "--out", tmp_path / "run")
    assert result.exit_code == code
    assert message in result.stderr and result.stderr.count("\n") == 1


def test_the_command_starts_again_with_pages_kept(monkeypatch):
    calls = []
    monkeypatch.setattr(long_work.platform, "libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr(os, "execve", lambda path, words, environment: calls.append((path, words, environment)))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "hvaecodec", "train", "x"])
    monkeypatch.setenv("MALLOC_TOP_PAD_", "7")
    monkeypatch.delenv("MALLOC_TRIM_THRESHOLD_", raising=False)
    long_work.keep_pages()
    ((path, words, environment),) = calls
    assert path == sys.executable and words == [sys.executable, "-m", "hvaecodec", "train", "x"]
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "8589934592" and environment["MALLOC_TOP_PAD_"] == "7"
    for name in long_work._KEEP_PAGES:
        monkeypatch.setenv(name, "1")
    long_work.keep_pages()
    assert len(calls) == 1


TWO = """
import sys, torch
from safetensors.torch import save_file
from hvaecodec.training.ranks import join_ranks
from hvaecodec.training.loop import Loop
from test_training_loop import Line
from smooth import quick
with join_ranks() as (ranks, device):
    task = Line()
    with torch.no_grad():
        task.net.weight += ranks.rank  # rank 0's weights count
    loop = Loop(task, quick(3), __import__("pathlib").Path(sys.argv[1]), seed=5, ranks=ranks)
    loop.train()
    sums = torch.tensor(task.sums)
    save_file({"weight": task.net.weight.data, "sums": sums}, f"{sys.argv[1]}/rank{ranks.rank}.safetensors")
"""


def test_two_processes_train_one_net(tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO)
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script, tmp_path],
        check=True,
        env=os.environ | {"PYTHONPATH": here, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        timeout=300,
    )
    first, second = (load_file(tmp_path / f"rank{rank}.safetensors") for rank in (0, 1))
    assert torch.equal(first["weight"], second["weight"])
    assert not np.intersect1d(first["sums"].numpy(), second["sums"].numpy()).size, "each rank draws its own data"
    saved = load_checkpoint(tmp_path)
    assert saved.position.step == 3 and torch.equal(saved.tensors["ema.weight"], first["weight"])
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 3], "only rank 0 writes"
    assert not list(tmp_path.glob(".*.tmp")) and (tmp_path / NAME).exists()
