"""Training over chosen blocks: losses fall, runs go on where they stopped, searched symbols are taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from hvaecodec.codec.entropy.coder import Tables
from hvaecodec.codec.photo.block_symbols import decode_block_symbols, encode_block_symbols
from hvaecodec.codec.photo.chunk_coder import Frame
from hvaecodec.codec.photo.streams import repeat
from hvaecodec.models.integers import logistic_tables
from hvaecodec.models.photo.block_generator import BlockGeneratorConfig
from hvaecodec.models.photo.block_prior_exact import BlockExactArithmetic
from hvaecodec.models.photo.block_prior_layers import BlockPriorConfig
from hvaecodec.models.photo.generator import ScaleConfig
from hvaecodec.models.photo.shape_contexts import fit_shape_tables
from hvaecodec.training.data import Photos
from hvaecodec.training.loop import Loop
from hvaecodec.training.photo.block_coding import code_plainly
from hvaecodec.training.photo.block_export import export_block_bitstream, tables_for
from hvaecodec.training.photo.block_generator_task import BlockGeneratorTask
from hvaecodec.training.photo.block_prior_task import BlockPriorTask
from hvaecodec.training.photo.block_searched import BlockSearch
from hvaecodec.training.place import Place
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.photo import PoolConfig
from hvaecodec.training.recipes.photo_blocks import BlockGeneratorTraining, BlockPriorTraining

FLOATS = Place(bf16=False)

PRIOR = BlockPriorTraining(
    BlockPriorConfig(coarse=8, fine=8, dc_hidden=8),
    crops=2, side=64, fine_crops=2, fine_side=32, linear_crops=8, pool=PoolConfig(2, 2, 2),
)  # fmt: skip
GENERATOR = BlockGeneratorTraining(
    BlockGeneratorConfig(tuple(ScaleConfig(fold, 8, 1, 2) for fold in (32, 16, 8, 4, 2)), encoder=8),
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
    task = BlockPriorTask(replace(PRIOR, rounding_from=2.0), Photos(photos, photos[:1]), FLOATS)
    task.fit_linear()
    before = task.validate()
    loop(task, tmp_path, 25, optimiser=optimiser, learning_rate=3e-3, schedule="constant", every=5).train()
    after = task.validate()
    assert all(after[step]["est_bpp"] < before[step]["est_bpp"] for step in ("88.7", "35.0"))


@pytest.mark.parametrize("optimiser", ["adamw", "soap", "muon"])
def test_a_run_goes_on_to_the_bit(photos, tmp_path, optimiser) -> None:
    nets = []
    for name, stops in (("once", (9,)), ("twice", (4, 9))):
        for stop in stops:
            task = BlockGeneratorTask(GENERATOR, Photos(photos, []), FLOATS)
            loop(task, tmp_path / name, stop, optimiser=optimiser, schedule="constant", every=3, gather=2).train()
        nets.append(task.net.state_dict())
    assert all(torch.equal(nets[0][name], nets[1][name]) for name in nets[0])


def test_searched_symbols_are_taken(photos, tmp_path) -> None:
    prior = BlockPriorTask(replace(PRIOR, symbols="searched"), Photos(photos, []), FLOATS)
    loop(prior, tmp_path / "prior", 3).train()
    assert len(prior.pool.entries) == 2
    task = BlockGeneratorTask(
        replace(GENERATOR, symbols="searched"), Photos(photos, photos[:2]), FLOATS, search=BlockSearch(prior.net)
    )
    loop(task, tmp_path / "generator", 3).train()
    assert len(task.pool.entries) == 3
    assert set(task.validate()["35.0"]) >= {"psnr_db", "kl_bpp"}


def test_a_search_is_asked_for(photos) -> None:
    with pytest.raises(ValueError, match="needs a search"):
        BlockGeneratorTask(replace(GENERATOR, symbols="searched"), Photos(photos, []))


def test_dropped_symbols_are_small_ones(photos) -> None:
    x = torch.from_numpy(photos[0][:64, :64].copy()).permute(2, 0, 1)[None].float()
    delta = torch.tensor([30.0])
    plain, dropped = code_plainly(x, delta), code_plainly(x, delta, torch.tensor([0.66]))
    assert torch.equal(plain.shapes, dropped.shapes)
    assert torch.equal(code_plainly(x, delta, torch.tensor([0.5])).dequantised, plain.dequantised)
    assert ((dropped.dequantised - x) ** 2).mean() > ((plain.dequantised - x) ** 2).mean()


def test_an_export_codes_as_the_net_prices(photos, tmp_path) -> None:
    task = BlockPriorTask(PRIOR, Photos(photos, photos[:1]), FLOATS)
    tables = tables_for(task.net, PRIOR, photos, count=3)
    whole = fit_shape_tables([(100, np.zeros((2, 4, 4), np.int64))])
    arrays = load_file(export_block_bitstream(task.net, tables, whole, tmp_path))
    exact = BlockExactArithmetic(arrays, task.net.config)
    coefficients, shapes = task.valid[400]
    frame = Frame((2, 2), 400)
    symbols = np.rint(coefficients[0].numpy() / float(task.delta[400])).astype(np.int16)
    fitted = Tables([arrays[name].astype(np.int64) for name in sorted(arrays) if name.startswith("table.")])
    streams, bits, _ = encode_block_symbols(exact, fitted, frame, shapes[0].numpy(), repeat(symbols))
    decoded, _ = decode_block_symbols(exact, fitted, frame, shapes[0].numpy(), streams)
    np.testing.assert_array_equal(decoded, symbols)
    plain = Tables(logistic_tables())  # what training prices with
    _, unfitted, _ = encode_block_symbols(exact, plain, frame, shapes[0].numpy(), repeat(symbols))
    promised = task.validate()["35.0"]["est_bpp"] * symbols[0].size
    assert abs(sum(unfitted) - promised) < 0.1 * promised
    assert sum(bits) < sum(unfitted)
    assert arrays["S"].shape == (7, 3, 32, 32)
    assert arrays["shapes.tiles"].sum(1).tolist() == [1 << 22] * 1000
