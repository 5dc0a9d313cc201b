"""Finds measured numbers in documents that no command wrote: outside the markers of `documents.markers`.

A row of a table with a decimal number is one, and so is a sentence with a decimal number and a unit of measurement.
Code, addresses and the numbers of papers (arXiv:2002.08111) are none.
"""

from __future__ import annotations

import re

from hvaecodec.bench.show.documents import markers
from hvaecodec.bench.tools import pages

_FENCE = re.compile(r"^( *)```.*?^\1```$", re.DOTALL | re.MULTILINE)
_NO_MEASUREMENT = re.compile(r"`[^`]*`|\]\([^)]*\)|https?://\S+|arXiv:\d{4}\.\d+")
_DECIMAL = re.compile(r"(?<![\w.])\d*\.\d+(?!\w*\.\d)")
_UNIT = (
    r"%|per cent|dB|nats?|bpp|bits? per (pixel|dim|dimension)|bits/dim|s|ms|seconds?|minutes?|hours?|core-hours|"
    r"[kMG]B|MB/s|MP/s|megapixels?|FD-\w+|KD-\w+|MS-SSIM\d*|LPIPS|DISTS|FID"
)
_MEASURED = re.compile(
    rf"(?<![\w.])\d*\.\d+(?!\w*\.\d) ?({_UNIT})(?!\w)|"
    rf"\b(FD-\w+|KD-\w+|MS-SSIM\d*|LPIPS|DISTS|FID|PSNR|BD-rate)\b( (of|is|was|at))? [−-]?\d*\.\d+"
)


def words_outside(text: str) -> str:
    """Return a document without its generated blocks, its code and what is no measurement by its form."""
    text = markers.replace_blocks(text, dict.fromkeys(markers.blocks_in(text), ""))
    return _NO_MEASUREMENT.sub("", _FENCE.sub("", pages.BLOCK.sub("", text)))


def loose_rows(text: str) -> list[str]:
    """Return the rows of tables outside markers that have a decimal number."""
    lines = words_outside(text).splitlines()
    return [line for line in lines if line.lstrip().startswith("|") and _DECIMAL.search(line)]


def loose_sentences(text: str) -> list[str]:
    """Return the paragraphs outside markers that have a decimal number with its unit or the name of its metric."""
    paragraphs = re.split(r"\n\s*\n", words_outside(text))
    return [part.strip() for part in paragraphs if not part.lstrip().startswith("|") and _MEASURED.search(part)]
