"""Whatever a person may have becomes one of four plain arrays, or one clear error."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from hvaecodec.codec import images
from hvaecodec.codec.errors import CodecError, CorruptFile
from hvaecodec.codec.format.exif_block import reset_orientation
from hvaecodec.codec.images import LoadedImage, from_any, read_image, to_file

RNG = np.random.default_rng(7)
RGB = RNG.integers(0, 256, (6, 5, 3), dtype=np.uint8)
GREY = RGB[:, :, 0].copy()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 2), (6, 5, 3), (6, 5, 4), (1, 1), (1, 7, 3)])
def test_plain_modes_come_through_unchanged_and_without_a_word(shape):
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    for loaded in (
        read_image(to_file(LoadedImage(pixels))),
        from_any(pixels),
        from_any(Image.fromarray(pixels)),
        from_any(np.asfortranarray(pixels)),
    ):
        np.testing.assert_array_equal(loaded.pixels, pixels)
        assert loaded.pixels.dtype == np.uint8 and loaded.pixels.flags.c_contiguous
        assert (loaded.icc, loaded.exif, loaded.notes) == (None, None, ())


def test_one_bit():
    loaded = read_image(saved(Image.fromarray(GREY > 127)))
    np.testing.assert_array_equal(loaded.pixels, np.where(GREY > 127, 255, 0))
    assert "1-bit" in loaded.notes[0]


def test_palette_with_and_without_transparency():
    palette = Image.fromarray(RGB).quantize(8)
    loaded = read_image(saved(palette))
    np.testing.assert_array_equal(loaded.pixels, np.asarray(palette.convert("RGB")))
    assert "palette" in loaded.notes[0]
    loaded = read_image(saved(palette, transparency=0))
    assert loaded.pixels.shape == (6, 5, 4)
    np.testing.assert_array_equal(loaded.pixels[:, :, 3] == 0, np.asarray(palette) == 0)


@pytest.mark.parametrize(("pixels", "colour", "channels"), [(RGB, (1, 2, 3), 4), (GREY, 9, 2)])
def test_a_transparent_colour_becomes_alpha(pixels, colour, channels):
    pixels = pixels.copy()
    pixels[0, 0] = colour
    loaded = read_image(saved(Image.fromarray(pixels), transparency=colour))
    assert loaded.pixels.shape == (6, 5, channels)
    assert loaded.pixels[0, 0, -1] == 0 and loaded.pixels[1:, :, -1].min() == 255
    assert "transparent colour" in loaded.notes[0]


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey(form):
    wide = np.array([[0, 128, 257], [32896, 65407, 65535]], dtype=np.uint16)
    loaded = read_image(saved(Image.fromarray(wide), form))
    np.testing.assert_array_equal(loaded.pixels, [[0, 0, 1], [128, 255, 255]])
    assert "grey converted to 8 bits" in loaded.notes[0]


def test_16_bit_rgb():
    row = b"\0" + struct.pack(">3H", 0x1234, 0x80FF, 0xFFFF)
    out = io.BytesIO(b"")
    out.write(b"\x89PNG\r\n\x1a\n")
    PngImagePlugin.putchunk(out, b"IHDR", struct.pack(">2I5B", 1, 1, 16, 2, 0, 0, 0))
    PngImagePlugin.putchunk(out, b"IDAT", zlib.compress(row))
    PngImagePlugin.putchunk(out, b"IEND", b"")
    loaded = read_image(out.getvalue())
    np.testing.assert_array_equal(loaded.pixels, [[[0x12, 0x80, 0xFF]]])
    assert "16-bit" in loaded.notes[0]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (np.array([[0, 65535]], np.int32), [[0, 255]]),
        (np.array([[-100, 0, 100]], np.int32), [[0, 128, 255]]),
        (np.array([[0, 1 << 20]], np.int32), [[0, 255]]),
        (np.array([[0, 0.5, 1]], np.float32), [[0, 128, 255]]),
        (np.array([[0, 7, 255]], np.float32), [[0, 7, 255]]),
        (np.array([[-1, 0, 1]], np.float32), [[0, 128, 255]]),
        (np.array([[np.nan, 0.5, 1]], np.float32), [[0, 128, 255]]),
        (np.array([[np.nan, np.inf]], np.float32), [[0, 0]]),
        (np.array([[300.0, 300.0]], np.float32), [[0, 0]]),
    ],
)
def test_wide_grey_samples(samples, expected):
    with pytest.warns(UserWarning, match="converted to 8 bits"):
        loaded = from_any(Image.fromarray(samples))
    np.testing.assert_array_equal(loaded.pixels, expected)
    assert "converted to 8 bits" in loaded.notes[0]


@pytest.mark.parametrize(
    ("mode", "channels", "lossless"),
    [("RGBX", 3, True), ("PA", 4, True), ("RGBa", 4, True), ("La", 2, True), ("P", 3, True), ("1", 1, True)]
    + [("CMYK", 3, False), ("YCbCr", 3, False), ("HSV", 3, False), ("LAB", 3, False)]
    + [("I", 1, False), ("F", 1, False), ("I;16", 1, False), ("I;16B", 1, False)],
)
def test_every_mode_of_a_pil_image(mode, channels, lossless):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        loaded = from_any(Image.new(mode, (5, 6)))
    assert loaded.pixels.shape == ((6, 5, channels) if channels > 1 else (6, 5))
    assert len(loaded.notes) == 1
    assert [str(warning.message) for warning in warned] == list(loaded.losses) == list(loaded.notes)[lossless:]


def test_cmyk_drops_a_profile_that_no_longer_fits():
    cmyk = Image.fromarray(RGB).convert("CMYK")
    loaded = read_image(saved(cmyk, "JPEG"))
    assert loaded.pixels.shape == (6, 5, 3) and "without a profile" in loaded.notes[0]
    loaded = read_image(saved(cmyk, "JPEG", icc_profile=b"no profile at all"))
    assert loaded.icc is None and "cannot be used" in loaded.notes[0]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_orientation_is_applied_and_reset_in_the_kept_exif(form, orientation):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "a maker"
    data = saved(Image.new("RGB", (4, 2)), form, exif=exif)
    loaded = read_image(data)
    assert loaded.pixels.shape[:2] == ((4, 2) if orientation > 4 else (2, 4))
    assert any("upright" in note for note in loaded.notes) == (orientation != 1)
    block = Image.Exif()
    block.load(loaded.exif)
    assert block.get(0x0112, 1) == 1 and block[0x010F] == "a maker"
    # and it survives a trip through our own PNG
    again = read_image(to_file(loaded))
    assert again.exif == loaded.exif or form == "TIFF"
    np.testing.assert_array_equal(again.pixels, loaded.pixels)
    assert not again.notes


def test_the_picture_is_turned_the_right_way():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned left: rotate clockwise
    loaded = read_image(saved(Image.fromarray(RGB), exif=exif))
    np.testing.assert_array_equal(loaded.pixels, np.rot90(RGB, -1))


def test_reset_orientation_changes_two_bytes_at_most():
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        tags = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, 6, 0) + b"the rest"
        block = b"Exif\0\0" + mark + struct.pack(f"{order}IH", 8, 1) + tags
        wanted = block.replace(struct.pack(f"{order}HH", 6, 0), struct.pack(f"{order}HH", 1, 0))
        assert reset_orientation(block) == reset_orientation(block[6:]) == wanted[6:]
        with pytest.raises(struct.error):
            reset_orientation(block[:22])
    with pytest.raises(ValueError):
        reset_orientation(b"GIF89a")


def test_damaged_exif_is_left_out_with_a_note():
    loaded = read_image(saved(Image.fromarray(RGB), exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    assert loaded.exif is None and any("EXIF cannot be read" in note for note in loaded.notes)
    np.testing.assert_array_equal(loaded.pixels, RGB)


def test_profile_is_kept():
    loaded = read_image(saved(Image.fromarray(RGB), icc_profile=SRGB))
    assert loaded.icc == SRGB
    assert read_image(to_file(loaded)).icc == SRGB


def test_first_frame_of_an_animation():
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    loaded = read_image(data)
    assert "frame 1 of 2 is used" in loaded.notes[0]
    assert loaded.pixels.shape[:2] == (6, 5)


def test_sources(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(saved(Image.fromarray(RGB)))
    for source in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes())):
        np.testing.assert_array_equal(read_image(source).pixels, RGB)


def bad_files():
    png, jpeg = saved(Image.fromarray(RGB)), saved(Image.fromarray(RGB), "JPEG")
    huge = bytearray(png[:33])
    huge[16:24] = struct.pack(">2I", 30000, 30000)
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    yield "empty", b"", "empty"
    yield "text", b"hello", "not an image"
    yield "hvc", b"HVC\1...", "already"
    yield "cut png", png[:60], "cannot read|not an image"
    yield "cut jpeg", jpeg[: len(jpeg) - 40], "cannot read|not an image"
    yield "bomb", bytes(huge) + png[33:], "limit of 178956970"
    yield "wide", saved(Image.new("1", (65536, 1))), "each side is 1 to 65535"


@pytest.mark.parametrize(("name", "data", "message"), list(bad_files()))
def test_bad_files_are_one_clear_line(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CodecError, match=message) as caught:
        read_image(path)
    assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_an_image_cut_anywhere_is_a_picture_or_a_codec_error(form):
    data = saved(Image.fromarray(np.kron(RGB, np.ones((8, 8, 1), np.uint8))), form)
    for end in range(0, len(data), max(1, len(data) // 100)):
        try:
            read_image(data[:end])
        except CodecError as error:
            assert error.__cause__ is not None or end == 0


def test_missing_file_and_directory(tmp_path):
    with pytest.raises(CodecError, match="no such file") as caught:
        read_image(tmp_path / "missing.png")
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    with pytest.raises(CodecError, match="directory"):
        read_image(tmp_path)


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.zeros((0, 0), np.uint8), ValueError),
        (np.zeros((4, 0, 3), np.uint8), ValueError),
        (np.zeros((4, 4, 1), np.uint8), ValueError),
        (np.zeros((4, 4, 5), np.uint8), ValueError),
        (np.zeros((1, 4, 4, 3), np.uint8), ValueError),
        (np.zeros(4, np.uint8), ValueError),
        (np.zeros((1, 65536), np.uint8), ValueError),
        (Image.new("RGB", (0, 5)), ValueError),
        (np.zeros((4, 4, 3)), TypeError),
        (np.zeros((4, 4), bool), TypeError),
        ([[1, 2], [3, 4]], TypeError),
        ("a.png", TypeError),
    ],
)
def test_wrong_arguments(image, error):
    with pytest.raises(error):
        from_any(image)


@pytest.mark.parametrize("shape", [(1, 1), (6, 5), (64, 100)])
def test_alpha_comes_back_exactly(shape):
    plane = RNG.integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(images.decode_alpha(images.encode_alpha(plane), *shape), plane)
    flat = np.full((512, 768), 255, np.uint8)
    assert len(images.encode_alpha(flat)) < 2000


@pytest.mark.parametrize("data", [b"", b"junk", to_file(LoadedImage(RGB)), b"\x89PNG\r\n\x1a\n"])
def test_another_alpha_stream_is_corrupt(data):
    with pytest.raises(CorruptFile):
        images.decode_alpha(data, 6, 5)


def test_alpha_of_another_size_is_refused_before_it_is_decoded():
    data = images.encode_alpha(np.zeros((6, 5), np.uint8))
    with pytest.raises(CorruptFile, match="6 x 5 pixels, expected 5 x 6"):
        images.decode_alpha(data, 5, 6)
    for end in range(len(data) - 20):
        with pytest.raises(CorruptFile):
            images.decode_alpha(data[:end], 6, 5)


def test_suffixes():
    assert images.check_suffix("") == images.check_suffix(".PNG") == "PNG"
    assert images.check_suffix(".jpg") == "JPEG"
    for wrong in (".hvc", ".xyz"):
        with pytest.raises(ValueError, match=r"try \.png"):
            images.check_suffix(wrong)
    with pytest.raises(CodecError, match="cannot write this picture as JPEG"):
        to_file(LoadedImage(np.zeros((2, 2, 4), np.uint8)), ".jpg")
    assert read_image(to_file(LoadedImage(RGB), ".bmp")).pixels.tobytes() == RGB.tobytes()
