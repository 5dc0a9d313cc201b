"""Writing image files: of what a format does not hold, each loss is one warning; another picture is refused."""

import io
import struct
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import standin
from PIL import Image, ImageCms, PngImagePlugin

import hvaecodec
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.container import EXIF, Header, pack, unpack
from hvaecodec.codec.format.exif_block import ORIENTATION, orientation_of, upright_block
from hvaecodec.codec.images import LoadedImage, from_any, read_image, to_file
from hvaecodec.codec.images.alpha_and_grey import assemble, unpack_picture

RNG = np.random.default_rng(3)
RGB = RNG.integers(0, 256, (20, 25, 3), dtype=np.uint8)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def block(number: int, kind: int, n_values: int, value: bytes) -> bytes:
    """An EXIF block with one tag."""
    return b"II*\0" + struct.pack("<IHHHI", 8, 1, number, kind, n_values) + value + bytes(4)


PLAIN = block(0x0110, 2, 4, b"abc\0")  # a camera's model


def written(image: LoadedImage, suffix: str) -> tuple[bytes, list[str]]:
    """A file and the warnings about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = to_file(image, suffix)
    return data, [str(warning.message) for warning in caught]


def rgba(values: tuple[int, ...]) -> np.ndarray:
    return np.dstack([RGB, RNG.choice(np.array(values, np.uint8), RGB.shape[:2])])


# -- metadata ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".avif"])
def test_what_every_usual_format_keeps(suffix):
    data, said = written(LoadedImage(RGB, ICC, PLAIN), suffix)
    again = read_image(data)
    assert not said and again.icc == ICC and again.exif is not None
    assert Image.open(io.BytesIO(data)).getexif()[0x0110] == "abc"


@pytest.mark.parametrize(
    "exif",
    [
        block(0x013B, 11, 1, b"abcd"),  # an artist who is a number
        block(0x0106, 3, 1, bytes(4)),  # another photometric interpretation
        block(0x0100, 2, 4, b"abcd"),  # a width in words
        block(0x0140, 3, 1, bytes(4)),  # a palette of one colour
        block(ORIENTATION, 2, 2, b"6\0\0\0"),  # an orientation in words
    ],
)
@pytest.mark.parametrize("suffix", [".tif", ".avif", ".png", ".jpg", ".webp"])
def test_exif_that_pillow_cannot_rewrite_is_left_out(suffix, exif):
    data, said = written(LoadedImage(RGB, ICC, exif), suffix)
    again = Image.open(io.BytesIO(data))
    assert again.size == (25, 20) and again.info["icc_profile"] == ICC
    if suffix == ".tif":
        assert np.array_equal(np.asarray(again), RGB)
        assert said == ["TIFF does not take its EXIF, which is left out"]
    else:
        assert said == [] or (suffix == ".avif" and said == ["AVIF does not take its EXIF, which is left out"])


@pytest.mark.parametrize("suffix", [".bmp", ".ppm", ".tga"])
def test_formats_without_metadata_say_so(suffix):
    data, said = written(LoadedImage(RGB, ICC, PLAIN), suffix)
    form = Image.open(io.BytesIO(data)).format
    assert said == [f"{form} does not take its {name}, which is left out" for name in ("ICC profile", "EXIF")]
    assert written(LoadedImage(RGB), suffix) == (data, [])


def test_exif_above_what_a_jpeg_holds_is_left_out():
    data, said = written(LoadedImage(RGB, ICC, PLAIN + bytes(70_000)), ".jpg")
    assert said == ["JPEG does not take its EXIF, which is left out"] and read_image(data).icc == ICC


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_the_orientation_in_a_file_reaches_no_picture(kind):
    """A writer sets it to 1; where another one did not, viewers of the picture would turn it once more."""
    exif = block(ORIENTATION, kind, 1, b"\6\0\0\0")
    header = Header("hqa-photo", "RGB", 20, 25, 3, b"abcd", b"ef")
    container = unpack_picture(pack(header, [b"x"], [(EXIF, exif)]), 10**6)
    image = assemble(RGB, container, 32)
    assert image.exif == exif.replace(b"\6", b"\1")
    for suffix in (".png", ".jpg", ".webp", ".tif"):
        again = Image.open(io.BytesIO(written(image, suffix)[0]))
        assert again.getexif().get(ORIENTATION, 1) in (1, b"\1") and again.size == (25, 20)


def test_the_orientation_of_a_cut_block_is_reset_as_far_as_it_goes():
    cut = struct.pack("<4sIHHHIHH", b"II*\0", 8, 9, ORIENTATION, 3, 1, 6, 0)
    reset = upright_block(b"Exif\0\0" + cut)
    assert reset is not None and reset == cut.replace(b"\6\0\0\0", b"\1\0\0\0")
    assert upright_block(b"GIF89a") is None
    assert orientation_of(PLAIN) is None


# -- pixels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "shape"), [(".ico", (20, 300, 3)), (".ico", (20, 25, 3)), (".icns", (20, 25, 3))])
def test_a_format_that_changes_the_size_is_refused(suffix, shape):
    pixels = np.zeros(shape, np.uint8)
    with pytest.raises(CodecError, match=r"cannot write this picture as IC.*would have .* pixels in place of"):
        to_file(LoadedImage(pixels, ICC, PLAIN), suffix)


def test_an_icon_of_a_legal_size():
    pixels = RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    data, said = written(LoadedImage(pixels), ".ico")
    assert not said and np.array_equal(read_image(data).pixels[..., :3], pixels)


@pytest.mark.parametrize("suffix", [".bmp", ".ppm"])
def test_alpha_that_is_lost_is_said(suffix):
    pixels = rgba((0, 100, 255))
    data, said = written(LoadedImage(pixels), suffix)
    form = Image.open(io.BytesIO(data)).format
    assert said == [f"{form} does not take its alpha, which is left out"]
    np.testing.assert_array_equal(read_image(data).pixels, RGB)
    assert written(LoadedImage(rgba((255,))), suffix)[1] == []  # no loss, whatever the mode


def test_half_of_the_alpha_and_most_colours_are_lost_in_a_gif():
    data, said = written(LoadedImage(rgba((0, 100, 255))), ".gif")
    assert said == [
        "GIF does not take all of its alpha, which is another now",
        "GIF does not take all of its colours, which are others now",
    ]
    assert Image.open(io.BytesIO(data)).size == (25, 20)
    few = RGB[..., 0] // 16 * 16
    assert written(LoadedImage(few), ".gif")[1] == []


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".tga", ".jp2"])
@pytest.mark.parametrize("pixels", [RGB, RGB[..., 0], rgba((0, 100, 255))], ids=["RGB", "L", "RGBA"])
def test_formats_that_hold_all_of_it_say_nothing(suffix, pixels):
    data, said = written(LoadedImage(np.ascontiguousarray(pixels)), suffix)
    assert not said
    if suffix != ".webp":
        np.testing.assert_array_equal(read_image(data).pixels, pixels)


def test_pillows_limit_does_not_hold_for_what_is_written(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert written(LoadedImage(RGB), ".bmp")[1] == []


# -- what a file of ours does not hold --------------------------------------------------------------------------------


def saved(form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    if form == "JPEG" and "exif" in options:
        options["exif"] = b"Exif\0\0" + options["exif"]
    Image.fromarray(RGB).save(out, form, **options)
    return out.getvalue()


def texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Author", "nobody")
    info.add_itxt("Title", "nothing")
    return info


@pytest.mark.parametrize(
    ("data", "notes"),
    [
        (saved("PNG", dpi=(300, 300)), ["its resolution of 299.999 x 299.999 dpi is left out"]),
        (saved("JPEG", dpi=(300, 150)), ["its resolution of 300 x 150 dpi is left out"]),
        (saved("JPEG", xmp=b"<x:xmpmeta/>"), ["its XMP is left out"]),
        (saved("JPEG", comment=b"no comment"), ["its comment is left out"]),
        (saved("PNG", pnginfo=texts()), ["its texts are left out: Author, Title"]),
        (saved("JPEG", dpi=(300, 300), exif=block(0x011A, 5, 1, b"\x1a\0\0\0") + struct.pack("<2I", 300, 1)), []),
        (saved("PNG"), []),
        (saved("JPEG", exif=PLAIN, icc_profile=ICC), []),
    ],
)
def test_metadata_that_vanishes_at_encode_is_said(data, notes, stand_in):
    loaded = read_image(data)
    assert list(loaded.notes) == list(loaded.losses) == notes
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        hvaecodec.encode(Image.open(io.BytesIO(data)), stand_in)
    assert [str(warning.message) for warning in caught] == notes
    bare = read_image(data, metadata=False)
    assert (bare.icc, bare.exif, bare.notes) == (None, None, ())


def test_without_metadata_pixels_are_upright_all_the_same():
    data = saved("JPEG", exif=block(ORIENTATION, 3, 1, b"\6\0\0\0"), icc_profile=ICC, xmp=b"<x:xmpmeta/>")
    whole, bare = read_image(data), read_image(data, metadata=False)
    np.testing.assert_array_equal(whole.pixels, bare.pixels)
    assert bare.pixels.shape == (25, 20, 3) and bare.notes == ("turned upright as its EXIF orientation says",)
    assert from_any(whole.without_metadata()).icc is None


HELPERS = Path(standin.__file__).parent
COMMAND = """
import sys
sys.path.append(sys.argv.pop(1))
import standin
from hvaecodec.codec import registry
from hvaecodec.codec.format.wire_ids import CodecEntry
registry.CODECS[standin.NAME] = CodecEntry(2, "standin")
from hvaecodec.cli.main import main
main()
"""


@pytest.fixture
def command(tmp_path):
    """Runs the command in a process of its own, in a folder of its own; returns its lines on stderr."""

    def run(*words: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, str(HELPERS), *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr.splitlines()

    return run


@pytest.mark.parametrize("folder", [False, True])
def test_the_command_leaves_metadata_out_and_says_what_is_lost(command, tmp_path, folder):
    source, files, pictures = ("in", "files", "pictures") if folder else ("in/a.jpg", "files/a.hvc", "pictures/a.png")
    for name in ("in", "files", "pictures"):
        (tmp_path / name).mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(saved("JPEG", exif=PLAIN, icc_profile=ICC, dpi=(300, 300)))
    said = command("encode", source, "-o", files, "--model", "hqa-photo")
    assert sum("its resolution of 300 x 300 dpi is left out" in line for line in said) == 1
    command("decode", files, "-o", pictures)
    assert read_image(tmp_path / "pictures" / "a.png").exif == PLAIN
    command("decode", files, "-o", pictures, "--no-metadata", "--force")
    bare = read_image(tmp_path / "pictures" / "a.png")
    assert (bare.icc, bare.exif) == (None, None)
    said = command("encode", source, "-o", files, "--model", "hqa-photo", "--no-metadata", "--force")
    assert not any("left out" in line for line in said)
    assert unpack((tmp_path / "files" / "a.hvc").read_bytes()).extras == ()


def test_the_command_says_once_what_a_format_does_not_take(command, tmp_path):
    image = LoadedImage(rgba((0, 255)), ICC, PLAIN)
    (tmp_path / "a.png").write_bytes(to_file(image))
    command("encode", "a.png", "-o", "a.hvc", "--model", "hqa-photo")
    said = command("decode", "a.hvc", "-o", "a.bmp")
    expected = ["its ICC profile", "its EXIF", "its alpha"]
    assert said[:3] == [f"warning: BMP does not take {name}, which is left out" for name in expected] and len(said) == 4
