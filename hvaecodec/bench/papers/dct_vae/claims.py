"""Judge the DCT-VAE paper's claims from the records of a store.

Kuzina and Tomczak, arXiv:2302.09976: -ELBO (tables 2 and 3), active units and their KL (table 4), attacks (figure 10),
what the context alone gives (figure 4). What we ask of ourselves stands among them: a -ELBO to reach, and chains that
cost what the model says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hvaecodec.bench.papers.chains import chain_excess
from hvaecodec.bench.papers.dct_vae.systems import GROUPS, PAIR, PUBLISHED, SETS, SIZES, SYSTEMS
from hvaecodec.bench.papers.judges import (
    Gap,
    judge_above,
    judge_all,
    judge_at_most,
    judge_below,
    judge_higher,
    judge_near,
)
from hvaecodec.bench.papers.vae_record import ATTACKS
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import (
    Records,
    Row,
    claim_row,
    elbo_cell,
    elbo_claim,
    equal_budget_claims,
    mean_elbo,
    not_run,
)
from hvaecodec.bench.show.tables import Table
from hvaecodec.training.recipes.vdvae import GREY

# nats of -ELBO that we set ourselves to reach: the printed 76.62 come from another estimator and from 600 epochs
TO_REACH = {"mnist-dct": 95.0, "mnist-dct-4": 95.0, "mnist-dct-autoregressive": 95.0, "mnist-dct-long": 85.0}
_CHAIN_EXCESS = 0.005  # the part that a chain may cost more than the model says
_ENOUGH = 0.8  # MS-SSIM32
_NOTHING = 0.2  # MS-SSIM32, near that of unrelated pictures
_BELOW = {"information": "all below drawn (equation 8)", "alone": "all below at its mean"}


def judge_claims(store: Store) -> Table:
    """Return a row for each claim of the paper and each number that we set ourselves: its verdict and the numbers."""
    rows: list[Row] = []
    for data in (*SETS, PAIR):
        rows += _claims_on(store, data)
    for data in (*SETS, PAIR):
        rows += _further_attacks(store, data)
    for size in SIZES:
        end = "" if size == 6 else f"-{size}"
        one, two = store.records(f"mnist-dct{end}"), store.records(f"mnist-downsample{end}")
        rows.append(elbo_claim(f"mnist: DCT is no worse than downsampling, {size} × {size}", one, two))
    for name in GROUPS["tries"]:
        rows += _further_try(store, name)
    for data in ("cifar10-small", PAIR):
        dct, plain = _context_and_plain(store, data)
        rows += [context_claim(data, measure, dct, plain) for measure in _BELOW]
    rows += [reach_claim(name, store.records(name), nats) for name, nats in TO_REACH.items()]
    for name in SYSTEMS:
        rows += [chain_claim(name, chain) for chain in [_first(store.records(name), "bits_back")] if chain]
    return equal_budget_claims(rows)


def _context_and_plain(store: Store, data: str) -> tuple[Records, Records]:
    return store.records(f"{data}-dct"), store.records(f"{data}-vdvae")


def _claims_on(store: Store, data: str) -> Iterator[Row]:
    dct, plain = _context_and_plain(store, data)
    yield elbo_claim(f"{data}: a DCT context lowers -ELBO", dct, plain)
    if data != PAIR:
        yield elbo_claim(f"{data}: DCT is no worse than downsampling", dct, store.records(f"{data}-downsample"))
    yield units_claim(f"{data}: more active units, the context not counted", dct, plain)
    yield kl_claim(f"{data}: more KL a unit", dct, plain)
    yield robustness_claim(f"{data}: more robust to attacks", dct, plain)


def _further_attacks(store: Store, data: str) -> Iterator[Row]:
    dct, plain = _context_and_plain(store, data)
    for measure, radius in ATTACKS.items() if dct else ():
        words = f"further try, {data}: more robust to attacks of radius {radius:g}"
        yield robustness_claim(words, dct, plain, measure)


def _further_try(store: Store, name: str) -> Iterator[Row]:
    """Hold a further try against the usual net, and one with a thumbnail against its like with a DCT."""
    records = store.records(name)
    if records and "-dct" in name:
        plain = store.records(name.partition("-dct")[0] + "-vdvae" + GREY * name.endswith(GREY))
        effect = "lowers what the released code counts" if name == PUBLISHED else "lowers -ELBO"
        yield elbo_claim(f"further try, {name}: {effect}", records, plain)
    if records and "-downsample" in name:
        like = name.replace("downsample", "dct")
        yield elbo_claim(f"further try, {like} is no worse than {name}", store.records(like), records)


def _first(records: Records, measure: str) -> Mapping[str, Any] | None:
    """Return a measure of the first seed, or None where it is not recorded."""
    return records[0].get(measure) if records else None


def units_claim(words: str, one: Records, two: Records) -> Row:
    """Judge whether one system has more active units than another.

    They must be more in number and in per cent, for a net with a context has fewer latents.
    """
    a, b = _first(one, "units"), _first(two, "units")
    if a is None or b is None:
        return not_run(words)
    numbers = " against ".join(f"{u['active']} of {u['units']} ({u['active_percent']:.1f} %)" for u in (a, b))
    return claim_row(words, judge_all(judge_above(a[key], b[key]) for key in ("active", "active_percent")), numbers)


def kl_claim(words: str, one: Records, two: Records) -> Row:
    """Judge whether one system has a greater mean KL a unit than another, in nats."""
    a, b = _first(one, "units"), _first(two, "units")
    if a is None or b is None:
        return not_run(words)
    numbers = f"{1e3 * a['kl_per_unit']:.2f} against {1e3 * b['kl_per_unit']:.2f}, 1e-3 nats"
    return claim_row(words, judge_above(a["kl_per_unit"], b["kl_per_unit"]), numbers)


def robustness_claim(words: str, one: Records, two: Records, measure: str = "attack") -> Row:
    """Judge whether one system keeps a higher MS-SSIM32 under attack than another, at every number of layers.

    The errors are over pictures and taken as independent. measure: `attack` or a name in `ATTACKS`.
    """
    attacks = _first(one, measure), _first(two, measure)
    if attacks[0] is None or attacks[1] is None:
        return not_run(words)
    a, b = (attack["ms_ssim32"] for attack in attacks if attack)
    layers = [m for m in a if m in b]
    numbers = "; ".join(f"m={m}: {a[m][0]:.3f} ± {a[m][1]:.3f} against {b[m][0]:.3f} ± {b[m][1]:.3f}" for m in layers)
    return claim_row(words, judge_all(judge_higher(Gap.of_means(a[m], b[m])) for m in layers), numbers)


def context_claim(data: str, measure: str, dct: Records, plain: Records) -> Row:
    """Judge whether the context alone gives a picture and the two top latents of the net without one give none.

    measure: `information` or `alone`, which say what becomes of the latents below.
    """
    words = f"{data}: the context alone gives MS-SSIM32 > {_ENOUGH}, the two top latents of VDVAE almost none, "
    words += _BELOW[measure]
    with_context, without = _first(dct, measure), _first(plain, measure)
    if with_context is None or without is None:
        return not_run(words)
    context, top = with_context["ms_ssim32"][0], without["ms_ssim32"]
    numbers = f"context {context:.3f}; VDVAE m = 1, 2, …: {', '.join(f'{v:.3f}' for v in top[:5])}"
    verdict = judge_all([judge_above(context, _ENOUGH), judge_below(max(top[:2]), _NOTHING)])
    return claim_row(words, verdict, numbers)


def reach_claim(name: str, records: Records, nats: float) -> Row:
    """Judge whether the mean -ELBO of a system is at most so many nats a picture."""
    words = f"{name}: -ELBO of test pictures at most {nats:g} nats"
    return claim_row(words, judge_at_most(mean_elbo(records), nats), elbo_cell(records)) if records else not_run(words)


def chain_claim(name: str, chain: Mapping[str, Any]) -> Row:
    """Judge whether a chain of `measure_chain` costs what the model says."""
    words = f"{name}: a chain costs what the model says (within {100 * _CHAIN_EXCESS:g} %)"
    verdict = judge_near(chain["net_bits"], chain["model_bits"], _CHAIN_EXCESS)
    return claim_row(words, verdict, f"{100 * chain_excess(chain):+.3f} %, {chain['pictures']} pictures")
