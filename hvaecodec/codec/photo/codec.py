"""`dct-vae-photo`: a file holds the quantised DCT of a picture (its context); the generator draws all finer detail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hvaecodec.codec import images
from hvaecodec.codec.bands import join_bands
from hvaecodec.codec.errors import CodecError, CorruptFile
from hvaecodec.codec.format.container import Container, unpack
from hvaecodec.codec.format.file_info import check_level_count, check_weights
from hvaecodec.codec.format.limits import DECODED_PIXELS
from hvaecodec.codec.free_memory import hand_back_memory
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import (
    Origin,
    assemble,
    colour,
    in_mode,
    pack_picture,
    psnr_db,
    unpack_picture,
)
from hvaecodec.codec.own_thread import on_own_thread, warn_caller
from hvaecodec.codec.photo.by_rows import (
    context_of,
    encode_slices,
    frame_of,
    pack_rows,
    read_whole,
    thumbnail_bands,
)
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.slices import decode_slices
from hvaecodec.codec.photo.targets import largest_within_bpp, smallest_reaching_psnr
from hvaecodec.codec.photo.weights import Bitstream, PhotoWeights, load_weights
from hvaecodec.codec.picture_decoder import PictureDecoder
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.rows import Progress, RowSource, RowTarget, check_source, check_target
from hvaecodec.codec.settings import Decoding, check_backend, check_targets, effort_of
from hvaecodec.codec.weight_folders import read_card
from hvaecodec.codec.weights import OVERLAYS, Generators
from hvaecodec.models.photo.layout import N_LEVELS, TILE, levels_of
from hvaecodec.models.photo.quality import N_INDICES, quality_of, step_index_of
from hvaecodec.models.side_by_side import each

PACKAGE_WEIGHTS = WEIGHTS / "dct-vae-photo"


class DctVaeCodec(PictureDecoder):
    """The default codec. It is lossy in colour and lossless in alpha, and takes every size from 1 x 1.

    Decoding at temperature 0 gives the picture with the least error. At temperature 1 it gives a sample that the
    perceptual generator draws with the seed; between 0 and 1 it mixes these two pictures. Weights without a perceptual
    generator add a texture times the temperature instead, and weights without both draw the generator's own latents.
    A scale below 1 decodes only the levels that it needs and gives a band-limited thumbnail.
    """

    name = "dct-vae-photo"
    lossless = False
    fixed_rate = False
    searches = True

    def __init__(self, weights: PhotoWeights, card: dict[str, Any]) -> None:
        self.weights, self.card = weights, card

    @classmethod
    @on_own_thread
    def load(cls, path: Path | None = None) -> DctVaeCodec:
        """Load the weights in a folder, or with None those of the package. Raises CodecUnavailable.

        The folder holds card.json, bitstream.safetensors, one or more generators and, optionally, the curvature of the
        newest one, which the encoder's search uses.
        """
        folder = path or PACKAGE_WEIGHTS
        card = read_card(folder)
        return cls(load_weights(folder, card.get("generator", "generator.safetensors")), card)

    @property
    def bitstream(self) -> Bitstream:
        """The weights that a file's digest names."""
        return self.weights.bitstream

    @property
    def generators(self) -> Generators:
        """The generators of the folder."""
        return self.weights.nets.generators

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
        """Encode an image with its metadata and return the complete file.

        quality, bpp, psnr: at most one of them; without any, the quality is 50. quality: 1..100. bpp: gives the largest
        file of at most so many bits of the whole file per pixel. psnr: gives the smallest file that decodes with at
        least so many dB; where dB or bytes do not rise with quality, one next to a quality that misses the target.
        effort: how long to search, 1, 2 or 3; None means 2, or 1 without PyTorch. (0 rounds without a search, to
        measure what the search gains.) Raises ValueError for settings out of range or a target that no quality reaches,
        CodecUnavailable for an effort that needs PyTorch.
        """
        check_targets(quality, bpp, psnr, effort)
        effort = effort_of(effort, self.bitstream.library)
        loaded = images.from_any(image)
        encode = partial(self._encode, loaded)
        if bpp is not None:
            return largest_within_bpp(encode, loaded.pixels.shape[0] * loaded.pixels.shape[1], bpp, effort)
        if psnr is not None:
            return smallest_reaching_psnr(
                encode, lambda file: psnr_db(loaded.pixels, self._decode_own(file)), psnr, effort
            )
        return encode(step_index_of(50 if quality is None else quality), effort)

    def encode_rows(
        self,
        source: RowSource,
        *,
        quality: float | None = None,
        effort: int | None = None,
        progress: Progress | None = None,
    ) -> bytes:
        """Encode a picture that is read one slice of rows at a time; see `hvaecodec.encode_rows`."""
        from hvaecodec.codec.photo.encoder import SliceEncoder, is_refined

        check_targets(quality, None, None, effort)
        check_source(source)
        effort = effort_of(effort, self.bitstream.library)
        step_index = step_index_of(50 if quality is None else quality)
        if is_refined(source.shape, effort):
            return on_own_thread(self._encode)(read_whole(source), step_index, effort)
        levels = encode_slices(SliceEncoder(self.weights, effort), source, step_index, progress)
        return pack_rows(source, levels, self._origin(step_index))

    def _encode(self, loaded: LoadedImage, step_index: int, effort: int) -> bytes:
        """Encode a picture at a step index into a complete file."""
        from hvaecodec.codec.photo.encoder import encode_picture  # what decodes needs none of it

        streams = encode_picture(self.weights, colour(loaded.pixels), step_index, effort).streams
        return pack_picture(loaded, streams, self._origin(step_index))

    def _origin(self, step_index: int) -> Origin:
        return Origin(self.name, step_index, self.bitstream.digest, self.generators.newest)

    # -- decoding -------------------------------------------------------------------------------------------------

    def _decode(self, data: bytes, settings: Decoding) -> LoadedImage:
        """Decode a file into its picture, as far as the settings need it."""
        container = self._unpacked(data, settings)
        bands = self._bands(container, settings)
        grid = frame_of(container).grid
        picture = join_bands(bands, (grid[0] * settings.size, grid[1] * settings.size, 3))
        return assemble(picture, container, settings.size)

    def decode_rows(self, data: bytes, target: RowTarget, *, progress: Progress | None = None, **settings: Any) -> None:
        """Decode a file and write it into a target, some rows at a time; see `hvaecodec.decode_rows`."""
        decoding = Decoding(**settings)
        container = self._unpacked(data, decoding)
        header = container.header
        if header.mode.endswith("A"):
            raise CodecError("the picture has alpha, which is only decoded whole; use decode")
        height, width = (-(-side * decoding.size // TILE) for side in (header.height, header.width))
        check_target(target, (height, width) if header.mode == "L" else (height, width, 3))
        bands, top = self._bands(container, decoding), 0
        next_band = on_own_thread(lambda: next(bands, None))
        while (band := next_band()) is not None:
            rows = in_mode(band[: height - top, :width], header.mode)
            target[top : top + len(rows)] = rows
            top += len(rows)
            del band, rows
            hand_back_memory()
            if progress is not None:
                progress(top, height)

    def _unpacked(self, data: bytes, settings: Decoding) -> Container:
        """Check a file as far as that can be done without decoding, with a warning if it is cut, and take it apart."""
        n_levels = settings.size.bit_length()
        container = unpack_picture(data, settings.max_pixels, partial=settings.partial, max_levels=n_levels)
        if container.truncated and len(container.levels) < n_levels:
            n_whole, n_all = len(container.levels), len(container.level_lengths)
            warn_caller(f"the file is cut: {n_whole} of {n_all} levels decoded, finer detail is left out")
        self._check(container)
        return container

    def _bands(self, container: Container, settings: Decoding) -> Iterator[np.ndarray]:
        """Give the picture of a file in RGB, over whole tiles, some rows at a time as they are decoded."""
        coder, nets, named = self.bitstream.coder, self.weights.nets, container.header.generator
        if settings.size < TILE:
            yield from thumbnail_bands(coder, nets, container, settings.size)
            return
        generator = self.generators.choose(named, settings.generator)
        base = self._base(generator)
        adapted = base == self._base(named)  # else what the file changes says nothing to the net
        if not settings.temperature:
            generator = base  # what lies on top draws nothing then, and need not be loaded
        works: list[Callable[[], Any]] = [lambda: context_of(coder, container, adapted=adapted)]
        if generator not in self.generators.loaded:
            works.append(lambda: self.generators.drawing(generator))  # meanwhile
        yield from nets.render_bands(each(lambda work: work(), works)[0], generator, settings)

    def _base(self, generator: bytes) -> bytes:
        """The digest of the generator below all that goes on top; of one that is not here, its own."""
        return self.generators.base(generator, *OVERLAYS) if generator in self.generators.paths else generator

    def _decode_context(self, container: Container, backend: str | None = None) -> tuple[Context, list[float]]:
        """Return the context of the levels that a container holds, zero below, and their estimated bits."""
        self._check(container)
        coder = self.bitstream.coder if backend in (None, self.bitstream.library) else self.bitstream.coder_in(backend)
        return decode_slices(coder, frame_of(container), container.levels)

    def _check(self, container: Container) -> None:
        """Raise CodecError unless these weights can decode a container."""
        check_weights(container.header, self.name, self.bitstream.digest)
        _check_fields(container)

    # -- looking into files ---------------------------------------------------------------------------------------

    def _estimate(self, container: Container) -> list[float]:
        return self._decode_context(container)[1]

    @classmethod
    def _details(cls, container: Container) -> dict[str, Any]:
        _check_fields(container)
        return {"quality": quality_of(container.header.step_index)}

    @on_own_thread
    def generator_inputs(self, data: bytes) -> tuple[Any, ...]:
        """Return the generator's inputs for a file, in the order of its arguments, as tensors of the backend.

        They are the dequantised picture, RGB (1, 3, 32 rows, 32 columns) float; the maps of block shapes, int64 (1, 2,
        2 rows, 2 columns); and the step index, (1,). rows, columns: the numbers of tiles. Raises CodecError.
        """
        context, _ = self._decode_context(unpack(data))
        return self.weights.nets.inputs(context)

    @on_own_thread
    def symbols(self, data: bytes, backend: str | None = None, *, max_pixels: int = DECODED_PIXELS) -> list[np.ndarray]:
        """Return the quantised DCT coefficients of a file, int16, one array per level, coarse to fine.

        Level 0 holds the DC coefficients, (3, rows, columns). Level j holds the bands H, V, D that double the sides of
        the thumbnail, from k / 2 to k = 2**j pixels a tile: (3, 3, k / 2, k / 2, rows, columns), which are channel,
        band, u, v, tile row and tile column. Which frequency a place (u, v) means depends on the blocks of the tile.
        backend: "torch", "onnx", or "numpy" for the plain reference; None is the one that `decode` uses. max_pixels: as
        for `decode`. Raises CodecError, ValueError for another backend.
        """
        check_backend(backend)
        context, _ = self._decode_context(unpack_picture(data, max_pixels), backend)
        return levels_of(context.symbols)


def _check_fields(container: Container) -> None:
    """Raise CorruptFile for a step index or a number of levels that no file of this codec has."""
    step_index = container.header.step_index
    if step_index >= N_INDICES:
        raise CorruptFile(f"step index {step_index} is outside 0..{N_INDICES - 1}")
    check_level_count(container, N_LEVELS)


CODEC = DctVaeCodec
