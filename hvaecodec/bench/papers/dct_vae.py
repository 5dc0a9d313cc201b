"""`hvaecodec paper dct-vae`: a context on top of a very deep VAE, against the same net without and with a thumbnail.

Kuzina and Tomczak, arXiv:2302.09976: tables 1 to 4, figures 1, 3, 4 and 10, at reduced and equal budgets.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hvaecodec.bench.papers import PaperSettings, Report, vae_printed
from hvaecodec.bench.papers.dct_vae_plots import draw
from hvaecodec.bench.papers.dct_vae_systems import GROUPS, SETS, SIZES, SYSTEMS
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import (
    BUDGET,
    DASH,
    WITHIN,
    Row,
    at_equal_time,
    budget,
    claim,
    elbo,
    elbo_cell,
    fixed,
    judged,
    lower,
    parameters,
    part,
)
from hvaecodec.bench.tables import Table, to_markdown
from hvaecodec.models.vdvae_presets import net
from hvaecodec.training.recipes.vdvae import GREY

_PARTS = ("nll", "kl", "context")
_CLAIMED = {"mnist-dct": 95.0, "mnist-dct-autoregressive": 95.0, "mnist-dct-long": 85.0}  # nats of -ELBO to reach
_CODED = 0.005  # what a chain may cost more than the model says
_NOTHING = 0.2  # MS-SSIM32, near that of unrelated pictures
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
        _claims(store),
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
    notes = [
        _ESTIMATORS,
        _ELSEWHERE,
        f"IW, its gain over -ELBO of the very same samples, and `published`: {told}, seed 0.",
    ]
    notes += [_IN_GREY] if any(row[0].endswith(GREY) for row in rows) else []
    notes += at_equal_time(store, [row[0] for row in rows])
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
            if "attack" in record:
                told = record["attack"]
                cells = "; ".join(f"m={m}: {v:.3f} ± {e:.3f}" for m, (v, e) in told["ms_ssim32"].items())
                how = f"radius {told['radius']:g}, {told['steps']} steps, {told['starts']} starts"
                rows.append((name, cells, how))
    note = "MS-SSIM32 between reconstructions of a picture and of its attacked self; higher is more robust."
    return Table(
        "Latent-space attacks on the top m layers (figure 10)", ("system", "MS-SSIM32", "attack"), rows, [note]
    )


def _bits_back(store: Store) -> Table:
    rows: list[Row] = []
    for name in SYSTEMS:
        for r in store.records(name)[:1]:
            if "bits_back" in r:
                b = r["bits_back"]
                apart = 100 * (b["net_bits"] / b["model_bits"] - 1)
                bits, elbo_bits = (f"{b[key] / r['dims']:.4f}" for key in ("net_bits", "model_bits"))
                beside = f"{b['elbo_bits'][0] / r['dims']:.4f} ± {b['elbo_bits'][1] / r['dims']:.4f}"
                whole = (str(b["initial_bits"]), str(b["bytes"]), str(b["pictures"]))
                rows.append((name, bits, elbo_bits, f"{apart:+.3f} %", beside, *whole))
    header = (
        "system",
        "net bits",
        "model's at its latents",
        "apart",
        "-ELBO, other draws",
        "initial bits",
        "file bytes",
        "pictures",
    )
    note = "Bits per dimension, means over one chain of test pictures that decoded without loss; the file has the initial bits."
    return Table("Bits back, for real", header, rows, [note])


def _sizes() -> Table:
    """Of CIFAR-10's nets in the paper's size, which a CPU does not train."""
    rows: list[Row] = [(name, printed, f"{parameters(net(name)):,}") for name, printed in vae_printed.SIZES.items()]
    note = "Ours with a context have fewer than the VDVAE, for our diffusion prior is smaller than the paper's."
    return Table(
        "The paper's nets of CIFAR-10, counted (group cifar10, for a GPU)", ("net", "printed", "ours"), rows, [note]
    )


def _claims(store: Store) -> Table:
    rows = []
    for data in SETS:
        plain, dct, small = (store.records(f"{data}-{kind}") for kind in ("vdvae", "dct", "downsample"))
        if data != "cifar10-small":
            rows.append(lower(f"{data}: a DCT context lowers -ELBO", dct, plain))
        rows.append(lower(f"{data}: DCT is no worse than downsampling", dct, small))
        rows.append(_more_units(f"{data}: more active units, the context not counted", dct, plain))
        rows.append(_more_kl(f"{data}: more KL a unit", dct, plain))
        rows.append(_robust(f"{data}: more robust to attacks", dct, plain))
    for d in SIZES:
        end = "" if d == 6 else f"-{d}"
        one, two = store.records(f"mnist-dct{end}"), store.records(f"mnist-downsample{end}")
        rows.append(lower(f"mnist: DCT is no worse than downsampling, {d} × {d}", one, two))
    for name in GROUPS["tries"]:
        data, is_dct, _ = name.partition("-dct")
        if is_dct and (found := store.records(name)):
            plain = store.records(f"{data}-vdvae" + GREY * name.endswith(GREY))
            rows.append(lower(f"further try, {name}: lowers -ELBO", found, plain))
    rows.append(_context_alone(store))
    rows += [_reaches(store, name, nats) for name, nats in _CLAIMED.items()]
    rows += [_as_cheap(name, r["bits_back"]) for name in SYSTEMS for r in store.records(name)[:1] if "bits_back" in r]
    return judged(rows)


def _more_units(words: str, one: list, two: list) -> Row:
    """In number and in per cent: a net with a context has fewer latents."""
    if not (one and two and "units" in one[0] and "units" in two[0]):
        return claim(words, None, DASH)
    a, b = one[0]["units"], two[0]["units"]
    told = " against ".join(f"{u['active']} of {u['units']} ({u['active_percent']:.1f} %)" for u in (a, b))
    return claim(words, all(a[key] > b[key] for key in ("active", "active_percent")), told)


def _more_kl(words: str, one: list, two: list) -> Row:
    if not (one and two and "units" in one[0] and "units" in two[0]):
        return claim(words, None, DASH)
    a, b = (r[0]["units"]["kl_per_unit"] for r in (one, two))
    return claim(words, a > b, f"{1e3 * a:.2f} against {1e3 * b:.2f}, 1e-3 nats")


def _robust(words: str, one: list, two: list) -> Row:
    if not (one and two and "attack" in one[0] and "attack" in two[0]):
        return claim(words, None, DASH)
    a, b = (r[0]["attack"]["ms_ssim32"] for r in (one, two))
    shared = [m for m in a if m in b]
    told = "; ".join(f"m={m}: {a[m][0]:.3f} ± {a[m][1]:.3f} against {b[m][0]:.3f} ± {b[m][1]:.3f}" for m in shared)
    gaps = [(a[m][0] - b[m][0]) / np.hypot(a[m][1], b[m][1]) for m in shared]
    return claim(words, True if min(gaps) > 2 else False if min(gaps) < -2 else WITHIN, told)


def _context_alone(store: Store) -> Row:
    words = "cifar10-small: the context alone gives MS-SSIM32 > 0.8, the two top latents of VDVAE almost none"
    found = [store.records(f"cifar10-small-{kind}") for kind in ("dct", "vdvae")]
    if not all(records and "information" in records[0] for records in found):
        return claim(words, None, DASH)
    context, top = (records[0]["information"]["ms_ssim32"] for records in found)
    numbers = f"context {context[0]:.3f}; VDVAE m = 1..5: {', '.join(f'{v:.3f}' for v in top[:5])}"
    return claim(words, context[0] > 0.8 and max(top[:2]) < _NOTHING, numbers)


def _reaches(store: Store, name: str, nats: float) -> Row:
    """Ours to reach, not the paper's: the printed 76.62 come from another estimator and from 600 epochs."""
    records, words = store.records(name), f"{name}: -ELBO of test pictures at most {nats:g} nats"
    return claim(words, elbo(records) <= nats if records else None, elbo_cell(records) if records else DASH)


def _as_cheap(name: str, told: dict) -> Row:
    apart = told["net_bits"] / told["model_bits"] - 1
    words = f"{name}: a chain costs what the model says (within {100 * _CODED:g} %)"
    return claim(words, abs(apart) < _CODED, f"{100 * apart:+.3f} %, {told['pictures']} pictures")
