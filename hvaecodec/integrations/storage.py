"""Lists, reads and writes files wherever fsspec can; a file that is written is either whole or untouched."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.files import make_folder, read_limited, reason, write_atomically
from hvaecodec.codec.folders.tree import Job, Tree, read_tree, refuse_collisions, target_of

# Where a file appears whole, when all of it has arrived; elsewhere it is written under another name and moved.
_WHOLE = frozenset({"abfs", "adl", "az", "gcs", "gs", "memory", "oss", "s3", "s3a"})


@dataclass(frozen=True)
class Storage:
    """Access to files by fsspec. options: the arguments with which its file systems are opened, for all paths."""

    options: Mapping[str, Any] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        """Read a whole file. Raises CodecError."""
        try:
            files, name = self._open(path)
            with files.open(name, "rb") as file:
                return read_limited(file)
        except Exception as cause:  # every file system has its own
            raise CodecError(f"cannot read {path}: {_words(cause)}") from cause

    def write(self, path: str, data: bytes, force: bool = False) -> None:
        """Write a whole file, and make its folder if there is none; an existing file is kept unless `force`.

        An existing file with the same bytes is no error, because a worker that died may have written it. Raises
        CodecError.
        """
        try:
            files, name = self._open(path)
            if not force and files.exists(name):
                if files.cat_file(name) != data:
                    raise CodecError(f"{path} exists and is kept; force replaces it")
            elif isinstance(files, LocalFileSystem):
                make_folder(os.path.dirname(name))
                write_atomically(name, data, force)
            else:
                _write_whole(files, name, data)
        except CodecError:
            raise
        except Exception as cause:
            raise CodecError(f"cannot write {path}: {_words(cause)}") from cause

    def plan(self, source: str | Sequence[str], out: str, suffixes: frozenset[str], new_suffix: str) -> Tree:
        """List the files to convert: those of a folder and of all folders below it, or a list of files.

        The rules are those of `read_tree`, which lists local folders. A file of a list keeps its name in the folder
        `out`. Raises CodecError if a folder cannot be listed, or if two files would become one.
        """
        out = self.absolute(out)
        if not isinstance(source, str):
            paths = [self.absolute(path) for path in source]
            tree = Tree([Job(path, target_of(out, path.rpartition("/")[2], new_suffix)) for path in paths])
            refuse_collisions(tree.jobs)
            return tree
        files, root = self._open(source)
        if isinstance(files, LocalFileSystem):
            return read_tree(root, out, suffixes, new_suffix)
        tree = Tree()
        for below in sorted(self.sizes_below(source)):
            suffix = os.path.splitext(below)[1].lower()
            if any(part.startswith(".") for part in below.split("/")):
                tree.hidden += 1
            elif suffix in suffixes:
                tree.jobs.append(Job(f"{source.rstrip('/')}/{below}", target_of(out, below, new_suffix)))
            else:
                tree.others[suffix or "no suffix"] += 1
        refuse_collisions(tree.jobs)
        return tree

    def sizes_below(self, folder: str) -> dict[str, int]:
        """Return the bytes of every file in a folder and below it, by its path there; none where there is no folder.

        Raises CodecError.
        """
        try:
            files, root = self._open(folder)
            every = files.find(root, detail=True) if files.isdir(root) else {}
        except Exception as cause:
            raise CodecError(f"cannot read the folder {folder}: {_words(cause)}") from cause
        return {name[len(root) :].lstrip("/"): int(about["size"] or 0) for name, about in every.items()}

    def absolute(self, path: str) -> str:
        """Return a path that means the same in every process: an absolute one if it is local, otherwise as it is."""
        files, name = self._open(path)
        return name if isinstance(files, LocalFileSystem) else path.rstrip("/")

    def _open(self, path: str) -> tuple[AbstractFileSystem, str]:
        files, name = url_to_fs(path, **self.options)
        return files, name


def _write_whole(files: AbstractFileSystem, name: str, data: bytes) -> None:
    """Write a file of which nobody sees a part, and its folder where the file system has such."""
    folder = files._parent(name)
    files.makedirs(folder, exist_ok=True)
    if _WHOLE & ({files.protocol} if isinstance(files.protocol, str) else set(files.protocol)):
        files.pipe_file(name, data)
        return
    temporary = f"{folder}/.{secrets.token_hex(8)}.tmp"
    try:
        files.pipe_file(temporary, data)
        files.mv(temporary, name)
    except BaseException:
        with suppress(Exception):
            files.rm_file(temporary)
        raise


def _words(cause: Exception) -> str:
    if isinstance(cause, OSError | ValueError):
        return reason(cause) or type(cause).__name__
    return f"{type(cause).__name__}: {cause}"
