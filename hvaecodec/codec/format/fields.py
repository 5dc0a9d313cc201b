"""Fields of a binary file: little-endian integers, LEB128 varints and CRC-32 checksums, read with care."""

from __future__ import annotations

from zlib import crc32

from hvaecodec.codec.errors import CorruptFile


def varint(value: int) -> bytes:
    """Write a non-negative integer as LEB128: seven bits a byte, low bits first, shortest form."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Reader:
    """A reader that takes fields off the front of a file; a field that is not all there is a CorruptFile.

    at: the offset of the next field.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, n: int, field: str) -> bytes:
        """Take the next n bytes; `field` names them in the CorruptFile that is raised if there are fewer."""
        left = len(self.data) - self.at
        if n > left:
            raise CorruptFile(f"{field} needs {n} bytes at offset {self.at}, only {left} remain; the file is truncated")
        self.at += n
        return self.data[self.at - n : self.at]

    def uint(self, n: int, field: str) -> int:
        """Take the next n bytes as an unsigned integer, low byte first. Raises CorruptFile."""
        return int.from_bytes(self.take(n, field), "little")

    def varint(self, field: str, limit: int) -> int:
        """Take the next LEB128 integer, at most `limit`; only its shortest form is legal. Raises CorruptFile."""
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


def check_crc(data: bytes, end: int, what: str) -> None:
    """Compare the CRC-32 of `data[:end]` with the four bytes that follow it. Raises CorruptFile."""
    stored = data[end : end + 4]
    if len(stored) < 4:
        raise CorruptFile(
            f"{what} checksum needs 4 bytes at offset {end}, only {len(stored)} remain; the file is truncated"
        )
    compare_crc(crc32(memoryview(data)[:end]), int.from_bytes(stored, "little"), what)


def compare_crc(actual: int, stored: int, what: str) -> None:
    """Raise CorruptFile if a checksum is not the one that the file states; `what` names what it is of."""
    if actual != stored:
        raise CorruptFile(f"{what} checksum is {actual:08x}, file says {stored:08x}; it changed after it was written")
