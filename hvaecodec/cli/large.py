"""What `encode` and `decode` do with pictures that are not held whole: arrays in files and large TIFFs, by rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from hvaecodec.cli.bars import moving_bar, rows_bar
from hvaecodec.cli.console import PIPE, say

if TYPE_CHECKING:
    from hvaecodec.codec.folders.work import Converted, DecodeWork, EncodeWork
    from hvaecodec.codec.format.container import Container
    from hvaecodec.codec.images import LoadedImage
    from hvaecodec.codec.images.array_files import ArrayFile
    from hvaecodec.codec.images.tiff_files import TiffRows
    from hvaecodec.codec.registry import Codec, RowCodec


def open_picture(source: str, work: EncodeWork) -> ArrayFile | TiffRows | LoadedImage | None:
    """Open a picture that is to be encoded by rows, or read a small array whole; None is for files that Pillow reads.

    Raises CodecError or ValueError for a file that can be neither.
    """
    from hvaecodec.codec import registry
    from hvaecodec.codec.images.notes import Notes
    from hvaecodec.codec.images.read import from_any
    from hvaecodec.codec.images.row_files import NPY, open_rows, suffix_of
    from hvaecodec.codec.rows import LARGE

    if source == PIPE or not (suffix_of(source) in NPY or registry.takes_rows(work.model)):
        return None
    notes = Notes()
    rows = open_rows(source, LARGE, notes)
    if rows is None:
        return None
    for note in notes.every:
        say(f"note: {note}")
    if rows.shape[0] * rows.shape[1] <= LARGE or not registry.takes_rows(work.model):
        return from_any(rows[0 : rows.shape[0]])
    return rows if work.metadata else replace(rows, icc=None, exif=None)


def encode_picture(picture: ArrayFile | TiffRows | LoadedImage, work: EncodeWork, source: str) -> Converted:
    """Encode a picture that is there, or by its rows, and show how far that is."""
    from hvaecodec.codec.images import LoadedImage

    if isinstance(picture, LoadedImage):
        with moving_bar(f"encoding {source}"):
            return work.encode(picture)
    from hvaecodec.codec.free_memory import share_one_pool

    share_one_pool()
    with rows_bar(f"encoding {source}") as progress:
        return work.encode_rows(picture, progress)


def decode_rows(codec: Codec, data: bytes, target: str, work: DecodeWork, force: bool) -> tuple[int, ...] | None:
    """Decode a file into an array or a large TIFF and return the shape; None is for targets that Pillow writes.

    What is in the target's way is gone only when all rows are there.
    """
    from hvaecodec.codec.format.container import unpack
    from hvaecodec.codec.images.row_files import NPY, is_written_by_rows, suffix_of
    from hvaecodec.codec.registry import RowCodec
    from hvaecodec.codec.rows import LARGE

    container = unpack(data, partial=work.settings.partial)
    header, suffix = container.header, suffix_of(target)
    if target == PIPE or not is_written_by_rows(suffix, header.height * header.width, LARGE):
        return None
    if isinstance(codec, RowCodec) and not header.mode.endswith("A"):
        return _decode_by_rows(codec, data, container, _Output(target, suffix, force), work)
    return _decode_whole(codec, data, _Output(target, suffix, force), work) if suffix in NPY else None


class _Output(NamedTuple):
    target: str
    suffix: str
    force: bool


def _decode_by_rows(
    codec: RowCodec, data: bytes, container: Container, output: _Output, work: DecodeWork
) -> tuple[int, ...]:
    from hvaecodec.codec.files import new_file
    from hvaecodec.codec.format.wire_ids import EXIF, ICC
    from hvaecodec.codec.free_memory import share_one_pool
    from hvaecodec.codec.images.row_files import begin_rows

    share_one_pool()
    header, size = container.header, work.settings.size
    shape = *(-(-side * size // 32) for side in (header.height, header.width)), *((3,) if header.mode == "RGB" else ())
    icc, exif = (container.extra(kind) if work.metadata else None for kind in (ICC, EXIF))
    words = f"decoding into {output.target}"
    with new_file(output.target, output.force) as file, rows_bar(words) as progress:
        work.decode_rows(codec, data, begin_rows(file, output.suffix, shape, icc, exif), progress)
    return shape


def _decode_whole(codec: Codec, data: bytes, output: _Output, work: DecodeWork) -> tuple[int, ...]:
    from hvaecodec.codec.files import new_file
    from hvaecodec.codec.images.row_files import begin_rows

    with moving_bar(f"decoding into {output.target}"):
        image = work.decode(codec, data)
    shape = image.pixels.shape
    with new_file(output.target, output.force) as file:
        begin_rows(file, output.suffix, shape, image.icc, image.exif)[0 : shape[0]] = image.pixels
    return shape
