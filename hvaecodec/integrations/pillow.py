"""The format HVC for Pillow: importing this module registers it, so that Pillow can open and save `.hvc` files.

Importing it loads no numpy, torch or weights. `Image.open` reads the header, its table of streams and the metadata.
Pixels are decoded when Pillow first asks for them, at a smaller scale if `draft` or `thumbnail` asked for that.
"""

from __future__ import annotations

import io
import os
import struct
from contextlib import suppress
from numbers import Real
from typing import IO, Any
from zlib import crc32

from PIL import Image, ImageFile, UnidentifiedImageError

from hvaecodec.codec.errors import CodecError, CorruptFile
from hvaecodec.codec.format.container import read_header, unpack
from hvaecodec.codec.format.exif_block import reset_orientation, upright_block
from hvaecodec.codec.format.fields import compare_crc
from hvaecodec.codec.format.header import MAGIC, VERSION, Stream, StreamTable, read_stream_table
from hvaecodec.codec.format.limits import MAX_PIXELS
from hvaecodec.codec.format.wire_ids import EXIF, ICC

FORMAT = "HVC"
SUFFIX = ".hvc"
MIME_TYPE = "image/x-hvc"

_TABLE_BYTES = 4096  # no header with its table of streams is longer: 255 extra and 31 level streams take under 2900
_METADATA = {"icc_profile": ICC, "exif": EXIF}  # as Pillow calls it, and its type of stream
_PREFIX = {"exif": b"Exif\0\0"}  # which Pillow's JPEG wants of a block that it writes
_TARGETS = ("quality", "effort", "bpp", "psnr")


def accept(prefix: bytes) -> bool:
    """Return whether a file with these first 16 bytes may be an `.hvc` file; no other format of Pillow begins so."""
    return len(prefix) > 4 and prefix.startswith(MAGIC) and prefix[3] & 0x0F == VERSION and prefix[4] >> 3 > 0


class HvcImageFile(ImageFile.ImageFile):
    """An `.hvc` file that Pillow opened: mode L, LA, RGB or RGBA, upright, with its ICC profile and EXIF in `info`.

    A damaged header raises UnidentifiedImageError; damaged streams raise OSError when the pixels are decoded. If
    `ImageFile.LOAD_TRUNCATED_IMAGES` is set, a file that was cut short gives a picture from the levels of detail that
    it still has, with a warning.
    """

    format = FORMAT
    format_description = "hvaecodec picture"
    _table: StreamTable | None = None  # of a file whose pixels are still to be decoded
    _shrink = 1

    def _open(self) -> None:
        try:
            self._table = read_stream_table(self._file().read(_TABLE_BYTES))
        except CodecError as cause:  # said here: Pillow forgets the reason of a SyntaxError, and lets others guess
            raise UnidentifiedImageError(self._named(cause)) from cause
        header = self._table.header
        self._mode, self._size = header.mode, (header.width, header.height)
        streams = {stream.kind: stream for stream in self._table.extras}
        for key, kind in _METADATA.items():
            with suppress(CorruptFile):  # `load` says what is wrong with it
                if kind in streams:
                    payload = self._payload(streams[kind])
                    block = upright_block(payload) if kind == EXIF else payload
                    if block is not None:
                        self.info[key] = _PREFIX.get(key, b"") + block

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> tuple[str, tuple[int, int, float, float]] | None:
        """Choose the scale at which to decode the picture: the smallest of 1/2 .. 1/32 that gives at least `size`.

        The mode does not change. Returns mode and box as Pillow's `draft` does. Returns None and changes nothing if
        there is no such scale, after an earlier `draft`, and when the pixels are decoded already.
        """
        if self._table is None or self._shrink > 1 or not size:
            return None
        width, height = self.size
        ratio = min(width // max(1, size[0]), height // max(1, size[1]))
        shrink = next((shrink for shrink in (32, 16, 8, 4, 2) if shrink <= ratio), 1)
        if shrink == 1:
            return None
        self._shrink = shrink
        self._size = (-(-width // shrink), -(-height // shrink))
        return self.mode, (0, 0, width / shrink, height / shrink)

    def load(self) -> Image.core.PixelAccess | None:
        """Decode the pixels unless that has been done, and close the file if Pillow opened it.

        Raises OSError for a file that is damaged, cut short or cannot be decoded here, before memory for its picture is
        taken.
        """
        if self._table is not None:
            pixels = self._decode(self._table)
            if self._exclusive_fp:
                self._file().close()
            self.fp = io.BytesIO(pixels)
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
            self._table = None
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Stay where the decoded pixels start; without this method Pillow would map the file as if it held them."""

    def verify(self) -> None:
        """Check every length and checksum of the file without decoding it. Raises OSError."""
        try:
            if self._table is not None:
                unpack(self._bytes())
        except CodecError as cause:
            raise OSError(self._named(cause)) from cause
        finally:
            super().verify()

    def _decode(self, table: StreamTable) -> bytes:
        from hvaecodec.codec import registry

        data = self._bytes()
        try:
            if read_header(data) != table.header:
                raise CorruptFile("the file was changed after it was opened")
            # no limit of ours: Pillow looked at the size, by its own, when it opened the file
            settings = {"partial": ImageFile.LOAD_TRUNCATED_IMAGES, "max_pixels": MAX_PIXELS}
            return registry.decode(data, scale=1 / self._shrink, **settings).tobytes()
        except CodecError as cause:
            raise OSError(self._named(cause)) from cause

    def _bytes(self) -> bytes:
        self._file().seek(0)
        return self._file().read()

    def _payload(self, stream: Stream) -> bytes:
        """Read one stream; its length is not trusted. Raises CorruptFile if it is cut or changed."""
        file = self._file()
        file.seek(0, os.SEEK_END)
        if file.tell() < stream.end:
            raise CorruptFile(f"{stream.name} is cut")
        file.seek(stream.start)
        payload = file.read(stream.length)
        compare_crc(crc32(payload), stream.crc, stream.name)
        return payload

    def _file(self) -> IO[bytes]:
        if self.fp is None:
            raise ValueError("Operation on closed image")
        return self.fp

    def _named(self, cause: CodecError) -> str:
        """Return what is wrong, after the name of the file if it has one."""
        return f"{os.fsdecode(self.filename)}: {cause}" if self.filename else str(cause)


def save(image: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    """Write an image as a complete `.hvc` file; Pillow calls this for `image.save("x.hvc", quality=50)`.

    Options: quality, effort, bpp, psnr and model as for `hvaecodec.encode`; icc_profile and exif (bytes, or an
    `Image.Exif`) replace those of the image, and None leaves them out. As in `hvaecodec encode`, other modes are
    converted, and pixels are turned upright if the EXIF says so. Nothing is written before the file is complete.
    Each loss causes a UserWarning, as in `hvaecodec.encode`. Raises ValueError or TypeError for wrong options, OSError
    for a picture that cannot be encoded or written.
    """
    from hvaecodec.codec import images, registry

    options: dict[str, Any] = image.encoderinfo
    settings = {name: _number(name, options[name]) for name in _TARGETS if options.get(name) is not None}
    try:
        loaded = images.from_any(_with_metadata(image, options))
        data = registry.encode(loaded, options.get("model") or registry.DEFAULT, **settings)
    except CodecError as cause:
        raise OSError(str(cause)) from cause
    _write_whole(fp, data)


def refuse_frames(image: Image.Image, fp: IO[bytes], filename: str | bytes) -> None:
    """Refuse `save_all` and `append_images` with a ValueError: a file holds one picture."""
    raise ValueError("an .hvc file holds one picture; save each frame into a file of its own, without save_all")


def register() -> None:
    """Register the format with Pillow: opening, saving, the suffix and the MIME type. Doing it twice does no harm."""
    Image.register_open(FORMAT, HvcImageFile, accept)
    Image.register_save(FORMAT, save)
    Image.register_save_all(FORMAT, refuse_frames)
    Image.register_extension(FORMAT, SUFFIX)
    Image.register_mime(FORMAT, MIME_TYPE)


def _number(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r}")
    return value


def _with_metadata(image: Image.Image, options: dict[str, Any]) -> Image.Image:
    """Return the image with the metadata of the options, a copy if they name any."""
    stated = {key: options[key] for key in _METADATA if key in options}
    if not stated:
        return image
    image = image.copy()
    for key, value in stated.items():
        image.info[key] = value.tobytes() if isinstance(value, Image.Exif) else value
    if stated.get("exif"):
        _check_exif(image.info["exif"])
    return image


def _check_exif(block: bytes) -> None:
    try:
        reset_orientation(block)
    except (struct.error, ValueError, TypeError) as cause:
        raise ValueError("exif is not an EXIF block") from cause


def _write_whole(fp: IO[bytes], data: bytes) -> None:
    """Write a complete file, or, where the disk is full, leave none of it.

    A real file is written past its buffer: what stayed there would fail again when Pillow closes the file, and keep it
    from removing the file.
    """
    raw = getattr(fp, "raw", None)
    if not isinstance(raw, io.FileIO) or not raw.seekable():
        fp.write(data)
        return
    fp.flush()
    start, end, rest = raw.tell(), os.fstat(raw.fileno()).st_size, memoryview(data)
    try:
        while rest:
            rest = rest[raw.write(rest) :]
    except OSError:
        if start >= end:  # nothing of others lies behind it
            with suppress(OSError):
                raw.truncate(start)
        raise
    fp.seek(raw.tell())


register()
