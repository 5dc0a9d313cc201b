"""A tiny, seeded `hqa-photo` on disk: every path of the codec without trained weights."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from hvaecodec.models.hqa.index_prior import IndexPriorConfig
from hvaecodec.models.hqa.index_trainable import IndexPriorNet
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack
from hvaecodec.training.hqa.codes import spread
from hvaecodec.training.hqa.hqa_photo_export import export_hqa_bitstream, export_hqa_generator, finished_stack
from hvaecodec.training.recipes.hqa_photo import stack_of

PRIOR = IndexPriorConfig(embedding=4, hidden=16)
LAYERS = stack_of(4, 512, ((4, 6, 0), (4, 6, 0), (4, 6, 1), (4, 6, 1), (4, 6, 1)))


def stack(seed: int = 0) -> HqaStack:
    """Random layers whose values spread over their codes."""
    torch.manual_seed(seed)
    layers = [HqaLayer(config, bottom=number == 0) for number, config in enumerate(LAYERS)]
    x = torch.rand(2, 3, 96, 96)
    for layer in layers:
        layer.observe(x)
        spread(layer, x)
        x = layer.encode(x).detach()
    return finished_stack(layers)


def write_weights(folder: Path, seed: int = 0) -> Path:
    """The three files of a codec's folder, random but the same for a seed."""
    layers = stack(seed)
    torch.manual_seed(seed)
    priors = [IndexPriorNet(PRIOR) for _ in LAYERS]
    for prior in priors:
        torch.nn.init.normal_(prior.weights["head"], std=0.6)
    export_hqa_bitstream(layers, priors, folder, force=True)
    export_hqa_generator(layers, folder, force=True)
    (folder / "card.json").write_text(json.dumps({"codec": "hqa-photo", "generator": "generator.safetensors"}))
    return folder


def write_generator(path: Path, seed: int) -> None:
    """Other encoders and decoders for the same codes."""
    layers = stack(seed)
    state = {
        name: value.half().contiguous()
        for name, value in layers.state_dict().items()
        if not name.endswith((".codebook", ".seen"))
    }
    save_file(state, path, {"config": json.dumps([vars(config) for config in LAYERS])})


def random_indices(seed: int, grid: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 512, grid).astype(np.int16)
