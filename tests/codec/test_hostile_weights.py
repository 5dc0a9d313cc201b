"""Folders of weights as a stranger may have made them: every damage is a CodecUnavailable, at once, on one line."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import tiny
import tiny_hqa
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from hvaecodec import CodecError
from hvaecodec.codec import registry, weight_folders
from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.files import read_bytes, read_regular
from hvaecodec.codec.torch_weights import build_net
from hvaecodec.codec.weights import BITSTREAM, PERCEPTUAL, TEXTURED
from hvaecodec.models.photo.generator import Generator, GeneratorConfig, ScaleConfig

PICTURE = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
GENERATOR, CURVATURE = "generator.safetensors", "curvature.safetensors"
DEEP = "[" * 100_000
SECONDS = 20  # of this process's own time; a configuration that loops takes for ever


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of tiny weights, by family."""
    base = tmp_path_factory.mktemp("whole")
    photo = tiny.write_weights(base / "photo", directions=64)
    save_file({"curvature": np.ones((9, 7, 3, 32, 32), np.float16)}, photo / CURVATURE, {"config": "{}"})
    textured = tiny.write_texture(Path(shutil.copytree(photo, base / "textured")))
    perceptual = tiny.write_perceptual(Path(shutil.copytree(photo, base / "perceptual")))
    return {"photo": photo, "textured": textured, "perceptual": perceptual, "hqa": tiny_hqa.write_weights(base / "hqa")}


@pytest.fixture
def folder(whole, tmp_path, request):
    """A copy of the folder of a family."""
    return Path(shutil.copytree(whole[request.param], tmp_path / "weights"))


def use(folder: Path) -> None:
    """Ask everything of a folder: load, encode, symbols, decode with all that may be on top of the generator."""
    codec = registry.load(folder)
    data = codec.encode(PICTURE, quality=50, effort=1)
    codec.symbols(data)
    codec.decode(data, generator="latest")
    codec.decode(data, temperature=1.0)


def refused(folder: Path) -> str:
    start = time.process_time()
    with pytest.raises(CodecUnavailable) as caught:
        use(folder)
    assert time.process_time() - start < SECONDS
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000
    return str(caught.value)


def rewrite(path: Path, change) -> None:
    """Write a file of weights anew after `change(arrays, metadata)`."""
    with safe_open(path, "np") as file:
        metadata = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(arrays, metadata)
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path, metadata)


def replace_by(make):
    def damage(path: Path) -> None:
        path.unlink()
        make(path)

    return damage


FILE_DAMAGE = {
    "missing": Path.unlink,
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_bytes(b"not weights\n" * 100),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "half": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0" * 9),
    "a header of 2**60 bytes": lambda path: path.write_bytes(b"\0" * 7 + b"\x10" + path.read_bytes()[8:]),
    "a deep header": lambda path: path.write_bytes(len(DEEP).to_bytes(8, "little") + DEEP.encode()),
    "a pipe": replace_by(os.mkfifo),
    "a folder": replace_by(Path.mkdir),
    "a device": replace_by(lambda path: path.symlink_to("/dev/zero")),
    "a link to text": replace_by(lambda path: path.symlink_to("/etc/passwd")),
    "a link to itself": replace_by(lambda path: path.symlink_to(path)),
    "terabytes": lambda path: os.truncate(path, 1 << 40),
}


@pytest.mark.parametrize("damage", FILE_DAMAGE)
@pytest.mark.parametrize(
    ("folder", "name"),
    [("photo", BITSTREAM), ("photo", GENERATOR), ("textured", TEXTURED), ("perceptual", PERCEPTUAL),
     ("photo", CURVATURE), ("hqa", BITSTREAM), ("hqa", GENERATOR), ("hqa", "card.json")],
    indirect=["folder"],
)  # fmt: skip
def test_files_that_are_none(folder, name, damage):
    FILE_DAMAGE[damage](folder / name)
    if damage == "missing" and name == CURVATURE:
        use(folder)  # it need not be there
    else:
        assert name in refused(folder)


CARDS = {
    "deep": DEEP,
    "a list": "[]",
    "not JSON": "{",
    "no codec": "{}",
    "a codec that is a list": '{"codec": []}',
    "an unknown codec": '{"codec": "no-codec"}',
    "a path of a codec": '{"codec": "../../etc"}',
    "latin-1": b'{"codec": "\xe9"}'.decode("latin-1").encode("latin-1"),
    "a number of many digits": '{"codec": ' + "9" * 5000 + "}",
    "megabytes": '{"codec": "' + "x" * (1 << 21) + '"}',
}


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize("folder", ["photo"], indirect=True)
def test_cards_that_are_none(folder, card):
    text = CARDS[card]
    (folder / "card.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(folder)


NAMES = ["/etc/passwd", "../weights/generator.safetensors", "", ".", "..", "a/generator.safetensors", "nul\0byte",
         "C:\\generator.safetensors", "generator.safetensors\n", "bitstream.safetensors", 7, None, ["generator"],
         "x" * 400]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("folder", ["photo", "hqa"], indirect=True)
def test_a_card_names_a_generator_of_its_folder_and_nothing_else(folder, name):
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(card | {"generator": name}))
    refused(folder)


CONFIGS = {
    "deep": DEEP,
    "a number": "7",
    "an object in a list": "[[]]",
    "an unknown field": '{"colour": 1}',
    "a text for a width": '{"coarse": "128", "hidden": "8", "encoder": "8"}',
    "below zero": '{"coarse": -1, "hidden": -1, "encoder": -1}',
    "true for a width": '{"coarse": true, "hidden": true, "encoder": true}',
    "a half": '{"coarse": 8.5, "hidden": 8.5, "encoder": 8.5}',
    "NaN": '{"coarse": NaN, "hidden": NaN, "encoder": NaN}',
    "a million": '{"luma_blocks": 1000000, "hidden": 1000000, "encoder": 1000000}',
    "the largest that is legal": '{"luma_blocks": 65536, "hidden": 65536, "encoder": 65536}',
}


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize(
    ("folder", "name"),
    [("photo", BITSTREAM), ("photo", GENERATOR), ("textured", TEXTURED), ("perceptual", PERCEPTUAL),
     ("hqa", BITSTREAM), ("hqa", GENERATOR)],
    indirect=["folder"],
)  # fmt: skip
def test_configs_that_are_none(folder, name, config):
    rewrite(folder / name, lambda arrays, metadata: metadata.update(config=CONFIGS[config]))
    refused(folder)


@pytest.mark.parametrize(
    ("blocks", "width"), [(65536, 8), (1, 65536), (4000, 8)], ids=["many blocks", "wide", "some blocks"]
)
@pytest.mark.parametrize("folder", ["photo"], indirect=True)
def test_a_generator_is_no_larger_than_its_file(folder, blocks, width):
    scales = tuple(ScaleConfig(fold, width, blocks, latent=2, context_side=3) for fold in (32, 16, 8, 4, 2))
    config = json.dumps(asdict(GeneratorConfig(scales, encoder=8)))
    rewrite(folder / GENERATOR, lambda arrays, metadata: metadata.update(config=config))
    assert "larger net" in refused(folder)


def setting(name: str, value):
    return lambda arrays, metadata: arrays.update({name: value(arrays[name])})


def filled(number):
    return lambda array: np.full_like(array, number)


ARRAYS = [
    ("photo", BITSTREAM, {
        "no step table": lambda arrays, metadata: arrays.pop("delta"),
        "a step of zero": setting("delta", filled(0)),
        "a step of NaN": setting("delta", filled(np.nan)),
        "steps of float64": setting("delta", lambda array: array.astype(np.float64)),
        "S below zero": setting("S", filled(-1)),
        "infinite S": setting("S", filled(np.inf)),
        "S of another shape": setting("S", lambda array: array[:, :2]),
        "a table of zeros": setting("table.000", filled(0)),
        "a table too long": setting("table.007", lambda array: np.append(array, array[-1:])),
        "a table of another sum": setting("table.072", lambda array: array + 1),
        "no last table": lambda arrays, metadata: arrays.pop("table.072"),
        "shapes' tables below zero": setting("shapes.tiles", filled(-5)),
        "shapes' tables of another shape": setting("shapes.quadrants", lambda array: array[:5]),
        "no layer": lambda arrays, metadata: arrays.pop("start.weight"),
        "a layer in floats": setting("start.weight", lambda array: array.astype(np.float32)),
        "a layer turned round": setting("start.weight", lambda array: array.transpose(1, 0, 2, 3)),
        "a shift of 255": setting("start.shift", filled(255)),
        "a bias of 2**31 - 1": setting("start.bias", filled(2**31 - 1)),
        "a scalar bias": setting("start.bias", lambda array: array[0]),
        "linear weights beyond the bound": setting("dc_linear_cross", filled(32767)),
        "linear weights of another kind": setting("linear_8c_0", lambda array: array[:3]),
        "no log table": lambda arrays, metadata: arrays.pop("log_table"),
        "a short log table": setting("log_table", lambda array: array[:9]),
        "a short rate table": setting("rate_table", lambda array: array[:9]),
        "no config": lambda arrays, metadata: metadata.pop("config"),
    }),
    ("photo", GENERATOR, {
        "NaN": setting("out_half.bias", filled(np.nan)),
        "infinity": setting("scales.0.rate.bias", filled(np.inf)),
        "float64 beyond float32": setting("out_half.bias", lambda array: np.full(array.shape, 1e300)),
        "a missing tensor": lambda arrays, metadata: arrays.pop("out_half.bias"),
        "one tensor more": lambda arrays, metadata: arrays.update(more=np.zeros(3, np.float16)),
        "a tensor of another shape": setting("out_half.bias", lambda array: array[:3]),
        "a basis of another width": setting("basis", lambda array: array[:, :5]),
        "a basis of one direction": setting("basis", lambda array: array[:1]),
        "an unknown kind": lambda arrays, metadata: metadata.update(base="0000", kind="frame"),
        "a base that is not hexadecimal": lambda arrays, metadata: metadata.update(base="zz"),
        "a base that is not there": lambda arrays, metadata: metadata.update(base="0000"),
    }),
    ("textured", TEXTURED, {
        "NaN": setting("out.bias", filled(np.nan)),
        "a missing tensor": lambda arrays, metadata: arrays.pop("out.bias"),
        "a base that is not hexadecimal": lambda arrays, metadata: metadata.update(base="zz"),
        "a long base": lambda arrays, metadata: metadata.update(base="00" * 5000),
    }),
    ("perceptual", PERCEPTUAL, {
        "NaN": setting("out_half.bias", filled(np.nan)),
        "a missing tensor": lambda arrays, metadata: arrays.pop("out_half.bias"),
        "an unknown kind": lambda arrays, metadata: metadata.update(kind="frame"),
        "the kind of a texture": lambda arrays, metadata: metadata.update(kind="texture"),
        "no kind": lambda arrays, metadata: metadata.pop("kind"),
        "a base that is not there": lambda arrays, metadata: metadata.update(base="0000"),
    }),
    ("photo", CURVATURE, {
        "another shape": setting("curvature", lambda array: array[:3]),
        "NaN": setting("curvature", filled(np.nan)),
        "integers": setting("curvature", lambda array: array.astype(np.int32)),
        "below zero": setting("curvature", filled(-1)),
        "another name": lambda arrays, metadata: arrays.update(x=arrays.pop("curvature")),
    }),
    ("hqa", BITSTREAM, {
        "no bit tables": lambda arrays, metadata: arrays.pop("bit_tables"),
        "bit tables of zero": setting("bit_tables", filled(0)),
        "bit tables of another shape": setting("bit_tables", lambda array: array[:5]),
        "a codebook of NaN": setting("layer1.codebook", filled(np.nan)),
        "a short codebook": setting("layer1.codebook", lambda array: array[:9]),
        "a codebook of another width": setting("layer2.codebook", lambda array: array[:, :1]),
        "no codebooks": lambda arrays, metadata: [arrays.pop(f"layer{n}.codebook") for n in range(1, 6)],
        "one layer less": lambda arrays, metadata: arrays.pop("layer5.codebook"),
        "a short embedding": setting("layer1.embedding", lambda array: array[:9]),
        "a shift of 255": setting("layer3.mid.shift", filled(255)),
        "a layer beyond the bound": setting("layer3.mid.bias", filled(2**31 - 1)),
        "no head": lambda arrays, metadata: arrays.pop("layer5.head.weight"),
        "priors that see the layer above": lambda arrays, metadata: metadata.update(config='{"above": true}'),
    }),
    ("hqa", GENERATOR, {
        "infinity": setting("layers.0.std", filled(np.inf)),
        "a missing tensor": lambda arrays, metadata: arrays.pop("layers.0.std"),
        "layers that keep the grid": lambda arrays, metadata: metadata.update(
            config=metadata["config"].replace('"stride": 2', '"stride": 1')
        ),
        "layers of another width": lambda arrays, metadata: metadata.update(
            config=metadata["config"].replace('"dim": 4', '"dim": 8')
        ),
    }),
]  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "name", "damage"),
    [(family, name, damage) for family, name, damages in ARRAYS for damage in damages.items()],
    indirect=["folder"],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_arrays_that_do_not_fit(folder, name, damage):
    rewrite(folder / name, damage[1])
    refused(folder)


@pytest.mark.parametrize("folder", ["textured"], indirect=True)
def test_textures_on_top_of_each_other_end(folder):
    """Two files whose digests name each other as what is under them; only 65,536 of these exist."""
    codec = registry.load(folder)
    first = next(digest for digest, path in codec.generators.paths.items() if path.name == TEXTURED)
    codec.generators.metadata[first] = {"config": "{}", "base": first.hex()}
    with pytest.raises(CodecUnavailable, match="no lower than itself"):
        codec.generators.base(first, "texture")


@pytest.mark.parametrize("folder", ["photo"], indirect=True)
def test_a_file_that_changes_after_loading_is_not_used(folder):
    other = folder / "generator-other.safetensors"
    tiny.write_generator(other, seed=8)
    before = registry.load(folder)
    expected = before.generators.get(before.generators.newest).state_dict()
    codec = registry.load(folder)
    for path in (folder / GENERATOR, other):
        tiny.write_generator(path, seed=9)
    newest = codec.generators.get(codec.generators.newest).state_dict()  # which was read as the folder was loaded
    assert all(torch.equal(newest[name], value) for name, value in expected.items())
    (digest,) = (digest for digest, path in codec.generators.paths.items() if path == other)
    with pytest.raises(CodecUnavailable, match="has changed"):
        codec.generators.drawing(digest)


def test_a_sound_folder_is_used(whole):
    for folder in whole.values():
        use(folder)


def test_building_a_net_draws_no_random_number_and_keeps_its_weights():
    config = GeneratorConfig(tuple(ScaleConfig(fold, 4, 1, 1) for fold in (32, 16, 8, 4, 2)), encoder=4)
    net = Generator(config)
    torch.manual_seed(5)
    state = torch.get_rng_state()
    rebuilt = build_net(lambda: Generator(config), net.state_dict())
    assert torch.equal(state, torch.get_rng_state())
    for name, value in net.state_dict().items():
        assert torch.equal(rebuilt.state_dict()[name], value), name


def test_words_of_a_stranger_stay_on_one_line():
    with (
        pytest.raises(CodecUnavailable, match=r"^cannot: there is no 'a\\x1b\[2Jb'$"),
        weight_folders.usable("cannot"),
    ):
        raise KeyError("a\x1b[2Jb")
    with pytest.raises(CodecUnavailable) as caught, weight_folders.usable("cannot"):
        raise ValueError("\x1b[31m\n" + "x" * 5000)
    assert len(str(caught.value)) == 308 and str(caught.value).isprintable()


def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, "/dev/zero", os.devnull):
        with pytest.raises(ValueError, match="not a regular file"):
            read_regular(path, 100)


def test_whole_files_have_an_end(tmp_path):
    (tmp_path / "long").write_bytes(b"x" * 11)
    assert read_bytes(tmp_path / "long", limit=11) == b"x" * 11
    with pytest.raises(CodecError, match="more than 10 bytes"):
        read_bytes(tmp_path / "long", limit=10)
    with pytest.raises(CodecError, match="/dev/zero: it is a device"):
        read_bytes("/dev/zero")
    assert read_bytes(os.devnull) == b""
