"""Our pictures are those of a decoder of the tests' own, which follows docs/FORMAT.md and docs/GENERATOR.md."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from partitions import random_shapes
from reference import pictures as reference
from safetensors.numpy import load_file

from hvaecodec.codec.backends import torch_photo_blocks
from hvaecodec.codec.photo.adaptation import NONE, Adaptation
from hvaecodec.codec.photo.codec import PACKAGE_WEIGHTS, DctVaeCodec
from hvaecodec.codec.photo.context import Context
from hvaecodec.codec.photo.render import Draws, blend, cut_blocks
from hvaecodec.models.photo.generator import Generator, rate_features
from hvaecodec.models.texture import Texture

SHIPPED = "generator.safetensors"
GREY_LEVELS = 0.01
CHANGED = Adaptation(9, np.array([3, 0, -5, 7], np.int32))
PAGE = (Path(__file__).parents[3] / "docs" / "GENERATOR.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tiny.write_weights(tmp_path_factory.mktemp("weights") / "tiny", directions=64)
    return tiny.write_perceptual(folder)


@pytest.fixture(scope="module")
def codec(folder: Path) -> DctVaeCodec:
    return DctVaeCodec.load(folder)


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_photo_blocks, "bfloat16_is_faster", lambda: False)


def random_context(grid: tuple[int, int], step_index: int, adaptation: Adaptation = NONE) -> Context:
    rng = np.random.default_rng(step_index)
    size = 20 / (1 + np.hypot(*np.mgrid[:32, :32])) ** 1.7
    symbols = np.rint(rng.laplace(size=(3, 32, 32, *grid)) * size[:, :, None, None] / 4).astype(np.int16)
    return Context(symbols, random_shapes(grid, step_index, 0.5), step_index, adaptation)


def dequantised(codec: DctVaeCodec, context: Context) -> np.ndarray:
    """The reference's dequantised picture."""
    delta = float(codec.bitstream.delta[context.step_index])
    return reference.dequantised(context.symbols.astype(float), context.shapes, delta, codec.bitstream.s)


def drawn_by_us(codec: DctVaeCodec, digest: bytes, context: Context, draws: Draws | None = None) -> np.ndarray:
    """Our generator's picture, (3, H, W), before it is rounded."""
    steps = torch.from_numpy(codec.bitstream.delta[context.step_index] * codec.bitstream.s)
    (block,) = cut_blocks(context.grid)
    return torch_photo_blocks.picture_of(codec.generators.get(digest), steps, draws)(context, block)[0]


def digest_of(codec: DctVaeCodec, name: str) -> bytes:
    (digest,) = (digest for digest, path in codec.generators.paths.items() if path.name == name)
    return digest


def apart(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.abs(x - y).max())


@pytest.mark.parametrize("seed", [0, 250, 500, 792])
def test_the_dequantised_picture(codec: DctVaeCodec, seed: int) -> None:
    context = random_context((3, 4), seed)
    ours = codec.weights.nets.inputs(context)[0][0].numpy()
    assert apart(dequantised(codec, context), ours) < GREY_LEVELS


@pytest.mark.parametrize(
    ("step_index", "temperature", "adaptation"), [(0, 0, NONE), (333, 0, CHANGED), (700, 0.7, NONE)]
)
def test_a_tiny_generator(
    codec: DctVaeCodec, folder: Path, step_index: int, temperature: float, adaptation: Adaptation
) -> None:
    context = random_context((2, 3), step_index, adaptation)
    ours = drawn_by_us(codec, digest_of(codec, SHIPPED), context, Draws(temperature, 5) if temperature else None)
    theirs = reference.generate(
        load_file(folder / SHIPPED),
        dequantised(codec, context),
        context.shapes,
        step_index,
        temperature=temperature,
        seed=5,
        adaptation=(adaptation.scale, adaptation.coefficients),
    )
    assert apart(ours, theirs) < GREY_LEVELS
    assert apart(theirs, dequantised(codec, context)) > 10 * GREY_LEVELS


@pytest.mark.parametrize("temperature", [0, 1])
def test_the_generator_in_the_package(temperature: float) -> None:
    codec = DctVaeCodec.load()
    context = random_context((1, 2), 417, CHANGED)
    ours = drawn_by_us(codec, digest_of(codec, SHIPPED), context, Draws(temperature, 5) if temperature else None)
    theirs = reference.generate(
        load_file(PACKAGE_WEIGHTS / SHIPPED),
        dequantised(codec, context),
        context.shapes,
        context.step_index,
        temperature=temperature,
        seed=5,
        adaptation=(CHANGED.scale, CHANGED.coefficients),
    )
    assert apart(ours, theirs) < GREY_LEVELS


def test_the_spread_of_latents_is_limited() -> None:
    arrays = tiny.random_generator(tiny.GENERATOR, 3)
    for number in range(5):
        arrays[f"scales.{number}.prior.bias"] = torch.tensor([0, 0, -9, 4]).half()
    net = Generator(tiny.GENERATOR)
    net.load_state_dict(arrays)
    picture, maps = np.random.default_rng(0).uniform(0, 255, (3, 32, 64)), random_shapes((1, 2))

    def draw(number: int, mean: torch.Tensor, log_sigma: torch.Tensor) -> torch.Tensor:
        return mean + log_sigma.exp() * torch.from_numpy(reference.noise_of(1, number, *mean.shape[1:])[None])

    with torch.no_grad():
        inputs = torch.from_numpy(picture).float()[None], torch.from_numpy(maps)[None], torch.tensor([9])
        ours = net(*inputs, draw)[0].numpy()
    numbers = {name: value.numpy() for name, value in arrays.items()}
    assert apart(ours, reference.generate(numbers, picture, maps, 9, temperature=1, seed=1)) < GREY_LEVELS


def test_a_perceptual_generator(codec: DctVaeCodec, folder: Path) -> None:
    context = random_context((2, 2), 500, CHANGED)
    steps = torch.from_numpy(codec.bitstream.delta[500] * codec.bitstream.s)
    drawing = codec.generators.drawing(codec.generators.newest)
    smooth = torch_photo_blocks.picture_of(drawing.net, steps)
    drawn = torch_photo_blocks.picture_of(drawing.perceptual, steps, Draws(1.0, 9))
    (block,) = cut_blocks(context.grid)
    theirs = reference.blend(
        load_file(folder / SHIPPED),
        load_file(folder / "generator-perceptual.safetensors"),
        dequantised(codec, context),
        context.shapes,
        500,
        temperature=0.3,
        seed=9,
        adaptation=(CHANGED.scale, CHANGED.coefficients),
    )
    assert apart(blend(smooth, drawn, 0.3)(context, block)[0], theirs) < GREY_LEVELS


def test_a_texture() -> None:
    torch.manual_seed(0)
    net = Texture()
    torch.nn.init.normal_(net.gain.weight)
    arrays = {name: value.numpy() for name, value in net.state_dict().items()}
    picture = np.random.default_rng(0).integers(0, 256, (3, 24, 36)).astype(float)

    def noise(number: int, channels: int, fold: int) -> torch.Tensor:
        return torch.from_numpy(reference.noise_of(3, number, channels, 24 // fold, 36 // fold)).float()[None]

    with torch.no_grad():
        ours = net(torch.from_numpy(picture).float()[None], rate_features(torch.tensor([300])), noise)[0].numpy()
    assert apart(ours, reference.texture(arrays, picture, reference.rate_of(300), 3)) < GREY_LEVELS
    assert np.abs(ours).max() > 1


def test_the_page_has_the_sizes_of_the_generator_in_the_package() -> None:
    codec = DctVaeCodec.load()
    scales = codec.generators.get(digest_of(codec, SHIPPED)).config.scales
    rows = re.findall(r"^\| (\d) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d) \|$", PAGE, re.MULTILINE)
    assert [tuple(map(int, row)) for row in rows] == [
        (number, s.fold, s.width, s.blocks, s.latent, s.context_side) for number, s in enumerate(scales)
    ]
    assert f"{sum(2 * s.width * s.blocks for s in scales)} in the table above" in PAGE


def test_the_page_names_every_array_of_a_generator(folder: Path) -> None:
    for name in load_file(folder / SHIPPED):
        pattern = re.sub(r"^scales\.\d+\.", "s.", name.rpartition(".")[0])
        pattern = re.sub(r"^s\.blocks\.\d+\.", "t.", pattern)
        training = name.startswith(("encoder.", "spread.")) or ".posterior." in name
        assert training or name == "basis" or re.search(rf"[`(]{re.escape(pattern)}[`,]", PAGE), name
