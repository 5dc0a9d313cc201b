"""What every codec of the package checks and tells of a file whose container is sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from hvaecodec.codec.errors import CorruptFile, ModelMismatch
from hvaecodec.codec.format.container import Container, Header
from hvaecodec.codec.format.wire_ids import EXTRA_NAMES

T = TypeVar("T")


def check_codec(header: Header, codec: str) -> None:
    """Raise ModelMismatch for a file that names another codec."""
    if header.codec != codec:
        raise ModelMismatch(f"written by {header.codec}, and this is {codec}")


def check_weights(header: Header, codec: str, digest: bytes) -> None:
    """Raise ModelMismatch for a file that needs another codec or other bitstream weights.

    digest: 4 bytes, of those that were loaded.
    """
    check_codec(header, codec)
    if header.weights != digest:
        raise ModelMismatch(
            f"written with bitstream weights {header.weights.hex()}, loaded {digest.hex()}; "
            "install the release that wrote the file, or load its weights by their folder"
        )


def check_level_count(container: Container, expected: int) -> None:
    """Raise CorruptFile for a file that declares more or fewer level streams."""
    if len(container.level_lengths) != expected:
        raise CorruptFile(f"{len(container.level_lengths)} level streams, expected {expected}")


def describe(
    data: bytes, container: Container, details: Mapping[str, Any], est_bits: Sequence[float] | None = None
) -> dict[str, Any]:
    """Return what a codec's `info` says of the file `data`. container: what `unpack` made of it.

    details: what the codec has to say, `quality` first, 1..100, what the file was encoded for. est_bits: the model's
    estimate in bits for each level, if the symbols were decoded for it.
    """
    extras = {EXTRA_NAMES[kind]: len(part) for kind, part in container.extras}
    return {
        **_describe_header(container.header),
        **details,
        "n_bytes": len(data),
        "bpp": 8 * len(data) / (container.header.height * container.header.width),
        "framing_bytes": container.framing_bytes,
        "payload_bytes": _by_level(container.level_lengths) | extras,
        **({} if est_bits is None else {"est_bits": _by_level(est_bits)}),
        "levels": len(container.level_lengths),
    }


def _describe_header(header: Header) -> dict[str, Any]:
    return {
        "codec": header.codec,
        "weights": header.weights.hex(),
        "generator": header.generator.hex(),
        "height": header.height,
        "width": header.width,
        "mode": header.mode,
    }


def _by_level(values: Sequence[T]) -> dict[str, T]:
    return {f"level {stream_level}": value for stream_level, value in enumerate(values)}
