"""Files of `dct-vae-photo` in a browser: the same symbols, pictures and words as in Python. `make test-web`."""

from __future__ import annotations

import hashlib
import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import web_page
from PIL import Image
from skimage import data as photos

import hvaecodec
from hvaecodec.codec.errors import CodecError
from hvaecodec.codec.format.container import Header, pack, unpack
from hvaecodec.codec.images import LoadedImage
from hvaecodec.codec.images.alpha_and_grey import Origin, pack_picture
from hvaecodec.codec.photo.adaptation import NONE, Adaptation
from hvaecodec.codec.photo.frame import Frame
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.codec.registry import WEIGHTS

pytestmark = pytest.mark.web
PACKAGE_BITSTREAM = WEIGHTS / "dct-vae-photo" / "bitstream.safetensors"
GOLDEN = Path(__file__).parents[1] / "golden"
PHOTOS = {"chelsea": (photos.chelsea, 30), "coffee": (photos.coffee, 80)}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with web_page.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def codec() -> Any:
    return hvaecodec.load("dct-vae-photo")


@pytest.fixture(scope="module")
def tiny_folder(tmp_path_factory) -> Path:
    return tiny.write_weights(tmp_path_factory.mktemp("tiny") / "weights", directions=64)


@pytest.fixture(scope="module")
def tiny_codec(tiny_folder) -> Any:
    return hvaecodec.load(tiny_folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return web_page.build(tmp_path_factory.mktemp("page") / "web")


@pytest.fixture(scope="module")
def page(browser, folder) -> Iterator[web_page.Page]:
    """The page with the weights in the package."""
    with web_page.served(folder) as address:
        page = web_page.Page(browser, address).ready()
        yield page
        page.close()


@pytest.fixture(scope="module")
def tiny_page(browser, tiny_folder, tmp_path_factory) -> Iterator[web_page.Page]:
    """The page with tiny random weights, whose latents matter and which files adapt."""
    with web_page.served(web_page.build(tmp_path_factory.mktemp("tiny-page") / "web", tiny_folder)) as address:
        page = web_page.Page(browser, address).ready()
        yield page
        page.close()


@pytest.fixture(autouse=True)
def _sliders_at_rest(request) -> Iterator[None]:
    yield
    for name in {"page", "tiny_page"} & set(request.fixturenames):
        shown = request.getfixturevalue(name)
        shown.page.set_checked("#partial", False)
        shown.show((GOLDEN / "hqa-grey.hvc").read_bytes())  # no file is open, so that no slider draws one
        for control in ("temperature", "scale", "seed"):
            shown.page.locator(f"#{control}").fill("0")


def digest(codec: Any, data: bytes) -> str:
    """The digest of `golden.json`: SHA-256 over all levels, int16 little endian."""
    return hashlib.sha256(b"".join(level.astype("<i2").tobytes() for level in codec.symbols(data))).hexdigest()


def assert_close(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Within one grey level on 99.9 % of samples, and two everywhere."""
    assert ours.shape == theirs.shape
    away = np.abs(ours.astype(int) - theirs)
    assert away.max() <= 2 and (away > 1).mean() <= 0.001, f"{away.max()} at most, {(away > 1).mean():.2%} above 1"


def outcome(codec: Any, data: bytes, **settings: Any) -> str | None:
    """The line of the error that Python raises for a file, or None."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            codec.decode(data, **settings)
    except CodecError as error:
        return str(error)
    return None


def test_scripts_by_themselves():
    web_page.run_node_tests()


@pytest.mark.parametrize("name", PHOTOS)
def test_photos_decode_as_in_python(page, codec, name):
    picture, quality = PHOTOS[name]
    data = codec.encode(picture(), quality=quality, effort=1)
    assert page.show(data) is None
    assert_close(page.pixels(), codec.decode(data))
    decoded, seconds = page.symbols()
    print(f"{name}: symbols in {seconds:.2f} s, picture in {page.seconds():.2f} s")
    assert decoded == digest(codec, data)
    info = codec.info(data)
    assert page.info(words=[term for term, value in info.items() if isinstance(value, str)]) == info
    assert page.complaints == []


def test_nothing_leaves_the_machine(browser, folder, codec):
    """Opened from disk, with the weights chosen by hand."""
    page = web_page.Page(browser, (folder / "index.html").as_uri())
    assert page.choose_weights(folder / web_page.WEIGHTS) is None
    data = codec.encode(photos.chelsea()[:64, :96], quality=50, effort=0)
    assert page.show(data) is None
    assert_close(page.pixels(), codec.decode(data))
    assert page.complaints == []
    assert {url.split(":")[0] for url in page.requests} <= {"file", "blob"}
    page.close()


def test_a_bad_file_of_weights_is_said_and_another_can_be_chosen(browser, folder, tmp_path, codec):
    page = web_page.Page(browser, (folder / "index.html").as_uri())
    whole = (folder / web_page.WEIGHTS).read_bytes()
    start = int.from_bytes(whole[:8], "little") + 8
    at = start + sum(json.loads(whole[8:start])["bitstream"]["data_offsets"]) // 2
    for bad, words in (
        (GOLDEN.joinpath("rgb-q20.hvc").read_bytes(), "this file is no file of weights, or it was cut"),
        (PACKAGE_BITSTREAM.read_bytes(), "is not the one that `make web` writes"),
        (whole[:at], "was cut"),
        (whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], "bitstream in the file of weights is damaged"),
    ):
        (tmp_path / "bad.weights").write_bytes(bad)
        assert words in str(page.choose_weights(tmp_path / "bad.weights"))
    assert page.choose_weights(folder / web_page.WEIGHTS) is None
    data = codec.encode(photos.chelsea()[:33, :20], quality=50, effort=0)
    assert page.drop(data) is None
    assert_close(page.pixels(), codec.decode(data))
    page.close()


def test_an_isolated_page_uses_threads(browser, folder, codec):
    with web_page.served(folder, web_page.ISOLATION) as address:
        page = web_page.Page(browser, address).ready()
        assert page.page.evaluate("crossOriginIsolated")
        data = codec.encode(photos.chelsea()[:128, :160], quality=50, effort=0)
        assert page.show(data) is None
        assert_close(page.pixels(), codec.decode(data))
        assert (len(page.page.workers) > 1) == (page.page.evaluate("navigator.hardwareConcurrency") > 1)
        assert {url for url in page.requests if not url.startswith("blob:")} == {
            address, *(address.replace("index.html", name) for name in ("page.js", "page.css", web_page.WEIGHTS))
        }  # fmt: skip
        page.close()


def damaged(data: bytes, codec: Any) -> dict[str, bytes]:
    """Files with every kind of damage that the container tells."""
    header = unpack(data).header
    files = {f"cut at {n}": data[:n] for n in (0, 1, 2, 3, 4, 12, 20, 40, 60, len(data) // 2, len(data) - 1)}
    for at in (0, 2, 3, 4, 5, 11, 13, 16, 20, 45, 80, len(data) // 2, len(data) - 2):
        files[f"changed at {at}"] = data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :]
    others = {"step_index": 793, "codec": "srvae-cifar10", "weights": b"1234"}
    for name, value in others.items():
        files[f"other {name}"] = pack(Header(**{**header.__dict__, name: value}), unpack(data).levels)
    large = Header(**{**header.__dict__, "height": 60000, "width": 60000})
    files |= {
        "longer": data + b"123",
        "five levels": pack(header, unpack(data).levels[:5]),
        "too large": pack(large, unpack(data).levels),
        "a PNG": b"\x89PNG\r\n\x1a\n" + data,
        "other codec": (GOLDEN / "hqa-grey.hvc").read_bytes(),
    }
    return files


def test_bad_files_get_the_line_of_python(page, codec, tiny_codec):
    data = codec.encode(photos.chelsea()[:64, :96], quality=50, effort=0)
    files = damaged(data, codec) | {"other weights": tiny_codec.encode(photos.chelsea()[:32, :32], effort=0)}
    for name, file in files.items():
        expected = outcome(codec, file)
        assert expected and "\n" not in expected, name
        assert page.show(file) == expected, name
        assert not page.page.locator("#save").is_visible(), name
    page.page.locator("#scale").fill("2")  # draws nothing, since no file is open
    assert page.page.inner_text("#error") == f"error: {expected}"


def test_streams_of_strangers_end_as_in_python(tiny_page, tiny_codec):
    """Right checksums around levels that no encoder wrote: the same line, or, where nobody can tell, one picture."""
    data = tiny_codec.encode(photos.chelsea()[:70, :100], quality=60, effort=0)
    container, random = unpack(data), np.random.default_rng(1)
    lines = set()
    for number in range(48):
        levels = list(container.levels)
        level = number % 6
        levels[level] = mutated(levels[level], number // 6, random)
        file = pack(container.header, levels)
        expected = outcome(tiny_codec, file)
        lines.add(expected and expected.split(";")[0].replace(str(level), "N"))
        assert tiny_page.show(file) == expected, number
        if expected is None:
            assert tiny_page.symbols()[0] == digest(tiny_codec, file), number
    assert None in lines and len(lines) >= 4, lines


def mutated(stream: bytes, kind: int, random: np.random.Generator) -> bytes:
    """A stream with so many bytes changed, 1..4; of kinds 4 to 7 one cut, longer, or with a greater last word."""
    if kind >= 4:
        return (stream[:-3], stream + b"\0", stream + b"\7" * 9, greater_at_the_end(stream))[kind - 4]
    own = bytearray(stream)
    for at in random.integers(len(own), size=1 + kind):
        own[at] ^= int(random.integers(1, 256))
    return bytes(own)


def greater_at_the_end(stream: bytes) -> bytes:
    """A stream whose last word is greater by one, which a reader need not tell from the one that an encoder chose."""
    last = (len(stream) - 1) // 4 * 4
    word = int.from_bytes(stream[last:], "little") + 1
    return (stream[:last] + (word % 2**32).to_bytes(4, "little")).rstrip(b"\0")


@pytest.mark.parametrize("halvings", range(1, 6))
def test_scales(tiny_page, tiny_codec, halvings):
    data = tiny_codec.encode(photos.astronaut()[:95, 100:230], quality=60, effort=1)
    assert tiny_page.show(data) is None
    assert tiny_page.set(scale=halvings) is None
    assert_close(tiny_page.pixels(), tiny_codec.decode(data, scale=1 / 2**halvings))


def test_cut_files(page, codec):
    data = codec.encode(photos.chelsea()[:96, :128], quality=70, effort=0)
    cuts = [len(data) - 1, len(data) * 2 // 3, len(data) // 3, 30]
    for cut in cuts:
        page.page.set_checked("#partial", False)
        assert page.show(data[:cut]) == outcome(codec, data[:cut])
        assert page.accept_cut_files(True) == outcome(codec, data[:cut], partial=True)
        if outcome(codec, data[:cut], partial=True):
            continue
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            picture = codec.decode(data[:cut], partial=True)
        assert page.notes() == [str(one.message) for one in said]
        assert_close(page.pixels(), picture)


def test_what_was_overtaken_is_not_shown(page, codec):
    first, last = (codec.encode(photo[:64, :96], effort=0) for photo in (photos.chelsea(), photos.astronaut()))
    page.show(first)
    page.accept_cut_files(False)
    assert page.show_at_once(first[:-9], first, first[:-9], last) == (None, [])
    assert_close(page.pixels(), codec.decode(last))
    refused = outcome(codec, first[:-9])
    assert page.show_at_once(last, first[:-9]) == (refused, [f"error: {refused}"])
    assert page.info() == {}


def drawn_as_in_python(browser: Any, folder: Path, tmp_path: Path) -> None:
    """Temperatures and seeds of the page with a folder of tiny weights."""
    codec = hvaecodec.load(folder)
    data = codec.encode(photos.chelsea()[:100, :140], quality=20, effort=1)
    smooth = codec.decode(data)
    with web_page.served(web_page.build(tmp_path / "web", folder)) as address:
        page = web_page.Page(browser, address).ready()
        assert page.show(data) is None
        assert_close(page.pixels(), smooth)
        for temperature, seed in ((1.0, 0), (0.4, 0), (0.4, 2**64 - 1), (1.0, 0)):
            assert page.set(seed=seed, temperature=temperature) is None
            theirs = codec.decode(data, temperature=temperature, seed=seed)
            assert_close(page.pixels(), theirs)
            assert np.abs(theirs.astype(int) - smooth).mean() > 0.5
        assert page.set(temperature=0) is None
        assert_close(page.pixels(), smooth)
        page.close()


def test_temperature_draws_the_texture(browser, tmp_path, monkeypatch):
    monkeypatch.setenv("HVAECODEC_BACKEND", "onnx")  # PyTorch draws textures in bfloat16
    folder = tiny.write_texture(tiny.write_weights(tmp_path / "weights"), strength=0.05)
    drawn_as_in_python(browser, folder, tmp_path)


def test_temperature_draws_the_perceptual_generator(browser, tmp_path):
    folder = tiny.write_perceptual(tiny.write_weights(tmp_path / "weights", directions=64))
    drawn_as_in_python(browser, folder, tmp_path)


def test_the_perceptual_generator_is_not_adapted(browser, tmp_path):
    """What a file changes of its generator reaches the smooth picture alone, and whatever is blended of it."""
    folder = tiny.write_perceptual(tiny.write_weights(tmp_path / "weights", directions=64), directions=64)
    codec: Any = hvaecodec.load(folder)
    adapted, plain = adapted_and_plain(codec)
    with web_page.served(web_page.build(tmp_path / "web", folder)) as address:
        page = web_page.Page(browser, address).ready()
        assert page.show(adapted) is None
        for temperature, same in ((0.0, False), (0.5, False), (1.0, True)):
            theirs = codec.decode(adapted, temperature=temperature)
            assert np.array_equal(theirs, codec.decode(plain, temperature=temperature)) == same
            assert page.set(temperature=temperature) is None
            assert_close(page.pixels(), theirs)
        page.close()


def test_temperature_draws_latents(tiny_page, tiny_codec):
    data = tiny_codec.encode(photos.chelsea()[:100, :140], quality=40, effort=0)
    assert tiny_page.show(data) is None
    assert tiny_page.set(seed=7, temperature=1) is None
    theirs = tiny_codec.decode(data, temperature=1, seed=7)
    assert_close(tiny_page.pixels(), theirs)
    assert np.abs(theirs.astype(int) - tiny_codec.decode(data)).mean() > 1


def adapted_and_plain(codec: Any) -> tuple[bytes, bytes]:
    """Two files of one picture: one that changes its generator a good deal, and one that does not."""
    pixels = photos.chelsea()[:64, :96]
    context, _ = codec._decode_context(unpack(codec.encode(pixels, quality=50, effort=0)))
    adaptation = Adaptation.of(15, np.array([30.0, -12, 0, 7, 3]))
    coder, frame = codec.bitstream.coder, Frame.of(64, 96, context.step_index, grey=False)
    origin = Origin(codec.name, context.step_index, codec.bitstream.digest, codec.generators.newest)
    adapted, plain = (
        coder.encode(frame, context.shapes, repeat(context.symbols), changes).streams for changes in (adaptation, NONE)
    )
    return (
        pack_picture(LoadedImage(pixels), adapted, origin),
        pack_picture(LoadedImage(pixels), plain, origin),
    )


def test_adaptations(tiny_page, tiny_codec):
    adapted, plain = adapted_and_plain(tiny_codec)
    theirs, unchanged = tiny_codec.decode(adapted), tiny_codec.decode(plain)
    assert np.abs(theirs.astype(int) - unchanged).mean() > 1
    assert tiny_page.show(adapted) is None
    assert_close(tiny_page.pixels(), theirs)


def test_another_generator_is_said(tiny_page, tiny_codec):
    data = tiny_codec.encode(photos.chelsea()[:40, :40], quality=50, effort=0)
    header = unpack(data).header
    other = pack(Header(**{**header.__dict__, "generator": b"\0\1"}), unpack(data).levels)
    assert tiny_page.show(other) is None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        theirs = tiny_codec.decode(other)
    assert tiny_page.notes() == [str(one.message) for one in said]
    assert_close(tiny_page.pixels(), theirs)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_modes_and_metadata(tiny_page, tiny_codec, mode):
    picture = Image.fromarray(photos.astronaut()[:77, 100:201]).convert(mode)
    if mode.endswith("A"):
        picture.putalpha(Image.fromarray(photos.camera()[:77, :101]))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    picture.info |= {"icc_profile": b"not really a profile" * 9, "exif": exif.tobytes()}
    data = tiny_codec.encode(picture, quality=70, effort=0)
    assert tiny_page.show(data) is None
    saved, theirs = tiny_page.saved(), tiny_codec.decode_with_metadata(data)
    assert saved.mode == mode
    assert_close(np.asarray(saved), theirs.pixels)
    if mode.endswith("A"):
        np.testing.assert_array_equal(np.asarray(saved)[..., -1], theirs.pixels[..., -1])
    assert saved.info["icc_profile"] == theirs.icc
    assert saved.info["exif"].removeprefix(b"Exif\0\0") == theirs.exif
    assert tiny_page.set(scale=3) is None
    small = tiny_codec.decode(data, scale=1 / 8)
    assert_close(tiny_page.pixels(), small)
    if mode.endswith("A"):
        np.testing.assert_array_equal(tiny_page.pixels()[..., -1], small[..., -1])


def test_bad_alpha_gets_the_line_of_python(tiny_page, tiny_codec):
    picture = np.dstack([photos.astronaut()[:33, :65], photos.camera()[:33, :65]])
    container = unpack(tiny_codec.encode(picture, quality=50, effort=0))
    plane = container.extra(1)
    assert plane is not None
    for name, bad in {
        "no PNG": b"x" + plane[1:],
        "cut": plane[:-5],
        "changed": plane[:60] + bytes([plane[60] ^ 1]) + plane[61:],
        "longer": plane + b"\0",
        "another size": Image.fromarray(picture[:32, :65, 3]),
        "of colours": Image.fromarray(picture[..., :3]),
    }.items():
        file = pack(container.header, container.levels, [(1, bad if isinstance(bad, bytes) else png(bad))])
        expected = outcome(tiny_codec, file)
        assert expected and tiny_page.show(file) == expected, name


def png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def test_tall_pictures_come_in_slices(tiny_page, tiny_codec):
    tall = np.tile(photos.chelsea()[:300, :70], (7, 1, 1))[: 64 * 32 + 40]
    data = tiny_codec.encode(tall, quality=30, effort=0)
    assert tiny_page.show(data) is None
    assert tiny_page.symbols()[0] == digest(tiny_codec, data)
    assert_close(tiny_page.pixels(), tiny_codec.decode(data))


def test_wide_pictures_come_in_chunks(tiny_page, tiny_codec):
    """More than 4096 tiles in a slice; the thumbnail needs no network."""
    wide = np.tile(photos.chelsea()[:40, :400], (27, 10, 1))[:1060, : 125 * 32]
    data = tiny_codec.encode(wide, quality=10, effort=0)
    tiny_page.page.locator("#scale").fill("5")
    assert tiny_page.show(data) is None
    assert_close(tiny_page.pixels(), tiny_codec.decode(data, scale=1 / 32))
    assert tiny_page.symbols()[0] == digest(tiny_codec, data)


@pytest.mark.parametrize("name", ["rgb-q20", "rgb-q85", "grey-q50", "rgba-q50", "tiny-q1"])
def test_golden_files(page, codec, name):
    data = (GOLDEN / f"{name}.hvc").read_bytes()
    assert page.show(data) == outcome(codec, data)
    if outcome(codec, data) is None:
        assert page.symbols()[0] == digest(codec, data)
        assert_close(page.pixels(), codec.decode(data))


KODAK_ROW = "{:9} {:17} {:17} {:>9} {:>9} {:>13} {:>7}"
KODAK_HEAD = KODAK_ROW.format(
    "photo", "symbols by Python", "by the browser", "symbols s", "picture s", "above 1 level", "at most"
)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("number", range(1, 25))
def test_kodak(page, codec, data_dir, capsys, number):
    """The photos at quality 50: digests side by side, and seconds; `make test-web` prints them."""
    data = codec.encode(np.asarray(Image.open(data_dir / "kodak" / f"kodim{number:02d}.png")), quality=50, effort=1)
    assert page.show(data) is None
    seconds, ours, theirs = page.seconds(), page.pixels(), codec.decode(data)
    away = np.abs(ours.astype(int) - theirs)
    (decoded, alone), expected = page.symbols(), digest(codec, data)
    with capsys.disabled():
        numbers = f"{alone:.2f}", f"{seconds:.2f}", f"{(away > 1).mean():.4%}", f"{away.max()}"
        row = KODAK_ROW.format(f"kodim{number:02d}", expected[:16], decoded[:16], *numbers)
        print("\n" + (f"{KODAK_HEAD}\n" if number == 1 else "") + row, end="")
    assert decoded == expected
    assert_close(ours, theirs)
