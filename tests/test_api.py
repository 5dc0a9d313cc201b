"""The public face: cheap to import, and each call finds its codec."""

import inspect
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

import hvaecodec
from hvaecodec.codec import registry
from hvaecodec.codec.errors import CodecUnavailable, NotThisFormat
from hvaecodec.codec.format.container import Header, pack
from hvaecodec.codec.registry import CODECS

PIXELS = np.random.default_rng(3).integers(0, 256, (5, 7, 3), dtype=np.uint8)
HEAVY = ("torch", "numpy", "PIL", "constriction", "safetensors", "matplotlib", "scipy", "skimage")


@pytest.mark.parametrize(
    "code",
    [
        "import hvaecodec; hvaecodec.CodecError; hvaecodec.__version__",
        "import sys; sys.argv = ['hvaecodec', '--help']\nfrom hvaecodec.cli.main import main\n"
        "try: main()\nexcept SystemExit as done: assert not done.code",
        "import hvaecodec; hvaecodec.models()",
    ],
)
def test_import_and_help_load_nothing_heavy(code):
    check = f"{code}\nimport sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_all_is_about_ten_names_and_all_of_them_exist():
    assert len(hvaecodec.__all__) <= 12
    assert all(hasattr(hvaecodec, name) for name in hvaecodec.__all__)


def test_every_codec_has_an_id_on_the_wire():
    assert len({entry.wire_id for entry in CODECS.values()}) == len(CODECS)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 2), (5, 7, 3), (5, 7, 4), (1, 1), (1, 1, 3)])
def test_round_trip_through_the_file_alone(stand_in, shape):
    pixels = np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)
    data = hvaecodec.encode(pixels, model=stand_in)
    assert isinstance(data, bytes)
    np.testing.assert_array_equal(hvaecodec.decode(data), pixels)
    assert hvaecodec.encode(Image.fromarray(pixels), stand_in) == data
    assert hvaecodec.info(data)["codec"] == stand_in
    assert len(hvaecodec.symbols(data)) == 2


def test_load_makes_a_fresh_codec_each_time(stand_in):
    codec = hvaecodec.load(stand_in)
    assert codec is not hvaecodec.load(stand_in)
    assert registry.shared(stand_in) is registry.shared(stand_in)
    np.testing.assert_array_equal(codec.decode(codec.encode(PIXELS)), PIXELS)


def test_load_from_a_folder_of_weights(stand_in, tmp_path):
    (tmp_path / "card.json").write_text(f'{{"codec": "{stand_in}"}}')
    assert hvaecodec.load(tmp_path).name == stand_in
    assert hvaecodec.decode(hvaecodec.encode(PIXELS, model=tmp_path)).shape == PIXELS.shape


@pytest.mark.parametrize("card", ["", "[]", "{}", '{"codec": 7}', '{"codec": "none"}'])
def test_a_folder_that_is_no_set_of_weights(tmp_path, card):
    (tmp_path / "card.json").write_text(card)
    with pytest.raises(CodecUnavailable):
        hvaecodec.load(tmp_path)


def test_what_is_not_there(tmp_path):
    for name in ("no-such-codec", tmp_path / "missing", tmp_path):
        with pytest.raises(CodecUnavailable):
            hvaecodec.load(name)
    header = Header("srvae-cifar10", "RGB", 5, 7, 0, b"abcd", b"ef")  # its weights are not in the package
    with pytest.raises(CodecUnavailable, match="srvae-cifar10"):
        hvaecodec.decode(pack(header, [b""]))
    with pytest.raises(NotThisFormat):
        hvaecodec.decode(b"GIF89a")
    with pytest.raises(TypeError, match="bytes"):
        hvaecodec.decode("photo.hvc")


def test_models_says_what_is_installed(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "WEIGHTS", tmp_path)
    assert {model["name"]: model["installed"] for model in hvaecodec.models()} == dict.fromkeys(CODECS, False)
    (tmp_path / registry.DEFAULT).mkdir()
    (tmp_path / registry.DEFAULT / "card.json").write_text(f'{{"codec": "{registry.DEFAULT}"}}')
    first = next(model for model in hvaecodec.models() if model["name"] == registry.DEFAULT)
    assert first["installed"] and first["card"]["codec"] == registry.DEFAULT


@pytest.mark.parametrize("name", CODECS)
def test_settings_have_names_and_one_order(name):
    """A quality, an effort or a temperature that could be taken for another is refused."""
    codec = import_module(CODECS[name].module).CODEC
    for encode in (hvaecodec.encode, codec.encode):
        parameters = inspect.signature(encode).parameters.values()
        assert [p.name for p in parameters if p.kind is p.KEYWORD_ONLY] == ["quality", "effort", "bpp", "psnr"]
    for call in (
        lambda: hvaecodec.encode(PIXELS, name, 50),
        lambda: hvaecodec.decode(b"", 1.0),
        lambda: codec.encode(None, PIXELS, 50),
        lambda: codec.decode(None, b"", 1.0),
    ):
        with pytest.raises(TypeError, match="positional"):
            call()


@pytest.mark.parametrize("module", ["hvaecodec.codec.hqa.codec"])
def test_the_walk_of_a_codec_loads_no_torch(module):
    code = f"import {module}, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_two_targets_are_refused(stand_in):
    with pytest.raises(ValueError, match="one of"):
        hvaecodec.encode(PIXELS, stand_in, quality=50, bpp=1.0)


def test_models_can_be_asked_for_after_the_package_of_that_name_is_imported():
    code = "import hvaecodec, hvaecodec.models.photo.layout; print([model['name'] for model in hvaecodec.models()])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "dct-vae-photo" in done.stdout
