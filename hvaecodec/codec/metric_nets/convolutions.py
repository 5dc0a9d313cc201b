"""The convolutions of AlexNet and VGG16, through which LPIPS and DISTS look, from any file that holds just these.

torchvision's files hold the classifiers too, 230 and 530 MB; a safetensors file of the convolutions alone is as good.
What counts is the digest of the tensors, which is pinned here, and not the file that they came in.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.metric_nets import metric_weights
from hvaecodec.codec.weight_folders import usable

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Convolutions:
    """The convolutions of a network.

    name: the network's. file: of the convolutions alone. whole: torchvision's file of the whole network. shapes: of the
    kernels by their number among torchvision's `features`, (out, in, height, width). digest: see `digest_of`.
    """

    name: str
    file: str
    whole: metric_weights.Weights
    shapes: Mapping[int, tuple[int, int, int, int]]
    digest: str

    @property
    def about(self) -> str:
        """The network and the digits of its digest, to stand beside numbers."""
        return f"torchvision's {self.name}, SHA-256 of its convolutions {self.digest[:8]}…"

    def names(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of all tensors by torchvision's names, in the order of the network."""
        shapes: dict[str, tuple[int, ...]] = {}
        for number, shape in self.shapes.items():
            shapes |= {f"features.{number}.weight": shape, f"features.{number}.bias": shape[:1]}
        return shapes


ALEXNET = Convolutions(
    "AlexNet",
    "alexnet-convolutions.safetensors",
    metric_weights.ALEXNET,
    {0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3), 10: (256, 256, 3, 3)},
    "b58cb12516261361a1ed14f3b70c0abad70c1ca4c1c75e1aa576654d3759aa06",
)
_VGG16_CHANNELS = {0: (64, 3), 2: (64, 64), 5: (128, 64), 7: (128, 128), 10: (256, 128), 12: (256, 256)}
_VGG16_CHANNELS |= {14: (256, 256), 17: (512, 256)} | dict.fromkeys((19, 21, 24, 26, 28), (512, 512))
VGG16 = Convolutions(
    "VGG16",
    "vgg16-convolutions.safetensors",
    metric_weights.VGG16,
    {number: (out, into, 3, 3) for number, (out, into) in _VGG16_CHANNELS.items()},
    "c904448ba069dd03d996c5be4fd923bc391f87f5af0dd6d1dae7010481fe74bf",
)


def load(net: Convolutions) -> Tensors:
    """Return the verified tensors of a network by torchvision's names, float32.

    They are looked for in the folders of `metric_weights.folders`, in the small file and then in torchvision's; else
    torchvision's is downloaded. Raises CodecUnavailable, in one line, if they cannot be had or are not those.
    """
    path = _file_at_hand(net)
    return verified(net, _read(path or metric_weights.find(net.whole)), path or net.whole.file)


def at_hand(net: Convolutions) -> bool:
    """Return whether a file of the network lies on this machine, whatever is in it."""
    return _file_at_hand(net) is not None


def verified(net: Convolutions, tensors: Mapping[str, Any], source: str | os.PathLike[str]) -> Tensors:
    """Return those of some tensors that are the network's, in its order, if all are there and have its digest.

    source: where they are from, for the message. Raises CodecUnavailable.
    """
    own: Tensors = {}
    for name, shape in net.names().items():
        tensor = tensors.get(name)
        if not isinstance(tensor, np.ndarray) or tensor.shape != shape or tensor.dtype != np.float32:
            raise CodecUnavailable(f"{source} has no float32 {name} of shape {shape}, as {net.name} has")
        own[name] = np.ascontiguousarray(tensor)
    digest = digest_of(own)
    if digest != net.digest:
        words = f"SHA-256 {digest[:16]}…, not {net.digest[:16]}…: another network, or damaged"
        raise CodecUnavailable(f"the convolutions of {net.name} in {source} have {words}")
    return own


def digest_of(tensors: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of tensors: of each one's name, shape and little-endian float32 numbers, in their order."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        digest.update(f"{name} {tensor.shape}\n".encode())
        digest.update(np.ascontiguousarray(tensor, "<f4").tobytes())
    return digest.hexdigest()


def write(net: Convolutions, tensors: Mapping[str, Any], folder: Path, source: str | os.PathLike[str]) -> Path:
    """Write the small file of a network into a folder, replacing an older one as a whole, and return its path.

    source: where the tensors are from. Raises CodecUnavailable for others than the network's, and writes nothing then.
    """
    from safetensors.numpy import save

    data = save(verified(net, tensors, source), {"about": f"{net.about}, without the classifier"})
    return write_into_folder(folder / net.file, data, force=True)


def _file_at_hand(net: Convolutions) -> Path | None:
    """The first file of the network in the folders where weights may lie."""
    paths = [folder / name for folder in metric_weights.folders() for name in (net.file, net.whole.file)]
    return next((path for path in paths if os.path.exists(path)), None)


def _read(path: Path) -> dict[str, Any]:
    """The tensors of a file of either kind, as arrays by name; what is no tensor is left out."""
    metric_weights.check_size(path)
    with usable(f"cannot read metric weights from {path}"):
        if path.suffix == ".safetensors":
            from safetensors.numpy import load as load_arrays

            return dict(load_arrays(path.read_bytes()))
        import torch

        state = torch.load(path, map_location="cpu", weights_only=True)  # runs nothing that the file names
        return {name: value.numpy() for name, value in state.items() if name.startswith("features.")}
