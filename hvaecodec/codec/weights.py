"""The two sets of weights of a DCT-VAE codec, read from a folder: bitstream (exact integers) and generator."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as load_arrays
from safetensors.torch import load as load_tensors
from torch import nn

from hvaecodec.codec.coder import Tables
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.models.dct_prior import PriorConfig
from hvaecodec.models.exact import ExactArithmetic
from hvaecodec.models.generator import Generator, GeneratorConfig, ScaleConfig
from hvaecodec.models.texture import Texture, TextureConfig

BITSTREAM = "bitstream.safetensors"
GENERATORS = "generator*.safetensors"
TEXTURED = "generator-texture.safetensors"  # a texture alone; it goes on top of the generator that it names

T = TypeVar("T")


@dataclass(frozen=True)
class Bitstream:
    """What a file's digest names: the integer prior, its tables, the step table and S. digest: 4 bytes."""

    digest: bytes
    config: PriorConfig
    arrays: Mapping[str, np.ndarray]

    @cached_property
    def arithmetic(self) -> ExactArithmetic:
        return ExactArithmetic(self.arrays, self.config)

    @cached_property
    def tables(self) -> Tables:
        names = sorted(name for name in self.arrays if name.startswith("table."))
        return Tables([self.arrays[name].astype(np.int64) for name in names])

    @cached_property
    def delta(self) -> torch.Tensor:
        """Step size of every index, float32."""
        return torch.from_numpy(self.arrays["delta"])

    @cached_property
    def s(self) -> torch.Tensor:
        """Relative steps S, (3, 32, 32) float32."""
        return torch.from_numpy(self.arrays["S"])

    @cached_property
    def twin(self) -> Any:
        """The prior in floats, with gradients, for the encoder's search; never for coding."""
        from hvaecodec.models.context_price import float_twin

        return float_twin(self.arrays, self.config)

    def reference(self) -> Any:
        """The arithmetic of the plain numpy reference."""
        from hvaecodec.models.exact_numpy import NumpyArithmetic

        return NumpyArithmetic(self.arrays, self.config)


def load_bitstream(folder: Path) -> Bitstream:
    """The bitstream weights of a folder. Raises CodecUnavailable."""
    data, metadata = read_weights(folder / BITSTREAM)
    config = PriorConfig(**json.loads(metadata["config"]))
    return Bitstream(bitstream_digest(data), config, load_arrays(data))


def load_tables(folder: Path, of: Callable[[Mapping[str, np.ndarray]], T]) -> tuple[bytes, T]:
    """The digest and the tables of a folder whose bitstream weights are nothing else. of: makes them from the arrays.

    Raises CodecUnavailable, also where `of` raises KeyError or ValueError.
    """
    try:
        data = (folder / BITSTREAM).read_bytes()
        return bitstream_digest(data), of(load_arrays(data))
    except (OSError, KeyError, ValueError) as cause:
        raise CodecUnavailable(f"cannot read the tables {folder / BITSTREAM}: {cause}") from cause


def bitstream_digest(data: bytes) -> bytes:
    """The 4 bytes by which a file names its bitstream weights. data: their whole file."""
    return hashlib.sha256(data).digest()[:4]


def build_generator(metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> Generator:
    """The generator of `dct-vae-photo` in inference form, float32."""
    raw = json.loads(metadata["config"])
    raw["scales"] = tuple(ScaleConfig(**scale) for scale in raw["scales"])
    net = Generator(GeneratorConfig(**raw))
    net.load_state_dict({name: value.float() for name, value in tensors.items()})
    return net.eval().requires_grad_(False)


def build_texture(metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> Texture:
    """A texture in inference form, float32."""
    net = Texture(TextureConfig(**json.loads(metadata["config"])))
    net.load_state_dict({name: value.float() for name, value in tensors.items()})
    return net.eval().requires_grad_(False)


class Generators:
    """The generators installed in a folder, by digest (2 bytes); each loaded when first asked for.

    build: makes the net from a file's metadata and tensors.
    """

    def __init__(
        self,
        folder: Path,
        newest: str,
        build: Callable[[Mapping[str, str], Mapping[str, torch.Tensor]], Any] = build_generator,
    ) -> None:
        self.build = build
        self.paths = generators_in(folder)
        if not (folder / newest).is_file():
            raise CodecUnavailable(f"no {newest} in {folder}; the installation is incomplete")
        self.newest = _digest(folder / newest)
        self.loaded: dict[bytes, tuple[Any, Texture | None]] = {}

    def get(self, digest: bytes) -> Any:
        """The net of a digest in `paths`, without the texture that it may have on top."""
        return self._parts(digest)[0]

    def texture(self, digest: bytes) -> Texture | None:
        """What goes on top of that net."""
        return self._parts(digest)[1]

    def base(self, digest: bytes) -> bytes:
        """The digest of that net, which is its own if it has no texture."""
        _, metadata = read_weights(self.paths[digest])
        return self._under(digest, metadata) if "base" in metadata else digest

    def _parts(self, digest: bytes) -> tuple[Any, Texture | None]:
        if digest not in self.loaded:
            data, metadata = read_weights(self.paths[digest])
            tensors = load_tensors(data)
            if "base" in metadata:
                self.loaded[digest] = self.get(self._under(digest, metadata)), build_texture(metadata, tensors)
            else:
                self.loaded[digest] = self.build(metadata, tensors), None
        return self.loaded[digest]

    def _under(self, digest: bytes, metadata: Mapping[str, str]) -> bytes:
        base = bytes.fromhex(metadata["base"])
        if base not in self.paths:
            raise CodecUnavailable(
                f"{self.paths[digest]} goes on top of generator {base.hex()}, which is not beside it; remove it or "
                "train it anew"
            )
        return base

    def choose(self, wanted: bytes, generator: str) -> bytes:
        """The digest to decode with: the one a file names, or the newest if told so or, with a warning, at need."""
        if generator == "latest" or wanted == self.newest:
            return self.newest
        if wanted in self.paths:
            return wanted
        warnings.warn(
            f"generator {wanted.hex()} is not installed; decoding with {self.newest.hex()}, the picture may differ a "
            "little from the one that was encoded",
            stacklevel=4,
        )
        return self.newest


def read_card(folder: Path) -> dict[str, Any]:
    """The model card of a folder of weights. Raises CodecUnavailable."""
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise CodecUnavailable(f"cannot read the model card {folder / 'card.json'}: {cause}") from cause
    if not isinstance(card, dict):
        raise CodecUnavailable(f"the model card {folder / 'card.json'} is not an object")
    return card


def half_precision(net: nn.Module) -> dict[str, torch.Tensor]:
    """A net's weights as files keep them: on the CPU, floats in half precision. Raises ValueError if one does not fit."""
    tensors = {}
    for name, value in net.state_dict().items():
        kept = value.detach().cpu()
        tensors[name] = (kept.half() if kept.is_floating_point() else kept).contiguous()
        if not tensors[name].isfinite().all():
            raise ValueError(f"{name} is too large for half precision, or not a number")
    return tensors


def generators_in(folder: Path) -> dict[bytes, Path]:
    """The generators of a folder by digest, textures among them."""
    return {_digest(path): path for path in sorted(folder.glob(GENERATORS))}


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()[:2]


def read_weights(path: Path) -> tuple[bytes, dict[str, str]]:
    """A whole file of weights and its metadata. Raises CodecUnavailable."""
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
        if "config" not in metadata:
            raise CodecUnavailable(f"{path} holds no config; it is not a weights file of this codec")
        return path.read_bytes(), metadata
    except (OSError, SafetensorError) as cause:
        raise CodecUnavailable(f"cannot read the weights {path}: {cause}") from cause
