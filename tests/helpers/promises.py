"""What every codec promises of any picture and any file, whatever its weights."""

from __future__ import annotations

from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from skimage import data as photos

from hvaecodec import CodecError
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import ALPHA, pack, unpack

PHOTO = photos.astronaut()[:96, 100:230]  # 96 x 130: off every grid of tiles or cells
SHAPES = [(1, 1), (1, 1, 3), (1, 40, 3), (37, 1), (31, 33, 3), (64, 64, 3), (65, 63, 3), (33, 20, 2), (40, 35, 4)]


def noise(shape: tuple[int, ...], seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def psnr_db(x: np.ndarray, y: np.ndarray) -> float:
    mse = np.mean((x.astype(float) - y) ** 2)
    return float(10 * np.log10(255**2 / mse)) if mse else np.inf


def check_round_trip(codec: Any, fresh: Any, pixels: np.ndarray, **settings: Any) -> bytes:
    """The same file twice, decoded by a fresh codec to just what the encoder's own decodes; alpha without loss."""
    data = codec.encode(pixels, **settings)
    assert isinstance(data, bytes) and codec.encode(pixels, **settings) == data
    decoded = fresh.decode(data)
    assert decoded.shape == pixels.shape and decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, codec.decode(data))
    if pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        np.testing.assert_array_equal(decoded[..., -1], pixels[..., -1])
    return data


def check_info(codec: Any, data: bytes) -> dict[str, Any]:
    """Every byte is accounted for, and the estimate of every level is near what is in the file."""
    info: dict[str, Any] = codec.info(data, estimate=True)
    without = dict(info)
    del without["est_bits"]
    assert codec.info(data) == type(codec).describe(data) == without
    assert info["n_bytes"] == len(data) == info["framing_bytes"] + sum(info["payload_bytes"].values())
    for level, bits in info["est_bits"].items():
        assert abs(8 * info["payload_bytes"][level] - bits) <= 0.01 * bits + 64
    return info


def check_draws(codec: Any, data: bytes) -> None:
    """Temperature 0 knows no seed, above it the seed alone decides."""
    calm, drawn = codec.decode(data), codec.decode(data, temperature=1.0, seed=1)
    np.testing.assert_array_equal(calm, codec.decode(data, seed=2))
    np.testing.assert_array_equal(drawn, codec.decode(data, temperature=1.0, seed=1))
    for other in (calm, codec.decode(data, temperature=1.0, seed=2)):
        assert (drawn != other).any()
    for bad in ({"temperature": -1}, {"temperature": float("nan")}, {"seed": -1}, {"seed": 2**64}):
        with pytest.raises(ValueError):
            codec.decode(data, **bad)


def check_flipped_bits(codec: Any, data: bytes, count: int, **settings: Any) -> None:
    """Any bit of a file that is wrong is told."""
    for bit in np.random.default_rng(1).integers(0, 8 * len(data), count):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        with pytest.raises(CodecError):
            codec.decode(bytes(damaged), **settings)


def check_unread_bytes(codec: Any, data: bytes) -> None:
    """Bytes after a stream's last symbol, and zeros at its end, are refused, with all checksums right.

    `symbols` and `info(estimate=True)` refuse what `decode` does. `data` itself is read by all three.
    """
    container = unpack(data)
    calls = (codec.decode, codec.symbols, partial(codec.info, estimate=True))
    for call in calls:
        call(data)
    for level in range(len(container.levels)):
        for more in (b"\0", bytes(range(1, 9)), noise((100_000,)).tobytes() + b"\1"):
            levels = list(container.levels)
            levels[level] += more
            longer = pack(container.header, levels, container.extras)
            for call in calls:
                with pytest.raises(CorruptFile, match="a stream"):
                    call(longer)
    for alpha in (part for kind, part in container.extras if kind == ALPHA):
        extras = [(kind, alpha + b"\1" if kind == ALPHA else part) for kind, part in container.extras]
        for call in calls:
            with pytest.raises(CorruptFile, match="alpha stream"):
                call(pack(container.header, container.levels, extras))


def check_new_generator(codec: Any, tiny: ModuleType, folder: Any, data: bytes) -> None:
    """A new generator leaves old files their pictures, and stands in, with a warning, for one that is gone.

    tiny: writes the weights that `codec` has, and other generators. folder: a new one. data: a file of `codec`.
    """
    newer = tiny.write_weights(folder)
    (newer / "generator.safetensors").rename(newer / "generator-1.safetensors")
    tiny.write_generator(newer / "generator.safetensors", seed=9)
    updated = type(codec).load(newer)
    np.testing.assert_array_equal(updated.decode(data), codec.decode(data))
    latest = updated.decode(data, generator="latest")
    assert (latest != codec.decode(data)).any()
    (newer / "generator-1.safetensors").unlink()
    with pytest.warns(UserWarning, match="is not installed"):
        shown = type(codec).load(newer).decode(data)
    np.testing.assert_array_equal(shown, latest)
