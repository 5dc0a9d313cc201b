"""Checkpoints: one safetensors file each, replaced as a whole, and weights to begin with from any of our files.

Everything random in a step is drawn from (seed, rank, step) alone, so the step number is at once the state of the
random generators and the position in the data.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from hvaecodec.codec.files import write_atomically
from hvaecodec.codec.photo.generator_file import BASIS
from hvaecodec.models.photo.prior_trainable import PriorNet

NAME = "checkpoint.safetensors"


@dataclass(frozen=True)
class Position:
    """Says where a run stands: how many steps it has done, how many seconds it has trained, and of processor time."""

    step: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # all threads of this process; 0 in checkpoints from before it was counted


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint holds all that a stage needs to go on.

    run: what must be equal for a run to go on. about: all else worth telling (metrics, hardware).
    """

    position: Position
    run: dict[str, Any]
    about: dict[str, Any]
    tensors: dict[str, Tensor]  # net.*, ema.*, adam.<moment>.*, task.<rank>.*

    def part(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors whose names begin with a prefix, by the rest of their names."""
        return {name[len(prefix) :]: value for name, value in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a folder's checkpoint; one that was there stays whole until the new one is whole."""
    state = {"position": asdict(checkpoint.position), "run": checkpoint.run, "about": checkpoint.about}
    tensors = {name: value.detach().cpu().contiguous() for name, value in checkpoint.tensors.items()}
    write_atomically(folder / NAME, save(tensors, {"state": json.dumps(state)}), force=True)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint of a folder, None if it has none. Raises ValueError for a file that is not one."""
    path = folder / NAME
    if not path.exists():
        return None
    tensors, metadata = _read(path)
    if "state" not in metadata:
        raise ValueError(f"{path} is not a training checkpoint")
    state = json.loads(metadata["state"])
    return Checkpoint(Position(**state["position"]), state["run"], state["about"], tensors)


def moments(optimiser: torch.optim.Optimizer, net: nn.Module) -> dict[str, Tensor]:
    """Return what the optimiser remembers of every parameter, by `<moment>.<parameter>`."""
    return {
        f"{moment}.{name}": value
        for name, parameter in net.named_parameters()
        for moment, value in optimiser.state[parameter].items()
    }


def restore_moments(optimiser: torch.optim.Optimizer, net: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Put `moments` back. What has a parameter's shape gets its memory layout, which fused kernels take for granted."""
    parameters = dict(net.named_parameters())
    for key, value in tensors.items():
        moment, _, owner = key.partition(".")
        if owner in parameters:
            parameter = parameters[owner]
            alike = value.shape == parameter.shape
            like = torch.empty_like(parameter) if alike else value.to(parameter.device).clone()
            optimiser.state[parameter][moment] = like.detach().copy_(value)


def load_weights(net: nn.Module, path: Path) -> None:
    """Put the weights in a file into a net: those of a checkpoint (averaged), a generator, or bitstream weights.

    A folder stands for the checkpoint or the exported file in it that fits the net. Raises ValueError if nothing does.
    """
    if path.is_dir():
        exported = "bitstream.safetensors" if isinstance(net, PriorNet) else "generator.safetensors"
        path = next((path / name for name in (exported, NAME) if (path / name).exists()), path / exported)
    tensors, metadata = _read(path)
    if "state" in metadata:
        tensors = {name[4:]: value for name, value in tensors.items() if name.startswith("net.")} | {
            name[4:]: value for name, value in tensors.items() if name.startswith("ema.")
        }
    elif "log_table" in tensors:
        tensors = _from_integers({name: value.numpy() for name, value in tensors.items()})
    tensors.pop(BASIS, None)  # directions of the net in the file: the exporter measures those of the trained one
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    if shapes != {name: value.shape for name, value in tensors.items()}:
        raise ValueError(f"{path} does not fit this net; it holds other weights, or those of another preset")
    net.load_state_dict({name: value.float() for name, value in tensors.items()})


def _from_integers(arrays: dict[str, np.ndarray]) -> dict[str, Tensor]:
    """Return the float weights that `prior_exact.export_integers` rounds to just these integers."""
    out = {name: torch.from_numpy(value.astype(np.float32)) for name, value in arrays.items() if "linear" in name}
    for name, weight in arrays.items():
        if name.endswith(".weight"):
            layer = name.removesuffix(".weight")
            step = 2.0 ** -arrays[f"{layer}.shift"].astype(np.float64)
            key = layer.replace(".", "_")
            out[f"weights.{key}"] = torch.from_numpy((weight * step[:, None, None, None]).astype(np.float32))
            out[f"biases.{key}"] = torch.from_numpy((arrays[f"{layer}.bias"] * step / 32).astype(np.float32))
    return out


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    if not path.is_file():
        raise ValueError(f"there are no weights at {path}")
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as cause:
        raise ValueError(f"cannot read {path} as safetensors: {cause}") from cause
