"""Numbers in the documents that were measured lie between markers, which a command fills."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from loose_numbers import loose_rows, loose_sentences

from hvaecodec.bench.show import documents

ROOT = Path(__file__).parents[3]
DOCUMENTS = [path.relative_to(ROOT).as_posix() for path in documents.documents(ROOT)]
# Decimal numbers that nobody measured: settings, limits and definitions, each with what it is
SETTINGS = {
    "docs/FORMAT.md": {r"\d*\.\d+": "constants of the format; nothing on that page is measured"},
    "docs/METRICS.md": {
        r"version 0\.1": "the version of a package's weights",
        r"σ 1\.5": "the window of MS-SSIM, by its definition",
    },
    "docs/TRAINING.md": {
        r"3\.75 hours": "the time that a recipe is given, a setting",
        r"0\.4 bits per pixel": "the rates that textures are trained at, a setting",
    },
    "README.md": {r"0\.1 bits per pixel": "the range of rates that a section is about"},
    "docs/web.md": {r"99\.9 %": "the share of samples that a test demands to be within one of Python's"},
}


def text_of(document: str) -> str:
    text = (ROOT / document).read_text(encoding="utf-8")
    for pattern in SETTINGS.get(document, ()):
        text = re.sub(pattern, "", text)
    return text


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_row_of_decimals_is_written_by_a_command(document: str) -> None:
    assert loose_rows(text_of(document)) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_measured_number_in_a_sentence_is_written_by_a_command(document: str) -> None:
    assert loose_sentences(text_of(document)) == []


GENERATED = "<!-- a.b -->\n\n| jpeg | 0.36 |\n\n<!-- /a.b -->\n"
LIMITS = "<!-- limits: written by python -m hvaecodec.bench.tools.limits -->\n| jpeg | 0.36 |\n<!-- end of limits -->\n"


@pytest.mark.parametrize(
    "row", ["| jpeg | 0.36 |", "| jpeg | .36, .4 |", "  | −82.34 ± 0.29 | 1,000 |", "| x | 3.1 % |"]
)
def test_a_row_of_decimals_is_found(row: str) -> None:
    assert loose_rows(f"# Title\n\n{GENERATED}{LIMITS}\n| a | b |\n| --- | --- |\n{row}\n") == [row]


@pytest.mark.parametrize(
    "row",
    [
        "| jpeg | 36 | 1,000 |",
        "| `effort=0.5` | [page](v1.5.md) | arXiv:2002.08111 |",
        "| version 1.2.3 |",
        "```\n| jpeg | 0.36 |\n```",
    ],
)
def test_code_addresses_and_whole_numbers_are_no_decimals(row: str) -> None:
    assert loose_rows(f"{GENERATED}\n{row}\n") == []


@pytest.mark.parametrize(
    "words",
    [
        "Files of 0.024 bits per pixel look well.",
        "It gains 0.7 dB.",
        "The chain costs\n0.03 % more.",
        "FD-cifar is 1.7 there.",
        "an MS-SSIM32 of 0.806",
        "VDVAE has 87.82 nats.",
        "It takes 4.4 s a photo.",
        "BD-rate −61.3",
    ],
)
def test_a_measured_number_in_a_sentence_is_found(words: str) -> None:
    assert loose_sentences(f"{GENERATED}\nSome words.\n\n{words}\n") == [words]


@pytest.mark.parametrize(
    "words",
    ["At temperature 0.5 it is pleasanter.", "The step is 0.114 B + 2.", "See table 5.1.", "`bpp=0.25 dB`", "24 dB"],
)
def test_settings_and_whole_numbers_are_no_measurements(words: str) -> None:
    assert loose_sentences(f"{GENERATED}\n{words}\n") == []
