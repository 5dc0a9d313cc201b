"""Nets that run for a codec: whatever the caller has set for PyTorch, pictures and symbols stay what they are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def plain() -> Iterator[None]:
    """No gradients, and none of the caller's autocast."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield


@contextmanager
def plain_float32() -> Iterator[None]:
    """`plain`, and whole float32 products: codes that are chosen by less are others."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with plain():
            yield
    finally:
        torch.set_float32_matmul_precision(before)
