"""Says where and as whom a task trains, and makes random draws that depend on nothing but their key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from hvaecodec.models.processor import product_type

_CPU = torch.device("cpu")


def counter_rng(*key: int) -> np.random.Generator:
    """Return a generator that depends on `key` alone (a seed, a rank, the number of a batch ...): nothing to store."""
    return np.random.default_rng(key)


@dataclass(frozen=True)
class Place:
    """Tells a task where and as whom it trains; a run hands one to each of its tasks.

    seed: same seed, same weights to begin with and same draws. rank: the number of this process among those that train
    the net; each draws data of its own. device: holds the net. bf16: run nets in bfloat16 autocast, on a CPU where
    that is faster. workers: threads that make batches ahead, 0 for none. compiled: fuse the loss where the machine can.
    """

    seed: int = 0
    rank: int = 0
    device: torch.device = _CPU
    bf16: bool = True
    workers: int = 0
    compiled: bool = False

    def autocast(self, enabled: bool = True) -> torch.autocast:
        """Return the context to run a net in: bfloat16 if the place has it and it is `enabled`, else float32."""
        faster = product_type(self.device) is torch.bfloat16
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16 and enabled and faster)

    def rng(self, kind: int, *numbers: int) -> np.random.Generator:
        """Return the generator of this rank for a kind of random draws and, say, the number of a batch."""
        return counter_rng(self.seed, self.rank, kind, *numbers)

    def common_rng(self, kind: int, *numbers: int) -> np.random.Generator:
        """Return the generator that all ranks have in common: that of rank 0."""
        return counter_rng(self.seed, 0, kind, *numbers)


HERE = Place()  # one process with seed 0, on the CPU
