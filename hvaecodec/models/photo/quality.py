"""Quality, as a user gives it, and the step index that a file stores for it."""

from __future__ import annotations

STEPS_PER_QUALITY = 8
N_INDICES = 99 * STEPS_PER_QUALITY + 1  # quality 1..100


def step_index_of(quality: float) -> int:
    """Return the u16 that a file stores for a quality in 1..100. Raises ValueError outside."""
    if not 1 <= quality <= 100:
        raise ValueError(f"quality must lie in 1..100, got {quality}")
    return round((quality - 1) * STEPS_PER_QUALITY)


def quality_of(step_index: int) -> float:
    """Return the quality that a step index stands for."""
    return 1 + step_index / STEPS_PER_QUALITY
