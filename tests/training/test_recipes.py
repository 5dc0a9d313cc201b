"""Recipes: every name in every preset, budgets, and that a misspelt field is an error."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from hvaecodec.models.photo.generator import Generator
from hvaecodec.models.photo.prior_trainable import PriorNet
from hvaecodec.training.data import FREE_MORE_SOURCES, FREE_SOURCES
from hvaecodec.training.recipes import (
    RECIPES,
    LoopConfig,
    as_dict,
    find_recipe,
    hqa_perceptual,
    hqa_photo,
    perceptual,
    photo,
)
from hvaecodec.training.recipes.photo import PRESETS, GeneratorTraining, PriorTraining


def sources_of(name):
    """Which photos a recipe takes: `dct-vae-photo` those under a free licence unless its name says all sources."""
    if name in photo.RECIPES:
        return None if name.endswith("-all-sources") else FREE_MORE_SOURCES
    if not name.endswith("-free"):
        return None
    every = perceptual.RECIPES | hqa_perceptual.RECIPES | hqa_photo.RECIPES
    return FREE_MORE_SOURCES if name in every else FREE_SOURCES


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_divides_its_budget(name, preset):
    recipe = find_recipe(name, preset, minutes=60)
    assert sum(stage.loop.minutes for stage in recipe.stages) == pytest.approx(60)
    recipe = find_recipe(name, preset, steps=1000)
    assert sum(stage.loop.steps for stage in recipe.stages) == pytest.approx(1000, abs=2)
    assert recipe.sources == sources_of(name)
    assert as_dict(recipe)["name"] == name


def test_a_misspelt_field_is_an_error():
    with pytest.raises(TypeError, match="learning_rte"):
        LoopConfig(learning_rte=1e-3)
    with pytest.raises(TypeError, match="crop"):
        replace(PriorTraining(), crop=8)
    with pytest.raises(FrozenInstanceError):
        PriorTraining().crops = 8


def test_what_came_later_is_told_only_where_it_says_something():
    """Stamps of records are taken of the words for a loop."""
    assert "schedule" not in repr(LoopConfig()) and "optimiser" not in repr(LoopConfig())
    assert repr(LoopConfig(steps=3)).startswith("LoopConfig(minutes=90, steps=3, learning_rate=0.001, floor=0.02, warm")
    assert repr(LoopConfig()).endswith("compiled=False, workers=0)")
    assert repr(LoopConfig(optimiser="soap", every=20)).endswith("workers=0, optimiser='soap', every=20)")


def test_a_misspelt_recipe_or_preset_is_an_error():
    with pytest.raises(ValueError, match="did you mean dct-vae-photo-prior"):
        find_recipe("dct-vae-photo-pior")
    with pytest.raises(ValueError, match="cpu, gpu"):
        find_recipe("dct-vae-photo", "cpus")
    with pytest.raises(ValueError, match="one of"):
        find_recipe("dct-vae-photo", minutes=1, steps=1)
    with pytest.raises(ValueError, match="steps are at least 1"):
        find_recipe("dct-vae-photo", steps=0)
    for minutes in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="minutes are a number above 0"):
            find_recipe("dct-vae-photo", minutes=minutes)


def test_the_ablation_differs_in_its_latents_alone():
    whole, ablated = (find_recipe(f"dct-vae-photo-generator{end}").stages[0] for end in ("", "-no-latents"))
    assert whole.task.net.latents and not ablated.task.net.latents
    assert replace(ablated, task=whole.task) == whole
    assert replace(ablated.task, net=whole.task.net) == whole.task


def test_the_prior_trains_with_adamw_and_the_generator_with_soap():
    for stage in find_recipe("dct-vae-photo").stages:
        wanted = "adamw" if isinstance(stage.task, PriorTraining) else "soap"
        assert stage.loop.optimiser == wanted
        assert stage.loop.learning_rate == pytest.approx(1e-3 if stage.task.symbols == "plain" else 3e-4)


def test_the_last_part_of_the_whole_recipe_is_on_searched_symbols():
    stages = find_recipe("dct-vae-photo", "gpu").stages
    assert [stage.name for stage in stages] == ["prior", "generator", "prior-searched", "generator-searched"]
    assert [stage.start for stage in stages] == ["init", "init", "prior", "generator"]
    searched = sum(stage.share for stage in stages if stage.task.symbols == "searched")
    assert 0.1 <= searched <= 0.2
    assert find_recipe("dct-vae-photo-finetune").needs_init


@pytest.mark.parametrize("preset", ["cpu", "gpu"])
def test_both_nets_fit_in_twenty_megabytes(preset):
    sizes = PRESETS[preset]
    prior = sum(p.numel() for p in PriorNet(sizes.prior.net).parameters())
    generator = sum(p.numel() for p in Generator(sizes.generator.net).parameters())
    assert prior + 2 * generator < 19.8e6
    assert isinstance(sizes.generator, GeneratorTraining)
