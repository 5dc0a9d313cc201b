"""`dct-vae-cifar10`: the contexts are in the file exactly, everything else is the decoder's; damage is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import promises
import pytest
import torch
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from reference_decoder import ReferenceDecoder, starts_of
from safetensors.numpy import save as save_arrays
from safetensors.torch import load as load_tensors

from hvaecodec.codec.errors import CodecError, CodecUnavailable, ModelMismatch
from hvaecodec.codec.tiles.context_stream import (
    ContextTables,
    decode_context,
    encode_context,
    fit_context_tables,
    places,
    walk,
)
from hvaecodec.codec.tiles.dct_vae_cifar10 import DctVaeCifarCodec
from hvaecodec.codec.tiles.tiles32 import cut, join, tile_noise
from hvaecodec.codec.tiles.vae_weights import FILE, TABLES, vae_bytes
from hvaecodec.models.philox import normals
from hvaecodec.models.vdvae.context_autoregressive import frequency_order
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.models.vdvae.presets import cifar_context, net

NAME = "cifar10-small-dct-tiny"
HALF = cifar_context().half


def contexts(count: int, seed: int = 0) -> np.ndarray:
    """Alike in their channels, smaller at high frequencies."""
    rng = np.random.default_rng(seed)
    shape = (count, 1, 6, 6)
    size = HALF / (1 + np.add.outer(np.arange(6), np.arange(6)))
    shared = rng.laplace(0, 0.35, shape)
    values = (shared + 0.1 * rng.laplace(0, 0.35, (count, 3, 6, 6))) * size
    return np.clip(np.round(values), -HALF, HALF).astype(np.int32)


def pictures(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (-(-shape[0] // 8), -(-shape[1] // 8), *shape[2:]), dtype=np.uint8)
    return np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)[: shape[0], : shape[1]])


@pytest.fixture(scope="module")
def arrays():
    return fit_context_tables(contexts(500), HALF, np.full((3, 6, 6), 12.0))


def write_weights(folder: Path, name: str, arrays: dict[str, np.ndarray]) -> Path:
    torch.manual_seed(0)
    vae = Vdvae(net(name))
    for parameter in vae.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    (folder / FILE).write_bytes(vae_bytes(vae))
    (folder / TABLES).write_bytes(save_arrays(arrays))
    (folder / "card.json").write_text(json.dumps({"codec": "dct-vae-cifar10"}))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory, arrays):
    return write_weights(tmp_path_factory.mktemp("cifar"), NAME, arrays)


@pytest.fixture(scope="module")
def codec(folder):
    return DctVaeCifarCodec.load(folder)


@limits(max_examples=10)
@given(tiles=st.integers(1, 5), seed=st.integers(0, 99), wild=st.booleans())
def test_any_contexts_come_back(arrays, tiles, seed, wild):
    tables = ContextTables.of(arrays)
    symbols = contexts(tiles, seed)
    if wild:
        symbols = np.random.default_rng(seed).integers(-HALF, HALF + 1, symbols.shape).astype(np.int32)
    data, bits = encode_context(tables, symbols)
    again, again_bits = decode_context(tables, data, tiles)
    assert np.array_equal(again, symbols) and again_bits == pytest.approx(bits)
    assert 8 * len(data) == pytest.approx(bits, abs=0.01 * bits + 40)


def test_tables_know_what_is_alike(arrays):
    """Half the bits of tables that are all even, and a third channel that costs less than the first."""
    tables, symbols = ContextTables.of(arrays), contexts(300, 7)
    bits = encode_context(tables, symbols)[1]
    assert bits < 0.5 * symbols.size * np.log2(2 * HALF + 1)
    alone = symbols.copy()
    alone[:, 1:] = np.random.default_rng(0).permutation(alone[:, 1:])
    assert encode_context(tables, alone)[1] > 1.1 * bits
    assert arrays["linear"][1, 0, 0, 0] > 300  # of 1024
    assert (arrays["tables"].sum(1) == 2**22).all() and (arrays["tables"] >= 1).all()


def test_linear_weights_are_at_most_2_to_the_14(arrays):
    """So much is a legal weight, and one more is refused: sums of more would leave what is exact."""
    linear = arrays["linear"].astype(np.int32)
    linear[0, 0, 0, 0] = -(1 << 14)
    ContextTables.of(arrays | {"linear": linear})
    linear[0, 0, 0, 0] -= 1
    with pytest.raises(ValueError, match="above 2"):
        ContextTables.of(arrays | {"linear": linear})


def test_every_place_once_and_only_from_what_is_known(arrays):
    order = [place.channel * 36 + place.u * 6 + place.v for place in places(3, 6)]
    assert order == frequency_order(cifar_context()).tolist()
    symbols = contexts(2)
    blank = np.zeros_like(symbols)
    linear = arrays["linear"].astype(np.int64)
    for (place, table, mean), (_, table_2, mean_2) in zip(walk(linear, symbols), walk(linear, blank), strict=True):
        assert np.array_equal(table, table_2) and np.array_equal(mean, mean_2)
        blank[:, place.channel, place.u, place.v] = symbols[:, place.channel, place.u, place.v]


def decoded_by_the_page(arrays: dict[str, np.ndarray], data: bytes, tiles: int) -> np.ndarray:
    """The integers of a stream from docs/FORMAT.md, "The context of dct-vae-cifar10", tile by tile."""
    linear = arrays["linear"]
    decoder = ReferenceDecoder([starts_of(row) for row in arrays["tables"]], data)
    q = np.zeros((tiles, 3, 6, 6), int)
    e = np.zeros((tiles, 3, 6, 6), int)
    order = sorted((u + v, u, c, v) for c in range(3) for u in range(6) for v in range(6))
    for n, (_, u, c, v) in enumerate(order):
        table, mean = [], []
        for tile in range(tiles):
            total = 512
            for k, (a, b) in enumerate([(u, v), (u - 1, v), (u, v - 1), (u - 1, v - 1)]):
                for other in range(3 if k else c):
                    if a >= 0 and b >= 0:
                        total += int(linear[c][u][v][3 * k + other]) * int(q[tile, other, a, b])
            mean.append(total >> 10)
            near = [(c, u - 1, v), (c, u, v - 1), (c - 1, u, v)]
            missed = sum(int(e[(tile, *place)]) for place in near if min(place) >= 0)
            table.append(4 * n + sum(missed >= limit for limit in (1, 3, 6)))
        values = decoder.read(table, mean, [1] * tiles)
        q[:, c, u, v] = values
        e[:, c, u, v] = np.abs(np.array(values) - mean)
    return q


def test_a_stranger_reads_contexts_from_the_page(arrays):
    wild = np.random.default_rng(1).integers(-HALF, HALF + 1, (2, 3, 6, 6)).astype(np.int32)
    for symbols in (contexts(7, 3), wild):
        data, _ = encode_context(ContextTables.of(arrays), symbols)
        assert np.array_equal(decoded_by_the_page(arrays, data, len(symbols)), symbols)


@pytest.mark.parametrize("shape", [(1, 1, 3), (32, 32, 3), (33, 7, 3), (40, 64), (32, 32, 4), (5, 5, 2)])
def test_every_shape_comes_back(codec, folder, shape):
    data = promises.check_round_trip(codec, DctVaeCifarCodec.load(folder), pictures(shape))
    promises.check_info(codec, data)
    tiles = -(-shape[0] // 32) * -(-shape[1] // 32)
    assert codec.symbols(data)[0].shape == (tiles, 3, 6, 6)


def test_thumbnails_are_contexts_too(codec, tmp_path, arrays):
    """And their tables know that neighbours are alike."""
    rng = np.random.default_rng(0)
    smooth = rng.normal(0, 1.2, (300, 3, 6, 6)).cumsum(2).cumsum(3)
    symbols = np.clip(np.round(smooth), -HALF, HALF).astype(np.int32)
    tables = fit_context_tables(symbols, HALF)
    blind = fit_context_tables(rng.permuted(symbols, axis=0), HALF)
    assert (
        encode_context(ContextTables.of(tables), symbols)[1] < 0.8 * encode_context(ContextTables.of(blind), symbols)[1]
    )
    name, data = "cifar10-small-downsample-tiny", codec.encode(pictures((32, 32, 3)))
    with pytest.raises(CodecUnavailable, match="another than the tables'"):
        DctVaeCifarCodec.load(write_weights(tmp_path, name, arrays)).decode(data, generator="latest")
    codec = DctVaeCifarCodec.load(write_weights(tmp_path, name, tables))
    image = pictures((40, 33, 3))
    data = promises.check_round_trip(codec, DctVaeCifarCodec.load(tmp_path), image)
    thumbnails = codec.symbols(data)[0]
    assert thumbnails.shape == (4, 3, 6, 6)
    mean = image[:32, :32].reshape(-1, 3).mean(0) / 255
    np.testing.assert_allclose((thumbnails[0].mean((1, 2)) / HALF + 1) / 2, mean, atol=0.04)


def test_tiles_know_nothing_of_each_other(codec):
    image = pictures((64, 64, 3))
    whole = codec.decode(codec.encode(image))
    alone = codec.decode(codec.encode(image[32:, :32].copy()))
    assert np.abs(whole[32:, :32].astype(int) - alone).max() <= 1


def test_temperature_and_seed_decide_what_is_drawn(codec):
    promises.check_draws(codec, codec.encode(pictures((32, 40, 3))))


def test_integers_mean_what_the_bitstream_weights_say(codec, folder, tmp_path):
    """A generator that was trained with another S is told this one: old files stay what they were."""
    data = codec.encode(pictures((32, 32, 3)))
    write_weights(tmp_path, NAME, fit_context_tables(contexts(500), HALF, np.full((3, 6, 6), 12.0)))
    vae = Vdvae(net(NAME))
    vae.load_state_dict({k: v.float() for k, v in load_tensors((folder / FILE).read_bytes()).items()})
    vae.context.largest.mul_(3)
    (tmp_path / FILE).write_bytes(vae_bytes(vae))
    other = DctVaeCifarCodec.load(tmp_path)
    assert np.array_equal(other.decode(data, generator="latest"), codec.decode(data))


def test_thumbnails_are_of_the_context(codec):
    data = codec.encode(pictures((40, 64, 3)))
    assert codec.decode(data, scale=1 / 2).shape == (20, 32, 3) and codec.decode(data, scale=1 / 32).shape == (2, 2, 3)


def test_noise_is_where_the_format_says():
    noise = tile_noise(3, 2, (4, 8, 8), 1, 2)
    grid = normals(3, 2, (24, 8, 4), 0, 24)
    assert torch.equal(noise[0], torch.from_numpy(grid[:, 8:16]).float())
    assert torch.equal(noise[1], torch.from_numpy(grid[:, 16:]).float())


def test_tiles_are_cut_and_joined():
    image = pictures((33, 65, 3))
    assert np.array_equal(join(cut(image))[:33, :65], image)
    assert cut(image[..., 0]).shape == (2, 3, 32, 32, 3)


def test_targets_out_of_reach_say_what_there_is(codec):
    image = pictures((64, 64, 3))
    with pytest.raises(ValueError, match="bpp"):
        codec.encode(image, bpp=1e-4)
    with pytest.raises(ValueError, match="dB"):
        codec.encode(image, psnr=60)
    assert codec.encode(image, bpp=100) == codec.encode(image, quality=90)


def test_damage_and_other_weights_are_refused(codec, folder, tmp_path, arrays):
    data = codec.encode(pictures((32, 32, 3)))
    promises.check_flipped_bits(codec, data, 60)
    for damaged in (data[:-1], data + b"\0", b""):
        with pytest.raises(CodecError):
            codec.decode(damaged)
    for name in (FILE, "card.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(CodecUnavailable, match="bitstream"):
        DctVaeCifarCodec.load(tmp_path)
    (tmp_path / TABLES).write_bytes(save_arrays(fit_context_tables(contexts(100, 3), HALF, arrays["S"])))
    with pytest.raises(ModelMismatch, match="bitstream weights"):
        DctVaeCifarCodec.load(tmp_path).decode(data)


@pytest.mark.parametrize("shape", [(33, 20, 2), (40, 35, 4)])
def test_bytes_that_nobody_reads_are_refused(codec, shape):
    promises.check_unread_bytes(codec, codec.encode(pictures(shape)))
