"""What a measurement ran on, in words."""

from __future__ import annotations

import functools
import platform

# what the arithmetic of our nets is fastest with, best first
_UNITS = {"amx_bf16": "AMX bfloat16", "avx512_bf16": "AVX-512 bfloat16", "avx512f": "AVX-512", "avx2": "AVX2"}


@functools.cache
def processor() -> str:
    """Return the processor's name and, on Linux, its widest vector unit."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        lines = []
    fields = {name.strip(): value.strip() for name, _, value in lines}
    words = [fields.get("model name") or platform.processor() or platform.machine()]
    words += [unit for flag, unit in _UNITS.items() if flag in fields.get("flags", "").split()][:1]
    return ", ".join(words)
