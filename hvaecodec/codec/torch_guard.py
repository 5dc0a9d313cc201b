"""Guards around the nets of a codec: whatever the caller has set for PyTorch, pictures and symbols do not change.

Nothing here changes what another thread sees. Dtypes are stated wherever tensors are made, since the default one
belongs to the whole process; the rest of what a caller may set belongs to a thread, and ours are fresh ones
(`own_thread`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def settle_thread() -> None:
    """Make a fresh thread ours: denormal numbers are kept, which a thread inherits from the one that started it."""
    torch.set_flush_denormal(False)


@contextmanager
def without_autocast() -> Iterator[None]:
    """Run nets without gradients, and without the caller's autocast."""
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        yield


def has_bfloat16() -> bool:
    """Return whether the processor has instructions for bfloat16 matrix products and PyTorch may use them."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.cpu._is_avx512_bf16_supported()
