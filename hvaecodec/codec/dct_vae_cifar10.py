"""`dct-vae-cifar10`: the Kodak experiment of the DCT-VAE paper as files.

A picture is cut into tiles of 32 x 32 as the model saw them; the 6 x 6 x 3 context of every tile is exact in the file,
in one stream, and all latents below it are the decoder's: at their means, or drawn. arXiv:2302.09976, section 5.3.2,
draws them at a temperature of 0.1 that scales the variance; here that is `latents.sigma_temperature(0.1)`. Weights of a
Downsample-VAE, whose context is a thumbnail of every tile, work just so.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.colour_modes import assemble, colour, pack_picture, shrunk
from hvaecodec.codec.container import Container, Header, unpack
from hvaecodec.codec.contents import describe
from hvaecodec.codec.context_stream import ContextTables, decode_context, encode_context
from hvaecodec.codec.errors import CodecUnavailable, CorruptFile
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.inference import plain
from hvaecodec.codec.one_rate import QUALITY, STEP_INDEX, check_one_rate, check_reached, only_stream
from hvaecodec.codec.settings import Decoding, check_backend
from hvaecodec.codec.small_tiles import SIDE, cut, join, rendered, tile_noise, to_pixels, to_tensor
from hvaecodec.codec.vae_weights import FILE, build_vae
from hvaecodec.codec.weights import Generators, load_tables, read_card
from hvaecodec.models.context import Context, ContextConfig, make_context
from hvaecodec.models.latents import Gaussian
from hvaecodec.models.vdvae import Vdvae

PACKAGE_WEIGHTS = Path(__file__).parent.parent / "weights" / "dct-vae-cifar10"


class DctVaeCifarCodec:
    """One rate, lossy in colour, lossless in alpha; every size from 1 x 1."""

    name = "dct-vae-cifar10"
    lossless = False

    def __init__(
        self, digest: bytes, tables: ContextTables, context: Context, generators: Generators, card: dict[str, Any]
    ) -> None:
        self.digest, self.tables, self.generators, self.card = digest, tables, generators, card
        self.context = context

    @classmethod
    def load(cls, path: Path | None = None) -> DctVaeCifarCodec:
        """From a folder with card.json, bitstream.safetensors and generators; None: the set in the package."""
        folder = path or PACKAGE_WEIGHTS
        card = read_card(folder)
        digest, tables = load_tables(folder, ContextTables.of)
        context = _context(tables)
        return cls(digest, tables, context, Generators(folder, FILE, partial(_build, context)), card)

    # -- encoding -------------------------------------------------------------------------------------------------

    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        quality: float | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
        effort: int = 2,
    ) -> bytes:
        """A complete file; every quality (1..100) and effort gives the same.

        bpp, psnr: raise ValueError if the file is larger than so many bits per pixel, or decodes to less.
        """
        check_one_rate(quality, bpp, psnr, effort)
        loaded = images.from_any(image)
        with plain():
            symbols = self.context.symbols(to_tensor(cut(colour(loaded.pixels))) / 255)
        stream, _ = encode_context(self.tables, symbols.int().numpy())
        data = pack_picture(loaded, [stream], self.name, STEP_INDEX, self.digest, self.generators.newest)
        check_reached(data, loaded.pixels, self.decode, bpp, psnr)
        return data

    # -- decoding -------------------------------------------------------------------------------------------------

    def decode(
        self,
        data: bytes,
        temperature: float = 0.0,
        seed: int = 0,
        scale: float | Fraction = 1,
        partial: bool = False,
        generator: str = "file",
    ) -> np.ndarray:
        """The picture, uint8, of the shape that was encoded (smaller by `scale`).

        temperature: 0 takes the latents at their means, above 0 they are drawn under `seed`; the pixels are the
        likelihood's means. scale: 1, or 1/2 ... 1/32 of the context's own picture, which needs no latents.
        partial: there is one stream, a file without all of it is refused.
        """
        return self._decode(data, Decoding(temperature, seed, scale, partial, generator)).pixels

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """`decode`, with the same settings, and with the ICC profile and EXIF that the file carries."""
        return self._decode(data, Decoding(**settings))

    def _decode(self, data: bytes, how: Decoding) -> LoadedImage:
        found = unpack(data, partial=how.partial)
        symbols, _ = self._decode_symbols(found)
        rows, columns = _grid(found.header)
        if how.size < SIDE:
            with plain():
                flat = to_pixels(self.context.picture(torch.from_numpy(symbols)) * 255)
            whole = join(flat.reshape(rows, columns, SIDE, SIDE, 3))
            return assemble(shrunk(whole, rows * how.size, columns * how.size), found, how.size)
        net: Vdvae = self.generators.get(self.generators.choose(found.header.generator, how.generator))
        flat = render(net, symbols, how.temperature, how.seed)
        return assemble(join(flat.reshape(rows, columns, SIDE, SIDE, 3)), found, how.size)

    def _decode_symbols(self, found: Container) -> tuple[np.ndarray, float]:
        """int32 (tiles, 3, d, d) and their estimated bits."""
        stream = only_stream(found, self.digest)
        rows, columns = _grid(found.header)
        symbols, bits = decode_context(self.tables, stream, rows * columns)
        half = self.tables.half
        if np.abs(symbols).max() > half:
            raise CorruptFile(f"a stream holds symbols outside -{half}..{half}; the file was made by something else")
        return symbols, bits

    # -- looking into files ---------------------------------------------------------------------------------------

    def info(self, data: bytes) -> dict[str, Any]:
        """What a file holds; est_bits is what the tables say of the context, payload_bytes what is in the file."""
        found = unpack(data)
        _, bits = self._decode_symbols(found)
        return describe(data, found, QUALITY, [bits])

    def symbols(self, data: bytes, backend: str = "torch") -> list[np.ndarray]:
        """The decoded integers: int16 (tiles, 3, d, d), tiles in raster order. Both backends are numpy here."""
        check_backend(backend)
        return [self._decode_symbols(unpack(data))[0].astype(np.int16)]


def render(net: Vdvae, symbols: np.ndarray, temperature: float, seed: int) -> np.ndarray:
    """uint8 (tiles, 32, 32, 3) from contexts, int32 (tiles, 3, d, d)."""

    def render_some(first: int, n: int) -> torch.Tensor:
        def choose(level: int, p: Gaussian, q: Any) -> torch.Tensor:
            if temperature == 0:
                return p.mean
            z, rows, columns = p.mean.shape[1:]
            return p.sample(tile_noise(seed, level, (z, rows, columns), first, n), temperature)

        context = torch.from_numpy(symbols[first : first + n]).float()
        return net.likelihood.mean(net.walk(choose, n, None, context))

    return rendered(len(symbols), render_some)


def _grid(header: Header) -> tuple[int, int]:
    return -(-header.height // SIDE), -(-header.width // SIDE)


def _context(tables: ContextTables) -> Context:
    """The context that the integers of files are of."""
    channels, size = tables.linear.shape[:2]
    kind: Literal["dct", "downsample"] = "downsample" if tables.s is None else "dct"
    context = make_context(ContextConfig(kind, SIDE, channels, size, tables.half, centre=0.5))
    if tables.s is not None:
        context.load_state_dict({"largest": torch.from_numpy(tables.s)})
    return context


def _build(context: Context, metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> Vdvae:
    """A generator's net that reads integers as the bitstream weights do. Raises CodecUnavailable."""
    net = build_vae(metadata, tensors)
    if net.context is None or net.context.config != context.config:
        raise CodecUnavailable("these weights are of a net without a context, or with another than the tables'")
    net.context = context
    return net
