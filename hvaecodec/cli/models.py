"""`hvaecodec models`: what is installed."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hvaecodec.cli.console import Debug, errors


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print the model cards as JSON.")] = False,
    debug: Debug = False,
) -> None:
    """List the codecs and whether their weights are installed."""
    with errors(debug):
        import hvaecodec

        found = hvaecodec.models()
        if as_json:
            print(json.dumps(found))
            return
        for model in found:
            card = model["card"] or {}
            told = card.get("summary") or card.get("network") or "installed"
            state = told if model["installed"] else "weights not installed"
            print(f"{model['name']}  {state}")
