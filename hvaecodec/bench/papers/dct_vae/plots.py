"""Draw figures 1, 3, 4 and 10 of the DCT-VAE paper from our records, KL by latent, and samples."""

from __future__ import annotations

from typing import Any

from hvaecodec.bench.papers.dct_vae.systems import FULL, GROUPS, PAIR, SETS, SIZES, SYSTEMS
from hvaecodec.bench.papers.vae_figures import Lines, draw_lines, draw_samples
from hvaecodec.bench.papers.vae_record import KL_POINTS
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import mean_elbo

_Records = dict[str, dict[str, Any]]  # of one seed, by system


def draw_figures(store: Store) -> None:
    """Draw what the records of a store allow into its folder `figures`; samples only where there are none yet."""
    folder = store.folder / "figures"
    first = {name: records[0] for name in SYSTEMS if (records := store.records(name))}
    cdfs = _cdfs({name: first[name] for name in GROUPS["sweep"] if name in first})
    draw_lines(
        cdfs, folder / "kl-cdf.png", "Figure 1, MNIST", x="KL of a unit, nats", y="part of the units", log_x=True
    )
    draw_lines(_by_size(store), folder / "sizes.png", "Figure 3, MNIST", x="size of the context", y="-ELBO, nats")
    for data in (*SETS, PAIR):
        mine = {name: first[name] for name in GROUPS[data] if name in first}
        for kind, lines, x, y, title in (
            ("information", _information(mine), "latents from the posterior", "MS-SSIM32", "Figure 4"),
            ("kl", _divergences(mine), "latent, coarse to fine", "KL, nats", "KL"),
            ("attack", _attacks(mine), "layers under attack", "MS-SSIM32", "Figure 10"),
        ):
            draw_lines(lines, folder / f"{kind}-{data}.png", f"{title}, {data}", x=x, y=y)
    for name, record in first.items():
        path = folder / f"samples-{name}.png"
        missing = SYSTEMS[name].measures[: len(FULL)] == FULL and not path.exists()
        if missing and store.has_net(name, record["seed"]):
            draw_samples(store.load(name, record["seed"]), path, f"{name}, {record['steps']} steps")


def _cdfs(records: _Records) -> Lines:
    return {name: (KL_POINTS, r["units"]["cdf"], None) for name, r in records.items() if "units" in r}


def _by_size(store: Store) -> Lines:
    """Return -ELBO over the sizes of the context that were run, means over all seeds."""
    curves = {}
    for kind in ("dct", "downsample"):
        by_size = {d: store.records(f"mnist-{kind}" + ("" if d == 6 else f"-{d}")) for d in SIZES}
        nats = {d: mean_elbo(records) for d, records in by_size.items() if records}
        if nats:
            curves[kind] = list(nats), list(nats.values()), None
    return curves


def _information(records: _Records) -> Lines:
    curves = {name: r["information"]["ms_ssim32"] for name, r in records.items() if "information" in r}
    return {name: (range(1, len(similar) + 1), similar, None) for name, similar in curves.items()}


def _divergences(records: _Records) -> Lines:
    curves = {name: r["elbo"]["kl_by_latent"] for name, r in records.items()}
    return {name: (range(1, len(nats) + 1), nats, None) for name, nats in curves.items()}


def _attacks(records: _Records) -> Lines:
    curves = {}
    for name, record in records.items():
        if "attack" in record:
            scores = record["attack"]["ms_ssim32"]
            means, errors = zip(*scores.values(), strict=True)
            curves[name] = [int(m) for m in scores], means, errors
    return curves
