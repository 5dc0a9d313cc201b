"""Draw figures 4 and 5 of the paper on shared weights from our records, and samples."""

from __future__ import annotations

import numpy as np

from hvaecodec.bench.papers.vae_figures import Lines, draw_lines, draw_samples
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import mean_elbo
from hvaecodec.bench.papers.ws_vdvae.systems import SYSTEMS


def draw_figures(store: Store) -> None:
    """Draw what the records of a store allow into its folder `figures`; samples only where there are none yet."""
    folder = store.folder / "figures"
    x = "blocks applied at each resolution"
    draw_lines(_by_blocks(store), folder / "blocks.png", "Figure 4, MNIST", x=x, y="-ELBO, nats")
    for key, label in (("norm", "L2 norm"), ("latent_step", "|Z+ - Z| / |Z|")):
        title = "Figure 5: mean ± 2 deviations over batches"
        draw_lines(_by_layer(store, key), folder / f"state-{key}.png", title, x="layer, top-down", y=label)
    for name in ("mnist-large", "mnist-shared", "mnist-r5", "mnist-x1"):
        path = folder / f"samples-{name}.png"
        for record in store.records(name)[:1]:
            if store.has_net(name, record["seed"]) and not path.exists():
                draw_samples(store.load(name, record["seed"]), path, f"{name}, {record['steps']} steps")


def _by_blocks(store: Store) -> Lines:
    curves = {}
    for kind, names in (
        ("blocks of their own", ("x1", "x2", "x3", "x4")),
        ("one repeated", ("x1", "r2", "r3", "r5", "r10", "r20")),
    ):
        nats = {int(name[1:]): mean_elbo(records) for name in names if (records := store.records(f"mnist-{name}"))}
        if nats:
            curves[kind] = list(nats), list(nats.values()), None
    return curves


def _by_layer(store: Store, key: str) -> Lines:
    curves = {}
    for name in SYSTEMS:
        for record in store.records(name)[:1]:
            if "states" in record:
                rows = np.array(record["states"][key])
                curves[name] = range(rows.shape[1]), rows.mean(0), 2 * rows.std(0)
    return curves
