"""`hvaecodec decode` turns an .hvc file into an image."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import typer

from hvaecodec.cli.bars import moving_bar
from hvaecodec.cli.console import (
    PIPE,
    Debug,
    Force,
    Model,
    check_output,
    errors,
    output_for,
    read_input,
    say,
    write_output,
)

EXAMPLES = """
hvaecodec decode photo.hvc
hvaecodec decode photo.hvc -o sampled.png --temperature 1 --seed 3
hvaecodec decode photo.hvc -o thumbnail.jpg --scale 1/8
hvaecodec encode photo.png -o - | hvaecodec decode - -o through.png
hvaecodec decode photo.hvc -o - > piped.png
"""

_SCALES = [Fraction(1, 2**k) for k in range(6)]


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="An .hvc file, or - for stdin.")],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="OUT",
            help="Image file, its format by suffix, or - for a PNG to stdout. Without it photo.hvc becomes photo.png, "
            "and stdin goes to stdout.",
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="0 gives least distortion, 1 a sample of what the file leaves open.")
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
    """Decompress an .hvc file into an image.

    A file that exists is kept unless --force is given.
    """
    with errors(debug):
        ratio = _parse_scale(scale)
        from hvaecodec.codec.images import check_suffix, to_file

        target = output_for(source, output, ".png")
        suffix = ".png" if target == PIPE else Path(target).suffix
        check_suffix(suffix)
        check_output(source, target, force)
        data = read_input(source)
        from hvaecodec.codec import registry

        with moving_bar(f"decoding {source}"):
            image = registry.for_file(data, model).decode_with_metadata(
                data, temperature=temperature, seed=seed, scale=ratio, partial=partial, generator=generator
            )
        write_output(target, to_file(image, suffix), force)
        if target != PIPE:
            say(f"{target}: {image.pixels.shape[1]} × {image.pixels.shape[0]} pixels")


def _parse_scale(text: str) -> float:
    try:
        scale = Fraction(text)
    except (ValueError, ZeroDivisionError):
        scale = Fraction(0)
    if scale not in _SCALES:
        raise ValueError(f"--scale is {text}, must be one of {', '.join(map(str, _SCALES))}")
    return float(scale)
