"""`hvaecodec info` tells what an .hvc file holds."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hvaecodec.cli.console import Debug, Model, errors, read_input

EXAMPLES = """
hvaecodec info photo.hvc
hvaecodec info photo.hvc --json
hvaecodec encode photo.png -o - | hvaecodec info -
"""


def info(
    source: Annotated[str, typer.Argument(metavar="FILE", help="An .hvc file, or - for stdin.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    model: Model = None,
    debug: Debug = False,
) -> None:
    """Show what an .hvc file holds: its codec, size and quality, and the bytes of each stream."""
    with errors(debug):
        data = read_input(source)
        from hvaecodec.codec import registry

        facts = registry.for_file(data, model).info(data)
        if as_json:
            print(json.dumps(facts))
            return
        width = max(map(len, facts))
        for key, value in facts.items():
            print(f"{key:<{width}}  {value if isinstance(value, str) else json.dumps(value)}")
