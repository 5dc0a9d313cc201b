"""`hvaecodec models` lists what is installed."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hvaecodec.cli.console import Debug, errors

EXAMPLES = """
hvaecodec models
hvaecodec models --json
"""


def models(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON, with the model cards.")] = False,
    debug: Debug = False,
) -> None:
    """List the codecs, and say of each whether its weights are installed."""
    with errors(debug):
        import hvaecodec

        installed = hvaecodec.models()
        if as_json:
            print(json.dumps(installed))
            return
        for model in installed:
            card = model["card"] or {}
            summary = card.get("summary") or card.get("network") or "installed"
            state = summary if model["installed"] else "weights not installed"
            print(f"{model['name']}  {state}")
