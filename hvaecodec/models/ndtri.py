"""The inverse of the normal distribution function in numpy: rational approximations by Cephes (Moshier, `ndtri.c`).

The middle, and two ranges of the tails, have one each; their relative error is a few units of float64's last place.
"""

from __future__ import annotations

import math

import numpy as np

_TAIL = math.exp(-2)  # below it, and above 1 less it, are the tails
_FAR = 8.0  # of sqrt(-2 log p); from there on the farther tail

# Coefficients of numerator and denominator, highest power first.
_MIDDLE = (
    (-59.9633501014107895267, 98.0010754185999661536, -56.6762857469070293439, 13.9312609387279679503,
     -1.23916583867381258016),
    (1.0, 1.95448858338141759834, 4.67627912898881538453, 86.3602421390890590575, -225.462687854119370527,
     200.260212380060660359, -82.0372256168333339912, 15.9056225126211695515, -1.18331621121330003142),
)  # fmt: skip
_NEAR_TAIL = (
    (4.05544892305962419923, 31.5251094599893866154, 57.1628192246421288162, 44.0805073893200834700,
     14.6849561928858024014, 2.18663306850790267539, -0.140256079171354495875, -0.0350424626827848203418,
     -8.57456785154685413611e-4),
    (1.0, 15.7799883256466749731, 45.3907635128879210584, 41.3172038254672030440, 15.0425385692907503408,
     2.50464946208309415979, -0.142182922854787788574, -0.0380806407691578277194, -9.33259480895457427372e-4),
)  # fmt: skip
_FAR_TAIL = (
    (3.23774891776946035970, 6.91522889068984211695, 3.93881025292474443415, 1.33303460815807542389,
     0.201485389549179081538, 0.0123716634817820021358, 3.01581553508235416007e-4, 2.65806974686737550832e-6,
     6.23974539184983293730e-9),
    (1.0, 6.02427039364742014255, 3.67983563856160859403, 1.37702099489081330271, 0.216236993594496635890,
     0.0134204006088543189037, 3.28014464682127739104e-4, 2.89247864745380683936e-6, 6.79019408009981274425e-9),
)  # fmt: skip


_AT_ONCE = 8192  # numbers whose polynomials stay in a processor's cache


def ndtri(p: np.ndarray) -> np.ndarray:
    """Return the numbers below which a normal variable lies with probabilities p, float64 of its shape.

    p: float64, above 0 and below 1.
    """
    flat = p.ravel()
    out = np.empty_like(flat)
    for start in range(0, len(flat), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        out[part] = _quantiles(flat[part])
    return out.reshape(p.shape)


def _quantiles(p: np.ndarray) -> np.ndarray:
    centred = p - 0.5
    square = centred * centred
    out = (centred + centred * (square * _ratio(_MIDDLE, square))) * math.sqrt(2 * math.pi)
    small = np.minimum(p, 1 - p)
    tails = np.flatnonzero(small <= _TAIL)
    out[tails] = np.copysign(_tail(small[tails]), centred[tails])
    return out


def _tail(p: np.ndarray) -> np.ndarray:
    """How far from 0 the tail of probability p begins."""
    x = np.sqrt(-2 * np.log(p))
    inverse = 1 / x
    ratio = _ratio(_NEAR_TAIL, inverse)
    far = np.flatnonzero(x >= _FAR)
    ratio[far] = _ratio(_FAR_TAIL, inverse[far])
    return x - np.log(x) / x - inverse * ratio


def _ratio(coefficients: tuple[tuple[float, ...], tuple[float, ...]], x: np.ndarray) -> np.ndarray:
    """The quotient of two polynomials at x, by Horner's rule."""
    parts = []
    for first, *rest in coefficients:
        value = np.full_like(x, first)
        for coefficient in rest:
            value *= x
            value += coefficient
        parts.append(value)
    quotient: np.ndarray = parts[0] / parts[1]
    return quotient
