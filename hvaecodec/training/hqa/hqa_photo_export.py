"""Turns a trained stack and its index priors into a folder of weights that `hqa-photo` loads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors

from hvaecodec.codec.entropy.bits import BitTables
from hvaecodec.codec.files import write_into_folder
from hvaecodec.codec.weights import BITSTREAM
from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
from hvaecodec.models.hqa.index_prior import bit_tables, tree_order
from hvaecodec.models.hqa.index_trainable import IndexPriorNet, export_integers
from hvaecodec.models.hqa.stack import HqaLayer, HqaStack

GENERATOR = "generator.safetensors"
_BITSTREAM_PARTS = ("codebook", "seen")  # what a generator file leaves out


def finished_stack(layers: Sequence[HqaLayer]) -> HqaStack:
    """Return trained layers as a codec will have them: codes in `tree_order`, every weight rounded to half precision.

    Changes the layers. Raises ValueError if a weight does not fit half precision.
    """
    stack = HqaStack(layers)
    with torch.no_grad():
        for layer in layers:
            order = torch.from_numpy(tree_order(layer.codebook.detach().double().cpu().numpy()))
            layer.codebook.copy_(layer.codebook[order.to(layer.codebook.device)])
        for value in (*stack.parameters(), *stack.buffers()):
            if value.is_floating_point():
                value.copy_(value.half().float())
                if not value.isfinite().all():
                    raise ValueError("a weight is too large for half precision, or not a number")
    return stack.freeze()


def export_hqa_bitstream(stack: HqaStack, priors: Sequence[IndexPriorNet], folder: Path, force: bool = False) -> Path:
    """Write the bitstream weights: of every layer its prior's integers and its code vectors, and the bit tables.

    Raises ValueError if a layer could exceed exact float32, CodecError if the file exists and not `force`.
    """
    arrays: dict[str, np.ndarray] = {"bit_tables": bit_tables()}
    BitTables(arrays["bit_tables"])  # checks every table's sum
    for number, prior in enumerate(priors):
        integers = export_integers(prior)
        ExactIndexArithmetic(integers, prior.config)  # checks every layer's bound
        integers["codebook"] = stack[number].codebook.detach().half().cpu().numpy()
        arrays |= {f"layer{number + 1}.{name}": part for name, part in integers.items()}
    arrays = {name: np.ascontiguousarray(part) for name, part in sorted(arrays.items())}
    return write_into_folder(
        folder / BITSTREAM, save_arrays(arrays, {"config": json.dumps(asdict(priors[0].config))}), force
    )


def export_hqa_generator(stack: HqaStack, folder: Path, force: bool = False) -> Path:
    """Write encoders and decoders in half precision. Raises CodecError if the file exists and not `force`."""
    tensors = {
        name: value.detach().half().cpu().contiguous()
        for name, value in stack.state_dict().items()
        if name.rpartition(".")[2] not in _BITSTREAM_PARTS
    }
    config = json.dumps([asdict(stack[number].config) for number in range(len(stack))])
    return write_into_folder(folder / GENERATOR, save_tensors(tensors, {"config": config}), force)
