"""Guards around the nets of a codec: whatever the caller has set for PyTorch, pictures and symbols do not change."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def without_autocast() -> Iterator[None]:
    """Run nets without gradients, and without the caller's autocast."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield


@contextmanager
def exact_float32() -> Iterator[None]:
    """Run nets as `without_autocast` does, with products in full float32: codes that are chosen by less are others."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with without_autocast():
            yield
    finally:
        torch.set_float32_matmul_precision(before)


def has_bfloat16() -> bool:
    """Return whether the processor has instructions for bfloat16 matrix products and PyTorch may use them."""
    supported: bool = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()  # not in PyTorch 2.4
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and supported
