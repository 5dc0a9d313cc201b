"""Writes a generator as an ONNX file that stands alone: its graph, its weights, and its model card in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.codec import registry
from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.graphs import require_onnx, write
from hvaecodec.codec.hqa.weights import layers_in, load_hqa_bitstream
from hvaecodec.codec.photo.generator_file import config_in
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of, plain_name, read_card, usable
from hvaecodec.codec.weights import generators_in
from hvaecodec.models.texture_config import TextureConfig

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Part:
    """A file of a generator, or of what goes on top of one. digest: as pictures name it, in hexadecimal digits."""

    digest: str
    metadata: Mapping[str, str]
    arrays: Arrays


def export_onnx(name_or_path: str | PathLike[str], part: str = "generator", layer: int = 3) -> bytes:
    """Return the newest generator of a codec, by name or folder of weights, as an ONNX model with all its weights.

    part: "generator", "texture" or "perceptual", the generator that draws. layer: of `hqa-photo`, the one whose indices
    go in, 1..5. Raises CodecUnavailable without the package onnx, for a codec whose generators have no graph, or for a
    part that it has not; ValueError for a layer that there is not.
    """
    require_onnx("an export")
    name, folder = registry.locate(name_or_path)
    if name not in ("dct-vae-photo", "hqa-photo"):
        raise CodecUnavailable(f"generators of {name} have no graph; those of dct-vae-photo and hqa-photo have")
    card = read_card(folder)
    parts = _parts(folder, plain_name(card.get("generator", "generator.safetensors")))
    if part not in parts:
        raise CodecUnavailable(f"the weights in {folder} have no {part}")
    chosen = parts[part]
    metadata = {"codec": name, "part": part, "digest": chosen.digest, "config": chosen.metadata["config"]}
    metadata["card"] = json.dumps(card)
    if name == "hqa-photo" and part == "generator":
        return _hqa_model(metadata, chosen, folder, layer)
    with usable(f"cannot use the {part} in {folder}"):
        if part == "texture":
            return _model(metadata, chosen.arrays, "texture", config_from(TextureConfig, config_of(chosen.metadata)))
        return _model(metadata, chosen.arrays, "photo", config_in(chosen.metadata))


def _hqa_model(metadata: dict[str, str], part: Part, folder: Path, layer: int) -> bytes:
    """The decoders from a layer, counted from 1, down to the picture."""
    bitstream = load_hqa_bitstream(folder)
    with usable(f"cannot use the generator in {folder}"):
        configs = layers_in(part.metadata, bitstream.n_layers)
    if not 1 <= layer <= len(configs):
        raise ValueError(f"layer must lie in 1..{len(configs)}, got {layer}")
    codes = {f"layers.{number}.codebook": bitstream.layer(number)["codebook"] for number in range(len(configs))}
    return _model(metadata | {"layer": str(layer)}, {**part.arrays, **codes}, "hqa-picture", configs[:layer])


def _model(metadata: Mapping[str, str], arrays: Arrays, kind: str, *sizes: Any) -> bytes:
    model: bytes = write(kind, *sizes).model(metadata, arrays)
    return model


def _parts(folder: Path, newest: str) -> dict[str, Part]:
    """The file of the newest generator, and those that it lies on top of, by kind. Raises CodecUnavailable."""
    digests = {path: digest for digest, path in generators_in(folder).items()}
    paths = {digest: path for path, digest in digests.items()}
    parts, path = {}, folder / newest
    while True:
        _, metadata, arrays = read_weights(path)
        kind = metadata.get("kind", "texture") if "base" in metadata else "generator"
        parts[kind] = Part(digests[path].hex(), metadata, arrays)
        if "base" not in metadata:
            return parts
        base = bytes.fromhex(metadata["base"])
        if base not in paths:
            raise CodecUnavailable(f"{path} goes on top of generator {base.hex()}, which is not beside it")
        path = paths[base]
