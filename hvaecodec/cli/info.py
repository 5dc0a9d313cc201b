"""`hvaecodec info`: what an .hvc file holds."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hvaecodec.cli.console import Debug, Model, errors, read_input


def info(
    source: Annotated[str, typer.Argument(metavar="FILE", help="An .hvc file, or - for stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    model: Model = None,
    debug: Debug = False,
) -> None:
    """Show what an .hvc file holds: codec, size, quality, bytes of each stream."""
    with errors(debug):
        data = read_input(source)
        from hvaecodec.codec import registry

        found = registry.for_file(data, model).info(data)
        if as_json:
            print(json.dumps(found))
            return
        width = max(map(len, found))
        for key, value in found.items():
            print(f"{key:<{width}}  {value if isinstance(value, str) else json.dumps(value)}")
