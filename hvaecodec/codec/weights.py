"""Folders of weights: the bitstream weights that a file's digest names, the generators, and what goes on top of one.

Weights are read as numpy arrays; whoever runs the nets makes of them what they need. So nothing here imports torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.files import read_regular
from hvaecodec.codec.own_thread import warn_caller
from hvaecodec.codec.weight_files import MAX_WEIGHTS, Weights, read_tables, read_weights
from hvaecodec.codec.weight_folders import plain_name, usable

BITSTREAM = "bitstream.safetensors"
GENERATORS = "generator*.safetensors"
TEXTURED = "generator-texture.safetensors"  # a texture alone; it goes on top of the generator that it names
SAMPLED = "generator-sampler.safetensors"  # likewise, what draws the lower layers of `hqa-photo`
PERCEPTUAL = "generator-perceptual.safetensors"  # likewise, the generator of `dct-vae-photo` that draws

OVERLAYS = ("sampler", "texture", "perceptual")  # the kinds of files that go on top of a generator; lower ones first

T = TypeVar("T")
Build = Callable[[Mapping[str, str], Mapping[str, np.ndarray]], Any]  # a file's metadata and arrays to a net


def load_tables(folder: Path, build: Callable[[Mapping[str, np.ndarray]], T]) -> tuple[bytes, T]:
    """Read a folder whose bitstream weights are tables and nothing else; return their digest and the tables.

    build: makes the tables from the arrays of the file. Raises CodecUnavailable, whatever `build` raises.
    """
    with usable(f"cannot read the tables {folder / BITSTREAM}"):
        weights = read_tables(folder / BITSTREAM)
        return bitstream_digest(weights.data), build(weights.arrays)


def bitstream_digest(data: bytes) -> bytes:
    """Return the 4 bytes by which a picture's file names its bitstream weights. data: the whole file of the weights."""
    return hashlib.sha256(data).digest()[:4]


@dataclass(frozen=True)
class Drawing:
    """A generator's net, and the nets on top of it that temperatures above 0 use."""

    net: Any
    sampler: Any = None
    texture: Any = None
    perceptual: Any = None


class Generators:
    """The generators that are installed in a folder, by digest (2 bytes); each is loaded when first asked for.

    newest: the name of the file that pictures are encoded for. build: makes a net from a file's metadata and arrays.
    overlays: the same for the nets that go on top of a generator, by the kind that their metadata state. Raises
    CodecUnavailable if `newest` is missing.
    """

    def __init__(self, folder: Path, newest: str, build: Build, overlays: Mapping[str, Build] | None = None) -> None:
        self.build, self.overlays = build, overlays or {}
        digests = _digests(folder)
        self.paths = {digest: path for path, digest in digests.items()}
        if folder / plain_name(newest) not in digests:
            raise CodecUnavailable(f"no {newest} in {folder}; the installation is incomplete")
        self.newest = digests[folder / newest]
        if self.paths[self.newest] != folder / newest:
            raise CodecUnavailable(f"{newest} in {folder} cannot be told from another generator by its digest")
        self.files: dict[bytes, Weights] = {}  # that were read and are not built yet
        self.loaded: dict[bytes, Drawing] = {}
        self.metadata: dict[bytes, Mapping[str, str]] = {}
        self._metadata(self.newest)  # files name it, so it must be one

    def get(self, digest: bytes) -> Any:
        """Return the net of a digest in `paths`, without the nets that may go on top. Raises CodecUnavailable."""
        return self.drawing(digest).net

    def drawing(self, digest: bytes) -> Drawing:
        """Return the net of a digest in `paths` and the nets on top of it. Raises CodecUnavailable."""
        if digest not in self.loaded:
            self.loaded[digest] = self._build(digest)
        return self.loaded[digest]

    def base(self, digest: bytes, *kinds: str) -> bytes:
        """Return the digest of the generator that lies under overlays of these kinds. Raises CodecUnavailable."""
        metadata = self._metadata(digest)
        if "base" in metadata and _kind(metadata) in kinds:
            return self.base(self._under(digest), *kinds)
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
        warn_caller(
            f"generator {named.hex()} is not installed; decoding with {self.newest.hex()}, the picture may differ a "
            "little from the one that was encoded"
        )
        return self.newest

    def _metadata(self, digest: bytes) -> Mapping[str, str]:
        """The metadata of a digest in `paths`; its file is read once."""
        if digest not in self.metadata:
            self.files[digest] = self._read(digest)
            self.metadata[digest] = self.files[digest].metadata
        return self.metadata[digest]

    def _read(self, digest: bytes) -> Weights:
        weights = read_weights(self.paths[digest])
        if _digest_of(weights.data) != digest:
            raise CodecUnavailable(f"{self.paths[digest]} has changed since the codec was loaded; load it again")
        return weights

    def _build(self, digest: bytes) -> Drawing:
        weights, path = self.files.pop(digest, None) or self._read(digest), self.paths[digest]
        if "base" not in weights.metadata:
            with usable(f"cannot use the weights in {path}"):
                return Drawing(self.build(weights.metadata, weights.arrays))
        kind = _kind(weights.metadata)
        if kind not in self.overlays:
            raise CodecUnavailable(f"{path} is a {kind!r}, which this version does not know; update hvaecodec")
        with usable(f"{path} is no {kind} as its config says"):
            overlay = self.overlays[kind](weights.metadata, weights.arrays)
        return replace(self.drawing(self._under(digest)), **{kind: overlay})

    def _under(self, digest: bytes) -> bytes:
        """Return the digest of what an overlay goes on top of: a generator, or an overlay of a lower kind."""
        path, metadata = self.paths[digest], self._metadata(digest)
        with usable(f"cannot use the weights in {path}"):
            base = bytes.fromhex(metadata["base"])
        if base not in self.paths:
            raise CodecUnavailable(
                f"{path} goes on top of generator {base.hex()[:8]}, which is not beside it; remove it or train it anew"
            )
        below = self._metadata(base)
        if "base" in below and _height(below) >= _height(metadata):
            raise CodecUnavailable(f"{path} goes on top of a {_kind(below)!r}, and that is no lower than itself")
        return base


def generators_in(folder: Path) -> dict[bytes, Path]:
    """List the generators of a folder by digest (2 bytes), those on top of others among them.

    Raises CodecUnavailable if one is not a regular file that can be read.
    """
    return {digest: path for path, digest in _digests(folder).items()}


def _digests(folder: Path) -> dict[Path, bytes]:
    return {path: _digest(path) for path in sorted(folder.glob(GENERATORS))}


def _kind(metadata: Mapping[str, str]) -> str:
    """The kind of a file that goes on top of a generator; the first ones were textures and did not say so."""
    return metadata.get("kind", "texture")


def _height(metadata: Mapping[str, str]) -> int:
    """How high a kind of overlay stands; one that this version does not know stands on top of all."""
    return OVERLAYS.index(_kind(metadata)) if _kind(metadata) in OVERLAYS else len(OVERLAYS)


def _digest(path: Path) -> bytes:
    with usable(f"cannot use the weights {path}"):
        return _digest_of(read_regular(path, MAX_WEIGHTS))


def _digest_of(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:2]
