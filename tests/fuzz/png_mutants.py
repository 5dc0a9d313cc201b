"""Alpha planes as somebody else may write them: other headers, rows, chunks and streams, each with its checksum."""

from __future__ import annotations

import struct
import zlib
from random import Random
from zlib import crc32

from fuzz.bytes_mutants import mutate_bytes
from hvaecodec.codec.images import png


def mutate_png(rng: Random, data: bytes) -> bytes:
    """Change a PNG of ours; most results are PNGs whose chunks fit their checksums."""
    try:
        pieces = [(chunk.kind, bytes(chunk.body)) for chunk in png.chunks(data)]
        rows = zlib.decompress(b"".join(body for kind, body in pieces if kind == b"IDAT"))
    except (ValueError, zlib.error):  # changed before
        return mutate_bytes(rng, data)
    header = pieces[0][1]
    change = rng.randrange(10)
    if change == 0:
        header = _mutate_header(rng, header)
    elif change < 4:
        rows = mutate_bytes(rng, rows)
    stream = _compress(rng, rows)
    if change == 4:
        stream = mutate_bytes(rng, stream)
    elif change == 5:
        stream += rng.choice((b"\0", b"more", zlib.compress(rows)))
    chunks = _mutate_chunks(rng, [(b"IHDR", header), *_cut_stream(rng, stream), (b"IEND", b"")], change)
    out = png.SIGNATURE + b"".join(_chunk(kind, body) for kind, body in chunks)
    return mutate_bytes(rng, out) if change == 9 else out


def _mutate_header(rng: Random, header: bytes) -> bytes:
    if rng.random() < 0.2:
        return mutate_bytes(rng, header)
    fields = list(struct.unpack(">2I5B", header)) if len(header) == 13 else [1, 1, 8, 0, 0, 0, 0]
    at = rng.randrange(7)
    fields[at] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 64, 255, (2**31 - 1 if at < 2 else 7), fields[at] + 1 & 255))
    return struct.pack(">2I5B", *fields)


def _compress(rng: Random, rows: bytes) -> bytes:
    """The rows as a zlib stream of any level and window."""
    compressor = zlib.compressobj(rng.randrange(10), zlib.DEFLATED, rng.choice((15, 15, 9)))
    return compressor.compress(rows) + compressor.flush()


def _cut_stream(rng: Random, stream: bytes) -> list[tuple[bytes, bytes]]:
    if rng.random() < 0.7:
        return [(b"IDAT", stream)]
    at = rng.randrange(len(stream) + 1)
    return [(b"IDAT", stream[:at]), (b"IDAT", stream[at:])]


def _mutate_chunks(rng: Random, chunks: list[tuple[bytes, bytes]], change: int) -> list[tuple[bytes, bytes]]:
    if change == 6:
        chunks.insert(rng.randrange(len(chunks) + 1), rng.choice(_OTHERS))
    elif change == 7:
        rng.shuffle(chunks)
    elif change == 8:
        del chunks[rng.randrange(len(chunks))]
    return chunks


_OTHERS = (
    (b"tRNS", b"\0\1"), (b"PLTE", bytes(768)), (b"prVt", b"private"), (b"IDAT", b""), (b"IEND", b""),
    (b"tEXt", b"a\0b"), (b"gAMA", b"\0\0\xb1\x8f"), (b"acTL", bytes(8)), (b"IHDR", bytes(13)),
)  # fmt: skip


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc32(kind + body))
