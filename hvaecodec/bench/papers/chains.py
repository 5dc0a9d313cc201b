"""Measure chains of bits-back coding on test pictures, and make their table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from torch import Tensor

from hvaecodec.bench.papers.vae_measures.bounds import Mean
from hvaecodec.bench.show.tables import Table
from hvaecodec.codec.bits_back.chain import BitsBack, Model

_HEADER = (
    "system", "net bits", "model's at its latents", "apart", "-ELBO, other draws",
    "initial bits", "file bytes", "pictures",
)  # fmt: skip


def measure_chain(net: Model, x: Tensor, elbo: Mean) -> dict[str, Any]:
    """Code a chain of pictures, decode it again, and return its bits as means a picture.

    net: on the CPU, for chains are coded where their floats are the same again. x: whole numbers (N, C, H, W). elbo:
    -ELBO of the same pictures with other draws, nats. Raises RuntimeError if the chain does not decode to its pictures.
    """
    pictures = x.byte().numpy()
    coder = BitsBack(net)
    chain = coder.encode(pictures)
    if not np.array_equal(coder.decode(chain.data), pictures):
        raise RuntimeError("the chain of bits-back coding did not decode to its pictures")
    return {
        "pictures": len(pictures),
        "net_bits": float(np.mean(chain.net_bits)),
        "model_bits": float(np.mean(chain.model_bits)),
        "elbo_bits": [elbo.value / math.log(2), elbo.error / math.log(2)],
        "initial_bits": chain.initial_bits,
        "bytes": len(chain.data),
        "lossless": True,
    }


def chain_excess(chain: Mapping[str, Any]) -> float:
    """Return by what part the net bits of `measure_chain` exceed the model's."""
    return float(chain["net_bits"] / chain["model_bits"] - 1)


def chains_table(chains: Iterable[tuple[str, Mapping[str, Any], int]]) -> Table:
    """Return the table of chains, in bits per dimension.

    chains: of every system its name, `measure_chain` and the number of samples in a picture.
    """
    rows = []
    for name, chain, dims in chains:
        net, model = (f"{chain[key] / dims:.4f}" for key in ("net_bits", "model_bits"))
        elbo = " ± ".join(f"{bits / dims:.4f}" for bits in chain["elbo_bits"])
        counts = (str(chain[key]) for key in ("initial_bits", "bytes", "pictures"))
        rows.append((name, net, model, f"{100 * chain_excess(chain):+.3f} %", elbo, *counts))
    note = (
        "Bits per dimension, means over one chain of test pictures that decoded without loss; the file has the initial "
        "bits."
    )
    return Table("Bits back, for real", _HEADER, rows, [note])
