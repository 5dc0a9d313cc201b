"""`hqa-photo`: the code indices of one layer of a hierarchical quantised autoencoder, for the lowest rates.

A file holds one grid of indices, of layer 1 (a cell of 2 x 2 pixels) to 5 (32 x 32); the decoder makes all the layers
below it up, taking their modes or drawing them.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.add_texture import add_texture
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import Container, unpack
from hvaecodec.codec.format.file_info import check_level_count, check_weights, describe
from hvaecodec.codec.hqa.index_stream import decode_indices, encode_indices
from hvaecodec.codec.hqa.indices import decode_picture, encode_picture, index_grid
from hvaecodec.codec.hqa.weights import HqaBitstream, build_sampler, load_hqa_bitstream
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import assemble, colour, pack_picture, psnr_db, shrunk
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.settings import Decoding, check_backend, check_quality, check_targets
from hvaecodec.codec.torch_guard import exact_float32
from hvaecodec.codec.weights import Generators, build_texture, read_card
from hvaecodec.models.hqa.index_prior import CODES
from hvaecodec.models.texture import layer_features

PACKAGE_WEIGHTS = WEIGHTS / "hqa-photo"
BAND = 20  # qualities below 20 are layer 5, below 40 layer 4 ... from 80 on layer 1


class HqaPhotoCodec:
    """Five rates, lossy in colour, lossless in alpha; every size from 1 x 1."""

    name = "hqa-photo"
    lossless = False

    def __init__(self, bitstream: HqaBitstream, generators: Generators, card: dict[str, Any]) -> None:
        self.bitstream, self.generators, self.card = bitstream, generators, card

    @classmethod
    def load(cls, path: Path | None = None) -> HqaPhotoCodec:
        """From a folder with card.json, bitstream.safetensors and generators; None: the set in the package."""
        folder = path or PACKAGE_WEIGHTS
        card, bitstream = read_card(folder), load_hqa_bitstream(folder)
        newest = card.get("generator", "generator.safetensors")
        return cls(
            bitstream,
            Generators(folder, newest, bitstream.build_stack, {"sampler": build_sampler, "texture": build_texture}),
            card,
        )

    # -- encoding -------------------------------------------------------------------------------------------------

    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        quality: float | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
        effort: int = 2,
    ) -> bytes:
        """A complete file.

        One of quality (1..100, 50 when none is given; see `layer_of`), bpp (the largest of the five files not above so
        many bits per pixel of the whole file) and psnr (the smallest that decodes to so many dB). effort: nothing is
        searched, all efforts give the same file.
        ValueError for settings out of range or a target that no layer reaches.
        """
        check_targets(quality, bpp, psnr, effort)
        loaded = images.from_any(image)
        if bpp is not None:
            return self._within_bpp(loaded, bpp)
        if psnr is not None:
            return self._reaching_psnr(loaded, psnr)
        return self._encode(loaded, layer_of(50 if quality is None else quality, self.bitstream.n_layers))

    def _encode(self, loaded: LoadedImage, layer: int) -> bytes:
        stack = self.generators.get(self.generators.newest)
        with exact_float32():
            (indices,) = encode_picture(stack, colour(loaded.pixels), [layer - 1])
            stream, _ = encode_indices(self.bitstream.arithmetic[layer - 1], self.bitstream.tables, indices)
        return pack_picture(loaded, [stream], self.name, layer, self.bitstream.digest, self.generators.newest)

    def _layers(self) -> range:
        """From the lowest rate to the highest."""
        return range(self.bitstream.n_layers, 0, -1)

    def _within_bpp(self, loaded: LoadedImage, bpp: float) -> bytes:
        pixels = loaded.pixels.shape[0] * loaded.pixels.shape[1]
        files = {layer: self._encode(loaded, layer) for layer in self._layers()}
        fitting = [data for data in files.values() if 8 * len(data) / pixels <= bpp]
        if not fitting:
            legal = ", ".join(f"{8 * len(data) / pixels:.4f} (layer {layer})" for layer, data in files.items())
            raise ValueError(f"bpp {bpp} is out of reach, for this picture there are {legal}")
        return max(fitting, key=len)

    def _reaching_psnr(self, loaded: LoadedImage, psnr: float) -> bytes:
        found = []
        for layer in self._layers():
            data = self._encode(loaded, layer)
            reached = psnr_db(loaded.pixels, self.decode(data))
            if reached >= psnr:
                return data
            found.append(f"{reached:.2f} dB (layer {layer})")
        raise ValueError(f"psnr {psnr} is out of reach, for this picture there are {', '.join(found)}")

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

        temperature: 0 takes the mode of every layer below the coded one, above 0 they are drawn under `seed`, by the
        generator's sampler if it has one, and so is its texture. scale: 1, 1/2 ... 1/32; the picture is decoded whole
        and averaged. partial: there is one stream, a file without all of it is refused. generator: "file" or "latest".
        """
        return self._decode(data, Decoding(temperature, seed, scale, partial, generator)).pixels

    def decode_with_metadata(self, data: bytes, **settings: Any) -> LoadedImage:
        """`decode`, with the same settings, and with the ICC profile and EXIF that the file carries."""
        return self._decode(data, Decoding(**settings))

    def _decode(self, data: bytes, how: Decoding) -> LoadedImage:
        found = unpack(data, partial=how.partial)
        header = found.header
        indices, _ = self._decode_indices(found)
        chosen = self.generators.choose(header.generator, how.generator)
        drawing = self.generators.drawing(chosen)
        stack, texture = drawing.net, drawing.texture
        with exact_float32():
            layer, sampler = header.step_index - 1, drawing.sampler
            picture = decode_picture(stack, indices, layer, how.temperature, how.seed, sampler)
        if texture is not None and how.temperature:
            rate = layer_features(header.step_index, self.bitstream.n_layers)
            picture = add_texture(picture, texture, rate, how.temperature, how.seed)
        picture = picture[: header.height, : header.width]
        if how.size < 32:
            height, width = (-(-n * how.size // 32) for n in picture.shape[:2])
            picture = shrunk(picture, height, width)
        return assemble(picture, found, how.size)

    def _decode_indices(self, found: Container, backend: str = "torch") -> tuple[np.ndarray, float]:
        header = found.header
        check_weights(header, self.bitstream.digest)
        if not 1 <= header.step_index <= self.bitstream.n_layers:
            raise CorruptFile(f"layer {header.step_index} is outside 1..{self.bitstream.n_layers}")
        check_level_count(found, 1)
        number = header.step_index - 1
        bitstream = self.bitstream
        arithmetic: Any = bitstream.arithmetic[number] if backend == "torch" else bitstream.reference(number)
        grid = index_grid(header.height, header.width, number)
        with exact_float32():
            return decode_indices(arithmetic, bitstream.tables, found.levels[0], grid)

    # -- looking into files ---------------------------------------------------------------------------------------

    def info(self, data: bytes) -> dict[str, Any]:
        """What a file holds; est_bits is the prior's estimate for the indices, payload_bytes what is in the file."""
        found = unpack(data)
        header = found.header
        indices, bits = self._decode_indices(found)
        details = {"layer": header.step_index, "grid": list(indices.shape), "codebook_size": CODES}
        return describe(data, found, quality_of(header.step_index, self.bitstream.n_layers), [bits], details)

    def symbols(self, data: bytes, backend: str = "torch") -> list[np.ndarray]:
        """The decoded integers: one array, the grid of indices, int16 (rows, columns) in 0..511.

        backend: "torch", or "numpy" for the plain reference implementation.
        """
        check_backend(backend)
        return [self._decode_indices(unpack(data), backend)[0]]


def layer_of(quality: float, n_layers: int = 5) -> int:
    """The step table: qualities 1..20 (exclusive) layer 5, 20..40 layer 4, 40..60 layer 3, 60..80 layer 2, 80..100
    layer 1. ValueError outside 1..100."""
    check_quality(quality)
    return n_layers - min(int(quality // BAND), n_layers - 1)


def quality_of(layer: int, n_layers: int = 5) -> float:
    """The middle of the qualities that stand for a layer."""
    return BAND * (n_layers - layer + 0.5)
