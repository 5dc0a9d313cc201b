"""These numbers of CIFAR-10 are printed by the srVAE's paper; their terms are summed here.

Gatopoulos et al., arXiv:2006.05218, table 1.
"""

from __future__ import annotations

from hvaecodec.bench.papers.srvae.measures import bits_per_dim

# arXiv:2006.05218, table 1, CIFAR-10: bits/dim, RE_x, RE_y, KL_z, KL_u (nats), FID on the test and on the training set
TABLE_1: dict[str, tuple[float | None, ...]] = {
    "vae": (3.51, 5540, None, 1966, None, 41.36, 37.25),
    "srvae": (3.65, 5107, 1241, 619, 819, 34.71, 29.95),
}


def sums_of_terms() -> str:
    """Say what the printed terms of each model sum to, in bits per dim."""
    return ", ".join(f"{name} {bits_per_dim(sum(v or 0 for v in row[1:5])):.3f}" for name, row in TABLE_1.items())
