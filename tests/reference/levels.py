"""Levels 1 to 5 of `dct-vae-photo` after level 0, written from docs/FORMAT.md; in quotes are its sections.

It imports nothing of the package but, beside it, what a stranger wrote for level 0.
"""

from __future__ import annotations

import numpy as np

from reference.level0 import FACTORS, Cursor, RangeDecoder, decode_chunk, decode_slice, features

CHUNK_TILES = 4096


def conv(arrays, layer, x):
    """ "The network": a layer over a grid, (inputs, rows, columns)."""
    weight, bias, shift = (arrays[f"{layer}.{part}"].astype(np.int64) for part in ("weight", "bias", "shift"))
    margin, (rows, columns) = weight.shape[2] // 2, x.shape[1:]
    x, total = (
        np.pad(x, ((0, 0), (margin, margin), (margin, margin))),
        bias[:, None, None] + np.zeros((rows, columns), int),
    )
    for i, j in np.ndindex(*weight.shape[2:]):
        total = total + np.tensordot(weight[:, :, i, j], x[:, i : i + rows, j : j + columns], 1)
    return (total + (1 << shift >> 1)[:, None, None]) >> shift[:, None, None]


def relu(x):
    return x.clip(0, 255)


def add(x, y):
    return (x + y).clip(-32767, 32767)


def nearest(g):
    return (g + 2) >> 2


def around(x):
    """The 3 x 3 tiles around each, the grid continued: (9, ..., rows, columns)."""
    rows, columns = x.shape[-2:]
    padded = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 1)] * 2, mode="edge")
    return np.stack([padded[..., i : i + rows, j : j + columns] for i in range(3) for j in range(3)])


def coding_steps():
    """ "Levels and steps": (level, name, channel, places); a place is (c, U, V)."""
    for level in range(1, 6):
        n = 2 ** (level - 1)
        bands = {"h": (0, n), "v": (n, 0), "d": (n, n)}
        for letter, (u, v) in bands.items():
            places = [(0, u + i, v + j) for i in range(n) for j in range(n)]
            for half in (0, 1) if level > 3 else ("",):
                own = [place for place in places if half == "" or (place[1] + place[2]) % 2 == half]
                yield level, f"{2 * n}y{letter}{half}", [own]
        yield (
            level,
            f"{2 * n}c",
            [[(c, u + i, v + j) for i in range(n) for j in range(n)] for c in (1, 2) for u, v in bands.values()],
        )


def predict(arrays, name, bands, q, classes):
    """ "The walk", the prediction: (size, rows, columns)."""
    predictions = []
    for number, places in enumerate(bands):
        c, n = places[0][0], int(len(places) ** 0.5)
        inputs = [q[c, u, v] for u in range(n) for v in range(n)]
        if c == 0:
            earlier = {"h": [], "v": [(0, n)], "d": [(0, n), (n, 0)]}[name[-1]]
            inputs += [q[0, u0 + u, v0 + v] for u0, v0 in earlier for u in range(n) for v in range(n)]
        near = around(np.stack(inputs))  # (9, inputs, rows, columns)
        weight = arrays[f"linear_{name}_{number}"].astype(int)[classes[min(c, 1)]]  # (rows, columns, n^2, inputs, 3, 3)
        weight = weight.reshape(*weight.shape[:4], 9)
        predictions.append((np.einsum("rcoik,kirc->orc", weight, near) + 512) >> 10)
    return np.concatenate(predictions)


def decode_step(decoder, arrays, name, x, prediction):
    """ "From heads to symbols", chunk by chunk: (size, rows, columns)."""
    rows, columns = x.shape[1:]
    at_once, out = max(1, CHUNK_TILES // columns), []
    for top in range(0, rows, at_once):
        part = slice(top, top + at_once)
        a, b = np.split(conv(arrays, f"{name}.head", x[:, part]), 2)
        i = np.clip((3 * b + 352) >> 5, 0, 38)
        g = ((np.clip(a, -4095, 4095) * FACTORS[i] + 2048) >> 12) + (0 if prediction is None else prediction[:, part])
        out.append(decode_chunk(decoder, arrays, i, g))
    return np.concatenate(out, 1)


def decode_levels(streams, arrays, step_index, colour, dcs, shapes):
    """ "The walk": the symbols (3, 32, 32, rows, columns) of a slice; streams: those of levels 1 to 5."""
    q = np.zeros((3, 32, 32, *dcs.shape[1:]), int)
    q[:, 0, 0] = dcs
    classes = np.minimum(shapes[:, ::2, ::2], 3)
    sigma = np.stack(
        [32 * (m[a::2, b::2] == shape) for m in shapes for a in (0, 1) for b in (0, 1) for shape in range(7)]
    )
    rate = np.broadcast_to(arrays["rate_table"][step_index].astype(int)[:, None, None], (8, *dcs.shape[1:]))
    differences = (np.delete(around(dcs), 4, 0) - dcs).swapaxes(0, 1).reshape(24, *dcs.shape[1:])
    h, decoders, first = conv(arrays, "start", features(arrays, differences)), [RangeDecoder(s) for s in streams], None
    for level, name, bands in coding_steps():
        if f"{name}.widen.weight" in arrays:
            h = conv(arrays, f"{name}.widen", relu(h))
        h = add(h, conv(arrays, f"{name}.rate", rate))
        if f"{name}.shape.weight" in arrays:
            h = add(h, conv(arrays, f"{name}.shape", sigma))
        b = 0
        while f"{name}.block{b}.conv.weight" in arrays:
            y = relu(conv(arrays, f"{name}.block{b}.conv", relu(h)))
            h, b = add(h, conv(arrays, f"{name}.block{b}.mix", y)), b + 1
        prediction = predict(arrays, name, bands, q, classes) if level <= 3 else None
        places = [place for band in bands for place in band]
        symbols = np.zeros((len(places), *dcs.shape[1:]), int)
        if colour or places[0][0] == 0:
            x = np.concatenate([relu(h), sigma, *([features(arrays, first)] if name.endswith("1") else [])])
            symbols = decode_step(decoders[level - 1], arrays, name, x, prediction)
        q[tuple(np.transpose(places))] = first = symbols
        if name != "32c":
            parts = [symbols] if prediction is None else [symbols, symbols - nearest(prediction)]
            h = add(h, conv(arrays, f"{name}.embed", np.concatenate([features(arrays, part) for part in parts])))
    for decoder in decoders:
        decoder.check_end()
    return q


def symbols_of(payloads, arrays, rows, columns, step_index, colour):
    """ "Slices": all symbols, (3, 32, 32, rows, columns), of the payloads of six levels."""
    heights = [min(64, rows - top) for top in range(0, rows, 64)]
    streams = []
    for cursor in map(Cursor, payloads):
        lengths = [cursor.varint() for _ in heights[1:]]
        streams.append([*(cursor.take(length) for length in lengths), cursor.data])
    slices = []
    for number, (height, (first, *others)) in enumerate(zip(heights, zip(*streams, strict=True), strict=True)):
        dcs, shapes, _ = decode_slice(first, arrays, height, columns, step_index, colour, number == 0)
        slices.append(decode_levels(others, arrays, step_index, colour, dcs, shapes))
    return np.concatenate(slices, 3)
