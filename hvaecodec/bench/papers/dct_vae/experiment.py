"""`hvaecodec paper dct-vae`: a context on top of a very deep VAE, against the same net without and with a thumbnail.

Kuzina and Tomczak, arXiv:2302.09976: tables 1 to 4, figures 1, 3, 4 and 10, at reduced and equal budgets.
"""

from __future__ import annotations

from collections.abc import Sequence

from hvaecodec.bench.papers import PaperSettings, Report, vae_printed
from hvaecodec.bench.papers.chains import chains_table
from hvaecodec.bench.papers.dct_vae.claims import claims_of
from hvaecodec.bench.papers.dct_vae.plots import draw
from hvaecodec.bench.papers.dct_vae.systems import GROUPS, PAIR, PUBLISHED, SETS, SYSTEMS
from hvaecodec.bench.papers.vae_record import ATTACKS
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import (
    BUDGET,
    DASH,
    Row,
    at_equal_time,
    budget,
    elbo,
    elbo_cell,
    fixed,
    parameters,
    part,
)
from hvaecodec.bench.show.tables import Table, to_markdown
from hvaecodec.models.vdvae.presets import net
from hvaecodec.training.recipes.vdvae import GREY

_PARTS = ("nll", "kl", "context")
_ESTIMATORS = (
    "-ELBO and IW are ours: one sample of the posterior a picture, and correct importance weights (the context with "
    "its bound). `published` is the estimator of the paper's code, with analytic divergences in the exponent: it is too "
    "good and stands here for parity only. The printed numbers come from it, from a prior whose probabilities sum to "
    "more than one, and from 600 epochs: not a target. ± is the standard error over pictures, over seeds if several."
)
_ELSEWHERE = (
    "`elsewhere`: -log of the part of p(x|z, context) that lies on pictures with the given context, by drawing. A context "
    "is a function of the picture, so the rest is lost: -log p(x|z) could be lower by so much. Without a context none is."
)
_IN_GREY = (
    "-grey: encoder and context see the grey levels that the bits were drawn from, as in the paper's code. Its -ELBO is a "
    "bound all the same; a decoder, which has the bits alone, could not compute such a posterior."
)

_PUBLISHED = (
    f"{PUBLISHED}: for parity, with what the released code counts for a context. It is no bound; its table has one."
)
_ACCOUNTS = (
    "For parity: one net with the quantiser and the prior of the released code, and the same contexts under the same noise "
    "counted twice. As published, probabilities overlap and sum to up to 2, and the last step's divergence is left out. "
    "Properly, they sum to one and all is counted; the entropy of the quantiser's draw, which bits back regains, is "
    "taken off. Nats of the test digits."
)


def run(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """`Experiment`. Systems for `only`: those of SYSTEMS and the groups of GROUPS."""
    store = Store(settings, SYSTEMS)
    for name in store.chosen(GROUPS):
        store.make(name, report)
    tables = [table for table in _tables(store) if table.rows]
    draw(store)
    (store.folder / "tables.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def _tables(store: Store) -> list[Table]:
    bits = [
        name for name in SYSTEMS if not name.startswith("cifar") and name not in GROUPS["sweep"][:2] + ("mnist-L10",)
    ]
    colour = [name for name in SYSTEMS if name.startswith("cifar")]
    return [
        _bounds(store, "Binary sets, nats (table 2)", bits, vae_printed.NLL),
        _bounds(store, "CIFAR-10 at reduced size, bits per dimension (tables 3 and 5)", colour, vae_printed.BPD, True),
        _sweep(store),
        _units(store),
        _information(store),
        _attack(store),
        _bits_back(store),
        _accounts(store),
        claims_of(store),
        _sizes(),
    ]


def _bounds(store: Store, title: str, names: Sequence[str], printed: dict[str, float], bits: bool = False) -> Table:
    rows: list[Row] = []
    counts: set[tuple[int, int]] = set()
    for name in names:
        if records := store.records(name):
            weighted = records[0].get("weighted")
            scale, digits = elbo(records, bits) / elbo(records), 4 if bits else 2
            cells = [fixed(value and value * scale, digits) for value in (part(records, key) for key in _PARTS)]
            cells.append(
                fixed(records[0]["elsewhere"]["nats"][0] * scale, digits) if "elsewhere" in records[0] else DASH
            )
            for key in ("nll", "gain", "published"):
                cells.append(
                    f"{scale * weighted[key][0]:.{digits}f} ± {scale * weighted[key][1]:.{digits}f}"
                    if weighted
                    else DASH
                )
            rows.append((name, elbo_cell(records, bits), *cells, fixed(printed.get(name)), *budget(records)))
            counts |= {(weighted["pictures"], weighted["samples"])} if weighted else set()
    told = "; ".join(f"{pictures} pictures, {samples} samples each" for pictures, samples in sorted(counts))
    notes = [_ESTIMATORS, _ELSEWHERE]
    notes += [f"IW, its gain over -ELBO of the very same samples, and `published`: {told}, seed 0."] if told else []
    notes += [_IN_GREY] if any(row[0].endswith(GREY) for row in rows) else []
    notes += [_PUBLISHED] if any(row[0] == PUBLISHED for row in rows) else []
    for group in (*SETS, "sizes", PAIR):  # what claims compare; not the tries, each made for another question
        notes += at_equal_time(store, [name for name in GROUPS[group] if name in names])
    header = (
        "system",
        "-ELBO",
        "-log p(x|z)",
        "KL",
        "context",
        "elsewhere",
        "IW",
        "IW gain",
        "published",
        "printed",
        *BUDGET,
    )
    return Table(title, header, rows, notes)


def _sweep(store: Store) -> Table:
    rows = []
    for name in GROUPS["sweep"]:
        records = [r for r in store.records(name) if "units" in r]
        if records:
            told, theirs = records[0]["units"], vae_printed.SWEEP[name]
            mine = (
                str(records[0]["layers"]),
                str(told["units"]),
                f"{told['active_percent']:.1f}",
                f"{told['kl_per_unit']:.4f}",
            )
            printed = (f"{theirs[0]:.1f}", f"{theirs[1]:.3f}", f"{theirs[2]:.1f}")
            rows.append((name, *mine, elbo_cell(records), *printed, *budget(records)))
    header = (
        "system",
        "L",
        "units",
        "AU %",
        "KL a unit",
        "-ELBO",
        "printed AU %",
        "printed KL",
        "printed NLL",
        *BUDGET,
    )
    return Table("Latent space at about equal parameters, MNIST (table 1)", header, rows)


def _units(store: Store) -> Table:
    rows = []
    for name in SYSTEMS:
        records = [r for r in store.records(name) if "units" in r]
        if records and name not in ("mnist-L4", "mnist-L6", "mnist-L10"):
            told, theirs = records[0]["units"], vae_printed.UNITS.get(name)
            mine = [str(told["units"]), str(told["active"]), f"{told['active_percent']:.2f}"]
            mine += [f"{told['active_with_context_percent']:.2f}", f"{1e3 * told['kl_per_unit']:.2f}"]
            printed = [str(theirs[0]), f"{theirs[1]:.1f}", f"{theirs[2]:.1f}"] if theirs else [DASH] * 3
            rows.append((name, *mine, *printed, str(told["pictures"]), *budget(records)))
    header = (
        "system", "units", "AU", "AU %", "AU % with context", "KL a unit, 1e-3 nats",
        "printed AU", "printed AU %", "printed KL", "pictures", *BUDGET,
    )  # fmt: skip
    note = (
        "Active units over the whole test set; activity is a covariance of two independent paths, so that noise of the "
        "upper latents does not count. The printed ones are of batches of one path, and count the context's units."
    )
    return Table("Active units and KL (table 4)", header, rows, [note])


def _information(store: Store) -> Table:
    rows: list[Row] = []
    for name in SYSTEMS:
        for record in store.records(name)[:1]:
            if "information" in record:
                told = record["information"]
                at = [m for m in (1, 2, 5, 10, record["layers"]) if m <= record["layers"]]
                cells = "; ".join(f"m={m}: {told['ms_ssim32'][m - 1]:.3f}, {told['psnr_db'][m - 1]:.2f} dB" for m in at)
                rows.append((name, cells, str(told["pictures"])))
    note = "MS-SSIM32 and PSNR of reconstructions from the top m latents, the context first, the rest from the prior."
    return Table("What the top latents know (figure 4)", ("system", "MS-SSIM32, PSNR", "pictures"), rows, [note])


def _attack(store: Store) -> Table:
    rows: list[Row] = []
    for name in SYSTEMS:
        for record in store.records(name)[:1]:
            for told in (record[key] for key in ("attack", *ATTACKS) if key in record):
                cells = "; ".join(f"m={m}: {v:.3f} ± {e:.3f}" for m, (v, e) in told["ms_ssim32"].items())
                how = f"radius {told['radius']:g}, {told['steps']} steps, {told['starts']} starts"
                rows.append((name, cells, how))
    note = "MS-SSIM32 between reconstructions of a picture and of its attacked self; higher is more robust."
    return Table(
        "Latent-space attacks on the top m layers (figure 10)", ("system", "MS-SSIM32", "attack"), rows, [note]
    )


def _bits_back(store: Store) -> Table:
    records = [(name, r) for name in SYSTEMS for r in store.records(name)[:1] if "bits_back" in r]
    return chains_table((name, r["bits_back"], r["dims"]) for name, r in records)


def _accounts(store: Store) -> Table:
    rows: list[Row] = []
    for record in store.records(PUBLISHED)[:1]:
        counted, draw = record["accounts"], record["accounts"]["draw"][0]
        published, proper = counted["published"][0], counted["proper"][0]
        total = elbo([record])
        cells = (published, total, proper, draw, total - published + proper - draw)
        rows.append((PUBLISHED, *(fixed(value) for value in cells)))
    header = ("system", "context as published", "-ELBO as published", "context", "entropy of the draw", "-ELBO")
    return Table("What the released code counts for a context", header, rows, [_ACCOUNTS])


def _sizes() -> Table:
    """Of CIFAR-10's nets in the paper's size, which a CPU does not train."""
    rows: list[Row] = [(name, printed, f"{parameters(net(name)):,}") for name, printed in vae_printed.SIZES.items()]
    note = "Ours with a context have fewer than the VDVAE, for our diffusion prior is smaller than the paper's."
    return Table(
        "The paper's nets of CIFAR-10, counted (group cifar10, for a GPU)", ("net", "printed", "ours"), rows, [note]
    )
