"""Make the tables of `hvaecodec paper dct-vae` from the records of a store alone.

Kuzina and Tomczak, arXiv:2302.09976: tables 1 to 5, figures 4 and 10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hvaecodec.bench.papers import vae_printed
from hvaecodec.bench.papers.chains import chains_table
from hvaecodec.bench.papers.dct_vae import notes
from hvaecodec.bench.papers.dct_vae.claims import judge_claims
from hvaecodec.bench.papers.dct_vae.systems import GROUPS, PAIR, PUBLISHED, SETS, SYSTEMS
from hvaecodec.bench.papers.vae_record import ATTACKS
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import (
    BUDGET,
    DASH,
    Records,
    Row,
    budget_cells,
    count_parameters,
    elbo_cell,
    equal_time_notes,
    fixed,
    mean_elbo,
    mean_part,
)
from hvaecodec.bench.show.tables import Table
from hvaecodec.models.vdvae.presets import net
from hvaecodec.training.recipes.vdvae import GREY

_PARTS = ("nll", "kl", "context")
_WEIGHTED = ("nll", "gain", "published")
_SWEEP_ONLY = ("mnist-L4", "mnist-L6", "mnist-L10")


def make_tables(store: Store) -> list[Table]:
    """Return every table that the records of a store allow, the claims among them."""
    bits = [name for name in SYSTEMS if not name.startswith("cifar") and name not in _SWEEP_ONLY]
    colour = [name for name in SYSTEMS if name.startswith("cifar")]
    tables = [
        _bounds(store, "Binary sets, nats (table 2)", bits, vae_printed.NLL),
        _bounds(store, "CIFAR-10 at reduced size, bits per dimension (tables 3 and 5)", colour, vae_printed.BPD, True),
        _sweep(store),
        _units(store),
        _information(store),
        _attack(store),
        _bits_back(store),
        _accounts(store),
        judge_claims(store),
        _sizes(),
    ]
    return [table for table in tables if table.rows]


def _first_records(store: Store, measure: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name every system whose first seed has a measure, with that seed's record."""
    for name in SYSTEMS:
        for record in store.records(name)[:1]:
            if measure in record:
                yield name, record


def _bounds(store: Store, title: str, names: Sequence[str], printed: Mapping[str, float], bits: bool = False) -> Table:
    rows: list[Row] = []
    counts: set[tuple[int, int]] = set()
    for name in names:
        if records := store.records(name):
            rows.append(_bound_row(name, records, printed.get(name), bits))
            if weighted := records[0].get("weighted"):
                counts.add((weighted["pictures"], weighted["samples"]))
    header = (
        "system", "-ELBO", "-log p(x|z)", "KL", "context", "elsewhere", "IW", "IW gain", "published",
        "printed", *BUDGET,
    )  # fmt: skip
    return Table(title, header, rows, _bound_notes(store, names, rows, sorted(counts)))


def _bound_row(name: str, records: Records, printed: float | None, bits: bool) -> Row:
    first = records[0]
    scale, digits = mean_elbo(records, bits) / mean_elbo(records), 4 if bits else 2
    cells = [fixed(value and value * scale, digits) for value in (mean_part(records, key) for key in _PARTS)]
    cells.append(fixed(first["elsewhere"]["nats"][0] * scale if "elsewhere" in first else None, digits))
    for key in _WEIGHTED:
        pair = [f"{scale * nats:.{digits}f}" for nats in first["weighted"][key]] if "weighted" in first else [DASH]
        cells.append(" ± ".join(pair))
    return name, elbo_cell(records, bits), *cells, fixed(printed), *budget_cells(records)


def _bound_notes(store: Store, names: Sequence[str], rows: list[Row], counts: list[tuple[int, int]]) -> list[str]:
    words = [notes.ESTIMATORS, notes.ELSEWHERE]
    if counts:
        of_each = "; ".join(f"{pictures} pictures, {samples} samples each" for pictures, samples in counts)
        words.append(f"IW, its gain over -ELBO of the very same samples, and `published`: {of_each}, seed 0.")
    words += [notes.IN_GREY] if any(row[0].endswith(GREY) for row in rows) else []
    words += [notes.PUBLISHED] if any(row[0] == PUBLISHED for row in rows) else []
    for group in (*SETS, "sizes", PAIR):  # what claims compare; not the tries, each made for another question
        words += equal_time_notes(store, [name for name in GROUPS[group] if name in names])
    return words


def _sweep(store: Store) -> Table:
    rows = []
    for name in GROUPS["sweep"]:
        records = [r for r in store.records(name) if "units" in r]
        if records:
            units, theirs = records[0]["units"], vae_printed.SWEEP[name]
            ours = [str(records[0]["layers"]), str(units["units"])]
            ours += [f"{units['active_percent']:.1f}", f"{units['kl_per_unit']:.4f}"]
            printed = (f"{theirs[0]:.1f}", f"{theirs[1]:.3f}", f"{theirs[2]:.1f}")
            rows.append((name, *ours, elbo_cell(records), *printed, *budget_cells(records)))
    header = (
        "system", "L", "units", "AU %", "KL a unit", "-ELBO", "printed AU %", "printed KL", "printed NLL", *BUDGET,
    )  # fmt: skip
    return Table("Latent space at about equal parameters, MNIST (table 1)", header, rows)


def _units(store: Store) -> Table:
    rows = []
    for name in SYSTEMS:
        records = [r for r in store.records(name) if "units" in r]
        if records and name not in _SWEEP_ONLY:
            units, theirs = records[0]["units"], vae_printed.UNITS.get(name)
            ours = [str(units["units"]), str(units["active"]), f"{units['active_percent']:.2f}"]
            ours += [f"{units['active_with_context_percent']:.2f}", f"{1e3 * units['kl_per_unit']:.2f}"]
            printed = [str(theirs[0]), f"{theirs[1]:.1f}", f"{theirs[2]:.1f}"] if theirs else [DASH] * 3
            rows.append((name, *ours, *printed, str(units["pictures"]), *budget_cells(records)))
    header = (
        "system", "units", "AU", "AU %", "AU % with context", "KL a unit, 1e-3 nats",
        "printed AU", "printed AU %", "printed KL", "pictures", *BUDGET,
    )  # fmt: skip
    return Table("Active units and KL (table 4)", header, rows, [notes.UNITS])


def _information(store: Store) -> Table:
    rows: list[Row] = []
    for name, record in _first_records(store, "information"):
        scores = record["information"]
        at = [m for m in (1, 2, 5, 10, record["layers"]) if m <= record["layers"]]
        cells = "; ".join(f"m={m}: {scores['ms_ssim32'][m - 1]:.3f}, {scores['psnr_db'][m - 1]:.2f} dB" for m in at)
        rows.append((name, cells, str(scores["pictures"])))
    header = ("system", "MS-SSIM32, PSNR", "pictures")
    return Table("What the top latents know (figure 4)", header, rows, [notes.INFORMATION])


def _attack(store: Store) -> Table:
    rows: list[Row] = []
    for name in SYSTEMS:
        for record in store.records(name)[:1]:
            for attack in (record[key] for key in ("attack", *ATTACKS) if key in record):
                cells = "; ".join(f"m={m}: {v:.3f} ± {e:.3f}" for m, (v, e) in attack["ms_ssim32"].items())
                settings = f"radius {attack['radius']:g}, {attack['steps']} steps, {attack['starts']} starts"
                rows.append((name, cells, settings))
    title = "Latent-space attacks on the top m layers (figure 10)"
    return Table(title, ("system", "MS-SSIM32", "attack"), rows, [notes.ATTACK])


def _bits_back(store: Store) -> Table:
    return chains_table((name, r["bits_back"], r["dims"]) for name, r in _first_records(store, "bits_back"))


def _accounts(store: Store) -> Table:
    rows: list[Row] = []
    for record in store.records(PUBLISHED)[:1]:
        counts, draw = record["accounts"], record["accounts"]["draw"][0]
        published, proper = counts["published"][0], counts["proper"][0]
        total = mean_elbo([record])
        cells = (published, total, proper, draw, total - published + proper - draw)
        rows.append((PUBLISHED, *(fixed(value) for value in cells)))
    header = ("system", "context as published", "-ELBO as published", "context", "entropy of the draw", "-ELBO")
    return Table("What the released code counts for a context", header, rows, [notes.ACCOUNTS])


def _sizes() -> Table:
    """Count CIFAR-10's nets in the paper's size, which a CPU does not train."""
    rows: list[Row] = [
        (name, printed, f"{count_parameters(net(name)):,}") for name, printed in vae_printed.SIZES.items()
    ]
    title = "The paper's nets of CIFAR-10, counted (group cifar10, for a GPU)"
    return Table(title, ("net", "printed", "ours"), rows, [notes.SIZES])
