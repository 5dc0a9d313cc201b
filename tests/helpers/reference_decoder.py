"""The entropy coder in nothing but Python integers, from docs/FORMAT.md: what `constriction` must agree with."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate

ESCAPES = range(0, 2**24 + 1, 256)  # where the 2**16 values of an escape start


def starts_of(frequencies: Iterable[int]) -> list[int]:
    """Where every entry of a table starts in 0..2**24, and the end of the last."""
    frequencies = [int(f) for f in frequencies]
    n = len(frequencies)
    return [(c * (2**24 - n) >> 22) + i for i, c in enumerate(accumulate(frequencies, initial=0))]


class RangeDecoder:
    """Entries from bytes. ValueError for a stream that no encoder writes."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.range = 2**64 - 1
        self.offset = self._word() << 32 | self._word()

    def _word(self) -> int:
        word = self.data[self.at : self.at + 4].ljust(4, b"\0")
        self.at += 4
        return int.from_bytes(word, "little")

    def decode(self, starts: Sequence[int]) -> int:
        unit = self.range >> 24
        place = self.offset // unit
        if place >= 2**24:
            raise ValueError("no encoder writes this")
        entry = bisect_right(starts, place) - 1
        self.offset -= unit * starts[entry]
        self.range = unit * (starts[entry + 1] - starts[entry])
        if self.range < 2**32:
            self.range <<= 32
            self.offset = self.offset << 32 | self._word()
        return entry

    def exhausted(self) -> bool:
        """Whether a reader accepts that the stream ends here."""
        more_words = self.at // 4 > -(-len(self.data) // 4)
        return more_words and self.offset < 2**33 - 1 and not self.data.endswith(b"\0")

    def check_exhausted(self) -> None:
        """Raise ValueError where a reader does not accept that the stream ends here."""
        if not self.exhausted():
            raise ValueError("the stream goes on")


class RangeEncoder:
    """The inverse. `low` is one long integer here, so that a carry needs no words."""

    def __init__(self) -> None:
        self.low, self.range, self.n_words = 0, 2**64 - 1, 0

    def encode(self, entry: int, starts: Sequence[int]) -> None:
        unit = self.range >> 24
        self.low += unit * starts[entry]
        self.range = unit * (starts[entry + 1] - starts[entry])
        if self.range < 2**32:
            self.low, self.range, self.n_words = self.low << 32, self.range << 32, self.n_words + 1

    def bytes(self) -> bytes:
        number = self.low + 2**32 - 1 >> 32  # the last word is the smallest that lies in the range
        words = number.to_bytes(4 * (self.n_words + 1), "big")
        little = b"".join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
        return little.rstrip(b"\0")


class ReferenceDecoder:
    """`codec.entropy.coder.Decoder` over the reference: one stream of symbols, chunk by chunk."""

    def __init__(self, tables: Sequence[Sequence[int]], data: bytes) -> None:
        self.starts = tables  # `starts_of` every table
        self.coder = RangeDecoder(data)
        self.check_exhausted = self.coder.check_exhausted

    def read(self, table: Sequence[int], mean: Sequence[int], sign: Sequence[int]) -> list[int]:
        symbols = [0] * len(table)
        escaped = []
        for k in sorted(range(len(table)), key=lambda k: table[k]):
            starts = self.starts[table[k]]
            radius = (len(starts) - 3) // 2
            entry = self.coder.decode(starts)
            if entry == 2 * radius + 1:
                escaped.append(k)
            symbols[k] = int(mean[k]) + int(sign[k]) * (entry - radius)
        for k in escaped:
            symbols[k] = self.coder.decode(ESCAPES) - 2**15
        return symbols
