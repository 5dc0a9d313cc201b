"""Lets several processes train one net, as `torchrun` starts them: who we are, and how we agree."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch._utils import _flatten_dense_tensors, _unflatten_dense_tensors

BUCKET = 4_000_000  # numbers averaged in one message


@dataclass(frozen=True)
class Ranks:
    """Numbers this process among `world`, and speaks with the others; one process alone is rank 0 of 1."""

    rank: int = 0
    world: int = 1

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in place."""
        if self.world == 1:
            return
        for bucket in _buckets(tensors):
            flat = _flatten_dense_tensors(bucket)
            dist.all_reduce(flat)
            flat /= self.world
            for tensor, mean in zip(bucket, _unflatten_dense_tensors(flat, bucket), strict=True):
                tensor.copy_(mean)

    def copy_from_first(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by that of rank 0, in place, on every process."""
        if self.world == 1:
            return
        for bucket in _buckets(tensors):
            flat = _flatten_dense_tensors(bucket)
            dist.broadcast(flat, 0)
            for tensor, first in zip(bucket, _unflatten_dense_tensors(flat, bucket), strict=True):
                tensor.copy_(first)

    def agree(self, numbers: list[float], device: torch.device) -> list[float]:
        """Return the numbers that rank 0 passed, on every process; `device` is where messages travel."""
        if self.world == 1:
            return numbers
        message = torch.tensor(numbers, dtype=torch.float64, device=device)
        dist.broadcast(message, 0)
        return message.tolist()

    def gather(self, own: Any) -> list[Any]:
        """Return the objects of all processes, by rank."""
        if self.world == 1:
            return [own]
        everybody: list[Any] = [None] * self.world
        dist.all_gather_object(everybody, own)
        return everybody

    def wait(self) -> None:
        """Return when every process has come here."""
        if self.world > 1:
            dist.barrier()


def _buckets(tensors: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for tensor in tensors:
        bucket.append(tensor)
        size += tensor.numel()
        if size >= BUCKET:
            yield bucket
            bucket, size = [], 0
    if bucket:
        yield bucket


@contextmanager
def join_ranks() -> Iterator[tuple[Ranks, torch.device]]:
    """Join the processes that `torchrun` names in the environment, if it does; yield our rank and our device."""
    cuda = torch.cuda.is_available()
    local = int(os.environ.get("LOCAL_RANK", 0))
    device = torch.device("cuda", local) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if int(os.environ.get("WORLD_SIZE", 1)) == 1:
        yield Ranks(), device
        return
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Ranks(dist.get_rank(), dist.get_world_size()), device
    finally:
        dist.destroy_process_group()
