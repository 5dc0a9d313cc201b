"""The critic that a net is trained against: a critic of patches, its optimiser, and what a checkpoint keeps of both."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hvaecodec.models.patch_critic import PatchCritic
from hvaecodec.training.checkpoint import moments, restore_moments


class CriticTrainer:
    """Teaches a `PatchCritic` of some width to tell photos from made pictures, both beside the smooth one."""

    def __init__(self, width: int, device: torch.device) -> None:
        self.critic = PatchCritic(width).to(device)
        self.optimiser = torch.optim.AdamW(self.critic.parameters(), betas=(0.0, 0.9), weight_decay=0.0, fused=True)

    def teach(self, photo: Tensor, picture: Tensor, smooth: Tensor, rate: float) -> dict[str, Tensor]:
        """Take one step with a hinge loss at a learning rate; return the loss and the mean score of photos.

        All are (B, 3, H, W); picture takes no gradient.
        """
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        real, _ = self.critic(photo, smooth)
        fake, _ = self.critic(picture, smooth)
        loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
        loss.backward()
        self.optimiser.step()
        self.optimiser.zero_grad()
        return {"critic": loss, "real": real.mean()}

    def state(self) -> dict[str, Tensor]:
        """Return the critic and what its optimiser remembers."""
        critic = {f"critic.{name}": value for name, value in self.critic.state_dict().items()}
        return critic | {f"moments.{name}": value for name, value in moments(self.optimiser, self.critic).items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put the critic and its optimiser's memory back; of an empty state nothing."""
        parts: dict[str, dict[str, Tensor]] = {"critic": {}, "moments": {}}
        for name, value in state.items():
            kind, _, rest = name.partition(".")
            parts[kind][rest] = value
        if parts["critic"]:
            self.critic.load_state_dict(parts["critic"])
            restore_moments(self.optimiser, self.critic, parts["moments"])
