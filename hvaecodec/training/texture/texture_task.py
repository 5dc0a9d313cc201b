"""Training of a texture: a critic learns to tell photos from decoded pictures, the texture to have it wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.texture import Texture
from hvaecodec.models.texture_config import FOLD
from hvaecodec.training.critic_trainer import CriticTrainer
from hvaecodec.training.data import Crops, Photos, corners
from hvaecodec.training.loop import Moment, learning_rate
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.texture import TextureTraining
from hvaecodec.training.sliding_pool import SlidingPool
from hvaecodec.training.texture.coded_photos import Coded
from hvaecodec.training.validation import psnr_db

VALID_PICTURES = 8
_ENTRIES = 14  # kind of random draws


@dataclass(frozen=True)
class Entry:
    """An entry has a photo and the codec's picture of it, uint8 (3, side, side), and its rate's features, (1, 8)."""

    photo: Tensor
    smooth: Tensor
    rate: Tensor


class TextureTask:
    """Trains a `Texture` on top of what `coded` gives back; a `loop.Task`. loop: its schedule is the critic's too."""

    def __init__(
        self,
        config: TextureTraining,
        coded: Coded,
        photos: Photos,
        place: Place = HERE,
        *,
        loop: LoopConfig,
    ) -> None:
        self.config, self.loop, self.coded = config, loop, coded
        self.place, self.device = place, place.device
        self.crops = Crops(photos.train, place.seed + 3)
        torch.manual_seed(place.seed)
        self.net = Texture(config.net).to(self.device)
        self.trainer = CriticTrainer(config.critic_width, self.device)
        self.critic = self.trainer.critic
        self.pool = SlidingPool(config.pool, self._pool_entry, config.uses)
        valid = photos.valid[:VALID_PICTURES]
        self.valid = corners(valid, config.pool_side).byte() if valid else None

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Take one step of the critic (hinge loss), then return what the texture is to make small, and its parts."""
        c = self.config
        photo, smooth, rate = self._batch(moment, rng)
        with self.place.autocast():
            texture = self.net(smooth, rate, self._noise(smooth, rng))
            textured = smooth + texture
            pace = c.critic_rate * learning_rate(self.loop, moment)
            critic_logs = self.trainer.teach(photo, textured.detach(), smooth, pace)
            self.critic.requires_grad_(False)
            score, features = self.critic(textured, smooth)
            with torch.no_grad():
                _, features_of_photo = self.critic(photo, smooth)
            self.critic.requires_grad_(True)
            distances = [
                (a - b).abs().mean() / b.abs().mean() for a, b in zip(features, features_of_photo, strict=True)
            ]
            distance = torch.stack(distances).mean()
        own = (photo - smooth).square().mean((1, 2, 3)).clamp_min(1.0)
        error = ((photo - textured).square().mean((1, 2, 3)) / own).mean()
        mean = (F.avg_pool2d(texture, 8).square().mean((1, 2, 3)) / own).mean()
        total = c.error * error + c.mean * mean + c.features * distance.float() - c.score * score.mean()
        logs = {"error": error, "mean": mean, "features": distance, "score": score.mean(), **critic_logs}
        return total, {name: value.detach().float() for name, value in logs.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Return, by the codec's setting, PSNR and the amplitude of the finest detail of two pictures.

        They are the smooth one and the one at temperature 1; amplitudes are relative to the photo's.
        """
        if self.valid is None:
            return {}
        rng = torch.Generator().manual_seed(0)
        out = {}
        for setting in self.coded.valid_settings:
            entries = [self._entry(x.permute(1, 2, 0).contiguous().numpy(), setting, 0) for x in self.valid]
            photo, smooth = (torch.stack([getattr(e, name) for e in entries]).float() for name in ("photo", "smooth"))
            rate = torch.cat([e.rate for e in entries])
            textured = smooth + self.config.strength * self.net(smooth, rate, self._noise(smooth, rng))
            metrics: dict[str, Any] = {}
            for name, x in (("smooth", smooth), ("drawn", textured)):
                metrics |= {f"{name}_{metric}": value for metric, value in self._metrics(photo, x).items()}
            out[str(setting)] = metrics
        return out

    def state(self) -> dict[str, Tensor]:
        """Return the critic and what its optimiser remembers."""
        return self.trainer.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the critic and its optimiser's memory back."""
        self.trainer.load_state(state)

    def _metrics(self, photo: Tensor, picture: Tensor) -> dict[str, Any]:
        """Return what validation tells of pictures, float (B, 3, H, W) in 0..255."""
        detail = float(_detail(picture) / _detail(photo))
        return {"psnr_db": round(psnr_db(picture, photo), 2), "detail": round(detail, 3)}

    def _batch(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw photos and smooth pictures, float (B, 3, side, side) in 0..255, and features of their rates, (B, 8)."""
        c = self.config
        entries = self.pool.pick(moment.step, c.crops, rng)
        tops_lefts = torch.randint((c.pool_side - c.side) // FOLD + 1, (len(entries), 2), generator=rng) * FOLD
        cut = [
            torch.stack([e.photo, e.smooth])[:, :, top : top + c.side, left : left + c.side]
            for e, (top, left) in zip(entries, tops_lefts.tolist(), strict=True)
        ]
        both = torch.stack(cut, 1).float().to(self.device)
        return both[0], both[1], torch.cat([e.rate for e in entries]).to(self.device)

    def _pool_entry(self, number: int) -> Entry:
        rng = self.place.rng(_ENTRIES, number)
        photo = self.crops.batch(1, self.config.pool_side, rng=rng)[0].byte()
        return self._entry(photo.permute(1, 2, 0).contiguous().numpy(), self.coded.draw_setting(rng), number)

    @torch.no_grad()
    def _entry(self, photo: np.ndarray, setting: int, seed: int) -> Entry:
        smooth = self.coded.smooth(photo, setting, seed)
        return Entry(_planes(photo), _planes(smooth), self.coded.rate(setting))

    def _noise(self, like: Tensor, rng: torch.Generator) -> Any:
        def normals(number: int, channels: int, fold: int) -> Tensor:
            b, _, h, w = like.shape
            return torch.randn(b, channels, h // fold, w // fold, generator=rng).to(like.device)

        return normals


def _planes(picture: np.ndarray) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)


def _detail(x: Tensor) -> Tensor:
    """Return the root mean square of what the means of 2 x 2 pixels leave out."""
    means = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0)
    return (x - means).square().mean().sqrt()
