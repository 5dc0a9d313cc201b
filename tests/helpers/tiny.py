"""A tiny, seeded `dct-vae-photo` on disk: every path of the codec without trained weights."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import torch
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file as save_tensors

from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.generator import Generator, GeneratorConfig, ScaleConfig
from hvaecodec.models.photo.prior_exact import export_integers
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.models.photo.quantiser import shape_weights, step_table
from hvaecodec.models.photo.shape_contexts import fit_shape_tables
from hvaecodec.models.texture import Texture, TextureConfig

PRIOR = PriorConfig(coarse=8, fine=8, luma_blocks=1, chroma_blocks=1, dc_hidden=8)
GENERATOR = GeneratorConfig(
    tuple(ScaleConfig(fold, 8, 1, 2, context_side=3 if fold < 8 else 1) for fold in (32, 16, 8, 4, 2)), encoder=8
)
TEXTURE = TextureConfig(quarter=4, quarter_blocks=1, half=4, half_blocks=1, noise=1)


def write_weights(folder: Path, seed: int = 0, *, directions: int = 0, generator_seed: int | None = None) -> Path:
    """The three files of a codec's folder, random but the same for a seed. directions: that files may adapt it in."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    prior = PriorNet(PRIOR)
    for name, buffer in prior.named_buffers():
        if name.startswith("linear"):
            buffer.copy_(torch.randint(-300, 300, buffer.shape))
    arrays = export_integers(prior)
    shapes = fit_shape_tables([])
    arrays |= {"shapes.tiles": shapes.tiles.astype("int32"), "shapes.quadrants": shapes.quadrants.astype("int32")}
    arrays |= {"delta": step_table().numpy(), "S": shape_weights().numpy()}
    arrays |= {f"table.{i:03d}": table.astype("int32") for i, table in enumerate(logistic_tables())}
    save_arrays(arrays, folder / "bitstream.safetensors", {"config": json.dumps(dataclasses.asdict(PRIOR))})
    write_generator(folder / "generator.safetensors", seed if generator_seed is None else generator_seed, directions)
    (folder / "card.json").write_text(json.dumps({"codec": "dct-vae-photo", "generator": "generator.safetensors"}))
    return folder


def write_generator(path: Path, seed: int, directions: int = 0) -> None:
    """A random generator whose output layers are small but not zero, and whose latents matter."""
    save_tensors(
        random_generator(GENERATOR, seed, directions), path, {"config": json.dumps(dataclasses.asdict(GENERATOR))}
    )


def random_generator(config: GeneratorConfig, seed: int, directions: int = 0) -> dict[str, torch.Tensor]:
    """The weights of a random generator, in half precision. directions: that files may adapt it in."""
    torch.manual_seed(seed)
    net = Generator(config)
    for name, parameter in net.named_parameters():
        if "out_" in name or ".prior." in name:
            torch.nn.init.normal_(parameter, std=0.05)
    state = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    if directions:
        state["basis"] = (0.0015 * torch.randn(directions, net.offsets)).half()
    return state


def write_texture(folder: Path, seed: int = 0, *, strength: float = 0.0) -> Path:
    """A random texture on top of the generator in a codec's folder, whose card then names it.

    strength: deviation of its last layer's weights, which begin as zeros.
    """
    torch.manual_seed(seed)
    net = Texture(TEXTURE)
    if strength:
        torch.nn.init.normal_(net.out.weight, std=strength)
    state = {name: value.half().contiguous() for name, value in net.state_dict().items()}
    metadata = {"config": json.dumps(dataclasses.asdict(TEXTURE)), "base": _base(folder)}
    save_tensors(state, folder / "generator-texture.safetensors", metadata)
    return _name_generator(folder, "generator-texture.safetensors")


def write_perceptual(folder: Path, seed: int = 5, *, directions: int = 0) -> Path:
    """A random perceptual generator on top of the one in a codec's folder, whose card then names it.

    directions: that files could adapt it in, if they might.
    """
    config = dataclasses.replace(GENERATOR, encoder=0)
    metadata = {"config": json.dumps(dataclasses.asdict(config)), "base": _base(folder), "kind": "perceptual"}
    save_tensors(random_generator(config, seed, directions), folder / "generator-perceptual.safetensors", metadata)
    return _name_generator(folder, "generator-perceptual.safetensors")


def _base(folder: Path) -> str:
    """The digest of the generator in a codec's folder."""
    return hashlib.sha256((folder / "generator.safetensors").read_bytes()).hexdigest()[:4]


def _name_generator(folder: Path, name: str) -> Path:
    """Let a folder's card name the generator that pictures are encoded for."""
    (folder / "card.json").write_text(json.dumps({"codec": "dct-vae-photo", "generator": name}))
    return folder
