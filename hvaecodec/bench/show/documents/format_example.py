"""The worked example of docs/FORMAT.md: a small file of `dct-vae-photo`, taken apart as far as the symbols of level 0.

Its symbols and shapes stand here, and the weights in the package make bytes of them, exactly, on every machine.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hvaecodec.codec.entropy.coder import Encoder
from hvaecodec.codec.format.container import Header, pack, unpack
from hvaecodec.codec.photo import adaptation
from hvaecodec.codec.photo.chunk import Chunk
from hvaecodec.codec.photo.codec import DctVaeCodec
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.streams import SliceCoder, repeat
from hvaecodec.models.integers import TOTAL_BITS, mean_factors
from hvaecodec.models.photo.block_shapes import WHOLE
from hvaecodec.models.photo.layout import TILE

SIZE = 20, 40  # pixels
FRAME = Frame.of(*SIZE, step_index=400, grey=False)
DCS = np.array([[[12, 15]], [[-3, -4]], [[2, 2]]])
FINER = {(0, 0, 1): (-3, 1), (0, 1, 0): (2, 0), (1, 0, 1): (1, 0), (0, 2, 1): (0, -1)}  # by place, of both tiles
SHAPES = np.array([[[0, 0, 3, 4], [0, 0, 5, 3]], [[0, 0, 1, 1], [0, 0, 1, 1]]])
_PROBABILITY_BITS = 24
_LINE = 120


def symbols() -> np.ndarray:
    """Return the symbols of the example, int16 (3, 32, 32, 1, 2)."""
    out = np.zeros((3, TILE, TILE, *FRAME.grid), np.int16)
    out[:, 0, 0] = DCS
    for place, values in FINER.items():
        out[place] = values
    return out


def example_file(codec: DctVaeCodec) -> bytes:
    """Return the file of the example under a codec's weights."""
    streams = codec.bitstream.coder_in("numpy").encode(FRAME, SHAPES, repeat(symbols())).streams
    digests = codec.bitstream.digest, codec.generators.newest
    return pack(Header(codec.name, "RGB", *SIZE, FRAME.step_index, *digests), streams)


def text(codec: DctVaeCodec) -> str:
    """Return the example under a codec's weights, as Markdown."""
    data = example_file(codec)
    rows, columns = FRAME.grid
    generator = codec.generators.paths[codec.generators.newest].name
    parts = [
        f"The picture has {SIZE[0]} × {SIZE[1]} pixels, in RGB: {rows} × {columns} tiles, so one slice. The file has "
        f"{len(data)} bytes:",
        f"```text\n{_dump(data)}\n```",
        "These are its fields:",
        _table("field | offset | bytes | value", _fields(data, generator)),
        *_level0_parts(unpack(data).levels[0], level0_events(codec)),
        f"The other levels hold, in the tiles at (0, 0) and (0, 1), {_finer()}, and 0 elsewhere. All symbols of the "
        "file, 16 bits each, little endian, listed by (c, U, V, row, column), have this SHA-256:",
        f"```text\n{hashlib.sha256(symbols().astype('<i2').tobytes()).hexdigest()}\n```",
    ]
    return "\n\n".join(part if part[0] in "|`" else textwrap.fill(part, _LINE) for part in parts)


def _level0_parts(stream: bytes, events: Events) -> list[str]:
    """Paragraphs and tables of the stream of level 0."""
    return [
        f"The payload of level 0, {len(stream)} bytes, is the stream of the only slice. It holds {len(events.entries)} "
        "entries. The table has, before each of them, range and offset (in hexadecimal) and the quotient; and which "
        "table the entry is coded with, where the entry starts and ends, its number e, and what it stands for:",
        _table("range | offset | quotient | table | start | end | e | stands for", _decoded(stream, events.entries)),
        "Of the tile with quadrants, those at row 0, column 3 and at row 1, column 2 lie on one diagonal; the latter "
        "comes first, because its context is smaller. The tile at (0, 1) is the only one of a phase, *cross* with "
        "t = 1. The network says of its three DCs:",
        _table("channel | p | α | β | i | g | m | table | sign | q", events.heads),
    ]


@dataclass(frozen=True)
class Entry:
    """An entry of a stream: the name of its table, the table's frequencies, its number, and what it stands for."""

    table: str
    frequencies: Sequence[int]
    number: int
    meaning: str


@dataclass
class Events:
    """What happens in level 0: the entries in their order, and rows of a table of what the network says of DCs."""

    entries: list[Entry] = field(default_factory=list)
    heads: list[tuple[Any, ...]] = field(default_factory=list)


class _Recorder:
    """In place of an encoder of `constriction`: it keeps the number of every entry with its model."""

    def __init__(self) -> None:
        self.coded: list[tuple[int, Any]] = []

    def encode(self, numbers: np.ndarray, model: Any) -> None:
        self.coded += [(int(number), model) for number in np.ravel(numbers)]


class _Listener:
    """A prior that keeps what its heads and predictions of DCs say."""

    def __init__(self, prior: Any) -> None:
        self._prior = prior
        self.heads: list[np.ndarray] = []
        self.predictions: list[np.ndarray] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._prior, name)

    def conv(self, name: str, x: np.ndarray) -> np.ndarray:
        out: np.ndarray = self._prior.conv(name, x)
        if name.startswith("dc.") and name.endswith(".head"):
            self.heads.append(out[0, :, :, 0])
        return out

    def dc_linear(self, kind: str, scale_class: int, near: np.ndarray) -> np.ndarray:
        out: np.ndarray = self._prior.dc_linear(kind, scale_class, near)
        self.predictions.append(out[0, :, :, 0])
        return out


def level0_events(codec: DctVaeCodec) -> Events:
    """Return what happens in level 0 of the example under a codec's weights."""
    plain = codec.bitstream.coder_in("numpy")
    listener, recorder, chunks = _Listener(plain.prior), _Recorder(), list[Chunk]()
    known = repeat(symbols())

    def keep(chunk: Chunk) -> np.ndarray:
        chunks.extend([chunk] if chunk.stream_level == 0 else [])
        return known(chunk)

    coder = SliceCoder(listener, plain.tables, plain.shape_coder)
    coder.encode(FRAME, SHAPES, keep)
    adaptation.encode(recorder, adaptation.NONE)
    plain.shape_coder.encode(recorder, FRAME, SHAPES)
    encoder = Encoder(plain.tables)
    encoder.coder = recorder
    for chunk in chunks:
        encoder.write(known(chunk).astype(np.int32).ravel(), *chunk.flat())
    tables = _tables(codec.bitstream.arrays, coder)
    return Events(list(_entries(recorder.coded, tables)), list(_head_rows(chunks[1:], listener)))


def _tables(arrays: Mapping[str, np.ndarray], coder: SliceCoder) -> dict[int, tuple[str, np.ndarray]]:
    """The name and the frequencies of every table, by the identity of its model."""
    tables = {id(model): (f"`table.{t:03d}`", arrays[f"table.{t:03d}"]) for t, model in enumerate(coder.tables.models)}
    for (number, context), model in coder.shape_coder.models.items():
        name = ("shapes.tiles", "shapes.quadrants")[number]
        tables[id(model)] = f"`{name}`[{context}]", arrays[name][context]
    return tables


def _entries(coded: Sequence[tuple[int, Any]], tables: Mapping[int, tuple[str, np.ndarray]]) -> Iterator[Entry]:
    """The entries of level 0 in their order; that of n comes first, and its table is not stored."""
    half = 1 << (TOTAL_BITS - 1)
    yield Entry("that of n", [half, *[half >> 6] * adaptation.DIRECTIONS], coded[0][0], f"n = {coded[0][0]}")
    for number, model in coded[1:]:
        name, frequencies = tables[id(model)]
        yield Entry(name, frequencies.tolist(), number, _meaning(name, number, len(frequencies) // 2 - 1))


def _meaning(table: str, number: int, radius: int) -> str:
    """What an entry of a stored table stands for."""
    if "tiles" in table:
        return f"class {number}"
    return f"shape {number + WHOLE}" if "quadrants" in table else f"e − r = {number - radius}"


def _head_rows(chunks: Sequence[Chunk], listener: _Listener) -> Iterator[tuple[Any, ...]]:
    """What the network says of the DCs of a phase with one tile, channel by channel."""
    values = np.concatenate([head.reshape(2, -1) for head in listener.heads], 1)
    coding = np.concatenate([np.stack(chunk.coding).reshape(3, -1) for chunk in chunks], 1)
    for c, name in enumerate(("Y", "Cb", "Cr")):
        alpha, beta, p = int(values[0, c]), int(values[1, c]), int(listener.predictions[0][c, 0])
        i = min(max((3 * beta + 352) >> 5, 0), len(mean_factors()) - 1)
        g = ((min(max(alpha, -4095), 4095) * int(mean_factors()[i]) + 2048) >> 12) + p
        table, mean, sign = (int(part[c]) for part in coding)
        yield name, p, alpha, beta, i, g, mean, table, sign, int(DCS[c, 0, 1])


def _decoded(stream: bytes, entries: Sequence[Entry]) -> Iterator[tuple[Any, ...]]:
    """A row for each entry, by the decoder of docs/FORMAT.md. Raises ValueError if the stream holds other entries."""
    words = iter([*np.frombuffer(stream + bytes(-len(stream) % 4 + 4), "<u4").tolist(), 0])
    span, offset = 2**64 - 1, next(words) << 32 | next(words)
    for entry in entries:
        before, unit = f"`{span:016x}` | `{offset:016x}` | {offset // (span >> 24)}", span >> _PROBABILITY_BITS
        total, n = 2**_PROBABILITY_BITS, len(entry.frequencies)
        sums = np.cumsum([0, *entry.frequencies], dtype=np.int64).tolist()
        starts = [*((below * (total - n) >> TOTAL_BITS) + e for e, below in enumerate(sums[:-1])), total]
        start, end = starts[entry.number], starts[entry.number + 1]
        if not start <= offset // unit < end:
            raise ValueError(f"the stream does not hold entry {entry.number} of {entry.table}")
        yield before, entry.table, start, end, entry.number, entry.meaning
        offset, span = offset - unit * start, unit * (end - start)
        if span < 2**32:
            span, offset = span << 32, offset << 32 | next(words)


def _fields(data: bytes, generator: str) -> Iterator[tuple[Any, ...]]:
    """A row for each field of the file, whose lengths all fit into a byte."""
    levels = unpack(data).levels
    fields: list[tuple[str, int, str]] = [
        ("magic", 3, "`HVC`"),
        ("version and codec", 1, "version 1, codec 1: `dct-vae-photo`"),
        ("flags", 1, f"mode 2: RGB; no extra streams; {len(levels)} levels"),
        ("weights", 4, "of `bitstream.safetensors`"),
        ("generator", 2, f"of `{generator}`"),
        ("height", 1, str(SIZE[0])),
        ("width", 1, str(SIZE[1])),
        ("step index", 2, str(FRAME.step_index)),
        *((f"level {j}: length and checksum", 5, f"{len(level)} bytes") for j, level in enumerate(levels)),
        ("header checksum", 4, "of the bytes before it"),
        *((f"payload of level {j}", len(level), "") for j, level in enumerate(levels)),
        ("file checksum", 4, "of the bytes before it"),
    ]
    at = 0
    for name, size, value in fields:
        yield name, at, f"`{data[at : at + size].hex()}`" if size else "none", value
        at += size


def _finer() -> str:
    return ", ".join(
        f"q[{c}][{u}][{v}] = {first} and {second}".replace("-", "−")
        for (c, u, v), (first, second) in sorted(FINER.items())
    )


def _dump(data: bytes) -> str:
    return "\n".join(f"{at:04x}  {data[at : at + 16].hex(' ')}" for at in range(0, len(data), 16))


def _table(header: str, rows: Iterator[tuple[Any, ...]] | Sequence[tuple[Any, ...]]) -> str:
    columns = header.count("|") + 1
    lines = [f"| {' | '.join(str(cell) for cell in row)} |".replace(" -", " −") for row in rows]
    return "\n".join([f"| {header} |", "|" + " --- |" * columns, *lines])
