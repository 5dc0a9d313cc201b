"""The DCT-VAE paper's claims, judged on the records in the repository and on these with a number changed."""

from __future__ import annotations

import copy

import pytest

from hvaecodec.bench.papers.dct_vae import claims
from hvaecodec.bench.papers.dct_vae.systems import GROUPS, PAIR, SETS

DATA = (*SETS, PAIR)
OPPOSITE = {"holds": "FAILS", "FAILS": "holds"}


def changed(records, measure, **numbers):
    """Records whose first seed has other numbers in a measure."""
    one, *others = copy.deepcopy(records)
    one[measure] |= numbers
    return [one, *others]


@pytest.fixture
def pairs(committed_store):
    store = committed_store("dct-vae")
    return [(store.records(f"{data}-dct"), store.records(f"{data}-vdvae")) for data in DATA]


def test_units_must_be_more_in_number_and_in_per_cent(pairs):
    for dct, plain in pairs:
        a, b = dct[0]["units"], plain[0]["units"]
        more = {key: b[key] + 1 for key in ("active", "active_percent")}
        assert claims.units_claim("", changed(dct, "units", **more), plain)[1] == "holds"
        assert claims.units_claim("", plain, changed(dct, "units", **more))[1] == "FAILS"
        for key in more:
            less = changed(dct, "units", **more | {key: b[key] - 1})
            assert claims.units_claim("", less, plain)[1] == "FAILS"
        numbers = claims.units_claim("", dct, plain)[2]
        assert numbers.startswith(f"{a['active']} of {a['units']} (") and f" against {b['active']} of" in numbers


def test_kl_flips_with_its_sides(pairs):
    verdicts = set()
    for dct, plain in pairs:
        there, back = claims.kl_claim("", dct, plain)[1], claims.kl_claim("", plain, dct)[1]
        assert back == OPPOSITE[there]
        verdicts.add(there)
    assert verdicts <= set(OPPOSITE)


def test_a_net_must_be_more_robust_at_every_number_of_layers(pairs):
    for dct, plain in pairs:
        attacked = plain[0]["attack"]["ms_ssim32"]
        error = max(error for _, error in attacked.values())
        better, worse = (
            changed(dct, "attack", ms_ssim32={m: [score + step * error, error] for m, (score, _) in attacked.items()})
            for step in (3, -3)
        )
        assert claims.robustness_claim("", better, plain)[1] == "holds"
        assert claims.robustness_claim("", plain, better)[1] == "FAILS"
        assert claims.robustness_claim("", worse, plain)[1] == "FAILS"
        alike = changed(better, "attack", ms_ssim32=better[0]["attack"]["ms_ssim32"] | {"1": attacked["1"]})
        assert claims.robustness_claim("", alike, plain)[1] == "within error"
        assert claims.robustness_claim("", plain, plain)[1] == "within error"


@pytest.mark.parametrize("measure", ["information", "alone"])
def test_the_context_alone_must_give_a_picture_and_the_two_top_latents_none(committed_store, measure):
    store = committed_store("dct-vae")
    dct, plain = store.records(f"{PAIR}-dct"), store.records(f"{PAIR}-vdvae")
    for context, top, verdict in (
        (0.85, [0.1, 0.15, 0.6], "holds"),
        (0.85, [0.1, 0.25, 0.6], "FAILS"),
        (0.85, [0.25, 0.1, 0.6], "FAILS"),
        (0.75, [0.1, 0.15, 0.6], "FAILS"),
    ):
        one, two = changed(dct, measure, ms_ssim32=[context, 0.9]), changed(plain, measure, ms_ssim32=top)
        assert claims.context_claim(PAIR, measure, one, two)[1] == verdict


def test_a_number_to_reach_is_reached_at_the_number_itself(committed_store):
    records = committed_store("dct-vae").records("mnist-dct")
    nats = records[0]["elbo"]["elbo"][0]
    verdicts = [claims.reach_claim("mnist-dct", records, nats + step)[1] for step in (-0.01, 0, 0.01)]
    assert verdicts == ["FAILS", "holds", "holds"]


def test_a_chain_costs_what_the_model_says_within_a_two_hundredth(committed_store):
    store = committed_store("dct-vae")
    chains = [records[0]["bits_back"] for name in store.systems for records in [store.records(name)] if records
              and "bits_back" in records[0]]  # fmt: skip
    assert len(chains) > 3
    for chain in chains:
        assert claims.chain_claim("", chain)[1] == "holds"
        for factor, verdict in ((1.004, "holds"), (0.996, "holds"), (1.006, "FAILS"), (0.994, "FAILS")):
            other = chain | {"net_bits": factor * chain["model_bits"]}
            assert claims.chain_claim("", other)[1] == verdict


def test_what_is_not_recorded_is_not_run(committed_store):
    store = committed_store("dct-vae")
    dct, bare = store.records("mnist-dct"), [{"elbo": store.records("mnist-vdvae")[0]["elbo"]}]
    for judge in (claims.units_claim, claims.kl_claim, claims.robustness_claim):
        for other in ([], bare):
            assert judge("a claim", dct, other) == judge("a claim", other, dct) == ("a claim", "not run", "–")
    assert claims.context_claim("mnist", "alone", dct, bare)[1:] == ("not run", "–")
    assert claims.reach_claim("mnist-dct", [], 95)[1:] == ("not run", "–")


def test_claims_of_a_set_without_records_are_not_run(copied_store):
    store = copied_store("dct-vae")
    before = {row[0]: row for row in claims.judge_claims(store).rows}
    for path in store.folder.glob("runs/omniglot-*.json"):
        path.unlink()
    after = {row[0]: row for row in claims.judge_claims(store).rows}
    assert all(row[1] == "not run" for words, row in after.items() if words.startswith("omniglot"))
    assert sum(words.startswith("omniglot") for words in after) == 5
    assert not any(words.startswith("further try, omniglot") for words in after)
    assert all(row == before[words] for words, row in after.items() if "omniglot" not in words)


def test_further_tries_are_held_against_their_like(copied_store):
    """A try with grey levels against the usual net with grey levels, a thumbnail against the like with a DCT."""
    store = copied_store("dct-vae")
    plain = store.record("mnist-vdvae")
    for name in GROUPS["tries"]:
        for path in store.folder.glob(f"runs/{name}-seed*.json"):
            path.unlink()
    for name, nats in (("dct-coarse", 2), ("downsample-coarse", 3), ("vdvae-grey", -8), ("dct-grey", -9)):
        by_picture = [value + nats for value in plain["elbo"]["by_picture"]]
        store.write(f"mnist-{name}", 0, plain | {"elbo": plain["elbo"] | {"by_picture": by_picture}})
    rows = [row for row in claims.judge_claims(store).rows if "further try" in row[0] and "attacks" not in row[0]]
    assert {words.removeprefix("further try, "): verdict for words, verdict, _ in rows} == {
        "mnist-dct-coarse: lowers -ELBO": "FAILS",
        "mnist-dct-grey: lowers -ELBO": "holds",
        "mnist-dct-coarse is no worse than mnist-downsample-coarse": "holds",
    }
