"""Make the tables of `hvaecodec paper ws-vdvae` from the records of a store alone.

Falck et al., arXiv:2301.08187: tables 1 to 3, figures 4 and 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch

from hvaecodec.bench.papers import vae_printed
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import (
    BUDGET,
    Row,
    budget_cells,
    count_parameters,
    elbo_cell,
    elbo_claim,
    equal_budget_claims,
    equal_time_notes,
    fixed,
    mean_part,
)
from hvaecodec.bench.papers.ws_vdvae.systems import GROUPS, SYSTEMS
from hvaecodec.bench.show.tables import Table
from hvaecodec.models.vdvae.net import Vdvae
from hvaecodec.models.vdvae.presets import IMAGENET32, net, stacked, vdvae

_BITS = (
    "-ELBO is in nats, of one sample of the posterior; the digits of MNIST have a black border to 32 × 32, and the "
    "test set is one fixed draw of bits. The printed numbers are those after a million iterations, and the paper "
    "does not state how its digits were made binary. ± is the deviation over seeds, or for a single run the standard "
    "error over pictures. `used` counts the latents with a KL above 0.1 nats in the first seed."
)
_STATE = (
    "L2 norms of the decoder's state after the first and the last layer, and medians over layers of its relative "
    "change at both halves of a layer (figure 5)."
)
_USED = 0.1  # nats of KL
_CHAIN = ("mnist-x1", "mnist-r2", "mnist-r3", "mnist-r5")  # ever more repeats of as many parameters
# repeats, and as many blocks of their own
_SHARED = (("mnist-r2", "mnist-x2"), ("mnist-r3", "mnist-x3"), ("mnist-r5", "mnist-x3"))
_MATCHES = 1.0  # nats within which shared weights reach those of their own
_COLLAPSES = 20.0  # nats: the paper's failure of a normalised state is one of 464 against 82
REPEATS = tuple(
    (f"{two} beats {one}, as many parameters", two, one, 0.0)
    for one, two in (*pairwise(_CHAIN), (_CHAIN[0], _CHAIN[-1]))
) + tuple(
    (f"{shared} reaches {own} with fewer parameters (within {_MATCHES:g} nat)", shared, own, _MATCHES)
    for shared, own in _SHARED
)
NORMALISED = (
    (f"a normalised state fails (by more than {_COLLAPSES:g} nats)", "mnist-x1", "mnist-x1-normalised", -_COLLAPSES),
)
RESOLUTIONS = (("several resolutions beat one", "mnist-large", "mnist-single", 0.0),)
AT_SIZE = (
    (
        f"shared weights match the large net with a third fewer (within {_MATCHES:g} nat)",
        "mnist-shared", "mnist-large", _MATCHES,
    ),
)  # fmt: skip


def make_tables(store: Store) -> list[Table]:
    """Return every table that the records of a store allow, the claims among them."""
    printed = vae_printed
    tables = [
        _systems(store, "Blocks against repeats (figure 4)", (*GROUPS["blocks"], *GROUPS["deep"]), {}),
        _systems(store, "Free and normalised state (table 2)", GROUPS["normalised"], printed.NORMALISED),
        _systems(store, "One and several resolutions (table 3)", ("mnist-single", "mnist-large"), printed.RESOLUTIONS),
        _systems(store, "Shared weights at size (table 1, MNIST)", ("mnist-shared", "mnist-large"), printed.SHARED),
        _systems(store, "Ablations (section 3.4, nothing printed)", ("mnist-x1", *GROUPS["ablations"]), {}),
        _states(store),
        judge_claims(store),
        _not_run(),
    ]
    return [table for table in tables if table.rows]


def _systems(store: Store, title: str, names: Sequence[str], printed: Mapping[str, float]) -> Table:
    rows = []
    for name in names:
        if records := store.records(name):
            parts = [fixed(mean_part(records, key)) for key in ("nll", "kl")]
            nats = records[0]["elbo"]["kl_by_latent"]
            layers = str(len(nats)), str(sum(value > _USED for value in nats))
            rows.append((name, *layers, elbo_cell(records), *parts, fixed(printed.get(name)), *budget_cells(records)))
    notes = [_BITS, *equal_time_notes(store, [row[0] for row in rows])]
    return Table(title, ("system", "latents", "used", "-ELBO", "-log p(x|z)", "KL", "printed", *BUDGET), rows, notes)


def _states(store: Store) -> Table:
    rows = []
    for name in SYSTEMS:
        for record in store.records(name)[:1]:
            if "states" in record:
                by_layer = {key: np.nanmean(np.array(value), 0) for key, value in record["states"].items()}
                norms = by_layer["norm"]
                steps = [f"{np.nanmedian(by_layer[key]):.3f}" for key in ("latent_step", "refine_step")]
                grows = _growing(record["net"], norms)
                rows.append((name, f"{norms[0]:.2f}", f"{norms[-1]:.2f}", grows, *steps))
    header = ("system", "first norm", "last norm", "grows within scales", "latent step", "refine step")
    return Table("The state on its way down", header, rows, [_STATE])


def _growing(net_name: str, norms: np.ndarray) -> str:
    """Count how many of the layers that do not begin a scale leave a larger norm than the layer before."""
    begins = _begins_scale(net_name)
    layers = [i for i in range(1, len(begins)) if not begins[i]]
    return f"{sum(norms[i] > norms[i - 1] for i in layers)} of {len(layers)}"


def _begins_scale(net_name: str) -> list[bool]:
    with torch.device("meta"):
        return [step.enters for step in Vdvae(net(net_name)).order]


def judge_claims(store: Store) -> Table:
    """Judge the paper's claims."""
    return equal_budget_claims(claim_rows(store, (*REPEATS, *NORMALISED, *RESOLUTIONS, *AT_SIZE)))


def claim_rows(store: Store, claims: Iterable[tuple[str, str, str, float]]) -> list[Row]:
    """Judge claims that one system has a lower -ELBO than another.

    claims: of each its words, both systems, and by how many nats the first may be above the second; below 0 it is by
    how many it must be lower.
    """
    return [elbo_claim(words, store.records(one), store.records(two), margin) for words, one, two, margin in claims]


def _not_run() -> Table:
    """List the other rows of table 1, with our count of parameters where the configuration is known."""
    configurations = {
        ("CIFAR-10", "VDVAE*"): vdvae(384, 16, 3),
        ("CIFAR-10", "x1"): stacked(1, 1, 384, 16, 3),
        ("ImageNet32", "VDVAE*"): vdvae(512, 16, 3, IMAGENET32),
    }
    rows: list[tuple[str, ...]] = []
    for data, method, size, printed in vae_printed.NOT_RUN:
        config = configurations.get((data, method))
        count = f"{count_parameters(config):,}" if config else "blocks not printed"
        rows.append((data, method, size, count, fixed(printed), "not run"))
    header = ("data", "method", "printed size", "our count", "printed bits per dim", "here")
    return Table("Rows of table 1 that are counted and not run", header, rows)
