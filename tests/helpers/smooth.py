"""Smooth synthetic pictures with a little noise, and tiny recipes, for tests of training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hvaecodec.training.checkpoint import Checkpoint, load_checkpoint
from hvaecodec.training.recipes import LoopConfig, Recipe, find_recipe
from hvaecodec.training.run import Settings, StageReport, train_recipe


def pictures(count: int, height: int = 128, width: int = 160, seed: int = 0) -> list[np.ndarray]:
    """Return uint8 (H, W, 3) pictures: coarse random colours, interpolated, plus noise of a few grey levels."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), dtype=np.uint8))
        fine = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(int)
        out.append((fine + rng.integers(-6, 7, fine.shape)).clip(0, 255).astype(np.uint8))
    return out


def write_pictures(folder: Path, count: int = 6) -> Path:
    """Write smooth pictures into a folder as PNG and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, picture in enumerate(pictures(count)):
        Image.fromarray(picture).save(folder / f"{i:02d}.png")
    return folder


def tiny_recipe(name: str, steps: int, **loop: object) -> Recipe:
    """Return a recipe in its tiny preset, fields of its loops replaced."""
    recipe = find_recipe(name, "tiny", steps=steps)
    return replace(recipe, stages=tuple(replace(s, loop=replace(s.loop, **loop)) for s in recipe.stages))


def stop_at(step: int, stage: str) -> StageReport:
    """Return a report that interrupts a run in a step of a stage."""

    def report(name: str, spent: float, words: str) -> None:
        if name == stage and words == f"step {step}":
            raise KeyboardInterrupt

    return report


def check_that_it_resumes(recipe: Recipe, data: Path, out: Path, step: int = 2, **settings: object) -> Checkpoint:
    """Train a recipe whole, and once more with a break after a step of its last stage: the same bits, step for step.

    Returns the last checkpoint of the last stage.
    """
    name = recipe.stages[-1].name
    train_recipe(recipe, Settings(data, out / "whole", **settings))
    with pytest.raises(KeyboardInterrupt):
        train_recipe(recipe, Settings(data, out / "parts", **settings), stop_at(step, name))
    broken_off = load_checkpoint(out / "parts" / name)
    assert broken_off is not None and broken_off.position.step == step
    train_recipe(recipe, Settings(data, out / "parts", **settings))
    whole, parts = (load_checkpoint(out / run / name) for run in ("whole", "parts"))
    assert whole is not None and parts is not None
    assert whole.position.step == parts.position.step == recipe.stages[-1].loop.steps
    assert whole.tensors.keys() == parts.tensors.keys()
    for tensor, value in whole.tensors.items():
        assert torch.equal(value, parts.tensors[tensor]), tensor
    assert whole.about["metrics"] == parts.about["metrics"]
    return whole


def quick(steps: int, **settings: object) -> LoopConfig:
    """Return the loop of a few steps, each of which is logged."""
    return replace(LoopConfig(steps=steps, warm_up=1, log_every=1), **settings)
