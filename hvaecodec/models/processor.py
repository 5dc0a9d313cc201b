"""What the processor computes fast, as far as PyTorch uses it."""

from __future__ import annotations

import platform
from functools import cache

import torch


@cache
def cpu_fields() -> dict[str, str]:
    """Return what Linux says of the last of the processors, field by field; elsewhere nothing."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            lines = [line.partition(":") for line in file]
    except OSError:
        return {}
    return {name.strip(): value.strip() for name, _, value in lines}


def has_amx() -> bool:
    """Return whether the processor has AMX tiles."""
    has_tiles: bool = getattr(torch.cpu, "_is_amx_tile_supported", bool)()  # not in PyTorch 2.4
    return has_tiles


def bfloat16_is_faster() -> bool:
    """Return whether matrices of bfloat16 are multiplied faster than those of float32.

    They are with AMX tiles, and with AVX-512 on AMD's processors. Without the tiles, Intel's processors multiply as
    many values of bfloat16 in AVX-512 as of float32, and the conversions take time besides.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        return False
    in_vectors: bool = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()  # not in PyTorch 2.4
    return has_amx() or (in_vectors and not _is_intels())


def product_type(device: torch.device) -> torch.dtype:
    """Return the type that a device multiplies coarse matrices fastest in; where processors lack bfloat16, float32.

    There bfloat16 can take twenty times as long.
    """
    return torch.bfloat16 if device.type != "cpu" or bfloat16_is_faster() else torch.float32


def _is_intels() -> bool:
    return "GenuineIntel" in cpu_fields().get("vendor_id", platform.processor())
