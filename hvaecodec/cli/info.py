"""`hvaecodec info` tells what an .hvc file holds."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hvaecodec.cli.console import Debug, MaxPixels, Model, errors, read_input
from hvaecodec.codec.format.limits import DECODED_PIXELS

EXAMPLES = """
hvaecodec info photo.hvc
hvaecodec info photo.hvc --json --estimate
hvaecodec encode photo.png -o - | hvaecodec info -
"""


def info(
    source: Annotated[str, typer.Argument(metavar="FILE", help="An .hvc file, or - for stdin.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")] = False,
    estimate: Annotated[
        bool,
        typer.Option("--estimate", help="Also decode the symbols, and show how many bits the model expects for them."),
    ] = False,
    max_pixels: MaxPixels = DECODED_PIXELS,
    model: Model = None,
    debug: Debug = False,
) -> None:
    """Show what an .hvc file holds: its codec, size and quality, and the bytes of each stream."""
    with errors(debug):
        data = read_input(source)
        from hvaecodec.codec import registry

        if model is None:
            facts = registry.info(data, estimate=estimate, max_pixels=max_pixels)
        else:
            codec = registry.for_file(data, model, max_pixels=max_pixels)
            facts = codec.info(data, estimate=estimate, max_pixels=max_pixels)
        if as_json:
            print(json.dumps(facts))
            return
        width = max(map(len, facts))
        for key, value in facts.items():
            print(f"{key:<{width}}  {value if isinstance(value, str) else json.dumps(value)}")
