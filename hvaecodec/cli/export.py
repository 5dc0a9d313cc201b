"""`hvaecodec export` writes a generator for other programs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from hvaecodec.cli.console import Debug, Force, check_output, errors, say, write_output

EXAMPLES = """
hvaecodec export onnx dct-vae-photo -o generator.onnx
hvaecodec export onnx dct-vae-photo -o texture.onnx --part texture
hvaecodec export onnx hqa-photo -o layer5.onnx --layer 5
"""


def export(
    kind: Annotated[Literal["onnx"], typer.Argument(metavar="FORMAT", help="onnx.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A codec's name, or a folder of weights.")],
    *,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="The ONNX file, or - for stdout.")],
    part: Annotated[Literal["generator", "texture", "perceptual"], typer.Option(help="What is written.")] = "generator",
    layer: Annotated[int, typer.Option(help="Of hqa-photo, the layer whose indices go in.")] = 3,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Write the newest generator of a codec as an ONNX file with its weights inside, for any size of picture.

    docs/doors.md says what goes in and what comes out. The model card is in the metadata.
    """
    with errors(debug):
        check_output(model, output, force)
        from hvaecodec.codec.graphs.export import export_onnx

        data = export_onnx(model, part, layer)
        write_output(output, data, force)
        if output != "-":
            say(f"{output}: {len(data)} bytes, {part} of {model}")
