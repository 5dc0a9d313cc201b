"""`hqa-photo`, for the lowest rates: a file holds the code indices of one layer of hierarchical quantised autoencoders.

This layer is one of 1 (an index for each 2 x 2 pixels) to 5 (32 x 32). The decoder reconstructs all layers below it, by
taking the most probable codes or by drawing codes at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.backends import load_backend
from hvaecodec.codec.errors import CorruptFile
from hvaecodec.codec.format.container import Container
from hvaecodec.codec.format.file_info import check_level_count, check_weights
from hvaecodec.codec.format.limits import DECODED_PIXELS
from hvaecodec.codec.hqa.blocks import index_grid
from hvaecodec.codec.hqa.index_stream import decode_indices, encode_indices
from hvaecodec.codec.hqa.nets import HqaNets
from hvaecodec.codec.hqa.weights import HqaBitstream, load_hqa_bitstream
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import (
    Origin,
    assemble,
    colour,
    pack_picture,
    psnr_db,
    shrink,
    unpack_picture,
)
from hvaecodec.codec.own_thread import on_own_thread
from hvaecodec.codec.picture_decoder import PictureDecoder
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.settings import Decoding, check_backend, check_quality, check_targets
from hvaecodec.codec.weight_folders import read_card
from hvaecodec.codec.weights import Generators
from hvaecodec.models.hqa.index_prior import CODES, Arithmetic

PACKAGE_WEIGHTS = WEIGHTS / "hqa-photo"
N_LAYERS = 5  # of the format
BAND = 20  # qualities below 20 are layer 5, below 40 layer 4 ... from 80 on layer 1


class HqaPhotoCodec(PictureDecoder):
    """A codec with five rates. It is lossy in colour and lossless in alpha, and takes every size from 1 x 1.

    At temperature 0 the decoder takes the most probable code everywhere below the stored layer. Above 0 it draws codes
    at random, with the sampler of the weights if they have one, and adds their texture if they have one. At a scale
    below 1 the picture is decoded whole and then averaged. A file has one stream, so one that was cut short is refused
    even with `partial`.
    """

    name = "hqa-photo"
    lossless = False
    fixed_rate = False
    searches = False

    def __init__(self, bitstream: HqaBitstream, nets: HqaNets, card: dict[str, Any]) -> None:
        self.bitstream, self.nets, self.card = bitstream, nets, card

    @classmethod
    @on_own_thread
    def load(cls, path: Path | None = None) -> HqaPhotoCodec:
        """Load the weights in a folder, or with None those of the package. Raises CodecUnavailable.

        The folder holds card.json, bitstream.safetensors and one or more generators.
        """
        folder = path or PACKAGE_WEIGHTS
        card, bitstream = read_card(folder), load_hqa_bitstream(folder)
        newest = card.get("generator", "generator.safetensors")
        return cls(bitstream, load_backend("hqa", bitstream.library).load_nets(folder, newest, bitstream), card)

    @property
    def generators(self) -> Generators:
        """The generators that are installed with these weights."""
        return self.nets.generators

    # -- encoding -------------------------------------------------------------------------------------------------

    @on_own_thread
    def encode(
        self,
        image: np.ndarray | Image.Image | LoadedImage,
        *,
        quality: float | None = None,
        effort: int | None = None,
        bpp: float | None = None,
        psnr: float | None = None,
    ) -> bytes:
        """Encode a picture with its metadata and return the complete file.

        quality, bpp, psnr: at most one of them; without any, the quality is 50. quality: 1..100, see `layer_of`. bpp:
        gives the largest of the five possible files that has at most so many bits per pixel. psnr: gives the smallest
        one that decodes with at least so many dB. effort: makes no difference, because this encoder does not search.
        Raises ValueError for settings out of range or a target that no layer reaches.
        """
        check_targets(quality, bpp, psnr, effort)
        loaded = images.from_any(image)
        if bpp is not None:
            return self._search_bpp(loaded, bpp)
        if psnr is not None:
            return self._search_psnr(loaded, psnr)
        return self._encode(loaded, layer_of(50 if quality is None else quality, self.bitstream.n_layers))

    def _encode(self, loaded: LoadedImage, step_index: int) -> bytes:
        """Encode the indices of a layer, counted from 1: that number is the step index of the file."""
        layer = step_index - 1
        indices = self.nets.to_indices(colour(loaded.pixels), layer)
        stream, _ = encode_indices(self.nets.arithmetic[layer], self.bitstream.tables, indices)
        origin = Origin(self.name, step_index, self.bitstream.digest, self.generators.newest)
        return pack_picture(loaded, [stream], origin)

    def _files(self, loaded: LoadedImage) -> dict[int, bytes]:
        """The files of all layers, counted from 1, from the lowest rate to the highest."""
        return {layer: self._encode(loaded, layer) for layer in self._layers()}

    def _layers(self) -> Sequence[int]:
        return range(self.bitstream.n_layers, 0, -1)

    def _search_bpp(self, loaded: LoadedImage, bpp: float) -> bytes:
        pixels = loaded.pixels.shape[0] * loaded.pixels.shape[1]
        files = self._files(loaded)
        fitting = [data for data in files.values() if 8 * len(data) / pixels <= bpp]
        if not fitting:
            legal = ", ".join(f"{8 * len(data) / pixels:.4f} (layer {layer})" for layer, data in files.items())
            raise ValueError(f"bpp {bpp} is out of reach, for this picture there are {legal}")
        return max(fitting, key=len)

    def _search_psnr(self, loaded: LoadedImage, psnr: float) -> bytes:
        too_low = []
        for layer in self._layers():
            data = self._encode(loaded, layer)
            reached = psnr_db(loaded.pixels, self._decode_own(data))
            if reached >= psnr:
                return data
            too_low.append(f"{reached:.2f} dB (layer {layer})")
        raise ValueError(f"psnr {psnr} is out of reach, for this picture there are {', '.join(too_low)}")

    # -- decoding -------------------------------------------------------------------------------------------------

    def _decode(self, data: bytes, settings: Decoding) -> LoadedImage:
        container = unpack_picture(data, settings.max_pixels, partial=settings.partial)
        header = container.header
        indices, _ = self._decode_indices(container)
        generator = self.generators.choose(header.generator, settings.generator)
        picture = self.nets.to_picture(indices, header.step_index - 1, generator, settings)
        picture = picture[: header.height, : header.width]
        if settings.size < 32:
            height, width = (-(-n * settings.size // 32) for n in picture.shape[:2])
            picture = shrink(picture, height, width)
        return assemble(picture, container, settings.size)

    def _decode_indices(self, container: Container, backend: str | None = None) -> tuple[np.ndarray, float]:
        """Return a file's indices, int16 (rows, columns), and their estimated bits.

        backend: see `symbols`. Raises ModelMismatch, CorruptFile or CodecUnavailable.
        """
        header = container.header
        check_weights(header, self.name, self.bitstream.digest)
        _check_fields(container, self.bitstream.n_layers)
        layer = header.step_index - 1
        arithmetic = self._arithmetic(layer, backend)
        grid = index_grid(header.height, header.width, layer)
        return decode_indices(arithmetic, self.bitstream.tables, container.levels[0], grid)

    def _arithmetic(self, layer: int, backend: str | None) -> Arithmetic:
        if backend in (None, self.bitstream.library):
            return self.nets.arithmetic[layer]
        return self.bitstream.arithmetic_in(backend, layer)

    # -- looking into files ---------------------------------------------------------------------------------------

    def _estimate(self, container: Container) -> list[float]:
        return [self._decode_indices(container)[1]]

    @classmethod
    def _details(cls, container: Container) -> dict[str, Any]:
        _check_fields(container)
        header, layer = container.header, container.header.step_index
        grid = list(index_grid(header.height, header.width, layer - 1))
        return {"quality": quality_of(layer), "layer": layer, "grid": grid, "codebook_size": CODES}

    @on_own_thread
    def symbols(self, data: bytes, backend: str | None = None, *, max_pixels: int = DECODED_PIXELS) -> list[np.ndarray]:
        """Return the code indices of a file in a list of one array, int16 (rows, columns) in 0..511.

        backend: "torch", "onnx", or "numpy" for the plain reference; None is the one that `decode` uses. max_pixels: as
        for `decode`. Raises CodecError, ValueError for another backend.
        """
        check_backend(backend)
        return [self._decode_indices(unpack_picture(data, max_pixels), backend)[0]]


def layer_of(quality: float, n_layers: int = N_LAYERS) -> int:
    """Return the layer, counted from 1, that a quality stands for.

    The step table: qualities 1..20 (exclusive) are layer 5, 20..40 layer 4, 40..60 layer 3, 60..80 layer 2, 80..100
    layer 1. Raises ValueError outside 1..100.
    """
    check_quality(quality)
    return n_layers - min(int(quality // BAND), n_layers - 1)


def quality_of(layer: int, n_layers: int = N_LAYERS) -> float:
    """Return the middle of the qualities that stand for a layer, counted from 1."""
    return BAND * (n_layers - layer + 0.5)


def _check_fields(container: Container, n_layers: int = N_LAYERS) -> None:
    """Raise CorruptFile for a layer or a number of streams that no file of this codec has."""
    layer = container.header.step_index
    if not 1 <= layer <= n_layers:
        raise CorruptFile(f"layer {layer} is outside 1..{n_layers}")
    check_level_count(container, 1)


CODEC = HqaPhotoCodec
