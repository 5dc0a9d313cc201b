"""Training of the perceptual generator: LPIPS, squared error, a critic of patches, and draws that differ."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.codec.photo.weights import PhotoWeights
from hvaecodec.models.latents import standard_noise
from hvaecodec.models.photo.generator import Draw, Generator
from hvaecodec.models.photo.layout import TILE
from hvaecodec.models.photo.quantiser import step_table
from hvaecodec.training.critic_trainer import CriticTrainer
from hvaecodec.training.data import Crops, Photos, corners
from hvaecodec.training.loop import Moment, learning_rate
from hvaecodec.training.perceptual.coded_crops import CodedCrops, Coder, join
from hvaecodec.training.perceptual.lpips_loss import STRIDE, LpipsLoss
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.perceptual import PerceptualTraining
from hvaecodec.training.sliding_pool import SlidingPool
from hvaecodec.training.validation import psnr_db

VALID_PICTURES = 6
VALID_INDICES = (40, 110, 220)
_ENTRIES = 21  # kind of random draws


def drawing_net(generator: Generator) -> Generator:
    """Return a net with a generator's weights that only draws: it has no posterior."""
    net = Generator(replace(generator.config, encoder=0))
    weights = generator.state_dict()
    net.load_state_dict({name: weights[name] for name in net.state_dict()})
    return net


class PerceptualTask:
    """Trains a second `Generator` on what a codec's files hold; a `loop.Task`.

    weights: of the codec whose encoder chooses the symbols. smooth: the first generator; the net begins with its
    weights, and the critic sees its pictures. loop: its schedule is the critic's too. Raises CodecUnavailable without
    LPIPS.
    """

    def __init__(
        self,
        config: PerceptualTraining,
        weights: PhotoWeights,
        smooth: Generator,
        photos: Photos,
        place: Place = HERE,
        *,
        loop: LoopConfig,
    ) -> None:
        self.config, self.loop, self.place, self.device = config, loop, place, place.device
        self.lpips = LpipsLoss(place)
        self.crops = Crops(photos.train, place.seed + 4)
        smooth = smooth.to(self.device).eval().requires_grad_(False)
        torch.manual_seed(place.seed)
        self.net = drawing_net(smooth).to(self.device)
        self.trainer = CriticTrainer(config.critic_width, self.device)
        self.critic = self.trainer.critic
        self.coder = Coder(config, weights, smooth, place)
        self.pool = SlidingPool(config.pool, self._pool_entry, config.uses)
        self.valid_photos = photos.valid[:VALID_PICTURES]
        self.delta = step_table().to(self.device)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Take one step of the critic (hinge loss), then return what the net is to make small, and its parts."""
        c = self.config
        seen = self._batch(moment, rng)
        once = slice(0, c.crops)
        with self.place.autocast():
            drawn = self.net(seen.dequantised, seen.shapes, seen.step_index, _draws(rng))
            rate = c.critic_rate * learning_rate(self.loop, moment)
            critic_logs = self.trainer.teach(seen.photo[once], drawn.detach()[once], seen.smooth[once], rate)
            self.critic.requires_grad_(False)
            score = self.critic(drawn[once], seen.smooth[once])[0].mean()
            self.critic.requires_grad_(True)
        lpips, shrunk = self.lpips(seen.photo, drawn, rng)
        error = (seen.photo - drawn).square().mean()
        sample, apart = self._sample(seen, drawn)
        mesh = mesh_of(drawn - seen.photo)
        total = c.lpips * lpips + c.shrunk * shrunk + c.error * error - c.score * score + c.sample * sample
        total = total + c.mesh * mesh
        logs = {"lpips": lpips, "shrunk": shrunk, "error": error, "score": score, "sample": sample, "apart": apart}
        logs["mesh"] = mesh
        return total, {name: value.detach().float() for name, value in (logs | critic_logs).items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return by bits per pixel: PSNR and LPIPS of the first generator and of a draw, and how far two draws differ.

        The latter is the mean difference in grey levels.
        """
        out = {}
        for seen in self._valid:
            x = seen.to(self.device)
            drawn = [self._drawn(x, torch.Generator().manual_seed(seed)).round().clamp(0, 255) for seed in (0, 1)]
            metrics: dict[str, float] = {}
            for name, picture in (("smooth", x.smooth.round().clamp(0, 255)), ("drawn", drawn[0])):
                metrics[f"{name}_psnr_db"] = round(psnr_db(picture, x.photo), 2)
                metrics[f"{name}_lpips"] = round(float(self.lpips.plain(x.photo, picture)), 4)
            metrics["apart"] = round(float((drawn[0] - drawn[1]).abs().mean()), 3)
            out[f"{float(x.bpp.mean()):.4f}"] = metrics
        return out

    def state(self) -> dict[str, Tensor]:
        """Return the critic and what its optimiser remembers; the pool is made again from its numbers."""
        return self.trainer.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the critic and its optimiser's memory back."""
        self.trainer.load_state(state)

    def _drawn(self, seen: CodedCrops, rng: torch.Generator) -> Tensor:
        """Return a draw at temperature 1, unclipped."""
        with self.place.autocast():
            drawn: Tensor = self.net(seen.dequantised, seen.shapes, seen.step_index, _draws(rng))
        return drawn

    def _sample(self, seen: CodedCrops, drawn: Tensor) -> tuple[Tensor, Tensor]:
        """Return what two draws lack of the difference they should have, 0..1, and their mean difference."""
        c = self.config
        if not c.twice:
            return drawn.new_zeros(()), drawn.new_zeros(())
        apart = (drawn[: c.twice] - drawn[c.crops :]).abs().mean((1, 2, 3))
        usual = (0.45 * self.delta[seen.step_index[: c.twice]] ** 1.25).sqrt()
        return F.relu(1 - apart / (c.difference * usual)).mean(), apart.mean()

    def _batch(self, moment: Moment, rng: torch.Generator) -> CodedCrops:
        """Draw crops of different photos, the first ones again at the end."""
        c = self.config
        entries = self.pool.pick(moment.step, c.crops, rng)
        tiles = c.side // TILE
        places = torch.randint((c.pool_side - c.side) // TILE + 1, (len(entries), 2), generator=rng).tolist()
        cut = [entry.cut(row, column, tiles) for entry, (row, column) in zip(entries, places, strict=True)]
        return join(cut).repeated(c.twice).to(self.device)

    def _pool_entry(self, number: int) -> CodedCrops:
        rng = self.place.rng(_ENTRIES, number)
        photo = self.crops.batch(1, self.config.pool_side, rng=rng)[0].byte()
        return self.coder.code(photo, *self.coder.draw_setting(rng))

    @cached_property
    def _valid(self) -> list[CodedCrops]:
        if not self.valid_photos:
            return []
        photos = corners(self.valid_photos, self.config.pool_side).byte()
        return [join([self.coder.code(photo, index, 1) for photo in photos]) for index in VALID_INDICES]


def mesh_of(error: Tensor) -> Tensor:
    """Return the mean square of what repeats every four pixels in each tile of an error, (B, 3, H, W) of whole tiles.

    AlexNet's first layer looks at every fourth pixel, and the generator makes pictures from folds of four. Means of
    four pixels hold nothing of a mesh; without them a slope is none either.
    """
    error = error - F.avg_pool2d(F.pad(error, (1, 2, 1, 2), mode="reflect"), STRIDE, 1)
    tiles = error.unflatten(3, (-1, TILE // STRIDE, STRIDE)).unflatten(2, (-1, TILE // STRIDE, STRIDE))
    phases = tiles.mean((3, 6))  # (B, 3, rows, 4, columns, 4)
    return (phases - phases.mean((3, 5), keepdim=True)).square().mean()


def _draws(rng: torch.Generator) -> Draw:
    """Return what draws the latents of a net at temperature 1."""
    return lambda number, mean, log_sigma: mean + log_sigma.exp() * standard_noise(mean, rng)
