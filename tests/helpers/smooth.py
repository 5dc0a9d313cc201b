"""Smooth synthetic pictures with a little noise, and tiny recipes, for tests of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from hvaecodec.models.dct import rgb_to_ycc, tiles_to_coefficients
from hvaecodec.models.photo.quantiser import frequency_weights
from hvaecodec.training.checkpoint import Checkpoint, load_checkpoint
from hvaecodec.training.recipes import LoopConfig, Recipe, recipe
from hvaecodec.training.run import Settings, train


def pictures(count: int, height: int = 128, width: int = 160, seed: int = 0) -> list[np.ndarray]:
    """uint8 (H, W, 3): coarse random colours, interpolated, plus noise of a few levels."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
        fine = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
        out.append((fine + rng.integers(-6, 7, fine.shape)).clip(0, 255).astype(np.uint8))
    return out


def write_pictures(folder: Path, count: int = 6) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pictures(count)):
        Image.fromarray(picture).save(folder / f"{i:02d}.png")
    return folder


def coefficients(photos: list[np.ndarray]) -> Tensor:
    """Coefficients / S, (B, 3, 32, 32, rows, columns), in grey levels."""
    rgb = torch.from_numpy(np.stack(photos)).permute(0, 3, 1, 2).float()
    return tiles_to_coefficients(rgb_to_ycc(rgb)) / frequency_weights()[None, :, :, :, None, None]


def tiny_recipe(name: str, steps: int, **loop: object) -> Recipe:
    """A recipe in its tiny preset, fields of its loops replaced."""
    made = recipe(name, "tiny", steps=steps)
    return replace(made, stages=tuple(replace(s, loop=replace(s.loop, **loop)) for s in made.stages))


def in_one_go_and_resumed(made: Recipe, photos: Path, out: Path, **settings: object) -> tuple[Checkpoint, Checkpoint]:
    """Train a recipe of one stage whole, and once more with a break after step 2; the last checkpoints of both."""

    def stop(stage: str, spent: float, words: str) -> None:
        if words == "step 2":
            raise KeyboardInterrupt

    train(made, Settings(photos, out / "whole", **settings))
    with pytest.raises(KeyboardInterrupt):
        train(made, Settings(photos, out / "parts", **settings), stop)
    train(made, Settings(photos, out / "parts", **settings))
    whole, parts = (load_checkpoint(out / run / made.stages[0].name) for run in ("whole", "parts"))
    assert whole is not None and parts is not None
    return whole, parts


def quick(steps: int, **settings: object) -> LoopConfig:
    return replace(LoopConfig(steps=steps, warm_up=1, log_every=1), **settings)
