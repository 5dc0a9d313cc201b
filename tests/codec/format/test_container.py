"""The container against docs/FORMAT.md: a file built by hand, and every way to damage one."""

import random
import re
import struct
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hvaecodec.codec.errors import (
    CodecError,
    CodecUnavailable,
    CorruptFile,
    NotThisFormat,
    UnsupportedVersion,
)
from hvaecodec.codec.format import wire_ids
from hvaecodec.codec.format.container import ALPHA, EXIF, ICC, Header, pack, read_header, unpack

HEADER = Header("dct-vae-photo", "RGB", 512, 768, 4711, b"\x01\x02\x03\x04", b"\xaa\xbb")
LEVELS = (b"coarse", b"", b"the finest level")
EXTRAS = ((ALPHA, b"alpha"), (ICC, b"profile"), (EXIF, b"Exif\0\0"))


PAGE = (Path(__file__).parents[3] / "docs" / "FORMAT.md").read_text(encoding="utf-8")


def page_row(field: str) -> str:
    """The rule of a field in the first table of docs/FORMAT.md."""
    (rule,) = re.findall(rf"^\| \S+ \| [^|]+ \| {field} \| (.*) \|$", PAGE, re.MULTILINE)
    return rule


def test_ids_are_those_of_the_page():
    codecs = re.findall(r"(\d+) `([\w-]+)`", page_row("version and codec"))
    assert {name: int(wire_id) for wire_id, name in codecs} == {
        name: entry.wire_id for name, entry in wire_ids.CODECS.items()
    }
    named = {"grey": "L", "grey + alpha": "LA", "RGB": "RGB", "RGBA": "RGBA"}
    modes = re.findall(r"(\d) ([a-zA-Z+ ]+)[,;]", page_row("flags").split("mode: ")[1].split("bit 2")[0])
    assert {named[name]: int(wire_id) for wire_id, name in modes} == wire_ids.MODE_IDS
    table = PAGE.split("## Extra streams")[1].split("##")[0]
    extras = re.findall(r"^\| (\d) \| (\w+) \|", table, re.MULTILINE)
    assert {int(kind): name.lower() for kind, name in extras} == wire_ids.EXTRA_NAMES
    low, high = re.search(r"^\| (\d+)\.\.(\d+) \| reserved", table, re.MULTILINE).groups()
    assert wire_ids.LATENT_TYPES == range(int(low), int(high) + 1)


@pytest.mark.parametrize("mode", wire_ids.MODE_IDS)
@pytest.mark.parametrize("codec", wire_ids.CODECS)
def test_ids_lead_back_to_their_names(codec, mode):
    extras = [(ALPHA, b"alpha")] if mode.endswith("A") else []
    header = replace(HEADER, codec=codec, mode=mode)
    data = pack(header, LEVELS, extras)
    assert data[3] >> 4 == wire_ids.CODECS[codec].wire_id and data[4] & 3 == wire_ids.MODE_IDS[mode]
    assert read_header(data) == header


def with_crc(body: bytes) -> bytes:
    return body + struct.pack("<I", crc32(body))


def by_hand(
    *,
    magic: bytes = b"HVC",
    version: int = 1,
    codec: int = 1,
    mode: int = 2,
    size: bytes = b"\x80\x04\x80\x06",  # 512, 768
    extras: tuple[tuple[int, bytes], ...] = (),
    levels: tuple[bytes, ...] = LEVELS,
    lengths: tuple[bytes, ...] | None = None,
) -> bytes:
    """A file as docs/FORMAT.md spells it, from struct alone; payloads are under 128 bytes."""
    flags = mode | (4 if extras else 0) | len(levels) << 3
    head = magic + bytes([codec << 4 | version, flags]) + b"\x01\x02\x03\x04\xaa\xbb"
    head += size + struct.pack("<H", 4711)
    if extras:
        head += bytes([len(extras)])
    for kind, payload in extras:
        head += struct.pack("<BBI", kind, len(payload), crc32(payload))
    lengths = lengths or tuple(bytes([len(payload)]) for payload in levels)
    for length, payload in zip(lengths, levels, strict=True):
        head += length + struct.pack("<I", crc32(payload))
    return with_crc(with_crc(head) + b"".join(p for _, p in extras) + b"".join(levels))


def test_a_file_built_by_hand_from_the_page():
    assert by_hand() == pack(HEADER, LEVELS)
    with_alpha = replace(HEADER, mode="RGBA")
    assert by_hand(mode=3, extras=EXTRAS) == pack(with_alpha, LEVELS, EXTRAS[::-1])
    unpacked = unpack(by_hand(mode=3, extras=EXTRAS))
    assert (unpacked.header, unpacked.levels, unpacked.extras) == (with_alpha, LEVELS, EXTRAS)
    assert unpacked.extra(ICC) == b"profile" and unpack(by_hand()).extra(ICC) is None
    assert not unpacked.truncated


def test_framing_of_a_photo_is_at_most_64_bytes():
    levels = [bytes(n) for n in (300, 600, 2000, 17000, 30000, 50000)]
    data = pack(HEADER, levels)
    assert len(data) - sum(map(len, levels)) == unpack(data).framing_bytes == 64


@given(
    codec=st.sampled_from(sorted(wire_ids.CODECS)),
    mode=st.sampled_from(sorted(wire_ids.MODE_IDS)),
    height=st.integers(1, 65535),
    width=st.integers(1, 4096),
    step=st.integers(0, 65535),
    levels=st.lists(st.binary(max_size=200), min_size=1, max_size=31),
    metadata=st.dictionaries(st.sampled_from([ICC, EXIF]), st.binary(max_size=200)),
    alpha=st.binary(max_size=200),
)
def test_round_trip(codec, mode, height, width, step, levels, metadata, alpha):
    header = Header(codec, mode, height, width, step, b"wxyz", b"gh")
    extras = {**metadata, **({ALPHA: alpha} if mode.endswith("A") else {})}
    data = pack(header, levels, list(extras.items()))
    unpacked = unpack(data)
    assert unpacked.header == header == read_header(data)
    assert unpacked.levels == tuple(levels)
    assert dict(unpacked.extras) == extras
    assert unpack(data, max_levels=1).levels == (levels[0],)


@pytest.mark.parametrize("extras", [(), EXTRAS])
def test_a_cut_at_every_byte(extras):
    data = by_hand(mode=3 if extras else 2, extras=extras)
    first_level_end = len(data) - 4 - sum(map(len, LEVELS[1:]))
    for end in range(len(data)):
        cut = data[:end]
        with pytest.raises(CorruptFile if end else NotThisFormat):
            unpack(cut)
        if end < first_level_end:
            with pytest.raises(CodecError):
                unpack(cut, partial=True)
        else:
            unpacked = unpack(cut, partial=True)
            assert unpacked.truncated
            assert unpacked.extras == extras
            assert unpacked.levels == LEVELS[: 2 if end < len(data) - 4 else 3]
            assert unpacked.level_lengths == tuple(map(len, LEVELS))


@pytest.mark.parametrize("partial", [False, True])
@pytest.mark.parametrize("max_levels", [None, 1])
def test_every_flipped_bit_is_an_error(partial, max_levels):
    for data in (by_hand(), by_hand(mode=3, extras=EXTRAS)):
        for bit in range(8 * len(data)):
            flipped = bytearray(data)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(CodecError):
                unpack(bytes(flipped), partial=partial, max_levels=max_levels)


def test_a_flipped_bit_in_a_complete_level_of_a_cut_file_is_an_error():
    data = by_hand()
    n_bytes = len(data) - 4 - len(LEVELS[2]) + 3  # three bytes of the last level are left
    for bit in range(8 * (n_bytes - 3)):
        flipped = bytearray(data[:n_bytes])
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CodecError):
            unpack(bytes(flipped), partial=True)


@settings(max_examples=300)
@given(noise=st.binary(max_size=300), keep=st.integers(0, 60), partial=st.booleans())
def test_random_bytes_are_an_error(noise, keep, partial):
    data = by_hand()[:keep] + noise
    if data == by_hand():
        return
    try:
        unpack(data, partial=partial)
    except CodecError:
        return
    assert partial and len(data) < len(by_hand())


@pytest.mark.parametrize("partial", [False, True])
def test_appended_bytes_are_an_error(partial):
    for tail in (b"\0", b"HVC", by_hand()):
        with pytest.raises(CorruptFile, match="follow the end"):
            unpack(by_hand() + tail, partial=partial)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"magic": b"\x89PN"}, NotThisFormat, "not with HVC"),
        ({"version": 2}, UnsupportedVersion, "version 2"),
        ({"version": 0}, UnsupportedVersion, "version 0"),
        ({"codec": 0}, CodecUnavailable, "codec id 0"),
        ({"codec": 15}, CodecUnavailable, "codec id 15"),
        ({"extras": ((16, b"latents"),)}, UnsupportedVersion, "type 16 .*latents"),
        ({"extras": ((4, b"?"),)}, UnsupportedVersion, "type 4"),
        ({"extras": ((EXIF, b""), (ICC, b""))}, CorruptFile, "rising order"),
        ({"extras": ((ICC, b""), (ICC, b""))}, CorruptFile, "rising order"),
        ({"extras": ((ALPHA, b""),)}, CorruptFile, "RGB with an alpha"),
        ({"mode": 3}, CorruptFile, "RGBA without an alpha"),
        ({"levels": ()}, CorruptFile, "no level stream"),
        ({"size": b"\x00\x01"}, CorruptFile, "each side is 1 to 65535"),
        ({"size": b"\x01\x00"}, CorruptFile, "each side is 1 to 65535"),
        ({"size": b"\x80\x80\x04\x01"}, CorruptFile, "above the limit of 65535"),
        ({"size": b"\xff\xff\xff\xff\xff\xff\xff\x01"}, CorruptFile, "above the limit"),
        ({"size": b"\x80" * 30}, CorruptFile, "above the limit"),
        ({"size": b"\x81\x00\x01"}, CorruptFile, "shortest form"),
        ({"lengths": (b"\x86\x00", b"\x00", b"\x10")}, CorruptFile, "shortest form"),
        ({"lengths": (b"\xff\xff\xff\xff\x0f", b"\0", b"\x10")}, CorruptFile, "needs 4294967295"),
        ({"lengths": (b"\x80\x80\x80\x80\x10", b"\0", b"\x10")}, CorruptFile, "above the limit"),
        ({"lengths": (b"\x06", b"\x00", b"\x0f")}, CorruptFile, "1 bytes follow"),
    ],
)
def test_what_a_reader_must_reject(changes, error, message):
    with pytest.raises(error, match=message):
        unpack(by_hand(**changes))
    with pytest.raises(error, match=message):
        unpack(by_hand(**changes), partial=True)


def test_damage_to_the_header_is_named_before_a_foreign_codec():
    data = bytearray(by_hand())
    data[3] = 0xF1
    with pytest.raises(CorruptFile, match="header checksum"):
        unpack(bytes(data))


def test_a_payload_that_fails_only_its_own_checksum():
    body = bytearray(by_hand()[:-4])
    body[-1] ^= 1
    with pytest.raises(CorruptFile, match="level 2 checksum"):
        unpack(with_crc(bytes(body)))


@pytest.mark.parametrize(
    "bad",
    [
        {"header": replace(HEADER, codec="mine")},
        {"header": replace(HEADER, mode="CMYK")},
        {"header": replace(HEADER, height=0)},
        {"header": replace(HEADER, width=65536)},
        {"header": replace(HEADER, step_index=65536)},
        {"header": replace(HEADER, weights=b"abc")},
        {"levels": ()},
        {"levels": (b"",) * 32},
        {"extras": ((9, b""),)},
        {"extras": ((ALPHA, b""),)},
        {"extras": ((ICC, b""), (ICC, b""))},
    ],
)
def test_pack_refuses_what_the_page_does_not_allow(bad):
    with pytest.raises(ValueError):
        pack(bad.get("header", HEADER), bad.get("levels", LEVELS), bad.get("extras", ()))


def test_the_largest_picture():
    assert unpack(pack(replace(HEADER, height=65535, width=65535), LEVELS)).header.width == 65535


def test_wrong_arguments():
    with pytest.raises(TypeError, match="not str"):
        unpack("a name")
    with pytest.raises(ValueError, match="max_levels"):
        unpack(by_hand(), max_levels=0)
    assert unpack(bytearray(by_hand())) == unpack(memoryview(by_hand())) == unpack(by_hand())


def test_ten_thousand_random_flips_on_a_larger_file():
    rng = random.Random(1)
    data = bytearray(pack(HEADER, [rng.randbytes(n) for n in (40, 80, 200, 500)]))
    for _ in range(10_000):
        bit = rng.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CodecError):
            unpack(bytes(data), partial=rng.random() < 0.5)
        data[bit // 8] ^= 1 << bit % 8
