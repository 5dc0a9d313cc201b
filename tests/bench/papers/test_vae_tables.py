"""Cells, notes and claims of the VAE papers' tables, on the records in the repository."""

from __future__ import annotations

import itertools
import json
import math

import pytest

from hvaecodec.bench.papers.vae_tables import (
    budget_cells,
    elbo_cell,
    elbo_claim,
    elbo_gap,
    equal_time_notes,
    mean_elbo,
    mean_part,
)

SEEDS = ("mnist-x1", "mnist-x3", "mnist-r5")  # three runs each
OPPOSITE = {"holds": "FAILS", "FAILS": "holds", "within error": "within error"}


def test_claims_of_real_runs_flip_with_their_sides(committed_store):
    store = committed_store("ws-vdvae")
    names = [name for name in store.systems if store.records(name)]
    verdicts = set()
    for one, two in itertools.combinations(names, 2):
        there, back = (elbo_claim("", *map(store.records, pair))[1] for pair in ((one, two), (two, one)))
        assert back == OPPOSITE[there]
        verdicts |= {there, back}
    assert verdicts == set(OPPOSITE)


def test_claims_of_real_runs_hold_with_enough_of_a_margin_and_fail_with_too_little(committed_store):
    store = committed_store("dct-vae")
    for data in ("mnist", "omniglot", "cifar10-small", "cifar10-narrow"):
        dct, plain = (store.records(f"{data}-{kind}") for kind in ("dct", "vdvae"))
        gap = elbo_gap(dct, plain)
        assert gap.value == pytest.approx(mean_elbo(dct) - mean_elbo(plain), abs=1e-3)
        verdicts = [elbo_claim("", dct, plain, gap.value + step * gap.error)[1] for step in (-2.1, -1.9, 1.9, 2.1)]
        assert verdicts == ["FAILS", "within error", "within error", "holds"]


def test_pictures_that_differ_more_than_nets_do_not_hide_which_net_is_better(committed_store):
    """Both single runs saw the same pictures, and the error is of the difference."""
    store = committed_store("dct-vae")
    one, two = store.records("mnist-dct"), store.records("mnist-vdvae")
    apart = math.hypot(one[0]["elbo"]["elbo"][1], two[0]["elbo"]["elbo"][1])
    assert elbo_gap(one, two).error < 0.5 * apart


def test_systems_without_a_record_are_not_run(committed_store):
    store = committed_store("dct-vae")
    records = store.records("mnist-dct")
    assert elbo_gap([], records) is elbo_gap(records, []) is None
    assert elbo_claim("a claim", [], records) == elbo_claim("a claim", records, []) == ("a claim", "not run", "–")


def test_cells_tell_spread_and_budget(committed_store):
    store = committed_store("ws-vdvae")
    for name in SEEDS:
        records = store.records(name)
        nats = [record["elbo"]["elbo"][0] for record in records]
        mean = sum(nats) / len(nats)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in nats) / (len(nats) - 1))
        assert len(records) == 3 and elbo_cell(records) == f"{mean:.2f} ± {deviation:.2f}"
        error = records[0]["elbo"]["elbo"][1]
        assert elbo_cell(records[:1]) == f"{nats[0]:.2f} ± {error:.2f}"
        bits = 1 / (records[0]["dims"] * math.log(2))
        assert elbo_cell(records[:1], bits=True) == f"{nats[0] * bits:.4f} ± {error * bits:.4f}"
        assert mean_part(records, "context") is None and mean_part(records, "elbo") == pytest.approx(mean)
        minutes = sum(record["seconds"] for record in records) / 180
        size, steps = f"{records[0]['parameters']:,}", f"{records[0]['steps']} × {records[0]['batch']}"
        assert budget_cells(records) == (size, steps, f"{minutes:.1f}", "3")


def test_equal_time_reads_the_curves_where_the_fastest_ends(copied_store):
    store = copied_store("ws-vdvae")
    curves = {"mnist-x1": [[1, 200.0], [600, 100.0]], "mnist-large": [[500, 150.0], [700, 130.0], [4000, 90.0]]}
    curves |= {"cifar10-small-x1": [[5, 200.0], [60, 10.0]]}
    for name, curve in curves.items():
        for path in store.folder.glob(f"runs/{name}-seed*.json"):
            path.write_text(json.dumps(json.loads(path.read_text()) | {"curve": curve}))
    (note,) = equal_time_notes(store, list(curves))
    assert "10 minutes" in note and "mnist-x1 100.00, mnist-large 140.00." in note
