"""What is to be converted in a folder: names, links, hidden files and what is refused before anything is written."""

import os
import socket

import pytest

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.folders import tree as tree_module
from hvaecodec.codec.folders.tree import FILES, PICTURES, Job, check_out, read_tree


def touch(folder, *names):
    for name in names:
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "xb").close()


def pairs(tree, folder, out):
    """The jobs, relative to both folders."""
    return [(os.path.relpath(job.source, folder), os.path.relpath(job.target, out)) for job in tree.jobs]


def test_the_structure_is_kept_and_names_are_sorted(tmp_path):
    touch(tmp_path / "in", "z.png", "a/b.JPG", "a/c/d.e.tiff", "a/c/ü.webp", b"a/\xff.png")
    tree = read_tree(str(tmp_path / "in"), str(tmp_path / "out"), PICTURES, ".hvc")
    assert pairs(tree, tmp_path / "in", tmp_path / "out") == [
        ("a/b.JPG", "a/b.hvc"),
        ("a/c/d.e.tiff", "a/c/d.e.hvc"),
        ("a/c/ü.webp", "a/c/ü.hvc"),
        ("a/\udcff.png", "a/\udcff.hvc"),
        ("z.png", "z.hvc"),
    ]
    assert tree.left_alone() == "" and not (tmp_path / "out").exists()


def test_files_become_pictures(tmp_path):
    touch(tmp_path, "a.hvc", "b/C.HVC", "d.png")
    tree = read_tree(str(tmp_path), str(tmp_path), FILES, ".png")
    assert tree.jobs == [
        Job(f"{tmp_path}/a.hvc", f"{tmp_path}/a.png"),
        Job(f"{tmp_path}/b/C.HVC", f"{tmp_path}/b/C.png"),
    ]
    assert tree.left_alone() == "1 of another kind (.png)"


def test_what_is_left_alone_is_counted(tmp_path):
    touch(tmp_path, "a.png", "._a.png", ".DS_Store", ".git/b.png", "x.txt", "y.txt", "README", "z.HEIC", "q.zip")
    os.mkfifo(tmp_path / "pipe.png")
    tree = read_tree(str(tmp_path), str(tmp_path), PICTURES, ".hvc")
    assert [job.source for job in tree.jobs] == [f"{tmp_path}/a.png"]
    assert tree.hidden == 3
    assert tree.others == {".txt": 2, "no suffix": 1, ".heic": 1, ".zip": 1, "no regular file": 1}
    assert tree.left_alone() == "3 hidden, 6 of another kind (.heic, .txt, .zip, …)"


def test_a_socket_with_the_name_of_a_picture_is_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("s.png")
        assert read_tree(".", ".", PICTURES, ".hvc").jobs == []


def test_linked_files_are_files_and_linked_folders_are_not_followed(tmp_path):
    touch(tmp_path, "outside/secret.png", "in/a/b.png", "elsewhere.png")
    files = {"c.png": "../elsewhere.png", "d.png": "nowhere", "e.png": "e.png"}
    for name, target in ({"out": "../outside", "loop": ".", "up": ".."} | files).items():
        (tmp_path / "in" / name).symlink_to(target)
    tree = read_tree(str(tmp_path / "in"), str(tmp_path / "out"), PICTURES, ".hvc")
    assert [name for name, _ in pairs(tree, tmp_path / "in", tmp_path)] == ["a/b.png", "c.png", "d.png", "e.png"]
    assert tree.linked_folders == 3 and tree.left_alone() == "3 linked folders"
    (tmp_path / "named").symlink_to("in")
    assert len(read_tree(str(tmp_path / "named"), "out", PICTURES, ".hvc").jobs) == 4, "who names a link means it"


@pytest.mark.parametrize("out", ["in/pictures", "in/../in/pictures", "link"])
def test_an_output_inside_is_not_read(tmp_path, out):
    touch(tmp_path / "in", "a.png", "pictures/b.png", "sub/pictures/c.png")
    (tmp_path / "link").symlink_to("in/pictures")
    tree = read_tree(str(tmp_path / "in"), str(tmp_path / out), PICTURES, ".hvc")
    assert [name for name, _ in pairs(tree, tmp_path / "in", tmp_path)] == ["a.png", "sub/pictures/c.png"]


def test_two_inputs_of_one_output_are_refused_and_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "in/a.png", "in/b/a.jpg", "in/b/a.png", "in/c.png")
    with pytest.raises(CodecError) as refusal:
        read_tree("in", "out", PICTURES, ".hvc")
    assert str(refusal.value) == (
        "in/b/a.jpg and in/b/a.png would become out/b/a.hvc; nothing is written, rename or move one of each"
    )
    touch(tmp_path, *(f"in/{name}.{end}" for name in "pqrs" for end in ("jpg", "gif")))
    with pytest.raises(CodecError, match="; and 2 more; nothing"):
        read_tree("in", "out", PICTURES, ".hvc")


def test_folders_that_cannot_be_listed(tmp_path, monkeypatch):
    touch(tmp_path, "a.png", "closed/b.png")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(tree_module.os, "scandir", refuse)
    tree = read_tree(str(tmp_path), "out", PICTURES, ".hvc")
    assert [job.source for job in tree.jobs] == [f"{tmp_path}/a.png"]
    assert tree.unreadable == [f"cannot read the folder {tmp_path}/closed: permission denied"]
    with pytest.raises(CodecError, match=r"cannot read the folder .*/closed: permission denied"):
        read_tree(str(tmp_path / "closed"), "out", PICTURES, ".hvc")
    with pytest.raises(CodecError, match="no such file"):
        read_tree(str(tmp_path / "missing"), "out", PICTURES, ".hvc")


def test_outputs_that_cannot_be(tmp_path, monkeypatch):
    touch(tmp_path, "file")
    check_out(str(tmp_path / "new" / "newer"))
    check_out(str(tmp_path))
    for name in ("file", "file/below"):
        with pytest.raises(CodecError, match=r"cannot write into .*file is not a folder"):
            check_out(str(tmp_path / name))
    monkeypatch.setattr(tree_module.os, "access", lambda path, mode: False)
    with pytest.raises(CodecError, match=f"the folder {tmp_path} is not writable"):
        check_out(str(tmp_path / "new" / "newer"))
    assert not (tmp_path / "new").exists()
