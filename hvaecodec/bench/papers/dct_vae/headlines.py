"""List the claims of the DCT-VAE paper that docs/PAPERS.md shows, with the comparisons that decide each.

Kuzina and Tomczak, arXiv:2302.09976.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hvaecodec.bench.papers import PaperSettings
from hvaecodec.bench.papers.claim_list import Claim
from hvaecodec.bench.papers.dct_vae import kodak_tables
from hvaecodec.bench.papers.dct_vae.claims import context_claim, kl_claim, robustness_claim, units_claim
from hvaecodec.bench.papers.dct_vae.kodak_experiment import read_photos
from hvaecodec.bench.papers.dct_vae.systems import PAIR, SETS, SIZES, SYSTEMS
from hvaecodec.bench.papers.vae_record import ATTACKS
from hvaecodec.bench.papers.vae_runs import Store
from hvaecodec.bench.papers.vae_tables import Row, elbo_claim

_DATA = (*SETS, PAIR)


def open_store(records: Path) -> Store:
    """Return the runs of `hvaecodec paper dct-vae` that a folder of records holds."""
    return Store(PaperSettings(records, records / "dct-vae"), SYSTEMS)


def read_kodak(records: Path) -> dict[str, dict[str, Any]]:
    """Return the records of Kodak's photos by name that a folder of records holds."""
    return read_photos(records / "dct-vae-kodak" / "cpu")


def _of_store(compare: Callable[[Store], Iterator[Row]]) -> Callable[[Path], Sequence[Row]]:
    return lambda records: list(compare(open_store(records)))


def _elbo(store: Store) -> Iterator[Row]:
    for data in _DATA:
        words = f"{data}: −ELBO is lower with the context than without"
        yield elbo_claim(words, store.records(f"{data}-dct"), store.records(f"{data}-vdvae"))


def _thumbnail(store: Store) -> Iterator[Row]:
    for data in SETS:
        words = f"{data}: −ELBO is no higher with the DCT than with a thumbnail"
        yield elbo_claim(words, store.records(f"{data}-dct"), store.records(f"{data}-downsample"))
    for side in SIZES:
        if side != 6:  # the usual one
            words = f"mnist: the same with a context of {side} × {side}"
            yield elbo_claim(words, store.records(f"mnist-dct-{side}"), store.records(f"mnist-downsample-{side}"))


def _units(store: Store) -> Iterator[Row]:
    for data in _DATA:
        dct, plain = store.records(f"{data}-dct"), store.records(f"{data}-vdvae")
        yield units_claim(f"{data}: more units are active, those of the context not counted", dct, plain)
        yield kl_claim(f"{data}: a unit has more KL", dct, plain)


def _attacks(store: Store) -> Iterator[Row]:
    for data in _DATA:
        for measure, radius in {"attack": 0.1, **ATTACKS}.items():
            words = f"{data}: more is left after attacks within {radius:g}"
            yield robustness_claim(words, store.records(f"{data}-dct"), store.records(f"{data}-vdvae"), measure)


def _alone(store: Store) -> Iterator[Row]:
    for data in ("cifar10-small", PAIR):
        for measure in ("information", "alone"):
            yield context_claim(data, measure, store.records(f"{data}-dct"), store.records(f"{data}-vdvae"))


def _kodak(records: Path) -> Sequence[Row]:
    photos = read_kodak(records)
    return kodak_tables.judge_claims(list(photos.values())).rows[:2] if photos else []


CLAIMS = (
    Claim("A context of quantised DCT coefficients lowers −ELBO.", "tables 2 and 3", _of_store(_elbo)),
    Claim("The DCT is at least as good a context as a thumbnail.", "tables 2 and 5, figure 3", _of_store(_thumbnail)),
    Claim("With a context more latent units are active, and a unit has more KL.", "table 4", _of_store(_units)),
    Claim("A net with a context is more robust to attacks on its top latents.", "figure 10", _of_store(_attacks)),
    Claim(
        "The context alone shows the picture; the two top latents of a VDVAE show almost nothing.",
        "figures 1 and 4",
        _of_store(_alone),
    ),
    Claim("At equal PSNR contexts take fewer bits than JPEG and than a VDVAE's latents.", "figure 5", _kodak),
)
