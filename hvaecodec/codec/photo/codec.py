"""`dct-vae-photo`: a quantised DCT context in real streams, everything below it from the generator."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.add_texture import add_texture
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import Container, Header, unpack
from hvaecodec.codec.format.file_info import check_level_count, check_weights, describe
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import Origin, assemble, colour, pack_picture, psnr_db
from hvaecodec.codec.photo.curvature import Curvature
from hvaecodec.codec.photo.encoder import Encoding, encode_picture
from hvaecodec.codec.photo.picture import dequantised_picture, render, thumbnail, tile_grid
from hvaecodec.codec.photo.streams import decode_symbols
from hvaecodec.codec.photo.weights import Bitstream, build_generator, load_bitstream
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.settings import Decoding, check_backend, check_targets
from hvaecodec.codec.target_search import Ladder
from hvaecodec.codec.torch_weights import build_texture
from hvaecodec.codec.weights import Generators, read_card
from hvaecodec.models.photo.generator import Generator, rate_features
from hvaecodec.models.photo.layout import N_LEVELS
from hvaecodec.models.photo.quantiser import N_INDICES, quality_of, step_index

PACKAGE_WEIGHTS = WEIGHTS / "dct-vae-photo"

_EXACT = 999.0  # dB, where there is no error


class DctVaeCodec:
    """The default codec. Lossy in colour, lossless in alpha; every size from 1 x 1."""

    name = "dct-vae-photo"
    lossless = False
    fixed_rate = False

    def __init__(
        self, bitstream: Bitstream, generators: Generators, card: dict[str, Any], curvature: Curvature | None = None
    ) -> None:
        self.bitstream, self.generators, self.card = bitstream, generators, card
        self.curvature = curvature or Curvature.flat()

    @classmethod
    def load(cls, path: Path | None = None) -> DctVaeCodec:
        """From a folder with card.json, bitstream.safetensors, generators and, if measured, the newest one's curvature;
        None: the set in the package."""
        folder = path or PACKAGE_WEIGHTS
        card = read_card(folder)
        generators = Generators(
            folder, card.get("generator", "generator.safetensors"), build_generator, {"texture": build_texture}
        )
        return cls(load_bitstream(folder), generators, card, Curvature.load(folder))

    # -- encoding -------------------------------------------------------------------------------------------------

    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        *,
        quality: float | None = None,
        effort: int = 2,
        bpp: float | None = None,
        psnr: float | None = None,
    ) -> bytes:
        """A complete file.

        One of quality (1..100, 50 when none is given), bpp (the largest file not above so many bits per pixel of the
        whole file) and psnr (the smallest that decodes to so many dB; where dB or bytes do not rise with quality, the one
        next to a quality that misses the target). effort 1, 2 or 3: how long to search (0, plain
        rounding, is there to measure what the search brings).
        ValueError for settings out of range or a target that no quality reaches.
        """
        check_targets(quality, bpp, psnr, effort)
        loaded = images.from_any(image)
        if bpp is not None:
            return self._search_bpp(loaded, bpp, effort)
        if psnr is not None:
            return self._search_psnr(loaded, psnr, effort)
        return self._encode(loaded, step_index(50 if quality is None else quality), effort)

    def _encode(self, loaded: LoadedImage, index: int, effort: int) -> bytes:
        encoding = self._symbols_for(colour(loaded.pixels), index, effort)
        weights, generator = self.bitstream.digest, self.generators.newest
        return pack_picture(loaded, encoding.streams, Origin(self.name, index, weights, generator))

    def _symbols_for(self, colour: np.ndarray, index: int, effort: int) -> Encoding:
        with torch.no_grad():
            net = self.newest_generator
            return encode_picture(self.bitstream, net, colour, index, effort, curvature=self.curvature)

    def newest_generator(self) -> Generator:
        """The one that files are encoded for, loaded when first asked for."""
        net: Generator = self.generators.get(self.generators.newest)
        return net

    def _search_bpp(self, loaded: LoadedImage, bpp: float, effort: int) -> bytes:
        pixels = loaded.pixels.shape[0] * loaded.pixels.shape[1]
        ladder = self._ladder(loaded, lambda data: math.log(8 * len(data) / pixels), math.log(100))
        found = ladder.largest(math.log(bpp), effort)
        if found is None:
            smallest = 8 * len(ladder.files[0, effort]) / pixels
            raise ValueError(
                f"bpp {bpp} is out of reach, quality 1 needs {smallest:.4f} bits per pixel for this picture"
            )
        return found

    def _search_psnr(self, loaded: LoadedImage, psnr: float, effort: int) -> bytes:
        ladder = self._ladder(loaded, lambda data: min(psnr_db(loaded.pixels, self.decode(data)), _EXACT), 25.0)
        found = ladder.smallest(psnr, effort)
        if found is None:
            best = ladder.values[N_INDICES - 1, effort]
            raise ValueError(f"psnr {psnr} is out of reach, quality 100 gives {best:.2f} dB for this picture")
        return found

    def _ladder(self, loaded: LoadedImage, value: Callable[[bytes], float], rise: float) -> Ladder:
        return Ladder(lambda index, effort: self._encode(loaded, index, effort), value, N_INDICES, rise)

    # -- decoding -------------------------------------------------------------------------------------------------

    def decode(
        self,
        data: bytes,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        scale: float | Fraction = 1,
        partial: bool = False,
        generator: str = "file",
    ) -> np.ndarray:
        """The picture, uint8, of the shape that was encoded (smaller by `scale`).

        temperature: 0 is the least-distortion picture, 1 has texture drawn under `seed` (or, from a generator without
        one, its latents); between and above it has that much of it. scale: 1,
        1/2 ... 1/32 reads only the levels it needs and gives the band-limited thumbnail. partial: accept a file cut
        after its coarsest level. generator: "file" or "latest".
        """
        return self._decode(data, Decoding(temperature, seed, scale, partial, generator)).pixels

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """`decode`, with the same settings, and with the ICC profile and EXIF that the file carries."""
        return self._decode(data, Decoding(**settings))

    def _decode(self, data: bytes, how: Decoding) -> LoadedImage:
        found = unpack(data, partial=how.partial, max_levels=how.size.bit_length())
        if found.truncated and len(found.levels) < how.size.bit_length():
            kept, all_levels = len(found.levels), len(found.level_lengths)
            warnings.warn(
                f"the file is cut: {kept} of {all_levels} levels decoded, finer detail is left out", stacklevel=3
            )
        header = found.header
        with torch.no_grad():
            symbols, _ = self._decode_symbols(found, self.bitstream.arithmetic)
            steps = self._steps(header.step_index)
            whole = how.size == 32
            picture = self._render(symbols, header, how) if whole else thumbnail(symbols, steps, how.size)
        return assemble(picture, found, how.size)

    def _render(self, symbols: np.ndarray, header: Header, how: Decoding) -> np.ndarray:
        """The generator's picture; with a texture that is what is drawn, else the latents are."""
        chosen = self.generators.choose(header.generator, how.generator)
        drawing = self.generators.drawing(chosen)
        net, texture = drawing.net, drawing.texture
        place = symbols, self._steps(header.step_index), header.step_index
        if texture is None or not how.temperature:
            return render(net, *place, how.temperature, how.seed)
        rate = rate_features(torch.tensor([header.step_index]))
        return add_texture(render(net, *place), texture, rate, how.temperature, how.seed)

    def _decode_symbols(self, found: Container, arithmetic: Any) -> tuple[np.ndarray, list[float]]:
        header = found.header
        check_weights(header, self.bitstream.digest)
        if header.step_index >= N_INDICES:
            raise CorruptFile(f"step index {header.step_index} is outside 0..{N_INDICES - 1}")
        check_level_count(found, N_LEVELS)
        grid = tile_grid(header.height, header.width)
        grey = header.mode.startswith("L")
        tables = self.bitstream.tables
        return decode_symbols(arithmetic, tables, found.levels, grid, header.step_index, grey)

    def _steps(self, index: int) -> torch.Tensor:
        return self.bitstream.delta[index] * self.bitstream.s

    # -- looking into files ---------------------------------------------------------------------------------------

    def info(self, data: bytes) -> dict[str, Any]:
        """What a file holds; est_bits are the model's estimate for each level, payload_bytes what is in the file."""
        found = unpack(data)
        with torch.no_grad():
            _, bits = self._decode_symbols(found, self.bitstream.arithmetic)
        return describe(data, found, quality_of(found.header.step_index), bits)

    def context_of(self, data: bytes) -> tuple[torch.Tensor, int]:
        """What the generator sees of a file: the dequantised picture, (1, 3, 32 rows, 32 columns) RGB float, and the
        step index."""
        found = unpack(data)
        with torch.no_grad():
            symbols, _ = self._decode_symbols(found, self.bitstream.arithmetic)
        index = found.header.step_index
        return dequantised_picture(symbols, self._steps(index)), index

    def symbols(self, data: bytes, backend: str = "torch") -> list[np.ndarray]:
        """The decoded integers: level 0 the DCs, (3, rows, columns); level j the bands H, V, D of k = 2**j,
        (3, 3, k / 2, k / 2, rows, columns) as (channel, band, u, v, tile row, tile column). int16.

        backend: "torch", or "numpy" for the plain reference implementation.
        """
        check_backend(backend)
        arithmetic = self.bitstream.arithmetic if backend == "torch" else self.bitstream.reference()
        with torch.no_grad():
            symbols, _ = self._decode_symbols(unpack(data), arithmetic)
        levels = [symbols[:, 0, 0].copy()]
        for level in range(1, N_LEVELS):
            half = 1 << (level - 1)
            low, high = slice(0, half), slice(half, 2 * half)
            levels.append(np.stack([symbols[:, u, v] for u, v in ((low, high), (high, low), (high, high))], 1))
        return levels


CODEC = DctVaeCodec
