"""A decoder of level 0 of `dct-vae-photo`, by a reader who had docs/FORMAT.md and the weights, and never saw our code.

In quotes are sections of docs/FORMAT.md. It checks the checksums and the streams' ends, not the header's fields."""

import bisect
import zlib

import numpy as np
from safetensors.numpy import load_file

NEAR = {
    "diagonal": [(-1, -1), (-1, 1), (1, -1), (1, 1), (-1, -3), (-1, 3), (1, -3), (1, 3),
                 (-3, -1), (-3, 1), (3, -1), (3, 1)],
    "cross": [(-1, 0), (0, -1), (0, 1), (1, 0), (-1, -2), (-1, 2), (1, -2), (1, 2), (-2, -1), (-2, 1), (2, -1), (2, 1)],
}  # fmt: skip
FACTORS = np.round(2 ** (4.5 + np.arange(39) / 3)).astype(int)


class Cursor:
    """The fields of "Layout of a file": little-endian integers and varints."""

    def __init__(self, data):
        self.data = data

    def take(self, count):
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def integer(self, size):
        return int.from_bytes(self.take(size), "little")

    def varint(self):
        byte = self.integer(1)
        return byte % 128 + (128 * self.varint() if byte > 127 else 0)


def parse(data):
    """The fields of "Layout of a file": colour, rows and columns of tiles, step index, the payload of level 0."""
    head = Cursor(data)
    _magic, flags, _digests = head.take(4), head.integer(1), head.take(6)
    height, width, step = head.varint(), head.varint(), head.integer(2)
    extras = head.integer(1) if flags & 4 else 0
    rows = [(n < extras and head.integer(1), head.varint(), head.integer(4)) for n in range(extras + (flags >> 3))]
    sums, payloads = [head.integer(4)], [head.take(length) for _kind, length, _sum in rows]
    sums += [head.integer(4), *(row[2] for row in rows)]
    if sums != [zlib.crc32(part) for part in (data[: -8 - sum(map(len, payloads))], data[:-4], *payloads)]:
        raise ValueError("a checksum does not fit")
    return flags & 2, -(-height // 32), -(-width // 32), step, payloads[extras]


class RangeDecoder:
    """The decoder of "The entropy coder"."""

    def __init__(self, stream):
        words = [int.from_bytes(stream[n : n + 4], "little") for n in range(0, len(stream), 4)]
        self.words, self.range, self.ends_in_zero = [*words, 0], 2**64 - 1, stream.endswith(b"\0")
        self.offset = self.word() * 2**32 + self.word()

    def word(self):
        return self.words.pop(0) if self.words else 0

    def entry(self, starts):
        unit = self.range >> 24
        quotient = self.offset // unit
        if quotient >= 2**24:
            raise ValueError("no encoder writes this")
        entry = bisect.bisect_right(starts, quotient) - 1
        self.offset, self.range = self.offset - unit * starts[entry], unit * (starts[entry + 1] - starts[entry])
        if self.range < 2**32:
            self.range, self.offset = self.range << 32, (self.offset << 32) + self.word()
        return entry

    def check_end(self):
        if self.ends_in_zero or self.offset >= 2**33 - 1 or self.words:
            raise ValueError("the stream does not end after its last entry")


def starts_of(frequencies):
    """Where the entries of a table start, and where the last one ends, by "The entropy coder"."""
    before, n = np.cumsum([0, *frequencies[:-1]], dtype=np.int64), len(frequencies)
    return [*((before * (2**24 - n) >> 22) + np.arange(n)).tolist(), 2**24]


def decode_adaptation(decoder):
    """Scale and coefficients, by "The adaptation"."""
    n, uniform = decoder.entry(starts_of([2**21] + [2**15] * 64)), starts_of([2**18] * 16)
    scale, spread = (decoder.entry(uniform), decoder.entry(uniform)) if n else (0, 0)
    weights = [max(1, 2 * spread) ** abs(q) * 32 ** (40 - abs(q)) for q in range(-40, 41)]
    frequencies = [max(1, 2**22 * weight // sum(weights)) for weight in weights]
    frequencies[40] += 2**22 - sum(frequencies)
    return scale, [decoder.entry(starts_of(frequencies)) - 40 for _ in range(n)]


def decode_diagonals(decoder, tables, grid, wanted, luma, first, base, less):
    """Fills the wanted places of a grid, by "The shapes' stream"."""

    def at(r, c):
        return grid[r, c] if r >= 0 and c >= 0 else base - 1

    for diagonal in range(sum(grid.shape) - 1):
        places = [(r, c) for r, c in np.argwhere(wanted) if r + c == diagonal]
        contexts = [((first + at(r, c - 1)) * base + at(r - 1, c)) * base + luma[r, c] for r, c in places]
        for context, place in sorted(zip(contexts, places, strict=True)):
            grid[place] = decoder.entry(starts_of(tables[context])) + less


def decode_shapes(decoder, arrays, rows, columns, step, colour):
    """The maps of Y and of chroma, (2, 2 rows, 2 columns), by "The shapes' stream"."""
    maps, b = np.zeros((2, 2 * rows, 2 * columns), int), min(7, step // 100)
    luma_class, luma_shape = np.zeros((rows, columns), int), np.full(maps[0].shape, 7)
    for shapes in maps if colour else maps[:1]:
        classes = np.zeros((rows, columns), int)
        decode_diagonals(decoder, arrays["shapes.tiles"], classes, classes == 0, luma_class, 5 * b, 5, 0)
        shapes[:] = np.kron(classes, np.ones((2, 2), int))
        decode_diagonals(decoder, arrays["shapes.quadrants"], shapes, shapes == 3, luma_shape, 8 * min(2, b // 3), 8, 3)
        luma_class, luma_shape = 1 + classes, maps[0]
    return maps


def conv(arrays, name, x):
    """A layer of one position, by "The network"; x is (inputs, positions)."""
    weight, bias, shift = (arrays[f"{name}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
    return (weight[:, :, 0, 0] @ x + (bias + (1 << shift >> 1))[:, None]) >> shift[:, None]


def features(arrays, x):
    size = arrays["log_table"].astype(int)[np.minimum(abs(x), 4095)]
    return np.concatenate([np.sign(x) * size, size])


def decode_chunk(decoder, arrays, i, g):
    """The symbols with scale indices i and means g, (channels, positions), by "From heads to symbols"."""
    m, o = (g + 2) >> 2, ((g + 2) & 3) - 2
    tables, signs = np.where(i < 17, 3 * i + abs(o), i + 34).ravel(), np.where((i < 17) & (o < 0), -1, 1).ravel()
    symbols, escapes = m.ravel(), []
    starts = {t: starts_of(arrays[f"table.{t:03d}"]) for t in set(tables.tolist())}
    for n in np.argsort(tables, kind="stable"):
        radius, entry = len(starts[tables[n]]) // 2 - 1, decoder.entry(starts[tables[n]])
        escapes += [n] if entry == 2 * radius + 1 else []
        symbols[n] += signs[n] * (entry - radius)
    for n in escapes:
        symbols[n] = decoder.entry(range(0, 2**24 + 1, 256)) - 32768
    return symbols.reshape(g.shape)


def decode_phase(decoder, arrays, q, shapes, rate, colour, t, kind):
    """One phase of the DCs q (3, rows, columns), filled in place, by "DCs"."""
    odd_r, odd_c = np.indices(q[0, ::t, ::t].shape) % 2
    r, c = t * np.array(np.nonzero(odd_r & odd_c if kind == "diagonal" else odd_r ^ odd_c))
    kappa, by_column = min(t.bit_length() - 1, 2), c // t % 2 == 1
    instead = (r - t, c - t) if kind == "diagonal" else (np.where(by_column, r, r - t), np.where(by_column, c - t, c))
    y, x = np.array([r, c])[:, None] + t * np.array(NEAR[kind]).T[:, :, None]
    inside = (0 <= y) & (y < q.shape[1]) & (0 <= x) & (x < q.shape[2])
    near = q[:, np.where(inside, y, instead[0]), np.where(inside, x, instead[1])]  # (channel, neighbour, position)
    p = ((arrays["dc_linear_" + kind][kappa].astype(int)[:, :, None] * near).sum(1) + 512) >> 10
    sigma = [32 * (np.arange(7)[:, None] == m[a::2, b::2][r, c]) for m in shapes for a in (0, 1) for b in (0, 1)]
    constant = np.tile(np.append(rate, 32 * np.eye(3, dtype=int)[kappa])[:, None], len(r))
    x = np.concatenate([features(arrays, (near - (p[:, None] + 2 >> 2)).reshape(36, len(r))), constant, *sigma])
    for part, channels in [("y", slice(1)), ("c", slice(1, 3))][: 2 if colour else 1]:
        hidden = np.clip(conv(arrays, f"dc.{kind}.{part}.in", x), 0, 255)
        hidden = np.clip(conv(arrays, f"dc.{kind}.{part}.mid", hidden), 0, 255)
        a, b = np.split(conv(arrays, f"dc.{kind}.{part}.head", hidden), 2)
        i = np.clip((3 * b + 352) >> 5, 0, 38)
        g = ((np.clip(a, -4095, 4095) * FACTORS[i] + 2048) >> 12) + p[channels]
        q[channels, r, c] = decode_chunk(decoder, arrays, i, g)
        x = np.concatenate([x, features(arrays, q[:1, r, c] - (p[:1] + 2 >> 2))])


def decode_slice(stream, arrays, rows, columns, step, colour, is_first):
    """DCs (3, rows, columns), shapes and adaptation, by "Level 0"."""
    decoder, q = RangeDecoder(stream), np.zeros((3, rows, columns), int)
    adaptation = decode_adaptation(decoder) if is_first else None
    shapes = decode_shapes(decoder, arrays, rows, columns, step, colour)
    base = q[: 3 if colour else 1, ::16, ::16]
    base[:] = decode_chunk(decoder, arrays, np.full(base.shape, 38), np.zeros(base.shape, int))
    for t, kind in [(t, kind) for t in (8, 4, 2, 1) for kind in NEAR]:
        decode_phase(decoder, arrays, q, shapes, arrays["rate_table"][step].astype(int), colour, t, kind)
    decoder.check_end()
    return q, shapes, adaptation


def level0(data, weights):
    """DCs (3, rows, columns), shapes (2, 2 rows, 2 columns) and adaptation of a file (bytes), by "Slices"."""
    colour, rows, columns, step, payload = parse(data)
    arrays, cursor, heights = load_file(weights), Cursor(payload), [min(64, rows - top) for top in range(0, rows, 64)]
    streams = [cursor.take(length) for length in [cursor.varint() for _ in heights[1:]]] + [cursor.data]
    parts = [decode_slice(s, arrays, heights[n], columns, step, colour, n == 0) for n, s in enumerate(streams)]
    q, shapes, adaptations = zip(*parts, strict=True)
    return np.concatenate(q, 1), np.concatenate(shapes, 1), adaptations[0]
