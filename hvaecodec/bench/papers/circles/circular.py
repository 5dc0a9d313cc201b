"""Agreement of angles."""

from __future__ import annotations

import numpy as np


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Circular correlation of Fisher and Lee (Biometrika 70, 1983): 1 if the angles are equal up to a rotation, -1 up
    to a rotation and a reflection, about 0 without any relation. Radians, (N,) each."""
    minus, plus = (abs(np.exp(1j * (first + sign * second)).mean()) ** 2 for sign in (-1, 1))
    spread = [1 - abs(np.exp(2j * angles).mean()) ** 2 for angles in (first, second)]
    return float((minus - plus) / max(np.sqrt(spread[0] * spread[1]), 1e-12))
