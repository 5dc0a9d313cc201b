"""Changes to plain bytes, which know nothing of what they mean."""

from __future__ import annotations

from random import Random

SPECIAL = (
    b"\0",
    b"\xff",
    b"\x80",
    b"\x7f",
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\x80\x80\x80\x80\x80\x01",
    b"\0\0\0\x80",
)


def mutate_bytes(rng: Random, data: bytes) -> bytes:
    """Change some bytes, or their number: one to four changes."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(_CHANGES)(rng, data)
    return data


def _place(rng: Random, data: bytes) -> int:
    """Most places are near the front, where what follows depends on them."""
    return min(int(len(data) * rng.random() ** rng.choice((1, 1, 4))), len(data))


def _flip(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :] if at < len(data) else data


def _overwrite(rng: Random, data: bytes) -> bytes:
    at, value = _place(rng, data), rng.choice((*SPECIAL, rng.randbytes(rng.randrange(1, 9))))
    return (data[:at] + value + data[at + len(value) :])[: len(data)]


def _insert(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.choice((*SPECIAL, rng.randbytes(rng.randrange(1, 9)))) + data[at:]


def _delete(rng: Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.randrange(1, 9) :]


def _cut(rng: Random, data: bytes) -> bytes:
    return data[: _place(rng, data)]


def _repeat(rng: Random, data: bytes) -> bytes:
    start, end = sorted((_place(rng, data), _place(rng, data)))
    at = _place(rng, data)
    return data[:at] + data[start : min(end, start + 64)] + data[at:]


def _replace_all(rng: Random, data: bytes) -> bytes:
    return rng.randbytes(rng.choice((0, 1, 4, 7, 8, len(data), rng.randrange(200))))


_CHANGES = (_flip, _flip, _flip, _overwrite, _overwrite, _insert, _delete, _cut, _repeat, _replace_all)
