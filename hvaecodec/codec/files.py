"""Reading whole files, and writing them so that a target is either complete or untouched."""

from __future__ import annotations

import io
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hvaecodec.codec.errors import CodecError

LONGEST = 1 << 30  # bytes of a file or stream that is read whole
_PART = 1 << 22
_STREAMS = {"/dev/stdin": 0, "/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR = re.compile(r"(?:/dev|/proc/self)/fd/(\d{1,7})")


def read_bytes(path: str | os.PathLike[str], limit: int = LONGEST) -> bytes:
    """Read a whole file, or a pipe to its end. Raises a CodecError that says in one line why that failed.

    limit: bytes, more are refused. So is a device, such as /dev/zero, which may have no end.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not os.path.samefile(path, os.devnull):
                raise ValueError("it is a device, not a file")
            return read_limited(file, limit)
    except (OSError, ValueError) as cause:  # ValueError: a zero byte in the name, or too long
        raise CodecError(f"cannot read {path}: {reason(cause)}") from cause


def read_limited(stream: BinaryIO, limit: int = LONGEST) -> bytes:
    """Read a stream to its end. Raises ValueError if it has more bytes than `limit`."""
    parts, total = [], 0
    while part := stream.read(min(_PART, limit + 1 - total)):
        parts.append(part)
        total += len(part)
    if total > limit:
        raise ValueError(f"it has more than {limit} bytes")
    return b"".join(parts)


def read_regular(path: str | os.PathLike[str], limit: int = LONGEST) -> bytes:
    """Read a whole file that is a regular file, without waiting for what a pipe of that name might hold.

    Raises OSError, or ValueError if it is something else or has more than `limit` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > limit:
            raise ValueError(f"it has more than {limit} bytes")
        with open(descriptor, "rb", closefd=False) as file:
            return read_limited(file, limit)
    finally:
        os.close(descriptor)


def check_target(path: str | os.PathLike[str], force: bool = False) -> None:
    """Raise the CodecError that `write_atomically` would raise, before any work is done for nothing."""
    try:
        if is_stream(path):
            return
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise CodecError(f"cannot write {path}: it is a directory")
        if target.is_file() and not force:
            raise CodecError(f"{path} exists and is kept; --force replaces it")
        if not target.parent.is_dir():
            raise CodecError(f"cannot write {path}: there is no folder {target.parent}")
        if not target.exists() and not os.access(target.parent, os.W_OK):
            raise CodecError(f"cannot write {path}: the folder {target.parent} is not writable")
    except (OSError, ValueError) as cause:
        raise CodecError(f"cannot write {path}: {reason(cause)}") from cause


def is_stream(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is an open stream, such as /dev/stdout, or a pipe or a device: what is written straight to.

    Raises OSError if the stream is closed.
    """
    descriptor = _descriptor_of(path)
    if descriptor is not None:
        os.fstat(descriptor)
        return True
    if not os.path.exists(path):
        return False
    mode = os.stat(path).st_mode
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _descriptor_of(path: str | os.PathLike[str]) -> int | None:
    """The number of an open file of this process that a path names, None if it names none.

    Where such a path leads to a file, the shell that opened it has decided where in the file to write.
    """
    text = os.fspath(path)
    if text in _STREAMS:
        return _STREAMS[text]
    match = _DESCRIPTOR.fullmatch(text)
    return int(match[1]) if match else None


def write_atomically(path: str | os.PathLike[str], data: bytes, force: bool = False) -> None:
    """Write a whole file so that afterwards the target holds all of `data`, or is as it was.

    An existing file is kept (CodecError) unless `force`, also when it appears while we write.
    A pipe, a device or an open stream is written to directly. Raises CodecError if the target cannot be written.
    """
    check_target(path, force)
    if not is_stream(path):
        with new_file(path, force) as file:
            file.write(data)
        return
    try:
        descriptor = _descriptor_of(path)
        with open(path if descriptor is None else os.dup(descriptor), "wb") as stream:
            stream.write(data)
    except OSError as cause:
        raise CodecError(f"cannot write {path}: {reason(cause)}") from cause


@contextmanager
def new_file(path: str | os.PathLike[str], force: bool = False) -> Iterator[BinaryIO]:
    """Give a file to write to, which is the target once the block has ended; until then the target is as it was.

    So it stays after an error in the block or a kill. An existing file is kept as by `write_atomically`. Raises
    CodecError if the target cannot be written, also in place of an OSError in the block, or is no regular file.
    """
    check_target(path, force)
    if is_stream(path):
        raise CodecError(f"cannot write {path} in parts: it is not a regular file")
    target = Path(os.path.realpath(path))  # a link stays a link; what it points to is new
    temporary = target.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with _file_beside(temporary) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            _move_to_target(file, temporary, target, force)
    except FileExistsError as cause:
        raise CodecError(f"{path} exists and is kept; --force replaces it") from cause
    except OSError as cause:
        raise CodecError(f"cannot write {path}: {reason(cause)}") from cause
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _file_beside(temporary: Path) -> BinaryIO:
    """Open a new file in the folder of `temporary`: without a name, so that a kill leaves nothing, or of that name."""
    try:
        raw = io.FileIO(os.open(temporary.parent, os.O_TMPFILE | os.O_RDWR, 0o666), "r+")
    except (AttributeError, OSError):  # not Linux, or a file system that cannot
        return open(temporary, "x+b")  # "x": the random name is ours alone
    raw.name = str(temporary)  # for those who ask for one; else it is a number
    return io.BufferedRandom(raw)


def _move_to_target(file: BinaryIO, temporary: Path, target: Path, force: bool) -> None:
    """Give a whole file that `_file_beside` opened the name of the target. Raises FileExistsError without `force`."""
    if not temporary.exists() and not _link_unnamed(file.fileno(), temporary if force else target):
        _copy_synced(file, temporary)
    if not force and temporary.exists():
        _move_without_clobber(temporary, target)
    if force:
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)


def write_into_folder(path: Path, data: bytes, force: bool = False) -> Path:
    """Write a file as `write_atomically` does, and its folder if there is none; return the path. Raises CodecError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, data, force)
    return path


def make_folder(path: str | os.PathLike[str]) -> None:
    """Make a folder, with those above it, if there is none. Raises a CodecError that says why that failed."""
    try:
        os.makedirs(path or ".", exist_ok=True)
    except OSError as cause:
        raise CodecError(f"cannot make the folder {path}: {reason(cause)}") from cause


def _link_unnamed(descriptor: int, path: Path) -> bool:
    """Give a file without a name one; return False where no system can. Raises FileExistsError if there is such a file.

    Only with a src_dir_fd, of no use to an absolute name, Python makes the call that follows the link.
    """
    try:
        os.link(f"/proc/self/fd/{descriptor}", path, src_dir_fd=descriptor)
    except FileExistsError:
        raise
    except OSError:  # no /proc, or no links
        return False
    return True


def _copy_synced(file: BinaryIO, path: Path) -> None:
    """Copy a whole file that can have no name into one that has."""
    file.seek(0)
    with open(path, "xb") as copy:
        shutil.copyfileobj(file, copy, _PART)
        copy.flush()
        os.fsync(copy.fileno())


def _move_without_clobber(temporary: Path, target: Path) -> None:
    """Rename, but raise FileExistsError if the target exists; plain rename would replace it."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: claim the name, then replace our claim
        target.touch(exist_ok=False)
        try:
            os.replace(temporary, target)
        except OSError:
            target.unlink()
            raise


def reason(cause: OSError | ValueError) -> str:
    """Return why the system refused something, without the name that it refused: "no space left on device"."""
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror[0].lower() + cause.strerror[1:]
    return str(cause)


def printable(text: str | os.PathLike[str]) -> str:
    """Return a text, such as the name of a file, with escapes for what is no text or would move the cursor."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in os.fspath(text)
    )
