"""Folders of weights: the bitstream weights that a file's digest names, the generators, and what goes on top of one."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as load_arrays
from safetensors.torch import load as load_tensors
from torch import nn

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.models.texture import Texture, TextureConfig

BITSTREAM = "bitstream.safetensors"
GENERATORS = "generator*.safetensors"
TEXTURED = "generator-texture.safetensors"  # a texture alone; it goes on top of the generator that it names
SAMPLED = "generator-sampler.safetensors"  # likewise, what draws the lower layers of `hqa-photo`

OVERLAYS = ("sampler", "texture")  # the kinds of files that go on top of a generator; lower ones first

T = TypeVar("T")
Build = Callable[[Mapping[str, str], Mapping[str, torch.Tensor]], Any]  # a file's metadata and tensors to a net


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


def build_texture(metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> Texture:
    """A texture in inference form, float32."""
    net = Texture(TextureConfig(**json.loads(metadata["config"])))
    net.load_state_dict({name: value.float() for name, value in tensors.items()})
    return net.eval().requires_grad_(False)


@dataclass(frozen=True)
class Drawing:
    """A generator's net and what is on top of it for temperatures above 0."""

    net: Any
    sampler: Any = None
    texture: Texture | None = None


class Generators:
    """The generators installed in a folder, by digest (2 bytes); each loaded when first asked for.

    build: makes the net from a file's metadata and tensors. overlays: likewise what goes on top of it, by the kind in
    the file's metadata.
    """

    def __init__(self, folder: Path, newest: str, build: Build, overlays: Mapping[str, Build] | None = None) -> None:
        self.build, self.overlays = build, overlays or {}
        self.paths = generators_in(folder)
        if not (folder / newest).is_file():
            raise CodecUnavailable(f"no {newest} in {folder}; the installation is incomplete")
        self.newest = _digest(folder / newest)
        self.loaded: dict[bytes, Drawing] = {}

    def get(self, digest: bytes) -> Any:
        """The net of a digest in `paths`, without what it may have on top."""
        return self.drawing(digest).net

    def drawing(self, digest: bytes) -> Drawing:
        """That net and what is on top of it. Raises CodecUnavailable."""
        if digest not in self.loaded:
            data, metadata = read_weights(self.paths[digest])
            self.loaded[digest] = self._built(digest, metadata, load_tensors(data))
        return self.loaded[digest]

    def base(self, digest: bytes, *kinds: str) -> bytes:
        """The digest of what is under files of these kinds."""
        _, metadata = read_weights(self.paths[digest])
        if "base" in metadata and _kind(metadata) in kinds:
            return self.base(self._under(digest, metadata), *kinds)
        return digest

    def _built(self, digest: bytes, metadata: Mapping[str, str], tensors: Mapping[str, torch.Tensor]) -> Drawing:
        if "base" not in metadata:
            return Drawing(self.build(metadata, tensors))
        kind = _kind(metadata)
        if kind not in self.overlays:
            raise CodecUnavailable(
                f"{self.paths[digest]} is a {kind}, which this version does not know; update hvaecodec"
            )
        try:
            added = self.overlays[kind](metadata, tensors)
        except (KeyError, RuntimeError, ValueError) as cause:
            raise CodecUnavailable(f"{self.paths[digest]} is no {kind} as its config says: {cause}") from cause
        return replace(self.drawing(self._under(digest, metadata)), **{kind: added})

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


def _kind(metadata: Mapping[str, str]) -> str:
    """Of a file that goes on top of a generator; the first ones were textures and did not say so."""
    return metadata.get("kind", "texture")


def generators_in(folder: Path) -> dict[bytes, Path]:
    """The generators of a folder by digest, those on top of others among them."""
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
