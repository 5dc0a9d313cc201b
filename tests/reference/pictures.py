"""From symbols to pictures of `dct-vae-photo`, from docs/FORMAT.md and docs/GENERATOR.md; in quotes are their sections.

Everything is float64 and for one picture, without blocks and halos. It imports nothing of the package.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

BLOCKS = [(32, 32), (16, 32), (32, 16), (16, 16), (8, 8), (8, 16), (16, 8)]  # rows, columns


# -- "Blocks and places" ----------------------------------------------------------------------------------------------


def dct(n):
    """The orthonormal DCT-II; rows are frequencies."""
    angles = (np.arange(n) + 0.5) * np.arange(n)[:, None] * np.pi / n
    return np.cos(angles) * np.where(np.arange(n)[:, None], np.sqrt(2 / n), np.sqrt(1 / n))


def mend(x, down, across):
    x, corner = x.copy(), x[:2, :2].copy()
    if across:
        corner = np.stack([corner[:, 0] + corner[:, 1], corner[:, 0] - corner[:, 1]], 1) / np.sqrt(2)
    if down:
        corner = np.stack([corner[0] + corner[1], corner[0] - corner[1]]) / np.sqrt(2)
    x[:2, :2] = corner
    return x


def region_of(x, shape):
    """The pixels of a region of N x N places."""
    rows, columns = BLOCKS[shape]
    m, n = len(x) // rows, len(x) // columns
    x, out = mend(x, m == 2, n == 2), np.empty_like(x)
    for a in range(m):
        for b in range(n):
            block = dct(rows).T @ x[a::m, b::n] @ dct(columns)
            out[a * rows : (a + 1) * rows, b * columns : (b + 1) * columns] = block
    return out


def tile_of(x, quadrants):
    if quadrants[0, 0] < 3:
        return region_of(x, quadrants[0, 0])
    x = mend(x, True, True)
    return np.block([[region_of(x[a::2, b::2], quadrants[a, b]) for b in (0, 1)] for a in (0, 1)])


def step_of(s, c, quadrants):
    """S of every place of a tile."""
    out = np.empty((32, 32))
    for a in (0, 1):
        for b in (0, 1):
            out[a::2, b::2] = s[quadrants[a, b], c, a::2, b::2]
    return out


def dequantised(symbols, maps, delta, s):
    """RGB (3, 32 rows, 32 columns) of symbols (3, 32, 32, rows, columns)."""
    rows, columns = symbols.shape[3:]
    y, cb, cr = (
        np.block([[_tile(symbols, maps, delta, s, c, row, column) for column in range(columns)] for row in range(rows)])
        for c in range(3)
    )
    y = y + 128
    return np.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb])


def _tile(symbols, maps, delta, s, c, row, column):
    quadrants = maps[min(c, 1), 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
    return tile_of(symbols[c, :, :, row, column] * delta * step_of(s, c, quadrants), quadrants)


# -- "Notation" of docs/GENERATOR.md ----------------------------------------------------------------------------------


def conv(arrays, layer, x):
    weight, (rows, columns) = arrays[f"{layer}.weight"].astype(float), x.shape[1:]
    margin = weight.shape[2] // 2
    x = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
    out = np.zeros((len(weight), rows, columns))
    if f"{layer}.bias" in arrays:
        out += arrays[f"{layer}.bias"].astype(float)[:, None, None]
    for i, j in np.ndindex(*weight.shape[2:]):
        out += np.tensordot(weight[:, :, i, j], x[:, i : i + rows, j : j + columns], 1)
    return out


def linear(arrays, layer, x):
    return arrays[f"{layer}.weight"].astype(float) @ x + arrays[f"{layer}.bias"].astype(float)


def fold(x, f):
    channels, rows, columns = x.shape
    return (
        x.reshape(channels, rows // f, f, columns // f, f).transpose(0, 2, 4, 1, 3).reshape(-1, rows // f, columns // f)
    )


def unfold(x, f):
    rows, columns = x.shape[1:]
    return x.reshape(-1, f, f, rows, columns).transpose(0, 3, 1, 4, 2).reshape(-1, rows * f, columns * f)


def silu(x):
    return x / (1 + np.exp(-x))


def rate_of(step_index):
    return np.maximum(0, 1 - abs(7 * step_index / 792 - np.arange(8)))


def shape_maps(maps, f):
    """22 numbers for each cell, (22, 32 rows / f, 32 columns / f)."""
    cells = maps.repeat(16 // f, 1).repeat(16 // f, 2)
    y, x = np.indices(cells[0].shape) % (32 // f)
    v, w = (np.array([max(1, block[axis] // f) for block in BLOCKS])[cells] for axis in (0, 1))
    known = []
    for plane in (0, 1):
        known += [cells[plane] == shape for shape in range(7)]
        known += [y % v[plane] == 0, (y + 1) % v[plane] == 0, x % w[plane] == 0, (x + 1) % w[plane] == 0]
    return np.array(known, float)


def noise_of(seed, number, channels, rows, columns):
    """ "Random numbers of dct-vae-photo", (channels, rows, columns)."""
    words = np.random.Philox(key=[seed, number]).random_raw(rows * columns * channels)
    quantile = NormalDist().inv_cdf
    values = [quantile(((int(word) >> 12) + 0.5) / 2**52) for word in words]
    return np.reshape(values, (rows, columns, channels)).transpose(2, 0, 1)


# -- "The scales" and "The picture" -----------------------------------------------------------------------------------


def block(arrays, name, h, rate, offsets=0.0):
    gain, shift = np.split((linear(arrays, f"{name}.rate", rate) + offsets)[:, None, None], 2)
    y = conv(arrays, f"{name}.conv", silu(h))
    return h + conv(arrays, f"{name}.mix", silu(y * (1 + gain) + shift))


def blocks_of(arrays, name):
    """The names of the residual blocks under a name, in their order."""
    count = len({key for key in arrays if key.startswith(f"{name}.") and key.endswith(".mix.weight")})
    return [f"{name}.{b}" for b in range(count)]


def generate(arrays, picture, maps, step_index, *, temperature=0.0, seed=0, adaptation=(0, ())):
    """The generator's picture, (3, H, W), of a dequantised one. adaptation: scale and coefficients."""
    x, rate, left = (picture - 128) / 64, rate_of(step_index), offsets_of(arrays, *adaptation)
    n_scales, states = 1 + max(int(name.split(".")[1]) for name in arrays if name.startswith("scales.")), []
    for number in range(n_scales):
        name, f = f"scales.{number}", 2 ** (n_scales - number)
        g = conv(arrays, f"{name}.context", fold(x, f)) + linear(arrays, f"{name}.rate", rate)[:, None, None]
        if states:
            g = g + unfold(conv(arrays, f"{name}.up", states[-1]), 2)
        if f <= 16:
            g = g + conv(arrays, f"{name}.shape", shape_maps(maps, f))
        if f"{name}.prior.weight" in arrays:
            mean, log_sigma = np.split(conv(arrays, f"{name}.prior", silu(g)), 2)
            noise = noise_of(seed, number, *mean.shape) if temperature else 0
            g = g + conv(arrays, f"{name}.project", mean + temperature * np.exp(log_sigma.clip(-6, 3)) * noise)
        for residual in blocks_of(arrays, f"{name}.blocks"):
            own, left = (left[: 2 * len(g)], left[2 * len(g) :]) if len(left) else (0.0, left)
            g = block(arrays, residual, g, rate, own)
        states.append(g)
    change = unfold(conv(arrays, "out_quarter", silu(states[-2])), 4) + unfold(conv(arrays, "out_half", states[-1]), 2)
    return picture + 64 * change


def offsets_of(arrays, scale, coefficients):
    """ "Offsets" """
    n = len(coefficients)
    return 2 ** ((scale - 6) / 2) * (np.array(coefficients) @ arrays["basis"][:n].astype(float)) if n else np.zeros(0)


def blend(base, perceptual, picture, maps, step_index, *, temperature, seed, adaptation=(0, ())):
    """ "Perceptual generator of dct-vae-photo", unrounded; base and perceptual are the arrays of two generators."""
    smooth = generate(base, picture, maps, step_index, adaptation=adaptation)
    drawn = generate(perceptual, picture, maps, step_index, temperature=1.0, seed=seed)
    return (1 - temperature) * smooth + temperature * drawn


def texture(arrays, picture, rate, seed):
    """ "Texture", (3, H, W), of a picture whose sides are multiples of 4."""
    x, (_, rows, columns) = (picture - 128) / 64, picture.shape
    n = arrays["into_quarter.weight"].shape[1] - 48
    noise = noise_of(seed, 5, n, rows // 4, columns // 4)
    h = conv(arrays, "into_quarter", np.concatenate([fold(x, 4), noise]))
    for name in blocks_of(arrays, "at_quarter"):
        h = block(arrays, name, h, rate)
    noise = noise_of(seed, 6, n, rows // 2, columns // 2)
    h = unfold(conv(arrays, "up", h), 2) + conv(arrays, "into_half", np.concatenate([fold(x, 2), noise]))
    for name in blocks_of(arrays, "at_half"):
        h = block(arrays, name, h, rate)
    return 64 * unfold(conv(arrays, "out", silu(h)) * linear(arrays, "gain", rate)[:, None, None], 2)
