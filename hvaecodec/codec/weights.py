"""Folders of weights: the bitstream weights that a file's digest names, the generators, and what goes on top of one.

Weights are read as numpy arrays; whoever runs the nets makes of them what they need. So nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import load as load_arrays

from hvaecodec.codec.errors import CodecUnavailable

BITSTREAM = "bitstream.safetensors"
GENERATORS = "generator*.safetensors"
TEXTURED = "generator-texture.safetensors"  # a texture alone; it goes on top of the generator that it names
SAMPLED = "generator-sampler.safetensors"  # likewise, what draws the lower layers of `hqa-photo`

OVERLAYS = ("sampler", "texture")  # the kinds of files that go on top of a generator; lower ones first

T = TypeVar("T")
Build = Callable[[Mapping[str, str], Mapping[str, np.ndarray]], Any]  # a file's metadata and arrays to a net


def load_tables(folder: Path, build: Callable[[Mapping[str, np.ndarray]], T]) -> tuple[bytes, T]:
    """Read a folder whose bitstream weights are tables and nothing else; return their digest and the tables.

    build: makes the tables from the arrays of the file. Raises CodecUnavailable, also where `build` raises KeyError or
    ValueError.
    """
    try:
        data = (folder / BITSTREAM).read_bytes()
        return bitstream_digest(data), build(load_arrays(data))
    except (OSError, KeyError, ValueError) as cause:
        raise CodecUnavailable(f"cannot read the tables {folder / BITSTREAM}: {cause}") from cause


def bitstream_digest(data: bytes) -> bytes:
    """Return the 4 bytes by which a picture's file names its bitstream weights. data: the whole file of the weights."""
    return hashlib.sha256(data).digest()[:4]


@dataclass(frozen=True)
class Drawing:
    """A generator's net, and the nets on top of it that temperatures above 0 use."""

    net: Any
    sampler: Any = None
    texture: Any = None


class Generators:
    """The generators that are installed in a folder, by digest (2 bytes); each is loaded when first asked for.

    newest: the name of the file that pictures are encoded for. build: makes a net from a file's metadata and arrays.
    overlays: the same for the nets that go on top of a generator, by the kind that their metadata state. Raises
    CodecUnavailable if `newest` is missing.
    """

    def __init__(self, folder: Path, newest: str, build: Build, overlays: Mapping[str, Build] | None = None) -> None:
        self.build, self.overlays = build, overlays or {}
        self.paths = generators_in(folder)
        if not (folder / newest).is_file():
            raise CodecUnavailable(f"no {newest} in {folder}; the installation is incomplete")
        self.newest = _digest(folder / newest)
        self.loaded: dict[bytes, Drawing] = {}

    def get(self, digest: bytes) -> Any:
        """Return the net of a digest in `paths`, without the nets that may go on top. Raises CodecUnavailable."""
        return self.drawing(digest).net

    def drawing(self, digest: bytes) -> Drawing:
        """Return the net of a digest in `paths` and the nets on top of it. Raises CodecUnavailable."""
        if digest not in self.loaded:
            data, metadata = read_weights(self.paths[digest])
            self.loaded[digest] = self._build(digest, metadata, load_arrays(data))
        return self.loaded[digest]

    def base(self, digest: bytes, *kinds: str) -> bytes:
        """Return the digest of the generator that lies under overlays of these kinds. Raises CodecUnavailable."""
        _, metadata = read_weights(self.paths[digest])
        if "base" in metadata and _kind(metadata) in kinds:
            return self.base(self._under(digest, metadata), *kinds)
        return digest

    def choose(self, named: bytes, generator: str) -> bytes:
        """Return the digest of the generator to decode with.

        named: the digest that the picture's file names. generator: "file" decodes with that one, or, with a warning,
        with the newest if that one is not installed; "latest" decodes with the newest.
        """
        if generator == "latest" or named == self.newest:
            return self.newest
        if named in self.paths:
            return named
        warnings.warn(
            f"generator {named.hex()} is not installed; decoding with {self.newest.hex()}, the picture may differ a "
            "little from the one that was encoded",
            stacklevel=4,
        )
        return self.newest

    def _build(self, digest: bytes, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> Drawing:
        if "base" not in metadata:
            return Drawing(self.build(metadata, arrays))
        kind = _kind(metadata)
        if kind not in self.overlays:
            raise CodecUnavailable(
                f"{self.paths[digest]} is a {kind}, which this version does not know; update hvaecodec"
            )
        try:
            overlay = self.overlays[kind](metadata, arrays)
        except (KeyError, RuntimeError, ValueError) as cause:
            raise CodecUnavailable(f"{self.paths[digest]} is no {kind} as its config says: {cause}") from cause
        return replace(self.drawing(self._under(digest, metadata)), **{kind: overlay})

    def _under(self, digest: bytes, metadata: Mapping[str, str]) -> bytes:
        base = bytes.fromhex(metadata["base"])
        if base not in self.paths:
            raise CodecUnavailable(
                f"{self.paths[digest]} goes on top of generator {base.hex()}, which is not beside it; remove it or "
                "train it anew"
            )
        return base


def read_card(folder: Path) -> dict[str, Any]:
    """Read the model card of a folder of weights. Raises CodecUnavailable."""
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise CodecUnavailable(f"cannot read the model card {folder / 'card.json'}: {cause}") from cause
    if not isinstance(card, dict):
        raise CodecUnavailable(f"the model card {folder / 'card.json'} is not an object")
    return card


def generators_in(folder: Path) -> dict[bytes, Path]:
    """List the generators of a folder by digest (2 bytes), those on top of others among them."""
    return {_digest(path): path for path in sorted(folder.glob(GENERATORS))}


def read_weights(path: Path) -> tuple[bytes, dict[str, str]]:
    """Read a file of weights; return its bytes and its metadata. Raises CodecUnavailable."""
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
        if "config" not in metadata:
            raise CodecUnavailable(f"{path} holds no config; it is not a weights file of this codec")
        return path.read_bytes(), metadata
    except (OSError, SafetensorError) as cause:
        raise CodecUnavailable(f"cannot read the weights {path}: {cause}") from cause


def _kind(metadata: Mapping[str, str]) -> str:
    """The kind of a file that goes on top of a generator; the first ones were textures and did not say so."""
    return metadata.get("kind", "texture")


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()[:2]
