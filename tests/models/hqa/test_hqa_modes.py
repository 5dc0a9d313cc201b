"""Figure 1 of arXiv:2002.08111: four modes on a line, coded in two bits, then in one bit on top of those two."""

from __future__ import annotations

import pytest
import torch

from hvaecodec.models.hqa.losses import GumbelPool, Objective, layer_loss
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack, LayerConfig, Uniforms, cells_of

MODES = torch.tensor([0.15, 0.35, 0.65, 0.85])
NEAR = 0.05  # modes are 0.2 or more apart
STEPS = 200


def points(count: int, rng: torch.Generator) -> torch.Tensor:
    """(count, 1, 1, 1): a mode each, and a little noise."""
    chosen = MODES[torch.randint(4, (count,), generator=rng)]
    return (chosen + 0.01 * torch.randn(count, generator=rng))[:, None, None, None]


def train_layer(config: LayerConfig, below: HqaStack | None, first: torch.Tensor) -> HqaLayer:
    """Train a layer whose first codes are z_e of the points `first`: with so few codes chance would often waste one."""
    torch.manual_seed(1)
    rng, layer, objective = torch.Generator().manual_seed(1), HqaLayer(config, bottom=below is None), Objective()
    pool = GumbelPool(rng, size=1 << 14)
    optimiser = torch.optim.Adam(layer.parameters(), 1e-2)
    for step in range(STEPS):
        target = target_of(below, points(64, rng))
        layer.observe(target)
        if step == STEPS // 2:
            with torch.no_grad():
                scale = 1 / cells_of(layer.encode(target)).std(0).square().mean().sqrt()
                layer.encoder[-1].weight *= scale
                layer.encoder[-1].bias *= scale
                layer.decoder[0].weight /= scale
                layer.codebook.copy_(cells_of(layer.encode(target_of(below, first[:, None, None, None]))))
        fraction, quantised = max(0.0, 2 * step / STEPS - 1), step >= STEPS // 2
        result = layer_loss(layer, target, objective, fraction, lambda n: pool.take(n, rng), quantised=quantised)
        result.loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return layer


def target_of(below: HqaStack | None, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return x if below is None else below.encode(x, len(below) - 1)


@pytest.fixture(scope="module")
def hierarchy() -> HqaStack:
    first = train_layer(LayerConfig(1, 16, 16, dim=4, codes=4, stride=1), None, MODES)
    below = HqaStack([first]).freeze()
    return HqaStack(
        [first, train_layer(LayerConfig(4, 16, 16, dim=4, codes=2, stride=1), below, MODES[[0, 3]])]
    ).freeze()


def modes_near(stack: HqaStack, layer: int, uniforms: Uniforms | None = None) -> tuple[set[int], float]:
    """Return the modes that decoded points lie near, and the share of points that lie near none."""
    x = points(2000, torch.Generator().manual_seed(2))
    x_hat = stack.decode(stack.indices(x, layer), layer, uniforms).flatten()
    distance, mode = (x_hat[:, None] - MODES).abs().min(1)
    return set(mode[distance < NEAR].tolist()), float((distance >= NEAR).float().mean())


def test_two_bits_cover_every_mode(hierarchy):
    assert modes_near(hierarchy, 0) == ({0, 1, 2, 3}, 0.0)


def test_one_bit_by_modes_is_realistic_but_drops_modes(hierarchy):
    modes, between = modes_near(hierarchy, 1)
    assert between == 0.0
    assert 1 <= len(modes) <= 2


def test_one_bit_by_samples_loses_no_mode(hierarchy):
    rng = torch.Generator().manual_seed(3)
    modes, between = modes_near(hierarchy, 1, lambda layer, grid: torch.rand(2000, *grid, generator=rng).double())
    assert between == 0.0
    assert modes == {0, 1, 2, 3}


def test_one_bit_alone_falls_between_the_modes():
    single = HqaStack([train_layer(LayerConfig(1, 16, 16, dim=4, codes=2, stride=1), None, MODES[[0, 3]])]).freeze()
    _, between = modes_near(single, 0)
    assert between > 0.9
