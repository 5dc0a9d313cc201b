"""`hvaecodec decode`: an .hvc file into an image."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import typer

from hvaecodec.cli.console import Debug, Force, Model, check_output, errors, read_input, working, write_output

_SCALES = [Fraction(1, 2**k) for k in range(6)]


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="An .hvc file, or - for stdin.")],
    output: Annotated[
        str,
        typer.Option("-o", "--output", metavar="OUT", help="Image file, its format by suffix; - is PNG to stdout."),
    ],
    temperature: Annotated[
        float, typer.Option(help="0: least distortion; 1: a sample of what the file leaves open.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Chooses the sample when the temperature is above 0.")] = 0,
    scale: Annotated[str, typer.Option(help="1, 1/2, 1/4, 1/8, 1/16 or 1/32 of the size.")] = "1",
    partial: Annotated[bool, typer.Option("--partial", help="Accept a file that was cut short.")] = False,
    generator: Annotated[
        Literal["file", "latest"], typer.Option(help="The generator that the file names, or the newest installed.")
    ] = "file",
    model: Model = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Decompress an .hvc file into an image."""
    with errors(debug):
        ratio = _parse_scale(scale)
        from hvaecodec.codec.images import check_suffix, to_file

        suffix = "" if output == "-" else Path(output).suffix
        check_suffix(suffix)
        check_output(source, output, force)
        data = read_input(source)
        from hvaecodec.codec import registry

        with working(f"decoding {source}"):
            image = registry.for_file(data, model).decode_with_metadata(
                data, temperature=temperature, seed=seed, scale=ratio, partial=partial, generator=generator
            )
        write_output(output, to_file(image, suffix), force)


def _parse_scale(text: str) -> float:
    try:
        scale = Fraction(text)
    except (ValueError, ZeroDivisionError):
        scale = Fraction(0)
    if scale not in _SCALES:
        raise ValueError(f"--scale is {text}, must be one of {', '.join(map(str, _SCALES))}")
    return float(scale)
