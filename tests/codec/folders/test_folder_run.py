"""A folder converted: what is kept, written or refused, and that nothing is lost or left behind."""

import os
import subprocess

import folder_stand_in
import numpy as np
import pytest
from PIL import Image

from hvaecodec.codec import files
from hvaecodec.codec.folders.run import FullDisk, convert_tree
from hvaecodec.codec.folders.tree import read_tree
from hvaecodec.codec.format.container import unpack
from hvaecodec.codec.images import read_image
from hvaecodec.codec.settings import Decoding

PIXELS = np.random.default_rng(5).integers(0, 256, (9, 12, 3), dtype=np.uint8)


def write_pictures(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS).save(path)


def run(folder, out, work, **options):
    """What is reported of each file, by its name below the folder."""
    tree = read_tree(str(folder), str(out), work.suffixes, work.new_suffix)
    outcomes = {}
    convert_tree(tree, work, lambda o: outcomes.update({os.path.relpath(o.job.source, folder): o}), **options)
    return outcomes


def below(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture
def encode():
    return folder_stand_in.StandInEncode("x")


@pytest.fixture
def decode():
    return folder_stand_in.StandInDecode(Decoding())


def test_there_and_back_and_again(tmp_path, encode, decode):
    write_pictures(tmp_path / "in", "a.png", "b/c.bmp")
    first = run(tmp_path / "in", tmp_path / "files", encode)
    assert {name: outcome.status for name, outcome in first.items()} == {"a.png": "done", "b/c.bmp": "done"}
    assert below(tmp_path / "files") == ["a.hvc", "b/c.hvc"]
    assert first["a.png"].n_bytes == (tmp_path / "files" / "a.hvc").stat().st_size
    run(tmp_path / "files", tmp_path / "back", decode, n_workers=2)
    assert below(tmp_path / "back") == ["a.png", "b/c.png"]
    np.testing.assert_array_equal(read_image(tmp_path / "back" / "b" / "c.png").pixels, PIXELS)

    (tmp_path / "files" / "a.hvc").write_bytes(b"precious")
    (tmp_path / "files" / "b" / "c.hvc").unlink()
    again = run(tmp_path / "in", tmp_path / "files", encode)
    assert (again["a.png"].status, again["a.png"].n_bytes, again["b/c.bmp"].status) == ("kept", 8, "done")
    assert (tmp_path / "files" / "a.hvc").read_bytes() == b"precious"
    assert run(tmp_path / "in", tmp_path / "files", encode, force=True)["a.png"].status == "done"
    assert (tmp_path / "files" / "a.hvc").read_bytes().startswith(b"HVC")


def test_in_place_no_original_is_replaced(tmp_path, encode, decode):
    write_pictures(tmp_path, "a.png", "b.jpg")
    before = (tmp_path / "a.png").read_bytes()
    run(tmp_path, tmp_path, encode)
    outcomes = run(tmp_path, tmp_path, decode)
    assert {name: outcome.status for name, outcome in outcomes.items()} == {"a.hvc": "kept", "b.hvc": "done"}
    assert (tmp_path / "a.png").read_bytes() == before
    assert below(tmp_path) == ["a.hvc", "a.png", "b.hvc", "b.jpg", "b.png"]


def test_an_output_that_is_a_link_to_its_input_is_refused_even_by_force(tmp_path, encode):
    write_pictures(tmp_path, "a.png")
    before = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.hvc").symlink_to("a.png")
    outcome = run(tmp_path, tmp_path, encode, force=True)["a.png"]
    assert outcome.status == "failed" and "same file" in outcome.message
    assert (tmp_path / "a.png").read_bytes() == before


def test_targets_in_the_way_fail_alone(tmp_path, encode):
    write_pictures(tmp_path / "in", "a.png", "b/c.png", "d.png")
    (tmp_path / "out" / "a.hvc").mkdir(parents=True)
    (tmp_path / "out" / "b").write_bytes(b"a file where a folder should be")
    outcomes = run(tmp_path / "in", tmp_path / "out", encode)
    assert outcomes["a.png"].message == f"cannot write {tmp_path}/out/a.hvc: it is a directory"
    assert outcomes["b/c.png"].message == f"cannot make the folder {tmp_path}/out/b: file exists"
    assert below(tmp_path / "out") == ["b", "d.hvc"]


def test_a_target_that_appears_meanwhile_is_kept(tmp_path, encode):
    write_pictures(tmp_path / "in", "a.png", "b.png")

    def report(outcome):
        messages.append(outcome.message)
        (tmp_path / "out" / "b.hvc").write_bytes(b"precious")

    messages = []
    tree = read_tree(str(tmp_path / "in"), str(tmp_path / "out"), encode.suffixes, ".hvc")
    convert_tree(tree, encode, report)
    assert f"{tmp_path}/out/b.hvc exists and is kept" in messages[1]
    assert (tmp_path / "out" / "b.hvc").read_bytes() == b"precious" and below(tmp_path / "out") == ["a.hvc", "b.hvc"]


def test_bad_files_fail_with_a_line_that_names_them(tmp_path, encode, decode):
    write_pictures(tmp_path / "in", "a.png", "kill.png", "d.png")
    (tmp_path / "in" / "huge.ppm").write_bytes(b"P6 60000 60000 255\n")
    (tmp_path / "in" / "text.png").write_bytes(b"words")
    (tmp_path / "in" / "gone.png").symlink_to("nowhere")
    outcomes = run(tmp_path / "in", tmp_path / "out", encode, n_workers=2)
    messages = {name: outcome.message for name, outcome in outcomes.items() if outcome.status == "failed"}
    assert "above the limit" in messages.pop("huge.ppm") and "not an image" in messages.pop("text.png")
    assert messages.pop("gone.png") == f"cannot read {tmp_path}/in/gone.png: no such file or directory"
    assert messages.pop("kill.png").startswith(f"{tmp_path}/in/kill.png: its worker was killed (SIGKILL)")
    assert messages == {} and below(tmp_path / "out") == ["a.hvc", "d.hvc"]

    cut = tmp_path / "out" / "cut.hvc"
    cut.write_bytes((tmp_path / "out" / "a.hvc").read_bytes()[:-9])
    outcomes = run(tmp_path / "out", tmp_path / "back", decode)
    assert outcomes["cut.hvc"].message.startswith(f"{cut}: ") and "truncated" in outcomes["cut.hvc"].message
    assert below(tmp_path / "back") == ["a.png", "d.png"]


def test_a_full_disk_ends_the_run_and_the_next_goes_on(tmp_path, encode, monkeypatch):
    write_pictures(tmp_path / "in", "a.png", "b.png", "c.png")
    n_synced = iter(range(9))

    def fsync(file):
        if next(n_synced):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", fsync)
        with pytest.raises(FullDisk, match=r"cannot write .*b\.hvc: no space left on device") as full:
            run(tmp_path / "in", tmp_path / "out", encode)
    assert full.value.outcome.status == "failed" and below(tmp_path / "out") == ["a.hvc"]
    outcomes = run(tmp_path / "in", tmp_path / "out", encode)
    assert [outcomes[name].status for name in ("a.png", "b.png", "c.png")] == ["kept", "done", "done"]


def test_a_disk_that_really_is_full(tmp_path, encode):
    write_pictures(tmp_path / "in", *(f"{i:02}.png" for i in range(12)))
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(small)]
    if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only who may mount a small disk can fill it")
    try:
        with pytest.raises(FullDisk, match="no space left on device"):
            run(tmp_path / "in", small, encode)
        names = below(small)
        assert 0 < len(names) < 12 and all(name.endswith(".hvc") for name in names)
        assert all(read_hvc(small / name) for name in names)
    finally:
        subprocess.run(["umount", str(small)], check=True)


def read_hvc(path):
    """Whether a file is whole."""
    return unpack(path.read_bytes())
