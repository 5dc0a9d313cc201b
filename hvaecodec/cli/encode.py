"""`hvaecodec encode` turns an image into an .hvc file, or all images of a folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from hvaecodec.cli.console import (
    PIPE,
    Debug,
    Force,
    NoMetadata,
    check_output,
    errors,
    output_for,
    read_input,
    say,
    write_output,
)
from hvaecodec.cli.folders import FolderOptions, Jobs, Log, convert_folder, refuse_folder_options
from hvaecodec.cli.large import encode_picture, open_picture

if TYPE_CHECKING:
    from hvaecodec.codec.folders.work import EncodeWork
    from hvaecodec.codec.images import LoadedImage

EXAMPLES = """
hvaecodec encode photo.png
hvaecodec encode photo.png -o small.hvc --quality 20 --effort 1
hvaecodec encode photo.png -o half.hvc --bpp 0.5
hvaecodec encode photo.png -o fine.hvc --psnr 34
hvaecodec encode photo.png -o tiny.hvc --model hqa-photo --quality 30
hvaecodec encode - -o - --effort 1 < photo.png > piped.hvc
hvaecodec encode photos --out files --jobs 2 --effort 1
"""


def encode(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="Image file, .npy file with an array, folder of images, or - for stdin.")
    ],
    *,
    output: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            "--out",
            metavar="OUT",
            help="The .hvc file to write, or - for stdout; if IN is a folder, the output folder. Without it photo.png "
            "becomes photo.hvc, and the result for stdin goes to stdout.",
        ),
    ] = None,
    quality: Annotated[
        float | None, typer.Option(help="1..100, a real number, larger for larger files; 50 without --bpp and --psnr.")
    ] = None,
    bpp: Annotated[
        float | None, typer.Option(help="Instead of a quality: the most bits that the whole file may take per pixel.")
    ] = None,
    psnr: Annotated[float | None, typer.Option(help="Instead of a quality: the PSNR to reach, in dB.")] = None,
    effort: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3,
            help="How hard to search for a small file: 1 is fast, 3 gives the smallest; 2 and 3 need PyTorch. If not "
            "given 2, or 1 without PyTorch.",
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="A name from `hvaecodec models`, or a folder of weights.")] = (
        "dct-vae-photo"
    ),
    no_metadata: NoMetadata = False,
    jobs: Jobs = None,
    log: Log = None,
    force: Force = False,
    debug: Debug = False,
) -> None:
    """Compress an image into an .hvc file, or every image in and below a folder.

    An existing file is kept unless --force is given; so the same command continues with a folder where it was stopped.
    """
    with errors(debug):
        if sum(target is not None for target in (quality, bpp, psnr)) > 1:
            raise ValueError("give one of --quality, --bpp and --psnr")
        from hvaecodec.codec.folders.work import EncodeWork

        work = EncodeWork(model, quality, bpp, psnr, effort, metadata=not no_metadata)
        if os.path.isdir(source):
            convert_folder(source, work, FolderOptions(output, jobs, log, force, debug))
        else:
            refuse_folder_options(source, jobs, log)
            _encode_file(source, output_for(source, output, ".hvc"), work, force)


def _encode_file(source: str, target: str, work: EncodeWork, force: bool) -> None:
    check_output(source, target, force)
    picture = open_picture(source, work) or _read_whole(source, work)
    encoded = encode_picture(picture, work, source)
    write_output(target, encoded.data, force)
    if target != PIPE:
        say(f"{target}: {encoded.summary}")


def _read_whole(source: str, work: EncodeWork) -> LoadedImage:
    data = read_input(source)
    from hvaecodec.codec.images import read_image

    image = read_image(data, name="" if source == PIPE else source, metadata=work.metadata)
    for note in image.notes:
        say(f"note: {note}")
    return image
