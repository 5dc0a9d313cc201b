"""The graphs of nets, as ONNX Runtime wants them: one for a kind of net and its sizes, whatever its weights are.

Graphs for the sizes of the package's own weights lie in `files`, without any weights, and an index says which arrays
each of them takes. `python -m hvaecodec.codec.graphs` writes them. For other sizes the package `onnx` builds a graph
when it is asked for; a plain install has only the files.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from hvaecodec.codec.errors import CodecUnavailable

FOLDER = Path(__file__).parent / "files"
INDEX = "index.json"
# The kinds of nets, and the functions that write their graphs: module and name.
WRITERS = {
    "photo": ("photo", "write_generator"),
    "texture": ("texture", "write_texture"),
    "hqa-encoder": ("hqa", "write_encoder"),
    "hqa-decoder": ("hqa", "write_decoder"),
    "hqa-picture": ("hqa", "write_picture"),  # for exports
}


@dataclass(frozen=True)
class Graph:
    """A graph has the bytes of an ONNX model, and the shapes of the arrays, by name, that it takes besides."""

    model: bytes
    weights: Mapping[str, tuple[int, ...]]


def graph_of(kind: str, *sizes: Any) -> Graph:
    """Return the graph of a kind of net, from the files or built.

    sizes: what the function that writes it takes. Raises CodecUnavailable where it is neither there nor can be built.
    """
    name = name_of(kind, *sizes)
    if name in _index():
        weights = {key: tuple(shape) for key, shape in _index()[name].items()}
        return Graph((FOLDER / f"{name}.onnx").read_bytes(), weights)
    return build(kind, *sizes)


def build(kind: str, *sizes: Any) -> Graph:
    """Build the graph of a kind of net. Raises CodecUnavailable without the package `onnx`."""
    writer = write(kind, *sizes)
    return Graph(writer.model({"net": name_of(kind, *sizes)}), writer.weights)


def write(kind: str, *sizes: Any) -> Any:
    """Return the `writer.GraphWriter` with the graph of a kind of net. Raises CodecUnavailable without `onnx`."""
    module, function = WRITERS[kind]
    require_onnx(f"a net of this kind ({kind}) and of these sizes")
    return getattr(import_module(f"{__name__}.{module}"), function)(*sizes)


def require_onnx(what: str) -> None:
    """Raise CodecUnavailable unless the package `onnx` is installed. what: needs it."""
    try:
        import_module("onnx")
    except ImportError as cause:
        raise CodecUnavailable(f"{what} needs the package onnx: pip install 'hvaecodec[onnx]'") from cause


def name_of(kind: str, *sizes: Any) -> str:
    """Return the name of a graph's file, without its suffix: its kind, and a digest of its sizes."""
    plain = [asdict(size) if is_dataclass(size) and not isinstance(size, type) else size for size in sizes]
    return f"{kind}-{hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]}"


@functools.cache
def _index() -> dict[str, dict[str, list[int]]]:
    index: dict[str, dict[str, list[int]]] = json.loads((FOLDER / INDEX).read_text(encoding="utf-8"))
    return index
