"""Fields of a binary header: little-endian integers and LEB128 varints, read with care."""

from __future__ import annotations

from hvaecodec.codec.errors import CorruptFile


def varint(value: int) -> bytes:
    """A non-negative integer as LEB128: seven bits a byte, low bits first, shortest form."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Reader:
    """Takes fields off the front of a file; a field that is not all there is a CorruptFile."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, n: int, field: str) -> bytes:
        """The next n bytes; `field` names them in the error."""
        left = len(self.data) - self.at
        if n > left:
            raise CorruptFile(f"{field} needs {n} bytes at offset {self.at}, only {left} remain; the file is truncated")
        self.at += n
        return self.data[self.at - n : self.at]

    def uint(self, n: int, field: str) -> int:
        """The next n bytes as an unsigned integer, low byte first."""
        return int.from_bytes(self.take(n, field), "little")

    def varint(self, field: str, limit: int) -> int:
        """The next LEB128 integer, at most `limit`; only its shortest form is legal."""
        start, value, shift = self.at, 0, 0
        while True:
            byte = self.uint(1, field)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or value > limit or shift > 35:
                break
        if value > limit or byte >= 0x80:
            raise CorruptFile(f"{field} at offset {start} is above the limit of {limit}")
        if byte == 0 and shift > 7:
            raise CorruptFile(f"{field} at offset {start} is not in its shortest form")
        return value
