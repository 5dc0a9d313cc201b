"""Streams as `constriction` has them, words of 32 bits, and as files have them, bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from hvaecodec.codec.errors import CorruptFile


def from_words(words: np.ndarray) -> bytes:
    """Return the stream of an encoder's words: little endian, without the zero bytes at its end."""
    return words.astype("<u4").tobytes().rstrip(b"\0")


def to_words(data: bytes) -> np.ndarray:
    """Return the words of a stream for a decoder, uint32; the zero bytes that it lacks are put back, and one zero word.

    A decoder takes one word more than an encoder writes; so it comes to the end of these, and of no longer stream.
    Raises CorruptFile for a stream with a zero byte at its end.
    """
    if data.endswith(b"\0"):
        raise CorruptFile("a stream ends in a zero byte, which no encoder writes; the file was made by something else")
    padded = data + b"\0" * (-len(data) % 4 + 4)
    return np.frombuffer(padded, "<u4").astype(np.uint32)


def decode_run(coder: Any, model: Any, count: int) -> np.ndarray:
    """Decode the next `count` entries of a table, int32. Raises CorruptFile for data that no encoder writes."""
    try:
        entries: np.ndarray = coder.decode(model, count)
        return entries
    except AssertionError as error:  # constriction's word for such data
        raise CorruptFile("a stream holds data that no encoder writes; the file was made by something else") from error


def check_exhausted(coder: Any) -> None:
    """Raise CorruptFile unless a decoder that was made of `to_words` has come to the end of its stream."""
    if not coder.maybe_exhausted():
        raise CorruptFile("a stream goes on after its last symbol; the file was made by something else")
