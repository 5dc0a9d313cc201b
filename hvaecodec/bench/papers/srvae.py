"""`hvaecodec paper srvae`: the super-resolution VAE against a single-level VAE, equal in parameters and steps.

Gatopoulos et al., arXiv:2006.05218, table 1 and figures 3, 6 and 7. All rates are estimates: -ELBO in bits per dim.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hvaecodec.bench.papers import PaperSettings, Report
from hvaecodec.bench.papers.srvae_figures import figures
from hvaecodec.bench.papers.srvae_measures import ENLARGED, Measured, bits_per_dim, measure
from hvaecodec.bench.tables import Table, to_markdown
from hvaecodec.training.recipes import recipe
from hvaecodec.training.run import Settings, train
from hvaecodec.training.small_images import cifar10
from hvaecodec.training.srvae_run import trained

SYSTEMS = {"vae": "srvae-cifar10-vae", "srvae": "srvae-cifar10"}
_PARTS = ("re_x", "re_y", "kl_z", "kl_u")
# table 1, CIFAR-10: bits/dim, RE_x, RE_y, KL_z, KL_u (nats), FID on the test and on the training set
PRINTED: dict[str, tuple[float | None, ...]] = {
    "vae": (3.51, 5540, None, 1966, None, 41.36, 37.25),
    "srvae": (3.65, 5107, 1241, 619, 819, 34.71, 29.95),
}
_NLL = (
    "Ours is the plain one-sample bound. The paper calls its figures a likelihood from 500 weighted samples, but its "
    "released code averages in the wrong sign and its rows are what their terms sum to: {sums}, no importance bound. "
    "Its training: 45,000 pictures, 2.7 million steps, {paper} million parameters. Fréchet distances are in the "
    "features of our own classifier, FD-cifar, and no FID; they compare only with each other."
)


def run(settings: PaperSettings, report: Report) -> Sequence[Table]:
    """`Experiment`. Systems for `only`: vae, srvae."""
    if unknown := set(settings.only) - set(SYSTEMS):
        raise ValueError(f"no system {', '.join(sorted(unknown))}; known are {', '.join(SYSTEMS)}")
    images = cifar10(settings.data)
    found: dict[str, list[Measured]] = {}
    for name in settings.only or tuple(SYSTEMS):
        made = recipe(SYSTEMS[name], settings.preset)
        for seed in range(settings.seeds or 1):
            out = _folder(settings, name, seed)
            where = Settings(settings.data, out, seed, export=out / "weights", force=True)
            train(made, where, lambda stage, spent, words, n=name: report(n, spent, words))  # type: ignore[misc]
            model = trained(out, made.stages[0])
            report(name, 1, "measuring")
            found.setdefault(name, []).append(measure(model, images, out, seed))
            figures(model, images, out)
    tables = [_table_1(found), _super_resolution(found), *_as_a_codec(found)]
    (settings.out / settings.preset / "tables.md").write_text(to_markdown(tables), encoding="utf-8")
    return tables


def _folder(settings: PaperSettings, name: str, seed: int) -> Path:
    return settings.out / settings.preset / f"{name}-seed{seed}"


def _table_1(found: dict[str, list[Measured]]) -> Table:
    header: tuple[str, ...] = ("model", "parameters", "steps", "bits/dim (est.)", "RE_x", "RE_y", "KL_z", "KL_u")
    header += ("FD-cifar samples", "FD-cifar reconstructions", "check net, samples")
    rows: list[tuple[str, ...]] = []
    for name, runs in found.items():
        for number, m in enumerate(runs):
            label = f"{name}, ours" + (f", seed {number}" if len(runs) > 1 else "")
            rows.append((label, f"{m.parameters / 1e6:.2f} M", f"{m.steps}", *_terms(m), *_distances(m)))
        bits, *parts, fid, fid_train = PRINTED[name]
        size = {"vae": "34.28 M", "srvae": "39.27 M"}[name]
        cells = [_cell(bits, 2), *(_cell(part, 0) for part in parts)]
        rows.append((f"{name}, printed", size, "2.7 M", *cells, f"FID {fid} ({fid_train})", "–", "–"))
    notes = [_NLL.format(sums=_sums(), paper="34 and 39"), *_claims(found)]
    return Table("Bits per dim of CIFAR-10's test set, terms in nats, table 1", header, rows, notes)


def _terms(m: Measured) -> list[str]:
    return [f"{_bits(m):.3f}", *(f"{m.terms[part]:.0f}" if part in m.terms else "–" for part in _PARTS)]


def _bits(m: Measured) -> float:
    return bits_per_dim(sum(m.terms.values()), m.side)


def _distances(m: Measured) -> list[str]:
    return [_cell(m.distances.get(key), 2) for key in ("samples", "reconstructions", "samples_check")]


def _cell(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _sums() -> str:
    """What the printed terms sum to, in bits per dim."""
    return ", ".join(f"{name} {bits_per_dim(sum(v or 0 for v in row[1:5])):.3f}" for name, row in PRINTED.items())


def _claims(found: dict[str, list[Measured]]) -> list[str]:
    """The paper's three claims, of the first run of each."""
    if set(found) != set(SYSTEMS):
        return []
    vae, sr = (found[name][0] for name in SYSTEMS)
    rows: list[tuple[str, float | None, float | None, bool]] = [
        ("RE_x of the srVAE is lower", vae.terms["re_x"], sr.terms["re_x"], False),
        ("its bits per dim are higher", _bits(vae), _bits(sr), True),
        ("its samples are nearer", vae.distances.get("samples"), sr.distances.get("samples"), False),
    ]
    words = []
    for claim, ours, theirs, higher in rows:
        if ours is None or theirs is None:
            words.append(f"{claim}: not measured")
        else:
            words.append(f"{claim}: {'yes' if (theirs > ours) == higher else 'NO'} ({ours:.3f} against {theirs:.3f})")
    return ["Claims of the paper, here: " + "; ".join(words) + "."]


def _super_resolution(found: dict[str, list[Measured]]) -> Table:
    rows: list[tuple[str, ...]] = []
    for m in found.get("srvae", []):
        for words, value in m.psnr_db.items():
            rows.append((words, f"{value:.2f}"))
    notes = ["Mean PSNR over the test pictures, RGB, 8 bit, peak 255; y is the exact 8-bit picture of half the side."]
    return Table("Twice the side from y: PSNR in dB", ("", "dB"), rows, notes)


def _as_a_codec(found: dict[str, list[Measured]]) -> list[Table]:
    """Rate, distortion and perception of `srvae-cifar10`; no table without files."""
    rows: list[tuple[str, ...]] = []
    for m in found.get("srvae", []):
        for kind, words in ENLARGED.items():
            if m.codec:
                rates = (f"{m.codec[key]:.3f}" for key in ("bpp", "payload_bpp", "est_y_bpp", "est_z_bpp"))
                distances = (_cell(m.distances.get(kind + suffix), 2) for suffix in ("", "_check"))
                rows.append((words, *rates, f"{m.codec[kind]:.2f}", *distances))
    header = ("", "bpp of files", "of it y", "y and u, est.", "z, est.", "PSNR dB", "FD-cifar", "check net")
    notes = [
        "Files of test pictures, each decoded from its bytes alone; a file of 32 × 32 pixels has about 27 bytes of framing. "
        "Estimates are -log p(y given u) and the KLs of u and z, in no file. Distances: of all test pictures."
    ]
    return [Table("srvae-cifar10 as a codec", header, rows, notes)] if rows else []
