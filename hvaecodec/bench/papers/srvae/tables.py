"""Make the tables of `hvaecodec paper srvae` from the measurements of every run.

Gatopoulos et al., arXiv:2006.05218, table 1. Rates are estimates, -ELBO in bits per dim, but for the files of
`srvae-cifar10` and for chains of bits-back coding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hvaecodec.bench.papers.chains import chains_table
from hvaecodec.bench.papers.srvae.claims import Runs, judge_claims, judge_gain
from hvaecodec.bench.papers.srvae.measures import ENLARGED, NETS, RECONSTRUCTIONS, SAMPLES, Measurement
from hvaecodec.bench.papers.srvae.printed import TABLE_1, sums_of_terms
from hvaecodec.bench.show.tables import Table

PAIRS = (("vae", "srvae"), ("vae-rising", "srvae-rising"))  # what the claims compare
_PARTS = ("re_x", "re_y", "kl_z", "kl_u")
_DASH = "–"
_NLL = (
    "Ours is the plain one-sample bound. The paper calls its figures a likelihood from 500 weighted samples, but its "
    "released code averages in the wrong sign and its rows are what their terms sum to: {sums}, no importance bound. "
    "Its models have 34.28 and 39.27 million parameters by our count of its code. Rising: the weight of KL grows "
    "from 0 "
    "to 1 over the first three tenths of the steps. Hours: wall, of training."
)
_DISTANCES = (
    "Fréchet distances of all test pictures, in the features of our own classifiers (FD-cifar, and the net that checks "
    "it), are no FID and compare only with each other. A reconstruction of the srVAE is given the true y beside z; a "
    "generative one has u alone, as that of the VAE has z alone."
)
_TEMPERATURES = (
    "Fréchet distances of samples as above, z drawn at a factor of its deviation, all else at 1. What is under z "
    "in the "
    "srVAE is a rendered y, which has no grain; p(z given y, u) has learned from pictures that have."
)
_ENLARGING = "Mean PSNR over all test pictures, RGB, 8 bit, peak 255; y is the exact 8-bit picture of half the side."

Systems = Mapping[str, Runs]  # by name


def make_tables(systems: Systems) -> list[Table]:
    """Return every table of the systems that were run."""
    chains = [(label, m.chain, 3 * m.side**2) for label, m in _labelled(systems)]
    return [
        _table_1(systems),
        _by_temperature(systems),
        super_resolution_table(systems),
        *codec_tables(systems),
        chains_table(chains),
    ]


def _labelled(systems: Systems) -> Iterator[tuple[str, Measurement]]:
    """Name every run: by its system, and by its seed where there are several."""
    for name, runs in systems.items():
        yield from _labelled_runs(name, runs)


def _labelled_runs(name: str, runs: Runs) -> Iterator[tuple[str, Measurement]]:
    for number, m in enumerate(runs):
        yield name + (f", seed {number}" if len(runs) > 1 else ""), m


def _table_1(systems: Systems) -> Table:
    header: tuple[str, ...] = ("model", "parameters", "steps", "hours", "bits/dim (est.)")
    header += ("RE_x", "RE_y", "KL_z", "KL_u", "FD samples", "FD reconstructions", "FD generative")
    rows: list[tuple[str, ...]] = []
    for name, runs in systems.items():
        for label, m in _labelled_runs(name, runs):
            size = f"{m.parameters / 1e6:.2f} M"
            distances = (_both_nets(m, key) for key in ("samples", RECONSTRUCTIONS, "generative"))
            rows.append((f"{label}, ours", size, f"{m.steps}", f"{m.hours:.1f}", *_terms(m), *distances))
        if name in TABLE_1:
            rows.append(_printed_row(name))
    claims = [judge_claims(*pair, *(systems[name] for name in pair)) for pair in PAIRS if set(pair) <= set(systems)]
    notes = [_NLL.format(sums=sums_of_terms()), _DISTANCES, *claims]
    return Table("Bits per dim of CIFAR-10's test set, terms in nats, table 1", header, rows, notes)


def _printed_row(name: str) -> tuple[str, ...]:
    bits, *parts, fid, fid_train = TABLE_1[name]
    cells = [_cell(bits, 2), *(_cell(part, 0) for part in parts)]
    return f"{name}, printed", "about 35 M", "2,000 epochs", _DASH, *cells, f"FID {fid} ({fid_train})", _DASH, _DASH


def _terms(m: Measurement) -> Sequence[str]:
    return [f"{m.bits_per_dim:.3f}", *(_cell(m.terms.get(part), 0) for part in _PARTS)]


def _both_nets(m: Measurement, key: str) -> str:
    distances = [m.distances.get(key + suffix) for suffix in NETS]
    return _DASH if None in distances else ", ".join(_cell(value, 2) for value in distances)


def _cell(value: float | None, digits: int) -> str:
    return _DASH if value is None else f"{value:.{digits}f}"


def _by_temperature(systems: Systems) -> Table:
    rows = [(label, *(_both_nets(m, key) for key in SAMPLES.values())) for label, m in _labelled(systems)]
    header = ("model", *(f"{t:g}" for t in SAMPLES))
    return Table("Samples by the temperature of z", header, rows, [_TEMPERATURES])


def super_resolution_table(systems: Systems) -> Table:
    """Return the PSNR of pictures from y alone, by method, and judge each model's gain over bicubic interpolation."""
    rows: list[tuple[str, ...]] = []
    notes = [_ENLARGING]
    for label, m in _labelled(systems):
        rows += [(label, method, f"{value:.2f}") for method, value in m.psnr_db.items()]
        if m.psnr_db:
            notes.append(judge_gain(label, m.psnr_db))
    return Table("Twice the side from y: PSNR in dB", ("model", "", "dB"), rows, notes)


def codec_tables(systems: Systems) -> list[Table]:
    """Return rate, distortion and perception of `srvae-cifar10`; no table where no files were measured."""
    rows: list[tuple[str, ...]] = []
    counts = set()
    for label, m in _labelled(systems):
        for kind, words in (ENLARGED | {RECONSTRUCTIONS: "z from its posterior"}).items() if m.codec else ():
            counts.add(int(m.codec["files"]))
            rates = [_cell(m.codec[key], 3) for key in ("bpp", "payload_bpp", "est_y_bpp")]
            z = _cell(m.codec["est_z_bpp"] if kind == RECONSTRUCTIONS else None, 3)
            rows.append((label, words, *rates, z, f"{m.codec[kind]:.2f}", _both_nets(m, kind)))
    header = ("model", "", "bpp of files", "of it y", "y and u, est.", "z, est.", "PSNR dB", "FD, from the model")
    note = (
        f"Rates and PSNR are of the first {', '.join(map(str, counts))} test pictures, files decoded from their "
        "bytes by "
        "another codec object. Estimates are -log p(y given u) with the KL of u, and the KL of z, which no file "
        "has and only "
        "the last row needs. Distances: of all test pictures, as the model's own floats make them."
    )
    return [Table("srvae-cifar10 as a codec", header, rows, [note])] if rows else []
