"""The texture: nothing at temperature 0, its noise decides, and it sees no farther than it says."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models.patch_critic import PatchCritic
from hvaecodec.models.photo.generator import rate_features
from hvaecodec.models.texture import Texture, layer_features
from hvaecodec.models.texture_config import FOLD, RADIUS, TextureConfig

RATE = rate_features(torch.tensor([100]))


def test_its_noise_decides():
    torch.manual_seed(0)
    texture, x = Texture().requires_grad_(False), 255 * torch.rand(1, 3, 64, 64)

    def noise(seed: int):
        rng = torch.Generator().manual_seed(seed)
        return lambda number, channels, fold: torch.randn(1, channels, 64 // fold, 64 // fold, generator=rng)

    one, other = texture(x, RATE, noise(0)), texture(x, RATE, noise(1))
    assert one.shape == x.shape and float(one.abs().mean()) > 0.05
    assert torch.equal(one, texture(x, RATE, noise(0))) and float((one - other).abs().mean()) > 0.005


def test_layers_have_rates_of_their_own():
    rates = torch.cat([layer_features(layer, 5) for layer in range(1, 6)])
    assert torch.allclose(rates.sum(1), torch.ones(5)) and float((rates[1:] * rates[:-1]).max()) < 0.3
    assert rates[0, -1] == rates[4, 0] == 1, "coarse first, as with step indices"


def test_a_texture_sees_no_farther_than_its_radius():
    torch.manual_seed(0)
    texture, side = Texture().requires_grad_(False), 2 * RADIUS + 64
    x = 255 * torch.rand(1, 3, side, side)
    changed = x.clone()
    changed[..., RADIUS + 4, RADIUS + 4] = 0
    noise = lambda number, channels, fold: torch.zeros(1, channels, side // fold, side // fold)  # noqa: E731
    change = (texture(changed, RATE, noise) - texture(x, RATE, noise)).abs().amax((0, 1))
    rows, columns = torch.nonzero(change > 1e-5).unbind(1)
    assert 4 <= (RADIUS + 4 - rows).max() < RADIUS and (columns - RADIUS - 4).max() < RADIUS


@pytest.mark.parametrize("half_blocks", [0, 3])
def test_a_texture_may_have_as_many_blocks_as_reach_its_radius(half_blocks):
    """Its kernels reach FOLD pixels for each quarter block and the stem, 2 for each half block and the two ends."""
    most = (RADIUS - 2 * (half_blocks + 2)) // FOLD - 1
    TextureConfig(quarter_blocks=most, half_blocks=half_blocks)
    with pytest.raises(ValueError, match="farther"):
        TextureConfig(quarter_blocks=most + 1, half_blocks=half_blocks)


def test_the_critic_judges_patches():
    critic, x = PatchCritic(8), 255 * torch.rand(2, 3, 64, 64)
    scores, features = critic(x, x)
    assert scores.shape == (2, 1, 16, 16) and len(features) == 4
    critic.eval()
    changed = x.clone()
    changed[..., :2, :2] = 0
    rows, columns = torch.nonzero((critic(changed, x)[0] - critic(x, x)[0]).abs()[0, 0] > 1e-6).unbind(1)
    assert 4 * max(rows.max(), columns.max()) <= 23 + 4
