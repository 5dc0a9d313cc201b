"""Figures 1, 3, 4 and 10 of the DCT-VAE paper from our records, and samples."""

from __future__ import annotations

from collections.abc import Sequence

from hvaecodec.bench.papers import vae_figures
from hvaecodec.bench.papers.dct_vae_systems import FULL, GROUPS, PAIR, SETS, SIZES, SYSTEMS
from hvaecodec.bench.papers.vae_measured import KL_POINTS
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import elbo


def draw(store: Store) -> None:
    folder = store.folder / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    first = {name: records[0] for name in SYSTEMS if (records := store.records(name))}
    cdfs: vae_figures.Lines = {
        name: (KL_POINTS, r["units"]["cdf"], None)
        for name, r in first.items()
        if name in GROUPS["sweep"] and "units" in r
    }
    if cdfs:
        vae_figures.lines(
            cdfs, folder / "kl-cdf.png", "KL of a unit, nats", "part of the units", "Figure 1, MNIST", True
        )
    sizes = {
        kind: [(d, f"mnist-{kind}" + ("" if d == 6 else f"-{d}")) for d in SIZES] for kind in ("dct", "downsample")
    }
    curves: vae_figures.Lines = {
        kind: _of_sizes(store, [(d, name) for d, name in pairs if name in first]) for kind, pairs in sizes.items()
    }
    if any(xs for xs, _, _ in curves.values()):
        vae_figures.lines(curves, folder / "sizes.png", "size of the context", "-ELBO, nats", "Figure 3, MNIST")
    for data in (*SETS, PAIR):
        mine = {name: r for name, r in first.items() if name in GROUPS[data]}
        known: vae_figures.Lines = {
            name: (range(1, r["layers"] + 1), r["information"]["ms_ssim32"], None)
            for name, r in mine.items()
            if "information" in r
        }
        if known:
            vae_figures.lines(
                known,
                folder / f"information-{data}.png",
                "latents from the posterior",
                "MS-SSIM32",
                f"Figure 4, {data}",
            )
        divergences: vae_figures.Lines = {
            name: (range(1, len(r["elbo"]["kl_by_latent"]) + 1), r["elbo"]["kl_by_latent"], None)
            for name, r in mine.items()
        }
        if divergences:
            vae_figures.lines(
                divergences, folder / f"kl-{data}.png", "latent, coarse to fine", "KL, nats", f"KL, {data}"
            )
        attacks: vae_figures.Lines = {
            name: (
                [int(m) for m in r["attack"]["ms_ssim32"]],
                [v for v, _ in r["attack"]["ms_ssim32"].values()],
                [e for _, e in r["attack"]["ms_ssim32"].values()],
            )
            for name, r in mine.items()
            if "attack" in r
        }
        if attacks:
            vae_figures.lines(
                attacks, folder / f"attack-{data}.png", "layers under attack", "MS-SSIM32", f"Figure 10, {data}"
            )
    for name, record in first.items():
        path = folder / f"samples-{name}.png"
        wanted = SYSTEMS[name].measures[: len(FULL)] == FULL and not path.exists()
        if wanted and store.has_net(name, record["seed"]):
            vae_figures.samples(store.load(name, record["seed"]), path, f"{name}, {record['steps']} steps")


def _of_sizes(store: Store, pairs: Sequence[tuple[int, str]]) -> tuple[list[float], list[float], None]:
    return [float(d) for d, _ in pairs], [elbo(store.records(name)) for _, name in pairs], None
