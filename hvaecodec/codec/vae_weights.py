"""Files of the papers' VAEs: half-precision weights that name their net."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.models.vdvae import Vdvae
from hvaecodec.models.vdvae_presets import net

FILE = "vae.safetensors"


def vae_bytes(vae: Vdvae, name: str) -> bytes:
    """A net as safetensors, floats in half precision. Raises ValueError if one does not fit."""
    tensors = {}
    for key, value in vae.state_dict().items():
        tensors[key] = value.detach().cpu().half().contiguous() if value.is_floating_point() else value.cpu()
        if not tensors[key].isfinite().all():
            raise ValueError(f"{key} is too large for half precision, or not a number")
    return save(tensors, {"net": name})


def read_vae(path: Path) -> Vdvae:
    """The net of a file, or of the file in a folder, in float32 and frozen. Raises CodecUnavailable."""
    path = path / FILE if path.is_dir() else path
    try:
        with safe_open(path, "pt") as file:
            vae = Vdvae(net((file.metadata() or {})["net"]))
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        vae.load_state_dict({key: v.float() if v.is_floating_point() else v for key, v in state.items()})
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as cause:
        raise CodecUnavailable(f"cannot use the weights in {path}: {cause}") from cause
    return vae.requires_grad_(False).eval().to(torch.float32)
