"""`hvaecodec decode` turns an .hvc file into an image, or all files of a folder."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hvaecodec.cli.bars import moving_bar
from hvaecodec.cli.console import (
    PIPE,
    Debug,
    Force,
    MaxPixels,
    Model,
    NoMetadata,
    check_output,
    errors,
    output_for,
    read_input,
    say,
    write_output,
)
from hvaecodec.cli.folders import FolderOptions, Jobs, Log, convert_folder, refuse_folder_options
from hvaecodec.cli.large import decode_rows
from hvaecodec.codec.format.limits import DECODED_PIXELS

if TYPE_CHECKING:
    from hvaecodec.codec.folders.work import DecodeWork

EXAMPLES = """
hvaecodec decode photo.hvc
hvaecodec decode photo.hvc -o sampled.png --temperature 1 --seed 3
hvaecodec decode photo.hvc -o thumbnail.jpg --scale 1/8
hvaecodec encode photo.png -o - | hvaecodec decode - -o through.png
hvaecodec decode photo.hvc -o - > piped.png
hvaecodec decode files --out decoded --jobs 2 --log decoded.jsonl
"""

_SCALES = [Fraction(1, 2**k) for k in range(6)]


def decode(
    source: Annotated[str, typer.Argument(metavar="IN", help="An .hvc file, a folder of them, or - for stdin.")],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            "--out",
            metavar="OUT",
            help="The image file to write, in the format that its suffix names (.npy for an array), or - for a PNG on "
            "stdout; if IN is a folder, the output folder for PNGs. Without it photo.hvc becomes photo.png, and the "
            "result for stdin goes to stdout.",
        ),
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="Random detail to add: 0 gives the least error, 1 looks more like a photograph.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Chooses the random detail if the temperature is above 0.")] = 0,
    scale: Annotated[str, typer.Option(help="Scale of the sides: 1, 1/2, 1/4, 1/8, 1/16 or 1/32.")] = "1",
    partial: Annotated[bool, typer.Option("--partial", help="Also accept a file that was cut short.")] = False,
    generator: Annotated[
        Literal["file", "latest"],
        typer.Option(help="Decode with the generator that the file names, or with the latest one installed."),
    ] = "file",
    max_pixels: MaxPixels = DECODED_PIXELS,
    model: Model = None,
    no_metadata: NoMetadata = False,
    jobs: Jobs = None,
    log: Log = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Decompress an .hvc file into an image, or every .hvc file in and below a folder.

    An existing file is kept unless --force is given; so the same command continues with a folder where it was stopped.
    """
    with errors(debug):
        from hvaecodec.codec.folders.work import DecodeWork
        from hvaecodec.codec.settings import Decoding

        settings = Decoding(temperature, seed, _parse_scale(scale), partial, generator, max_pixels)
        work = DecodeWork(settings, model, metadata=not no_metadata)
        if os.path.isdir(source):
            convert_folder(source, work, FolderOptions(output, jobs, log, force, debug))
        else:
            refuse_folder_options(source, jobs, log)
            _decode_file(source, output_for(source, output, ".png"), work, force)


def _decode_file(source: str, target: str, work: DecodeWork, force: bool) -> None:
    from hvaecodec.codec.images import check_suffix, to_file
    from hvaecodec.codec.images.row_files import NPY

    suffix = ".png" if target == PIPE else Path(target).suffix
    if suffix.lower() not in NPY:
        check_suffix(suffix)
    check_output(source, target, force)
    data = read_input(source)
    from hvaecodec.codec import registry

    codec = registry.for_file(data, work.model, max_pixels=work.settings.max_pixels)
    shape = decode_rows(codec, data, target, work, force)
    if shape is None:
        with moving_bar(f"decoding {source}"):
            image = work.decode(codec, data)
        write_output(target, to_file(image, suffix), force)
        shape = image.pixels.shape
    if target != PIPE:
        say(f"{target}: {shape[1]} × {shape[0]} pixels")


def _parse_scale(text: str) -> float:
    try:
        scale = Fraction(text)
    except (ValueError, ZeroDivisionError):
        scale = Fraction(0)
    if scale not in _SCALES:
        raise ValueError(f"--scale is {text}, must be one of {', '.join(map(str, _SCALES))}")
    return float(scale)
