"""Make the tables of `hvaecodec paper dct-vae-kodak` from the records of photos: rates, distortions, claims.

Kuzina and Tomczak, arXiv:2302.09976, section 5.3.2: figures 5, 6 and 9. Rates of files and estimates stand in columns
of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hvaecodec.bench.papers.dct_vae.kodak_measures import TEMPERATURE
from hvaecodec.bench.papers.judges import judge_all, judge_at_least, judge_below, judge_near
from hvaecodec.bench.papers.vae_tables import DASH, Row, claim_row, claims_table
from hvaecodec.bench.show.tables import Table
from hvaecodec.codec.registry import DEFAULT

_DECODED = ("calm", "drawn", "vdvae_calm", "vdvae_drawn")
RATES = (
    ("file", "n_bytes", 8), ("prior (estimate)", "prior_bits", 1), ("VDVAE KL (estimate)", "vdvae_kl_bits", 1),
    ("VDVAE at equal PSNR (estimate)", "vdvae_equal_kl_bits", 1), ("JPEG file", "jpeg_n_bytes", 8),
    ("whole-picture file", "whole_n_bytes", 8),
)  # fmt: skip
_NEAR_PRIOR = 0.1  # the part by which a file may differ from the prior's bits

Records = Sequence[Mapping[str, Any]]  # of photos, as `measure_photo` makes them


def make_tables(names: Sequence[str], records: Records) -> list[Table]:
    """Return the numbers of every photo and the paper's claims; names: of the photos."""
    return [_per_photo(names, records), judge_claims(records)]


def _cells(record: Mapping[str, Any]) -> Row:
    rates = (f"{factor * record[key] / record['pixels']:.4f}" for _, key, factor in RATES)
    psnr = (f"{record[f'{name}_psnr_db']:.2f}" for name in (*_DECODED, "jpeg", "whole"))
    similar = (f"{record[f'{name}_ms_ssim']:.3f}" for name in (*_DECODED, "jpeg"))
    return *rates, *psnr, *similar, *(f"{record[f'{name}_seam']:.2f}" for name in ("calm", "whole", "photo"))


def _per_photo(names: Sequence[str], records: Records) -> Table:
    rows = [(name, *_cells(record)) for name, record in zip(names, records, strict=True)]
    keys = [key for key, value in records[0].items() if isinstance(value, int | float)]
    rows.append(("mean", *_cells({key: _mean(records, key) for key in keys})))
    coarsest = sum(record["jpeg_coarsest"] > 0 for record in records)
    header = (
        "photo", *(f"{name}, bpp" for name, *_ in RATES),
        "PSNR", "drawn", "VDVAE", "VDVAE drawn", "JPEG", "whole",
        "MS-SSIM", "drawn", "VDVAE", "VDVAE drawn", "JPEG", "seams", "whole", "of the photo",
    )  # fmt: skip
    note = (
        "`file`: whole .hvc files, decoded again by the codec. `prior`: −log2 p of the same contexts under the net's "
        "own prior, which the paper calls its rate. It is an estimate, and so is the KL of VDVAE's two top latents "
        "and, at equal PSNR, of as many as that takes. `JPEG`: bytes of Pillow's files (4:2:0, optimised) at the "
        "PSNR of the first column, interpolated between two qualities; its PSNR and MS-SSIM are those of the better "
        f"one. The number of photos on which JPEG's quality 1 has a higher PSNR already is {coarsest}. `drawn`: "
        f"latents at {TEMPERATURE:.3f} of their deviation, a tenth of the variance; all others are at their means. "
        f"`seams`: the mean step across borders of tiles, over the mean step elsewhere. `whole`: {DEFAULT} at no "
        "less PSNR, another model with other training photos, whose tiles know their neighbours."
    )
    return Table("Kodak from contexts alone (figures 5, 6 and 9)", header, rows, [note])


def means_table(records: Records) -> Table:
    """Return bytes, PSNR and MS-SSIM of every way to tell a photo, as means over the photos."""
    files = "file"
    estimate = "estimate"
    tops = [int(record["vdvae_top"]) for record in records]
    ways = (
        ("contexts of tiles, latents at their means", "n_bytes", 1, files, "calm"),
        (f"the same files, latents drawn at {TEMPERATURE:.3f} σ", "n_bytes", 1, files, "drawn"),
        ("JPEG at the PSNR of the first", "jpeg_n_bytes", 1, "file, between two qualities", ""),
        (
            f"VDVAE at the PSNR of the first, {min(tops)} to {max(tops)} top latents",
            "vdvae_equal_kl_bits",
            8,
            estimate,
            "",
        ),
        ("VDVAE, two top latents", "vdvae_kl_bits", 8, estimate, "vdvae_calm"),
        (f"{DEFAULT} at no less PSNR", "whole_n_bytes", 1, files, "whole"),
        ("the net's own prior of the contexts", "prior_bits", 8, estimate, ""),
    )
    rows: list[Row] = []
    for words, key, bits, kind, decoded in ways:
        scores = (_mean_cell(records, f"{decoded}_psnr_db", 2), _mean_cell(records, f"{decoded}_ms_ssim", 3))
        rows.append((words, f"{_mean(records, key) / bits:,.0f}", kind, *scores))
    seams = ", ".join(
        f"{words} {_mean(records, f'{key}_seam'):.2f}"
        for words, key in (("contexts of tiles", "calm"), (DEFAULT, "whole"), ("the photos", "photo"))
    )
    note = f"Steps across the borders of tiles, as a multiple of those elsewhere: {seams}."
    return Table("Means of the photos", ("", "bytes", "what they are", "PSNR dB", "MS-SSIM"), rows, [note])


def _mean_cell(records: Records, key: str, digits: int) -> str:
    return f"{_mean(records, key):.{digits}f}" if key in records[0] else DASH


def _mean(records: Records, key: str) -> float:
    return float(np.mean([record[key] for record in records]))


def _column(records: Records, key: str) -> np.ndarray:
    return np.array([record[key] for record in records], float)


def judge_claims(records: Records) -> Table:
    """Judge the paper's claims on Kodak by means over photos; bytes of estimates are an eighth of their bits."""
    rows = [_against_jpeg(records), _against_vdvae(records), _against_two_latents(records)]
    return claims_table("The paper's claims", [*rows, _tiling(records), _near_prior(records)])


def _against_jpeg(records: Records) -> Row:
    ours, jpeg = (_column(records, key) for key in ("n_bytes", "jpeg_n_bytes"))
    numbers = f"{ours.mean():.0f} against {jpeg.mean():.0f}; {_fewer_on(ours, jpeg)}"
    return claim_row("fewer file bytes than JPEG at equal PSNR", judge_below(ours.mean(), jpeg.mean()), numbers)


def _against_vdvae(records: Records) -> Row:
    ours, equal = _column(records, "n_bytes"), _column(records, "vdvae_equal_kl_bits") / 8
    latents = [int(record["vdvae_top"]) for record in records]
    numbers = (
        f"{ours.mean():.0f} bytes against {equal.mean():.0f} in {min(latents)} to {max(latents)} top latents; "
        f"{_fewer_on(ours, equal)}"
    )
    words = "fewer bits than VDVAE's estimate at equal PSNR, both at the means"
    return claim_row(words, judge_below(ours.mean(), equal.mean()), numbers)


def _fewer_on(ours: np.ndarray, theirs: np.ndarray) -> str:
    return f"fewer on {int((ours < theirs).sum())} of {len(ours)} photos"


def _against_two_latents(records: Records) -> Row:
    ours, estimate = _column(records, "n_bytes"), _column(records, "vdvae_kl_bits") / 8
    psnr = [tuple(_mean(records, f"{net}{kind}_psnr_db") for net in ("", "vdvae_")) for kind in ("calm", "drawn")]
    pairs = ", ".join(f"{a:.2f} dB against {b:.2f} dB" for a, b in psnr)
    verdict = judge_all([judge_below(ours.mean(), estimate.mean()), *(judge_at_least(a, b) for a, b in psnr)])
    numbers = f"{ours.mean():.0f} bytes against {estimate.mean():.0f}; at the means and drawn {pairs}"
    return claim_row("fewer bits than VDVAE's two top latents, at no less PSNR", verdict, numbers)


def _tiling(records: Records) -> Row:
    alone, beside = (_mean(records, key) for key in ("alone_bits", "beside_bits"))
    words = "tiles that know nothing of each other cost bits (estimates of tables fitted on the same photos)"
    numbers = f"{alone / 8:.0f} bytes alone, {beside / 8:.0f} beside their neighbours"
    return claim_row(words, judge_below(beside, alone), numbers)


def _near_prior(records: Records) -> Row:
    ours, prior = _column(records, "n_bytes"), _column(records, "prior_bits") / 8
    words = "the file is near the prior's -log p, which the paper calls its rate (within 10 %)"
    verdict = judge_near(ours.mean(), prior.mean(), _NEAR_PRIOR)
    return claim_row(words, verdict, f"{ours.mean():.0f} bytes, prior {prior.mean():.0f}")
