"""`dct-vae-cifar10`: the Kodak experiment of the DCT-VAE paper as files.

A picture is cut into tiles of 32 x 32 as the model saw them; the 6 x 6 x 3 context of every tile is exact in the file,
in one stream, and all latents below it are the decoder's: at their means, or drawn. arXiv:2302.09976, section 5.3.2,
draws them at a temperature of 0.1 that scales the variance; here that is `latents.sigma_temperature(0.1)`. Weights of a
Downsample-VAE, whose context is a thumbnail of every tile, work just so.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from hvaecodec.codec.errors import CodecUnavailable, CorruptFile
from hvaecodec.codec.format.container import Header
from hvaecodec.codec.images.alpha_and_grey import shrink
from hvaecodec.codec.own_thread import on_own_thread
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.settings import Decoding
from hvaecodec.codec.tiles.context_stream import ContextTables, decode_context, encode_context
from hvaecodec.codec.tiles.fixed_rate import FixedRateCodec
from hvaecodec.codec.tiles.tiles32 import SIDE, cut, join, render_tiles, tile_noise, to_pixels, to_tensor
from hvaecodec.codec.tiles.vae_weights import FILE, build_vae
from hvaecodec.codec.torch_guard import without_autocast
from hvaecodec.codec.weight_folders import read_card
from hvaecodec.codec.weights import Generators, load_tables
from hvaecodec.models.latents import Gaussian
from hvaecodec.models.vdvae.context import Context, ContextConfig, make_context
from hvaecodec.models.vdvae.net import Vdvae

PACKAGE_WEIGHTS = WEIGHTS / "dct-vae-cifar10"


class DctVaeCifarCodec(FixedRateCodec):
    """A codec whose integers are the contexts of all tiles: int32 (tiles, 3, d, d), tiles in raster order."""

    name = "dct-vae-cifar10"

    def __init__(
        self, digest: bytes, tables: ContextTables, context: Context, generators: Generators, card: dict[str, Any]
    ) -> None:
        super().__init__(digest, generators, card)
        self.tables, self.context = tables, context

    @classmethod
    @on_own_thread
    def load(cls, path: Path | None = None) -> DctVaeCifarCodec:
        """Load a folder with card.json, bitstream.safetensors and generators; None is the set in the package.

        Raises CodecUnavailable.
        """
        folder = path or PACKAGE_WEIGHTS
        card = read_card(folder)
        digest, tables = load_tables(folder, ContextTables.of)
        context = _context_of(tables)
        return cls(digest, tables, context, Generators(folder, FILE, partial(_build_net, context)), card)

    def _encode_colour(self, pixels: np.ndarray) -> bytes:
        with without_autocast():
            symbols = self.context.symbols(to_tensor(cut(pixels)) / 255)
        return encode_context(self.tables, symbols.int().numpy())[0]

    def _decode_integers(self, header: Header, stream: bytes) -> tuple[np.ndarray, float]:
        rows, columns = _tile_grid(header)
        symbols, bits = decode_context(self.tables, stream, rows * columns)
        half = self.tables.half
        if np.abs(symbols).max() > half:
            raise CorruptFile(f"a stream holds symbols outside -{half}..{half}; the file was made by something else")
        return symbols, bits

    def _render_small(self, integers: np.ndarray, header: Header, size: int) -> np.ndarray:
        rows, columns = _tile_grid(header)
        with without_autocast():
            flat = to_pixels(self.context.picture(torch.from_numpy(integers)) * 255)
        return shrink(join(flat.reshape(rows, columns, SIDE, SIDE, 3)), rows * size, columns * size)

    def _render_whole(self, net: Vdvae, integers: np.ndarray, header: Header, settings: Decoding) -> np.ndarray:
        tiles = render_contexts(net, integers, settings.temperature, settings.seed)
        return join(tiles.reshape(*_tile_grid(header), SIDE, SIDE, 3))


def render_contexts(net: Vdvae, symbols: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    """Render the tiles of contexts, int32 (tiles, 3, d, d), as uint8 (tiles, 32, 32, 3).

    Temperature 0 takes the latents at their prior's means; above it they are drawn under `seed`.
    """

    def render(first: int, count: int) -> torch.Tensor:
        """Return tiles first .. first + count - 1, float (count, 3, 32, 32), whatever batches they are cut into."""

        def choose(latent_number: int, p: Gaussian, q: Any) -> torch.Tensor:
            if temperature == 0:
                return p.mean
            z, rows, columns = p.mean.shape[1:]
            return p.sample(tile_noise(seed, latent_number, (z, rows, columns), first, count), temperature)

        context = torch.from_numpy(symbols[first : first + count]).float()
        return net.likelihood.mean(net.walk(choose, count, None, context))

    return render_tiles(len(symbols), render)


def _tile_grid(header: Header) -> tuple[int, int]:
    return -(-header.height // SIDE), -(-header.width // SIDE)


def _context_of(tables: ContextTables) -> Context:
    """Make the context whose integers are in the files that these tables code."""
    channels, size = tables.linear.shape[:2]
    kind: Literal["dct", "downsample"] = "downsample" if tables.s is None else "dct"
    context = make_context(ContextConfig(kind, SIDE, channels, size, tables.half, centre=0.5))
    if tables.s is not None:
        context.load_state_dict({"largest": torch.from_numpy(tables.s)})
    return context


def _build_net(context: Context, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> Vdvae:
    """Build a generator's net that reads integers as the bitstream weights do. Raises CodecUnavailable."""
    net = build_vae(metadata, arrays)
    if net.context is None or net.context.config != context.config:
        raise CodecUnavailable("these weights are of a net without a context, or with another than the tables'")
    net.context = context
    return net


CODEC = DctVaeCifarCodec
