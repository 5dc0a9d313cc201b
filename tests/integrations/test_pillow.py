"""Pillow's door: `.hvc` files are opened and saved by Pillow's own rules, and registering loads next to nothing."""

from __future__ import annotations

import copy
import io
import os
import pickle
import resource
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageFile, ImageOps, UnidentifiedImageError

import hvaecodec
from hvaecodec.codec import images, registry
from hvaecodec.codec.format.container import Header, pack, unpack
from hvaecodec.codec.format.header import header_bytes, read_stream_table
from hvaecodec.codec.format.wire_ids import EXIF, ICC

SHAPES = {"L": (37, 50), "LA": (37, 50, 2), "RGB": (37, 50, 3), "RGBA": (37, 50, 4)}
RGB = np.random.default_rng(5).integers(0, 256, SHAPES["RGB"], dtype=np.uint8)
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
TABLES = ("OPEN", "SAVE", "SAVE_ALL", "EXTENSION", "MIME")


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """The format is registered for one test: importing the module at the top would register it for all others too."""
    Image.init()
    for name in TABLES:
        monkeypatch.setattr(Image, name, dict(getattr(Image, name)))
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HVC"])
    hvaecodec.register_pillow()


@pytest.fixture
def saved(stand_in):
    """A function that returns the bytes that Pillow saves of an image."""

    def save(image: Image.Image, **options) -> bytes:
        target = io.BytesIO()
        image.save(target, format="HVC", model=stand_in, **options)
        return target.getvalue()

    return save


@pytest.fixture
def never_decoded(monkeypatch):
    """A call of the decoder fails the test."""
    monkeypatch.setattr(registry, "decode", lambda *_, **__: pytest.fail("pixels were decoded"))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def exif_with(**tags) -> Image.Exif:
    block = Image.Exif()
    for name, value in tags.items():
        block[ExifTags.Base[name]] = value
    return block


# -- registering ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", ["import hvaecodec; hvaecodec.register_pillow()", "import hvaecodec.integrations.pillow"]
)
def test_registering_loads_nothing_heavy_and_takes_no_time(how):
    code = (
        f"import sys, time; start = time.process_time(); {how}; seconds = time.process_time() - start\n"
        "heavy = ('torch', 'numpy', 'constriction', 'safetensors', 'hvaecodec.codec.registry')\n"
        "from PIL import Image; print([m for m in heavy if m in sys.modules], Image.EXTENSION['.hvc'], seconds)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(3)]
    words = [run.stdout.split() for run in runs]
    assert {tuple(word[:2]) for word in words} == {("[]", "HVC")}
    assert min(float(word[2]) for word in words) <= 0.15


def test_what_is_registered(saved):
    hvaecodec.register_pillow()
    assert Image.registered_extensions()[".hvc"] == "HVC" and Image.MIME["HVC"] == "image/x-hvc"
    assert Image.ID.count("HVC") == 1
    with opened(saved(Image.fromarray(RGB))) as image:
        assert (image.format, image.get_format_mimetype()) == ("HVC", "image/x-hvc")


def test_a_registered_format_is_still_none_to_decode_to():
    with pytest.raises(ValueError, match="try .png"):
        images.check_suffix(".hvc")


def every_other_format(image: Image.Image) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of every format that Pillow writes by itself, of the first mode that it takes."""
    for name in sorted(set(Image.SAVE) - {"HVC"}):
        for mode in ("RGB", "P", "1"):
            target = io.BytesIO()
            with suppress(OSError, ValueError), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                image.convert(mode).save(target, format=name)
                yield name, target.getvalue()
                break


def test_no_other_file_is_taken_for_ours(saved):
    from hvaecodec.integrations import pillow

    image = Image.fromarray(RGB)
    others = dict(every_other_format(image))
    assert {"PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "BLP"} <= set(others)
    assert not [name for name, data in others.items() if pillow.accept(data[:16])]
    for text in (
        b"",
        b"HVC",
        b"HVC\n",
        b"HVC is short for",
        b"HVC2, and not ours",
        b"hvc1\x11\x30",
        b"HVC\x11\x02\0\0",
    ):
        assert not pillow.accept(text), text
    for text in (b"HVC", b"HVC1 looks like us and is a letter of ours", b"HVC is short for something"):
        with pytest.raises(UnidentifiedImageError):
            opened(text)
    assert pillow.accept(saved(image)[:16])


# -- opening --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", SHAPES)
def test_native_modes_come_back_as_they_were(mode, saved, tmp_path, stand_in):
    pixels = np.random.default_rng(7).integers(0, 256, SHAPES[mode], dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.hvc", model=stand_in)
    for source in (tmp_path / "x.hvc", str(tmp_path / "x.hvc"), io.BytesIO(saved(Image.fromarray(pixels)))):
        with Image.open(source, formats=["HVC"]) as image:
            assert (image.size, image.mode) == ((50, 37), mode)
            np.testing.assert_array_equal(np.asarray(image), pixels)


class Counting(io.BytesIO):
    """A file that counts the bytes that are read of it, and keeps the most that was asked for at once."""

    n_bytes = most = 0

    def read(self, size=-1):
        data = super().read(size)
        self.n_bytes += len(data)
        self.most = max(self.most, size)
        return data


def test_size_and_mode_need_the_header_alone(saved, never_decoded):
    noise = np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise))
    file = Counting(data)
    with Image.open(file, formats=["HVC"]) as image:
        assert (image.size, image.mode) == ((400, 300), "RGB")
        assert file.n_bytes < 5000 < len(data)


def test_the_default_codec_through_the_door(tmp_path):
    """The picture is that of `hvaecodec.decode`, the small one that of its scale, and options reach the encoder."""
    image = Image.fromarray(RGB)
    image.save(tmp_path / "x.hvc", quality=40, effort=1)
    data = (tmp_path / "x.hvc").read_bytes()
    assert data == hvaecodec.encode(RGB, quality=40, effort=1)
    with Image.open(tmp_path / "x.hvc") as image:
        np.testing.assert_array_equal(np.asarray(image), hvaecodec.decode(data))
    with Image.open(tmp_path / "x.hvc") as image:
        image.draft("RGB", (12, 9))
        np.testing.assert_array_equal(np.asarray(image), hvaecodec.decode(data, scale=1 / 4))


def test_draft_and_thumbnail_decode_at_a_scale(saved, monkeypatch):
    data, scales = saved(Image.fromarray(RGB)), []
    decode = registry.decode
    monkeypatch.setattr(registry, "decode", lambda d, **s: scales.append(s["scale"]) or decode(d, **s))
    for asked, size, scale in (((25, 18), (25, 19), 1 / 2), ((12, 9), (13, 10), 1 / 4), ((1, 1), (2, 2), 1 / 32)):
        with opened(data) as image:
            assert image.draft(None, asked) == ("RGB", (0, 0, 50 * scale, 37 * scale))
            assert image.size == size and image.draft(None, (1, 1)) is None
            assert np.asarray(image).shape == (size[1], size[0], 3) and scales.pop() == scale
    with opened(data) as image:
        image.thumbnail((6, 6))
        assert image.size == (6, 4) and scales.pop() == 1 / 2  # Pillow asks for 12 x 12
    with opened(data) as image:
        assert image.draft("L", (26, 19)) is None and image.draft("L", None) is None and image.draft(None, (0, 0))
    with opened(data) as image:
        image.load()
        assert image.draft(None, (1, 1)) is None and image.size == (50, 37)


def test_a_small_picture_has_no_thirty_second(saved):
    with opened(saved(Image.new("L", (5, 40), 9))) as image:
        image.thumbnail((2, 2))
        assert image.size == (1, 2) and image.getpixel((0, 1)) == 9


# -- files ----------------------------------------------------------------------------------------------------------


def test_files_close_by_pillows_rules(saved, tmp_path):
    data = saved(Image.fromarray(RGB))
    (tmp_path / "x.hvc").write_bytes(data)
    with Image.open(tmp_path / "x.hvc") as image:
        file = image.fp
        assert not file.closed
        image.load()
        assert file.closed and image.fp is None
    np.testing.assert_array_equal(np.asarray(image), RGB)  # loaded, so it outlives its file
    source = io.BytesIO(data)
    with Image.open(source) as image:
        image.load()
    assert not source.closed
    with Image.open(tmp_path / "x.hvc") as image:
        file, copied = image.fp, image.copy()
    assert file.closed
    np.testing.assert_array_equal(np.asarray(copied), RGB)


def test_a_closed_image_says_so(saved, tmp_path):
    (tmp_path / "x.hvc").write_bytes(saved(Image.fromarray(RGB)))
    with Image.open(tmp_path / "x.hvc") as image:
        pass
    with pytest.raises(ValueError, match="closed image"):
        image.load()
    image = Image.open(tmp_path / "x.hvc")
    image.load()
    image.close()
    with pytest.raises(ValueError, match="closed image"):
        image.copy()


def test_pickles_and_copies_hold_the_pixels(saved):
    with opened(saved(Image.fromarray(RGB), icc_profile=PROFILE)) as image:
        for again in (pickle.loads(pickle.dumps(image)), copy.deepcopy(image), copy.copy(image)):
            np.testing.assert_array_equal(np.asarray(again), RGB)
            assert again.info["icc_profile"] == PROFILE


def test_a_parser_that_is_fed_in_pieces(saved):
    data = saved(Image.fromarray(RGB), icc_profile=PROFILE)
    parser = ImageFile.Parser()
    for start in range(0, len(data), 100):
        parser.feed(data[start : start + 100])
    image = parser.close()
    np.testing.assert_array_equal(np.asarray(image), RGB)
    assert image.info["icc_profile"] == PROFILE


def test_a_file_that_cannot_be_sought(saved):
    data = saved(Image.fromarray(RGB))

    class Pipe:
        def read(self) -> bytes:
            return data

    with Image.open(Pipe()) as image:
        np.testing.assert_array_equal(np.asarray(image), RGB)


def test_an_opened_file_with_alpha_can_be_encoded_again(saved, stand_in):
    """A file is decoded, and its alpha read, while the encoder reads it as a picture."""
    rgba = np.random.default_rng(2).integers(0, 256, SHAPES["RGBA"], dtype=np.uint8)
    lazy, again = opened(saved(Image.fromarray(rgba))), []
    thread = threading.Thread(target=lambda: again.append(hvaecodec.encode(lazy, stand_in)), daemon=True)
    thread.start()
    thread.join(20)
    np.testing.assert_array_equal(hvaecodec.decode(again[0]), rgba)


def test_many_threads(saved):
    pictures = [np.full((20 + n, 30, 4), n, np.uint8) for n in range(8)]
    files = [saved(Image.fromarray(picture)) for picture in pictures]
    loaded: dict[int, np.ndarray] = {}

    def work(number: int) -> None:
        for _ in range(5):
            with opened(files[number]) as image:
                loaded[number] = np.asarray(image)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(loaded[number], pictures[number]) for number in range(8))


# -- damage ---------------------------------------------------------------------------------------------------------


def test_verify(saved, tmp_path, never_decoded):
    data = saved(Image.fromarray(RGB))
    image = opened(data)
    image.verify()
    assert image.fp is None
    for damaged in (data[:-1] + bytes([data[-1] ^ 1]), data[:-9], data + b"x"):
        (tmp_path / "x.hvc").write_bytes(damaged)
        with Image.open(tmp_path / "x.hvc") as image:
            file = image.fp
            with pytest.raises(OSError, match="x.hvc: .*(checksum|cut|truncated|follow)"):
                image.verify()
            assert file.closed


def test_a_file_cut_anywhere_is_an_oserror(saved):
    data = saved(Image.fromarray(RGB[:6, :7]), icc_profile=b"profile", exif=exif_with(Make="us"))
    end_of_table = read_stream_table(data).end
    for length in range(len(data)):
        with pytest.raises(OSError) as error:
            opened(data[:length]).load()
        assert isinstance(error.value, UnidentifiedImageError) == (length < end_of_table)
        assert "\n" not in str(error.value)


def test_a_header_that_is_damaged_says_how(saved, tmp_path):
    data = bytearray(saved(Image.fromarray(RGB)))
    data[7] ^= 1
    (tmp_path / "x.hvc").write_bytes(data)
    with pytest.raises(UnidentifiedImageError, match="x.hvc: header checksum is .*, file says"):
        Image.open(tmp_path / "x.hvc")


def test_damaged_metadata_is_left_out_and_refused_with_the_picture(saved):
    data = saved(Image.fromarray(RGB), icc_profile=PROFILE)
    damaged = data.replace(PROFILE, PROFILE[:-1] + b"!")
    with opened(damaged) as image:
        assert image.size == (50, 37) and "icc_profile" not in image.info
        with pytest.raises(OSError, match="checksum"):
            image.load()


def test_truncated_images_are_loaded_where_pillow_allows_it(saved, monkeypatch):
    data = saved(Image.fromarray(np.full((9, 8, 3), 77, np.uint8)))
    with opened(data[:-6]) as image:
        with pytest.raises(OSError, match="truncated"):
            image.load()
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
        with pytest.warns(UserWarning, match="incomplete"):
            image.load()
        np.testing.assert_array_equal(np.asarray(image), np.full((9, 8, 3), 77))
    with opened(data[: read_stream_table(data).end + 1]) as image, pytest.raises(OSError, match="level 0 needs"):
        image.load()


def test_a_file_that_changes_after_it_was_opened(saved):
    first, second = saved(Image.fromarray(RGB)), saved(Image.fromarray(RGB.transpose(1, 0, 2)))
    source = io.BytesIO(first)
    with Image.open(source) as image:
        source.seek(0)
        source.write(second)
        source.truncate()
        with pytest.raises(OSError, match="changed after it was opened"):
            image.load()


def test_pillows_limit_of_pixels(saved, monkeypatch, never_decoded):
    data = saved(Image.fromarray(RGB))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50 * 37 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        opened(data).close()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50 * 37 // 2 - 1)
    with pytest.raises(Image.DecompressionBombError):
        opened(data)


def test_no_memory_is_taken_for_a_picture_that_is_not_there(saved, monkeypatch, stand_in):
    header = Header(stand_in, "RGB", 12000, 14000, 0, bytes(4), bytes(2))
    data = pack(header, [b"abc", b"x" * 100])[:-20]
    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", lambda self: pytest.fail("memory was taken"))
    with pytest.warns(Image.DecompressionBombWarning):
        image = opened(data)
    with pytest.raises(OSError, match="truncated"):
        image.load()
    huge = header_bytes(Header(stand_in, "RGB", 65535, 65535, 0, bytes(4), bytes(2)), [b""], [])
    with pytest.raises(Image.DecompressionBombError, match="4294836225 pixels"):
        opened(huge)


def test_a_payload_of_four_gigabytes_that_is_not_there(saved, stand_in):
    header = Header(stand_in, "RGB", 3, 3, 0, bytes(4), bytes(2))

    class Long(bytes):
        def __len__(self) -> int:
            return 2**32 - 1

    file = Counting(header_bytes(header, [b""], [(ICC, Long(b"x"))]))
    with Image.open(file, formats=["HVC"]) as image:
        assert image.size == (3, 3) and not image.info and file.most < 5000


def test_what_the_system_refuses_is_its_own_error(saved, tmp_path, stand_in):
    with pytest.raises(FileNotFoundError):
        Image.open(tmp_path / "missing.hvc")
    with pytest.raises(IsADirectoryError):
        Image.open(tmp_path)
    with pytest.raises(FileNotFoundError):
        Image.fromarray(RGB).save(tmp_path / "no folder" / "x.hvc", model=stand_in)


# -- saving ---------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.* converted to")
@pytest.mark.parametrize(
    "mode", ["1", "P", "PA", "La", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I;16", "I", "F"]
)
def test_other_modes_are_converted_as_the_command_does(mode, saved):
    if mode in ("I;16", "I", "F"):
        image = Image.fromarray(RGB[..., 0].astype(np.uint16) * 257).convert(mode)
    elif mode in ("PA", "La", "RGBa"):
        via = {"PA": "P", "La": "LA", "RGBa": "RGBA"}[mode]
        image = Image.fromarray(RGB).convert(via).convert(mode)
    elif mode == "LAB":
        image = Image.merge("LAB", Image.fromarray(RGB).split())
    else:
        image = Image.fromarray(RGB).convert(mode)
    assert image.mode == mode
    with opened(saved(image)) as again:
        np.testing.assert_array_equal(np.asarray(again), images.from_any(image).pixels)


def test_transparency_of_a_palette_is_kept(saved):
    image = Image.fromarray(RGB).convert("P")
    image.info["transparency"] = image.getpixel((3, 4))
    with opened(saved(image)) as again:
        assert again.mode == "RGBA" and again.getpixel((3, 4))[3] == 0


@pytest.fixture
def photo() -> Image.Image:
    """A JPEG of 50 x 37 that lies on its side, with a profile and EXIF."""
    target = io.BytesIO()
    exif = exif_with(Orientation=6, Make="a camera")
    Image.fromarray(RGB).save(target, format="JPEG", exif=exif, icc_profile=PROFILE, quality=95)
    return Image.open(target)


def test_metadata_is_kept_and_pixels_stand_upright(photo, saved):
    upright = np.asarray(ImageOps.exif_transpose(photo))
    with opened(saved(photo)) as image:
        assert image.size == (37, 50) and image.info["icc_profile"] == PROFILE
        assert dict(image.getexif()) == {ExifTags.Base.Orientation: 1, ExifTags.Base.Make: "a camera"}
        np.testing.assert_array_equal(np.asarray(image), upright)
        np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(image)), upright)
        target = io.BytesIO()
        image.save(target, format="JPEG", exif=image.info["exif"], icc_profile=image.info["icc_profile"])
    with Image.open(target) as jpeg:
        assert jpeg.getexif()[ExifTags.Base.Make] == "a camera" and jpeg.size == (37, 50)


@pytest.mark.parametrize("as_bytes", [True, False])
def test_metadata_that_save_is_handed_takes_its_place(as_bytes, photo, saved):
    exif = exif_with(Make="another", Orientation=3)
    data = saved(photo, exif=exif.tobytes() if as_bytes else exif, icc_profile=b"mine")
    with opened(data) as image:
        assert image.getexif()[ExifTags.Base.Make] == "another" and image.info["icc_profile"] == b"mine"
        assert image.getexif()[ExifTags.Base.Orientation] == 1
        np.testing.assert_array_equal(np.asarray(image), np.asarray(photo)[::-1, ::-1])
    assert photo.info["icc_profile"] == PROFILE and photo.getexif()[ExifTags.Base.Make] == "a camera"


def test_metadata_can_be_left_out(photo, saved):
    for nothing in (None, b""):
        with opened(saved(photo, exif=nothing, icc_profile=nothing)) as image:
            assert not image.info and image.size == (50, 37)
    assert unpack(saved(photo)).extra(EXIF)


def test_options_reach_the_encoder(monkeypatch, stand_in, tmp_path):
    calls = []
    monkeypatch.setattr(registry, "encode", lambda image, model, **settings: calls.append((model, settings)) or b"x")
    image = Image.fromarray(RGB)
    image.save(tmp_path / "x.hvc")
    image.save(tmp_path / "x.hvc", quality=np.float32(20.5), effort=1, model=Path("folder"), optimize=True)
    image.save(tmp_path / "x.hvc", bpp=0.5, quality=None)
    image.save(tmp_path / "x.hvc", psnr=30)
    assert calls == [
        ("dct-vae-photo", {}),
        (Path("folder"), {"quality": 20.5, "effort": 1}),
        ("dct-vae-photo", {"bpp": 0.5}),
        ("dct-vae-photo", {"psnr": 30}),
    ]


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"quality": "keep"}, TypeError, "quality must be a number, got 'keep'"),
        ({"effort": True}, TypeError, "effort must be a number"),
        ({"quality": 3, "bpp": 1}, ValueError, "one of"),
        ({"model": "no such codec"}, OSError, "no codec 'no such codec'"),
        ({"exif": b"not EXIF at all"}, ValueError, "exif is not an EXIF block"),
        ({"save_all": True}, ValueError, "holds one picture"),
        ({"append_images": [Image.new("L", (3, 3))]}, ValueError, "holds one picture"),
    ],
)
def test_a_save_that_is_refused_leaves_nothing(options, error, words, tmp_path, stand_in):
    options = {"model": stand_in} | options
    with pytest.raises(error, match=words):
        Image.fromarray(RGB).save(tmp_path / "x.hvc", **options)
    assert not list(tmp_path.iterdir())
    target = io.BytesIO(b"before")
    with pytest.raises(error, match=words):
        Image.fromarray(RGB).save(target, format="HVC", **options)
    assert target.getvalue() == b"before"


def test_a_picture_too_large_for_the_format(saved):
    with pytest.raises(ValueError, match="each side is 1 to 65535"):
        saved(Image.new("L", (65536, 1)))


FULL = """
import resource, signal, sys
sys.path[:0] = {paths!r}
import numpy as np, standin
from pathlib import Path
from PIL import Image
from hvaecodec.codec import registry
from hvaecodec.codec.format.wire_ids import CodecEntry
import hvaecodec
hvaecodec.register_pillow()
registry.CODECS[standin.NAME] = CodecEntry(2, "standin")
image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (300, {side}, 3), dtype=np.uint8))
Path("old.hvc").write_bytes(b"x" * 50)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
for name in ("new.hvc", "old.hvc"):
    try:
        image.save(name, model=standin.NAME)
    except OSError as error:
        print(type(error).__name__, error.errno)
    print(name, Path(name).stat().st_size if Path(name).exists() else None)
"""


@pytest.mark.parametrize("side", [2, 300])  # files of less and of more than a buffer
def test_a_full_disk_leaves_no_half_file(side, tmp_path):
    """A limit on the size of files stands for the disk; what Pillow emptied before it asked us stays empty."""
    helpers = str(Path(__file__).parents[1] / "helpers")
    code = FULL.format(paths=[helpers, *os.environ.get("PYTHONPATH", "").split(os.pathsep)], side=side)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines() == ["OSError 27", "new.hvc None", "OSError 27", "old.hvc 0"], done.stderr
    assert resource.RLIMIT_FSIZE  # the errno is EFBIG


def test_a_file_of_ones_own_is_written_where_it_stands(stand_in, tmp_path, saved):
    image = Image.fromarray(RGB)
    with open(tmp_path / "both", "w+b") as file:
        file.write(b"before")
        image.save(file, format="HVC", model=stand_in)
        file.write(b"after")
    assert (tmp_path / "both").read_bytes() == b"before" + saved(image) + b"after"


def test_saving_over_the_file_that_is_open(saved, tmp_path, stand_in):
    (tmp_path / "x.hvc").write_bytes(saved(Image.fromarray(RGB)))
    with Image.open(tmp_path / "x.hvc") as image:
        image.save(tmp_path / "x.hvc", model=stand_in)
    with Image.open(tmp_path / "x.hvc") as image:
        np.testing.assert_array_equal(np.asarray(image), RGB)
