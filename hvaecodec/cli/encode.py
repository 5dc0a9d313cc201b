"""`hvaecodec encode`: an image into an .hvc file."""

from __future__ import annotations

from typing import Annotated

import typer

from hvaecodec.cli.console import Debug, Force, check_output, errors, read_input, say, working, write_output


def encode(
    source: Annotated[str, typer.Argument(metavar="IN", help="Image file, or - for stdin.")],
    output: Annotated[str, typer.Option("-o", "--output", metavar="OUT", help="The .hvc file, or - for stdout.")],
    quality: Annotated[
        float | None, typer.Option(help="1..100, a real number; 50 if no other target is given.")
    ] = None,
    bpp: Annotated[float | None, typer.Option(help="Bits of the whole file per pixel, instead of a quality.")] = None,
    psnr: Annotated[float | None, typer.Option(help="PSNR in dB to reach, instead of a quality.")] = None,
    effort: Annotated[int, typer.Option(min=1, max=3, help="1 fast, 3 smallest.")] = 2,
    model: Annotated[str, typer.Option(help="A name from `hvaecodec models`, or a folder of weights.")] = (
        "dct-vae-photo"
    ),
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Compress an image into an .hvc file."""
    with errors(debug):
        if sum(target is not None for target in (quality, bpp, psnr)) > 1:
            raise ValueError("give one of --quality, --bpp and --psnr")
        check_output(source, output, force)
        data = read_input(source)
        from hvaecodec.codec import registry
        from hvaecodec.codec.images import read_image

        image = read_image(data, name="" if source == "-" else source)
        for note in image.notes:
            say(f"note: {note}")
        with working(f"encoding {source}"):
            encoded = registry.load(model).encode(image, quality=quality, bpp=bpp, psnr=psnr, effort=effort)
        write_output(output, encoded, force)
        if output != "-":
            height, width = image.pixels.shape[:2]
            say(f"{output}: {len(encoded)} bytes, {8 * len(encoded) / (height * width):.3f} bpp")
