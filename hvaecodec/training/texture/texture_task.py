"""Training of a texture: a critic learns to tell photos from decoded pictures, the texture to have it wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.patch_critic import PatchCritic
from hvaecodec.models.texture import FOLD, Texture
from hvaecodec.training.checkpoint import moments, restore_moments
from hvaecodec.training.data import Crops, corners, counter_rng
from hvaecodec.training.loop import Moment, learning_rate
from hvaecodec.training.recipes.common import LoopConfig
from hvaecodec.training.recipes.texture import TextureTraining
from hvaecodec.training.texture.coded_photos import Coded

VALID_PICTURES = 8
_ENTRIES = 14  # kind of random draws


@dataclass(frozen=True)
class Entry:
    """A photo and the codec's picture of it, uint8 (3, side, side) each, and its rate's features, (1, 8)."""

    photo: Tensor
    smooth: Tensor
    rate: Tensor


class TextureTask:
    """`loop.Task` of a `Texture` on top of what `coded` gives back."""

    def __init__(
        self,
        config: TextureTraining,
        loop: LoopConfig,
        coded: Coded,
        train: list[np.ndarray],
        valid: list[np.ndarray],
        seed: int = 0,
        rank: int = 0,
        device: torch.device | str = "cpu",
        bf16: bool = True,
    ) -> None:
        self.config, self.loop, self.coded = config, loop, coded
        self.seed, self.rank, self.bf16 = seed, rank, bf16
        self.device = torch.device(device)
        self.crops = Crops(train, seed + 3)
        torch.manual_seed(seed)
        self.net = Texture(config.net).to(self.device)
        self.critic = PatchCritic(config.critic_width).to(self.device)
        self.optimiser = torch.optim.AdamW(self.critic.parameters(), betas=(0.0, 0.9), weight_decay=0.0, fused=True)
        self.pool: dict[int, Entry] = {}
        self.valid = corners(valid[:VALID_PICTURES], config.pool_side).byte() if valid else None

    def loss(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """One step of the critic (hinge loss), then what the texture is to make small."""
        c = self.config
        photo, smooth, rate = self._batch(moment, rng)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            texture = self.net(smooth, rate, self._noise(smooth, rng))
            drawn = smooth + texture
            told = self._teach(photo, drawn.detach(), smooth, moment)
            self.critic.requires_grad_(False)
            score, seen = self.critic(drawn, smooth)
            with torch.no_grad():
                _, wanted = self.critic(photo, smooth)
            self.critic.requires_grad_(True)
            apart = torch.stack(
                [(a - b).abs().mean() / b.abs().mean() for a, b in zip(seen, wanted, strict=True)]
            ).mean()
        own = (photo - smooth).square().mean((1, 2, 3)).clamp_min(1.0)
        error = ((photo - drawn).square().mean((1, 2, 3)) / own).mean()
        mean = (F.avg_pool2d(texture, 8).square().mean((1, 2, 3)) / own).mean()
        total = c.error * error + c.mean * mean + c.features * apart.float() - c.score * score.mean()
        logs = {"error": error, "mean": mean, "features": apart, "score": score.mean(), **told}
        return total, {name: value.detach().float() for name, value in logs.items()}

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """By the codec's setting: PSNR of the smooth picture and of temperature 1's, and how much of the finest detail's
        amplitude each has, relative to the photo's."""
        if self.valid is None:
            return {}
        rng = torch.Generator().manual_seed(0)
        out = {}
        for setting in self.coded.shown:
            made = [self._entry(x.permute(1, 2, 0).contiguous().numpy(), setting, 0) for x in self.valid]
            photo, smooth = (torch.stack([getattr(e, name) for e in made]).float() for name in ("photo", "smooth"))
            rate = torch.cat([e.rate for e in made])
            drawn = smooth + self.config.strength * self.net(smooth, rate, self._noise(smooth, rng))
            told = {}
            for name, x in (("smooth", smooth), ("drawn", drawn)):
                told[f"{name}_psnr_db"] = round(_psnr_db(x, photo), 2)
                told[f"{name}_detail"] = round(float(_detail(x) / _detail(photo)), 3)
            out[str(setting)] = told
        return out

    def state(self) -> dict[str, Tensor]:
        critic = {f"critic.{name}": value for name, value in self.critic.state_dict().items()}
        return critic | {f"moments.{name}": value for name, value in moments(self.optimiser, self.critic).items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        parts: dict[str, dict[str, Tensor]] = {"critic": {}, "moments": {}}
        for name, value in state.items():
            kind, _, rest = name.partition(".")
            parts[kind][rest] = value
        if parts["critic"]:
            self.critic.load_state_dict(parts["critic"])
            restore_moments(self.optimiser, self.critic, parts["moments"])

    def _teach(self, photo: Tensor, drawn: Tensor, smooth: Tensor, moment: Moment) -> dict[str, Tensor]:
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.critic_rate * learning_rate(self.loop, moment)
        real, _ = self.critic(photo, smooth)
        made, _ = self.critic(drawn, smooth)
        loss = F.relu(1 - real).mean() + F.relu(1 + made).mean()
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        return {"critic": loss, "real": real.mean()}

    def _batch(self, moment: Moment, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Photos, smooth pictures (B, 3, side, side) float 0..255 and features of their rates."""
        c = self.config
        kept = range(moment.step // c.every, moment.step // c.every + c.pool)
        self.pool = {n: self.pool[n] if n in self.pool else self._made(n) for n in kept}
        picked = [self.pool[kept[i]] for i in torch.randperm(c.pool, generator=rng)[: c.crops].tolist()]
        tops_lefts = torch.randint((c.pool_side - c.side) // FOLD + 1, (len(picked), 2), generator=rng) * FOLD
        cut = [
            torch.stack([e.photo, e.smooth])[:, :, top : top + c.side, left : left + c.side]
            for e, (top, left) in zip(picked, tops_lefts.tolist(), strict=True)
        ]
        both = torch.stack(cut, 1).float().to(self.device)
        return both[0], both[1], torch.cat([e.rate for e in picked]).to(self.device)

    def _made(self, number: int) -> Entry:
        rng = counter_rng(self.seed, self.rank, _ENTRIES, number)
        photo = self.crops.batch(1, self.config.pool_side, rng=rng)[0].byte()
        return self._entry(photo.permute(1, 2, 0).contiguous().numpy(), self.coded.draw(rng), number)

    @torch.no_grad()
    def _entry(self, photo: np.ndarray, setting: int, seed: int) -> Entry:
        smooth = self.coded.smooth(photo, setting, seed)
        shown, given = (torch.from_numpy(x).permute(2, 0, 1) for x in (photo, smooth))
        return Entry(shown, given, self.coded.rate(setting))

    def _noise(self, like: Tensor, rng: torch.Generator) -> Any:
        def normals(number: int, channels: int, fold: int) -> Tensor:
            b, _, h, w = like.shape
            return torch.randn(b, channels, h // fold, w // fold, generator=rng).to(like.device)

        return normals


def _psnr_db(x: Tensor, y: Tensor) -> float:
    errors = (x.round().clamp(0, 255) - y).square().mean((1, 2, 3)).clamp_min(1e-3)
    return float((10 * torch.log10(255**2 / errors)).mean())


def _detail(x: Tensor) -> Tensor:
    """Root mean square of what the means of 2 x 2 pixels leave out."""
    means = F.interpolate(F.avg_pool2d(x, 2), scale_factor=2.0)
    return (x - means).square().mean().sqrt()
