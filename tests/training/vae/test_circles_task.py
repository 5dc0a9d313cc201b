"""Training of the thesis's small VAEs: where a decoder's deviation begins and ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hvaecodec.models.circles.diffusion_vae import PRESETS
from hvaecodec.training.loop import Moment
from hvaecodec.training.vae.circles_task import FIRST_SIGMA_X, Copy, LatentTask, LatentTraining

OWN = torch.tensor([[0.01], [0.1], [2.0]])


@pytest.fixture
def config():
    return LatentTraining(PRESETS["S1"], tuple(Copy(0.1, float(s), 0) for s in OWN[:, 0]), samples=50, batch=10)


def test_a_deviation_comes_down_to_its_own(config):
    task = LatentTask(replace(config, anneal=0.5))
    at = {fraction: task.sigma_x(Moment(0, fraction)) for fraction in (0.0, 0.25, 0.5, 1.0)}
    assert torch.allclose(at[0.0], torch.tensor([[FIRST_SIGMA_X], [FIRST_SIGMA_X], [2.0]]))
    assert torch.allclose(at[0.25], torch.tensor([[0.1], [0.1**0.5], [2.0]]))
    assert torch.equal(at[0.5], OWN) and torch.equal(at[1.0], OWN)


def test_without_annealing_it_is_its_own_from_the_start(config):
    assert torch.equal(LatentTask(config).sigma_x(Moment(0, 0.0)), OWN)


def test_the_loss_is_of_the_deviation_at_the_moment(config):
    task = LatentTask(replace(config, anneal=0.5))
    early, late = (
        task.loss(Moment(0, fraction), torch.Generator().manual_seed(0))[1]["reconstruction"] for fraction in (0, 1)
    )
    assert late > 100 * early.abs()
