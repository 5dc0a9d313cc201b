"""Writes the file of weights of the page: `python web/bundle.py --out FILE KERNEL RUNTIME.mjs RUNTIME.wasm`.

It is a safetensors file of bytes, each part compressed with gzip; `web/src/weights/bundle.js` reads it. What the page
needs to know of the nets is in the metadata, so that it need not understand their configurations.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from hvaecodec.codec.config_fields import config_from
from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.graphs import write
from hvaecodec.codec.photo.generator_file import BASIS, check_basis, config_in, graph_sizes
from hvaecodec.codec.registry import WEIGHTS
from hvaecodec.codec.weight_files import Weights, read_weights
from hvaecodec.codec.weight_folders import config_of, plain_name, read_card
from hvaecodec.codec.weights import BITSTREAM, bitstream_digest, generators_in
from hvaecodec.models.texture_config import TextureConfig

CODEC = "dct-vae-photo"

Parts = Iterator[tuple[str, bytes]]  # names and bytes
Entry = dict[str, Any]  # what the page is to know of a generator


def bundle(folder: Path, programs: dict[str, bytes]) -> bytes:
    """Return the file of weights for a folder of weights and the programs that go with them, by part."""
    card, paths = read_card(folder), generators_in(folder)
    bitstream = read_weights(folder / BITSTREAM).data
    newest = folder / plain_name(card.get("generator", "generator.safetensors"))
    parts, entries = {**programs, "bitstream": bitstream}, []
    for digest, path in paths.items():
        entry, own = generator(digest.hex(), read_weights(path))
        entries.append(entry)
        parts |= own
    about = {
        "codec": CODEC,
        "bitstream": bitstream_digest(bitstream).hex(),
        "newest": next(digest.hex() for digest, path in paths.items() if path == newest),
        "generators": entries,
    }
    packed = {name: np.frombuffer(gzip.compress(part, 6, mtime=0), np.uint8) for name, part in parts.items()}
    return save(packed, {"bundle": json.dumps(about)})


def generator(digest: str, weights: Weights) -> tuple[Entry, dict[str, bytes]]:
    """Return what the page is to know of a generator or of what goes on top of one, and its parts.

    Of a kind that is not known, this is what names it, so that the page can refuse it.
    """
    if "base" not in weights.metadata:
        entry, parts = net(digest, weights)
        basis = weights.arrays.get(BASIS)
        check_basis(config_in(weights.metadata), None if basis is None else basis.shape)
        directions = b"" if basis is None else basis.astype("<f4").tobytes()
        return entry | {"kind": "generator"}, parts | {f"generator.{digest}.basis": directions}
    kind = weights.metadata.get("kind", "texture")
    about = {"digest": digest, "kind": kind, "base": weights.metadata["base"]}
    entry, parts = {"texture": texture, "perceptual": net}.get(kind, unknown)(digest, weights)
    return entry | about, parts


def net(digest: str, weights: Weights) -> tuple[Entry, dict[str, bytes]]:
    """Return the same of a net that draws pictures from contexts."""
    config = config_in(weights.metadata)
    scales = config.scales if config.latents else ()
    latents = [{"fold": scale.fold, "channels": scale.latent} for scale in scales]
    model = write("photo", graph_sizes(config)).model({}, weights.arrays)
    return {"digest": digest, "offsets": config.offsets, "latents": latents}, {f"generator.{digest}.model": model}


def texture(digest: str, weights: Weights) -> tuple[Entry, dict[str, bytes]]:
    """Return the same of a texture."""
    config = config_from(TextureConfig, config_of(weights.metadata))
    model = write("texture", config).model({}, weights.arrays)
    return {"noise": config.noise}, {f"generator.{digest}.model": model}


def unknown(_digest: str, _weights: Weights) -> tuple[Entry, dict[str, bytes]]:
    """Return nothing: the page need not know it."""
    return {}, {}


def main() -> None:
    """Write the file, and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernel", type=Path, help="the assembled kernel")
    parser.add_argument("script", type=Path, help="ONNX Runtime's module of JavaScript")
    parser.add_argument("runtime", type=Path, help="ONNX Runtime's module of WebAssembly")
    parser.add_argument("--weights", type=Path, default=WEIGHTS / CODEC, help="folder of weights; the package's")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    paths = {"kernel": options.kernel, "runtime.mjs": options.script, "runtime.wasm": options.runtime}
    data = bundle(options.weights, {name: path.read_bytes() for name, path in paths.items()})
    options.out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(str(options.out), data, True)
    print(f"{options.out}: {len(data) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
