"""Random numbers and their digest in the place of AlexNet's, for tests of what looks through it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hvaecodec.codec.metric_nets import convolutions, lpips_net, metric_weights

Tensors = dict[str, np.ndarray]


def alexnet_stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Tensors:
    """Return random tensors that pass for AlexNet's and are in no file yet; they are looked for in FOLDER/weights.

    No download can succeed. The caller clears `lpips_net.load_lpips` afterwards.
    """
    generator = torch.Generator().manual_seed(3)
    tensors = {
        name: torch.randn(shape, generator=generator).numpy() / np.float32(np.prod(shape[1:]) ** 0.5)
        for name, shape in convolutions.ALEXNET.names().items()
    }
    fitting = dataclasses.replace(convolutions.ALEXNET, digest=convolutions.digest_of(tensors))
    monkeypatch.setattr(convolutions, "ALEXNET", fitting)
    monkeypatch.setenv(metric_weights.FOLDER_VARIABLE, str(folder / "weights"))
    monkeypatch.setenv(metric_weights.URL_VARIABLE, "http://127.0.0.1:9/")  # nobody listens there
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(folder / "hub"))
    (folder / "weights").mkdir()
    lpips_net.load_lpips.cache_clear()
    return tensors
