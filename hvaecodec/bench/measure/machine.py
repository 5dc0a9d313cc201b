"""What a measurement ran on, in words."""

from __future__ import annotations

import functools
import platform

from hvaecodec.models.processor import cpu_fields

# what the arithmetic of our nets is fastest with, best first
_UNITS = {"amx_bf16": "AMX bfloat16", "avx512_bf16": "AVX-512 bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}


@functools.cache
def processor() -> str:
    """Return the processor's name and, on Linux, its widest vector unit."""
    fields = cpu_fields()
    words = [fields.get("model name") or platform.processor() or platform.machine()]
    words += [unit for flag, unit in _UNITS.items() if flag in fields.get("flags", "").split()][:1]
    return ", ".join(words)
