"""`hvaecodec export` writes a generator for other programs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from hvaecodec.cli.console import Debug, Force, check_output, errors, say, write_output

EXAMPLES = """
hvaecodec export onnx dct-vae-photo -o generator.onnx
hvaecodec export onnx dct-vae-photo -o perceptual.onnx --part perceptual
hvaecodec export onnx hqa-photo -o layer5.onnx --layer 5
"""


def export(
    kind: Annotated[Literal["onnx"], typer.Argument(metavar="FORMAT", help="The file format; only onnx.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A codec's name, or a folder of weights.")],
    *,
    output: Annotated[str, typer.Option("-o", "--output", metavar="FILE", help="The ONNX file, or - for stdout.")],
    part: Annotated[
        Literal["generator", "texture", "perceptual"], typer.Option(help="The network to write.")
    ] = "generator",
    layer: Annotated[int, typer.Option(help="For hqa-photo: the layer whose indices are the input, 1..5.")] = 3,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Write the newest generator of a codec, the network that makes the picture, as an ONNX file with its weights.

    It works for pictures of any size. docs/doors.md describes its inputs and outputs. The metadata hold the model card.
    """
    with errors(debug):
        check_output(model, output, force)
        from hvaecodec.codec.graphs.export import export_onnx

        data = export_onnx(model, part, layer)
        write_output(output, data, force)
        if output != "-":
            say(f"{output}: {len(data)} bytes, {part} of {model}")
