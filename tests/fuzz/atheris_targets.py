"""The parsers of container, fields and EXIF under atheris, which looks for new paths: `make fuzz-atheris`.

`python -m fuzz.atheris_targets container|fields|exif [OPTIONS OF LIBFUZZER] [CORPUS]`, in `tests`.
"""

from __future__ import annotations

import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["hvaecodec.codec.format"]):
    from hvaecodec.codec.errors import CodecError
    from hvaecodec.codec.format import exif_block
    from hvaecodec.codec.format.container import read_header
    from hvaecodec.codec.format.fields import Reader, varint

from fuzz.parsers import container_promise, metadata_promise

LIMIT = 2**32 - 1


def try_container(data: bytes) -> None:
    """A header is refused, or read; a whole file is what `pack` makes of it."""
    container_promise(data)
    with suppress(CodecError):
        read_header(data)


def try_fields(data: bytes) -> None:
    """A varint is refused, or the only way to write its number."""
    reader = Reader(data)
    try:
        value = reader.varint("number", LIMIT)
    except CodecError:
        return
    assert varint(value) == data[: reader.at] and value <= LIMIT


def try_exif(data: bytes) -> None:
    """A block comes out upright, or is refused by documented errors."""
    metadata_promise(data)
    exif_block.upright_block(b"II*\0" + data)


TARGETS = {"container": try_container, "fields": try_fields, "exif": try_exif}

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
