"""Training of prior and generator: losses fall, runs go on where they stopped, searched symbols are taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from hvaecodec.codec.photo.encoder import encode_picture
from hvaecodec.models.photo.generator import GeneratorConfig, ScaleConfig
from hvaecodec.models.photo.prior_layers import PriorConfig
from hvaecodec.training.data import Photos
from hvaecodec.training.loop import Loop, Moment
from hvaecodec.training.photo.coding import Coded, code_plainly
from hvaecodec.training.photo.generator_task import GeneratorTask
from hvaecodec.training.photo.prior_task import PriorTask
from hvaecodec.training.photo.searched_symbols import EncoderSearch, RoundingSearch
from hvaecodec.training.place import Place
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.photo import GeneratorTraining, PoolConfig, PriorTraining

FLOATS = Place(bf16=False)

PRIOR = PriorTraining(
    PriorConfig(coarse=8, fine=8, dc_hidden=8),
    crops=2, side=64, fine_crops=2, fine_side=32, linear_crops=8, pool=PoolConfig(2, 2, 2),
)  # fmt: skip
GENERATOR = GeneratorTraining(
    GeneratorConfig(tuple(ScaleConfig(fold, 8, 1, 2) for fold in (32, 16, 8, 4, 2)), encoder=8),
    crops=4, elbo_crops=2, side=64, pool=PoolConfig(3, 2, 2),
)  # fmt: skip


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:140, :140]
    waves = [128 + 90 * np.sin(x / rng.uniform(2, 9) + y / rng.uniform(2, 30)) for _ in range(4)]
    return [np.clip(w[..., None] + 9 * rng.standard_normal((140, 140, 3)), 0, 255).astype(np.uint8) for w in waves]


def loop(task, folder: Path, steps: int, **changes) -> Loop:
    config = LoopConfig(steps=steps, warm_up=2, log_every=5, bf16=False, **changes)
    return Loop(task, config, folder)


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
def test_the_prior_learns(photos, tmp_path, optimiser) -> None:
    task = PriorTask(replace(PRIOR, rounding_from=2.0), Photos(photos, photos[:1]), FLOATS)
    task.fit_linear()
    before = task.validate()
    loop(task, tmp_path, 25, optimiser=optimiser, learning_rate=3e-3, schedule="constant", every=5).train()
    after = task.validate()
    assert all(after[step]["est_bpp"] < before[step]["est_bpp"] for step in ("88.7", "35.0"))


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_errors_weigh_between_equal_and_relative_to_the_context(photos, balance) -> None:
    """A net that changes nothing, on crops with a quarter of the usual error and with four times of it."""
    task = GeneratorTask(replace(GENERATOR, balance=balance), Photos(photos, []), FLOATS)
    step_index = torch.full((4,), 440)
    usual = 0.45 * float(task.delta[440]) ** 1.25
    relative = torch.tensor([0.25, 4.0, 1.0, 1.0])  # the last two are for the ELBO
    x = torch.full((4, 3, 64, 64), 128.0)
    coded = Coded(x + (usual * relative).sqrt().view(-1, 1, 1, 1), torch.zeros(4, 2, 4, 4, dtype=torch.int64))
    task._crops = lambda moment, rng: (x, coded, step_index)
    _, parts = task.loss(Moment(0, 0.0), torch.Generator())
    expected = (0.25 ** (1 - balance) + 4.0 ** (1 - balance)) / 2
    assert float(parts["distortion"]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("optimiser", ["adamw", "soap", "muon"])
def test_a_run_goes_on_to_the_bit(photos, tmp_path, optimiser) -> None:
    nets = []
    for name, stops in (("once", (9,)), ("twice", (4, 9))):
        for stop in stops:
            task = GeneratorTask(GENERATOR, Photos(photos, []), FLOATS)
            loop(task, tmp_path / name, stop, optimiser=optimiser, schedule="constant", every=3, gather=2).train()
        nets.append(task.net.state_dict())
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])


def test_searched_symbols_are_taken(photos, tmp_path) -> None:
    prior = PriorTask(replace(PRIOR, symbols="searched"), Photos(photos, []), FLOATS)
    loop(prior, tmp_path / "prior", 3).train()
    assert len(prior.pool.entries) == 2
    task = GeneratorTask(
        replace(GENERATOR, symbols="searched"), Photos(photos, photos[:2]), FLOATS, search=RoundingSearch(prior.net)
    )
    loop(task, tmp_path / "generator", 3).train()
    assert len(task.pool.entries) == 3
    assert set(task.validate()["35.0"]) >= {"psnr_db", "kl_bpp"}


def test_the_encoder_of_a_folder_of_weights_chooses_symbols(photos, tmp_path) -> None:
    """Half of the pictures are refined, the others rounded once, and none has an adaptation."""
    search = EncoderSearch(tiny.write_weights(tmp_path / "weights", directions=64), share=0.5, passes=2)
    pixels = torch.from_numpy(np.stack([photo[:64, :64] for photo in photos[:2]])).permute(0, 3, 1, 2).float()
    symbols, shapes = search(pixels, 300)
    assert symbols.shape == (2, 3, 32, 32, 2, 2) and shapes.shape == (2, 2, 4, 4)
    for number, effort in enumerate((2, 1)):
        context = encode_picture(search.weights, photos[number][:64, :64], 300, effort, search.config).context
        assert np.array_equal(symbols[number], context.symbols) and np.array_equal(shapes[number], context.shapes)
        assert not len(context.adaptation.coefficients)
    once = encode_picture(search.weights, photos[0][:64, :64], 300, 1, search.config).context
    assert not np.array_equal(symbols[0], once.symbols)
    prior = PriorTask(replace(PRIOR, symbols="searched"), Photos(photos, []), FLOATS, search=search)
    loop(prior, tmp_path / "prior", 2).train()
    assert len(prior.pool.entries) == 2


def test_a_search_is_asked_for(photos) -> None:
    with pytest.raises(ValueError, match="needs a search"):
        GeneratorTask(replace(GENERATOR, symbols="searched"), Photos(photos, []))


def test_dropped_symbols_are_small_ones(photos) -> None:
    x = torch.from_numpy(photos[0][:64, :64].copy()).permute(2, 0, 1)[None].float()
    delta = torch.tensor([30.0])
    plain, dropped = code_plainly(x, delta), code_plainly(x, delta, torch.tensor([0.66]))
    assert torch.equal(plain.shapes, dropped.shapes)
    assert torch.equal(code_plainly(x, delta, torch.tensor([0.5])).dequantised, plain.dequantised)
    assert ((dropped.dequantised - x) ** 2).mean() > ((plain.dequantised - x) ** 2).mean()
