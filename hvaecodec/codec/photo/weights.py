"""The weights of `dct-vae-photo`, read from a folder: the bitstream's (exact integers), curvature and nets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.codec.backends import library_in_use, load_backend, require_torch, torch_is_needed
from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.bitstream_arrays import check_bitstream
from hvaecodec.codec.photo.curvature import Curvature
from hvaecodec.codec.photo.nets import ExactPrior, GradientNets, PhotoNets
from hvaecodec.codec.photo.shape_stream import ShapeCoder
from hvaecodec.codec.photo.streams import SliceCoder
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of, usable
from hvaecodec.codec.weights import BITSTREAM, bitstream_digest
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.shape_contexts import ShapeTables


@dataclass(frozen=True)
class Bitstream:
    """What a file's digest names: the integer prior, all tables, the step table and S. digest: 4 bytes.

    library: what computes with it, see `hvaecodec.codec.backends`.
    """

    digest: bytes
    config: PriorConfig
    arrays: Mapping[str, np.ndarray]
    library: str

    @cached_property
    def tables(self) -> Tables:
        """The entropy coder's tables."""
        names = sorted(name for name in self.arrays if name.startswith("table."))
        return Tables([self.arrays[name].astype(np.int64) for name in names])

    @property
    def delta(self) -> np.ndarray:
        """The luma step of every step index, in grey levels, (793,) float32."""
        return self.arrays["delta"]

    @property
    def s(self) -> np.ndarray:
        """The relative steps S by shape and place, (7, 3, 32, 32) float32."""
        return self.arrays["S"]

    @cached_property
    def coder(self) -> SliceCoder:
        """The coder of slices with the prior in the arithmetic of the library that serves."""
        return self.coder_in(self.library)

    def coder_in(self, library: str) -> SliceCoder:
        """Return the coder with the prior in a library's arithmetic: "torch", "onnx" or "numpy", the plain reference.

        Raises CodecUnavailable for torch where it is not installed.
        """
        if library == "torch":
            require_torch("the backend torch")
        prior: ExactPrior = load_backend("photo", library).exact_prior(self.arrays, self.config)
        tiles, quadrants = (self.arrays[f"shapes.{name}"].astype(np.int64) for name in ("tiles", "quadrants"))
        return SliceCoder(prior, self.tables, ShapeCoder(ShapeTables(tiles, quadrants)))

    @cached_property
    def twin(self) -> Any:
        """The prior in floats, with gradients, for the encoder's search; never for coding, and of torch alone."""
        return load_backend("photo", "torch").float_twin(self.arrays, self.config)


@dataclass(frozen=True)
class PhotoWeights:
    """All that the codec's walk reads from a folder of weights; the nets of generators load when first asked for."""

    bitstream: Bitstream
    curvature: Curvature
    nets: PhotoNets

    @property
    def gradients(self) -> GradientNets:
        """The nets with their gradients. Raises CodecUnavailable where the library that serves has none."""
        if not isinstance(self.nets, GradientNets):
            raise torch_is_needed("refining a picture")
        return self.nets


def load_bitstream(folder: Path) -> Bitstream:
    """Load the bitstream weights of a folder. Raises CodecUnavailable."""
    with usable(f"cannot use the weights {folder / BITSTREAM}"):
        weights = read_weights(folder / BITSTREAM)
        config = config_from(PriorConfig, config_of(weights.metadata))
        check_bitstream(weights.arrays, config)
        return Bitstream(bitstream_digest(weights.data), config, weights.arrays, library_in_use())


def load_weights(folder: Path, newest: str) -> PhotoWeights:
    """Load the weights of a folder; newest: the file of the generator that is encoded for. Raises CodecUnavailable."""
    bitstream = load_bitstream(folder)
    nets: PhotoNets = load_backend("photo", bitstream.library).load_nets(folder, newest, bitstream)
    return PhotoWeights(bitstream, Curvature.load(folder), nets)
