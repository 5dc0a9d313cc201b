"""`python -m hvaecodec.codec.graphs` writes the graphs for the nets of the package's weights into `files`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.graphs import FOLDER, INDEX, build, name_of
from hvaecodec.codec.hqa.weights import MAX_LAYERS, layers_in
from hvaecodec.codec.photo.generator_file import config_in, graph_sizes
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.weight_files import read_weights
from hvaecodec.codec.weight_folders import config_of
from hvaecodec.codec.weights import GENERATORS
from hvaecodec.models.texture_config import TextureConfig

CODECS = ("dct-vae-photo", "hqa-photo")  # those that a plain install serves


def wanted() -> Iterator[tuple[Any, ...]]:
    """Yield kind and sizes of every net in the generators of the package's weights."""
    for codec in CODECS:
        for path in sorted((WEIGHTS / codec).glob(GENERATORS)):
            yield from nets_in(codec, read_weights(path).metadata)


def nets_in(codec: str, metadata: dict[str, str]) -> Iterator[tuple[Any, ...]]:
    """Yield kind and sizes of the nets in a generator's file of a codec; a sampler is integers and has none."""
    if "base" in metadata:
        if metadata.get("kind", "texture") == "texture":
            yield "texture", config_from(TextureConfig, config_of(metadata))
        elif metadata["kind"] == "perceptual":
            yield "photo", graph_sizes(config_in(metadata))
    elif codec == "hqa-photo":
        for number, layer in enumerate(layers_in(metadata, MAX_LAYERS)):
            yield "hqa-encoder", layer, number == 0
            yield "hqa-decoder", layer, number == 0
    else:
        yield "photo", graph_sizes(config_in(metadata))


def write_files(folder: Path) -> None:
    """Write every graph that is wanted, and the index, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {}
    for net in wanted():
        graph = build(*net)
        index[name_of(*net)] = graph.weights
        write_atomically(str(folder / f"{name_of(*net)}.onnx"), graph.model, True)
    write_atomically(str(folder / INDEX), (json.dumps(index, sort_keys=True) + "\n").encode(), True)


if __name__ == "__main__":
    write_files(FOLDER)
