"""Training of a texture by LPIPS beside its critic and the squared error."""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.training.data import Photos
from hvaecodec.training.loop import Moment, learning_rate
from hvaecodec.training.perceptual.lpips_loss import LpipsLoss
from hvaecodec.training.place import HERE, Place
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.hqa_perceptual import PerceptualTexture
from hvaecodec.training.texture.coded_photos import Coded
from hvaecodec.training.texture.texture_task import TextureTask


class PerceptualTextureTask(TextureTask):
    """Trains a `Texture` by the loss of the perceptual generator; a `loop.Task`.

    Raises CodecUnavailable without LPIPS.
    """

    def __init__(
        self,
        config: PerceptualTexture,
        coded: Coded,
        photos: Photos,
        place: Place = HERE,
        *,
        loop: LoopConfig,
    ) -> None:
        super().__init__(config, coded, photos, place, loop=loop)
        self.lpips = LpipsLoss(place)

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Take one step of the critic (hinge loss), then return what the texture is to make small, and its parts."""
        c = cast("PerceptualTexture", self.config)
        photo, smooth, rate = self._batch(moment, rng)
        with self.place.autocast():
            drawn = smooth + self.net(smooth, rate, self._noise(smooth, rng))
            pace = c.critic_rate * learning_rate(self.loop, moment)
            critic_logs = self.trainer.teach(photo, drawn.detach(), smooth, pace)
            self.critic.requires_grad_(False)
            score = self.critic(drawn, smooth)[0].mean()
            self.critic.requires_grad_(True)
        lpips, shrunk = self.lpips(photo, drawn, rng)
        error = F.mse_loss(drawn, photo)
        total = c.lpips * lpips + c.shrunk * shrunk + c.error * error - c.score * score
        logs = {"lpips": lpips, "shrunk": shrunk, "error": error, "score": score, **critic_logs}
        return total, {name: value.detach().float() for name, value in logs.items()}

    def _metrics(self, photo: Tensor, picture: Tensor) -> dict[str, Any]:
        """Return also LPIPS of pictures in whole grey levels."""
        distance = self.lpips.plain(photo, picture.round().clamp(0, 255))
        return super()._metrics(photo, picture) | {"lpips": round(float(distance), 4)}
