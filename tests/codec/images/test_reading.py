"""Reading a picture: whole or refused, its transparent colour at any depth, and nothing changed for other threads."""

import io
import os
import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin

import hvaecodec
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.images import from_any, read_image

PIXELS = np.kron(np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def png(rows: list[bytes], header: tuple[int, ...], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of rows without filters. header: width, height, depth, colour type, 0, 0, 0. chunks: before the pixels."""
    out = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, os.SEEK_END)
    PngImagePlugin.putchunk(out, b"IHDR", struct.pack(">2I5B", *header))
    for kind, body in chunks:
        PngImagePlugin.putchunk(out, kind, body)
    PngImagePlugin.putchunk(out, b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    PngImagePlugin.putchunk(out, b"IEND", b"")
    return out.getvalue()


# -- process-wide state -----------------------------------------------------------------------------------------------


class OpensInside(ImageFile.ImageFile):
    """A format whose pixels come of our own decoder, and that looks around while they are read."""

    format = "INSIDE"
    seen: list[tuple[object, object]] = []

    def _open(self) -> None:
        self._mode, self._size = "RGB", (40, 48)
        self.seen.append((Image.MAX_IMAGE_PIXELS, list(warnings.filters)))

    def load(self):
        self.seen.append((Image.MAX_IMAGE_PIXELS, list(warnings.filters)))
        loaded: list[np.ndarray] = []
        thread = threading.Thread(target=lambda: loaded.append(read_image(saved(Image.fromarray(PIXELS))).pixels))
        thread.start()
        thread.join(20)
        assert loaded, "another thread cannot read while we do"
        self.im = Image.fromarray(loaded[0]).im
        return self.im.pixel_access(True)


def test_reading_changes_nothing_for_other_threads_and_holds_no_lock(monkeypatch):
    Image.init()
    monkeypatch.setitem(Image.OPEN, "INSIDE", (OpensInside, lambda prefix: prefix.startswith(b"INSIDE")))
    monkeypatch.setattr(Image, "ID", [*Image.ID, "INSIDE"])
    before = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    OpensInside.seen.clear()
    np.testing.assert_array_equal(read_image(b"INSIDE picture").pixels, PIXELS)
    np.testing.assert_array_equal(from_any(Image.open(io.BytesIO(b"INSIDE picture"))).pixels, PIXELS)
    assert len(OpensInside.seen) >= 4 and all(state == before for state in OpensInside.seen)


def test_pillows_own_limit_holds_for_files(monkeypatch):
    data = saved(Image.fromarray(PIXELS))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 959)
    with pytest.raises(CodecError, match="limit of 1918 pixels"):
        read_image(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 960)
    with pytest.warns(Image.DecompressionBombWarning):
        assert read_image(data).pixels.shape == PIXELS.shape
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_image(data).pixels.shape == PIXELS.shape


def test_a_picture_that_no_file_holds_is_refused_before_it_is_loaded(monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("loaded"))
    data = saved(Image.new("1", (65536, 1)))
    with pytest.raises(CodecError, match="each side is 1 to 65535"):
        read_image(data)
    with pytest.raises(ValueError, match="each side is 1 to 65535"):
        from_any(Image.open(io.BytesIO(data)))


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [read_image, lambda data: from_any(Image.open(io.BytesIO(data)))])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "RGBA"])
def test_a_png_with_a_flipped_byte_is_refused_or_whole(load, mode):
    """No flip makes another picture of it, with Pillow's own pixels for what is whole."""
    image = Image.fromarray(PIXELS).convert(mode)
    data, whole = saved(image), from_any(image).pixels
    for at in range(8, len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 16
        try:
            pixels = load(bytes(damaged)).pixels
        except (CodecError, OSError, SyntaxError, ValueError):  # the latter ones are Pillow's, as it opens the file
            continue
        pytest.fail(f"a flip at {at} of {len(data)} is read; same pixels: {np.array_equal(pixels, whole)}")


def test_a_damaged_png_is_an_error_although_its_exif_is_asked_for():
    """`getexif` of a PNG loads pixels and swallows the error of the first try."""
    data = bytearray(saved(Image.fromarray(PIXELS)))
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + 30] ^= 255
    data[at + 4 + length : at + 8 + length] = struct.pack(">I", zlib.crc32(data[at : at + 4 + length]))
    for load in (read_image, lambda data: from_any(Image.open(io.BytesIO(data)))):
        with pytest.raises(CodecError, match="cannot read this image"):
            load(bytes(data))


@pytest.mark.parametrize("form", ["GIF", "TIFF", "PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("n_frames", [1, 2])
def test_a_loaded_image_whose_file_is_closed(form, n_frames, tmp_path):
    frames = [Image.fromarray(PIXELS[..., 0]), Image.fromarray(255 - PIXELS[..., 0])]
    several = {"save_all": True, "append_images": frames[1:]} if n_frames > 1 and form != "JPEG" else {}
    frames[0].save(tmp_path / "picture", form, lossless=True, quality=100, **several)
    with open(tmp_path / "picture", "rb") as file:
        image = Image.open(file)
        image.load()
        expected = np.array(image.convert("RGB") if image.mode == "P" else image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(from_any(image).pixels, expected)


def test_the_frame_that_the_caller_chose_is_used():
    frames = [Image.fromarray(np.full((6, 5), value, np.uint8)) for value in (1, 2, 3)]
    image = Image.open(io.BytesIO(saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])))
    image.seek(1)
    with pytest.warns(UserWarning, match="frame 2 of 3 is used"):
        assert from_any(image).pixels.tolist() == [[2] * 5] * 6
    assert image.tell() == 1 and image.getpixel((0, 0)) == 2


# -- transparent colours ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth", "row", "key", "grey", "alpha"),
    [
        (1, b"\xb0", 1, [255, 0, 255, 255], [0, 255, 0, 0]),
        (1, b"\xb0", 0, [255, 0, 255, 255], [255, 0, 255, 255]),
        (2, b"\x1b", 2, [0, 85, 170, 255], [255, 255, 0, 255]),
        (2, b"\x1b", 3, [0, 85, 170, 255], [255, 255, 255, 0]),
        (4, b"\x05\xaf", 5, [0, 85, 170, 255], [255, 0, 255, 255]),
        (8, b"\x00\x05\xaa\xff", 5, [0, 5, 170, 255], [255, 0, 255, 255]),
        (16, struct.pack(">4H", 0, 257, 258, 65535), 258, [0, 1, 1, 255], [255, 255, 0, 255]),
    ],
)
@pytest.mark.filterwarnings("ignore:uint16 grey")
def test_a_transparent_grey_at_every_depth(depth, row, key, grey, alpha):
    data = png([row], (4, 1, depth, 0, 0, 0, 0), (b"tRNS", struct.pack(">H", key)))
    for loaded in (read_image(data), from_any(Image.open(io.BytesIO(data)))):
        np.testing.assert_array_equal(loaded.pixels, np.dstack([[grey], [alpha]]))
        assert "transparent colour converted to LA" in loaded.notes


@pytest.mark.parametrize(("depth", "values"), [(8, (1, 2, 3)), (16, (0x1234, 0x80FF, 0xFFFF))])
@pytest.mark.filterwarnings("ignore:16-bit samples")
def test_a_transparent_colour_at_both_depths(depth, values):
    """Of 16 bits all are compared: a neighbour with the same upper bits is opaque."""
    pack = struct.Struct(">9H" if depth == 16 else "9B").pack
    near = (values[0], values[1], values[2] - 1)
    data = png([pack(*values, *near, 0, 0, 0)], (3, 1, depth, 2, 0, 0, 0), (b"tRNS", struct.pack(">3H", *values)))
    for loaded in (read_image(data), from_any(Image.open(io.BytesIO(data)))):
        assert loaded.pixels[0, :, 3].tolist() == [0, 255, 255]
        assert loaded.pixels[0, :2, 0].tolist() == [values[0] >> (depth - 8)] * 2
        assert "transparent colour converted to RGBA" in loaded.notes
    image = Image.open(io.BytesIO(data))
    image.load()  # Pillow keeps the upper 8 bits alone
    assert from_any(image).pixels[0, :, 3].tolist() == [0, 255 if depth == 8 else 0, 255]


def test_a_palette_with_an_alpha_of_its_own():
    image = Image.new("P", (2, 1))
    image.putpalette([1, 2, 3, 100, 4, 5, 6, 255], "RGBA")
    image.putpixel((1, 0), 1)
    assert from_any(image).pixels.tolist() == [[[1, 2, 3, 100], [4, 5, 6, 255]]]


# -- EXIF, without Pillow's own reader --------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "value"), [(1, b"\6\0\0\0"), (3, b"\6\0\0\0"), (4, b"\6\0\0\0")])
def test_an_orientation_of_any_integer_type(kind, value):
    block = b"II*\0" + struct.pack("<IHHHI", 8, 1, 0x0112, kind, 1) + value + b"\0\0\0\0"
    loaded = read_image(saved(Image.fromarray(PIXELS), exif=block))
    np.testing.assert_array_equal(loaded.pixels, np.rot90(PIXELS, -1))
    assert loaded.exif == block.replace(value, b"\1\0\0\0", 1)


def test_an_orientation_in_the_text_of_an_older_png_and_in_xmp():
    block = b"II*\0" + struct.pack("<IHHHIHH", 8, 1, 0x0112, 3, 1, 6, 0) + b"\0\0\0\0"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Raw profile type exif", f"\nexif\n{len(block)}\n{block.hex()}\n")
    loaded = read_image(saved(Image.fromarray(PIXELS), pnginfo=texts))
    np.testing.assert_array_equal(loaded.pixels, np.rot90(PIXELS, -1))
    assert loaded.exif is not None and len(loaded.exif) == len(block)
    loaded = read_image(saved(Image.fromarray(PIXELS), "JPEG", xmp=b'<x tiff:Orientation="3"/>'))
    assert loaded.exif is None and "turned upright as its EXIF orientation says" in loaded.notes


def test_api_users_are_warned_of_what_is_lost(stand_in):
    with pytest.warns(UserWarning, match="int32 grey converted to 8 bits"):
        data = hvaecodec.encode(Image.fromarray(np.array([[0, 65535]], np.int32)), stand_in)
    assert hvaecodec.decode(data).tolist() == [[0, 255]]
