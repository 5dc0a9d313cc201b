"""Alpha planes: back without loss, and nothing else than a plane in their bytes."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

from hvaecodec.codec import images
from hvaecodec.codec.errors import CorruptFile

PLANE = np.arange(30, dtype=np.uint8).reshape(6, 5) * 8
ROWS = b"".join(b"\0" + row.tobytes() for row in PLANE)
HEADER = (5, 6, 8, 0, 0, 0, 0)


def plane(*chunks: tuple[bytes, bytes], header: tuple[int, ...] = HEADER, end: bytes = b"") -> bytes:
    """A PNG of these chunks between IHDR and IEND."""
    out = io.BytesIO()
    out.write(b"\x89PNG\r\n\x1a\n")
    for kind, body in ((b"IHDR", struct.pack(">2I5B", *header)), *chunks, (b"IEND", b"")):
        PngImagePlugin.putchunk(out, kind, body)
    return out.getvalue() + end


def test_what_a_plane_by_hand_decodes_to():
    stream = zlib.compress(ROWS)
    for data in (plane((b"IDAT", stream)), plane((b"IDAT", stream[:7]), (b"IDAT", stream[7:]))):
        images.check_alpha(data, 6, 5)
        np.testing.assert_array_equal(images.decode_alpha(data, 6, 5), PLANE)


def two_bits() -> bytes:
    return plane((b"IDAT", zlib.compress(bytes(6 * 3))), header=(5, 6, 2, 0, 0, 0, 0))


def interlaced() -> bytes:
    out = io.BytesIO(plane((b"IDAT", zlib.compress(ROWS)), header=(5, 6, 8, 0, 0, 0, 1)))
    return out.getvalue()


IDAT = (b"IDAT", zlib.compress(ROWS))
CASES = {
    "2 bits": two_bits(),
    "16 bits": plane((b"IDAT", zlib.compress(bytes(6 * 11))), header=(5, 6, 16, 0, 0, 0, 0)),
    "colour": plane((b"IDAT", zlib.compress(bytes(6 * 16))), header=(5, 6, 8, 2, 0, 0, 0)),
    "palette": plane((b"PLTE", bytes(768)), IDAT, header=(5, 6, 8, 3, 0, 0, 0)),
    "interlaced": interlaced(),
    "private chunk": plane((b"prVt", bytes(1 << 20)), IDAT),
    "private chunk behind": plane(IDAT, (b"prVt", b"more")),
    "transparent colour": plane((b"tRNS", b"\0\1"), IDAT),
    "empty chunk": plane((b"IDAT", b""), IDAT),
    "no pixels": plane(),
    "after the end": plane(IDAT, end=b"more"),
    "a picture after the end": plane(IDAT, end=plane(IDAT)),
    "after the stream": plane((b"IDAT", zlib.compress(ROWS) + b"more")),
    "a row too many": plane((b"IDAT", zlib.compress(ROWS + bytes(6)))),
    "a byte too many": plane((b"IDAT", zlib.compress(ROWS + b"\0"))),
    "a row too few": plane((b"IDAT", zlib.compress(ROWS[:-6]))),
    "a byte too few": plane((b"IDAT", zlib.compress(ROWS[:-1]))),
    "half a stream": plane((b"IDAT", zlib.compress(ROWS)[:-6])),
    "no checksum": plane((b"IDAT", zlib.compress(ROWS)[:-4])),
    "another checksum": plane((b"IDAT", zlib.compress(ROWS)[:-4] + b"abcd")),
    "filter 5": plane((b"IDAT", zlib.compress(b"\5" + ROWS[1:]))),
    "changed": plane(IDAT).replace(b"IEND", b"IeND"),
    "text": b"alpha",
    "empty": b"",
    "JPEG": b"\xff\xd8\xff\xe0",
}


@pytest.mark.parametrize("cuts", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_any_other_bytes_are_refused(case, cuts, monkeypatch):
    """Also while Pillow reads cut files for its user."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", cuts)
    for call in (images.check_alpha, images.decode_alpha):
        with pytest.raises(CorruptFile, match="cannot read the alpha stream"):
            call(CASES[case], 6, 5)


def test_a_plane_that_inflates_without_end_takes_no_memory(monkeypatch):
    """The rows are counted as they come; what follows them is not inflated."""
    import tracemalloc

    bomb = plane((b"IDAT", zlib.compress(bytes(1 << 26), 9)), header=(5, 6, 8, 0, 0, 0, 0))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    tracemalloc.start()
    with pytest.raises(CorruptFile, match="do not end where the plane does"):
        images.decode_alpha(bomb, 6, 5)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("shape", [(1, 1), (3, 70_000 - 5000), (5000, 4000)])
def test_planes_of_several_blocks(shape):
    values = np.random.default_rng(1).integers(0, 4, shape, dtype=np.uint8)
    np.testing.assert_array_equal(images.decode_alpha(images.encode_alpha(values), *shape), values)


def test_pillows_own_limit_does_not_hold_for_a_stream(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    np.testing.assert_array_equal(images.decode_alpha(images.encode_alpha(PLANE), 6, 5), PLANE)
