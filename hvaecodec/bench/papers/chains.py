"""Chains of bits-back coding: measured on test pictures, and as a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from hvaecodec.bench.papers.vae_measures.bounds import Mean
from hvaecodec.bench.show.tables import Table
from hvaecodec.codec.bits_back.chain import BitsBack, Model

_HEADER = (
    "system", "net bits", "model's at its latents", "apart", "-ELBO, other draws", "initial bits", "file bytes", "pictures",
)  # fmt: skip


def measure_chain(net: Model, x: Tensor, elbo: Mean) -> dict[str, Any]:
    """One chain of pictures, decoded again. Bits are means a picture.

    net: on the CPU, for chains are coded where their floats are the same again. x: whole numbers (N, C, H, W). elbo: -ELBO
    of the same pictures with other draws, nats.
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


def apart(told: dict[str, Any]) -> float:
    """By what part the net bits of `measure_chain` are more than the model's."""
    return float(told["net_bits"] / told["model_bits"] - 1)


def chains_table(found: Iterable[tuple[str, dict[str, Any], int]]) -> Table:
    """found: name, `measure_chain` and samples a picture of every system."""
    rows = []
    for name, told, dims in found:
        net, model = (f"{told[key] / dims:.4f}" for key in ("net_bits", "model_bits"))
        beside = " ± ".join(f"{bits / dims:.4f}" for bits in told["elbo_bits"])
        whole = (str(told[key]) for key in ("initial_bits", "bytes", "pictures"))
        rows.append((name, net, model, f"{100 * apart(told):+.3f} %", beside, *whole))
    note = "Bits per dimension, means over one chain of test pictures that decoded without loss; the file has the initial bits."
    return Table("Bits back, for real", _HEADER, rows, [note])
