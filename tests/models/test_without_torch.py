"""What the walk of the HQA codec imports of the models runs where PyTorch is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

UNIFORMS = "from hvaecodec.models.philox import uniforms; uniforms(1, 0, (2, 3, 1), 0, 2)"
WALK = """
import numpy as np
from hvaecodec.models.hqa.index_numpy import NumpyIndexArithmetic
from hvaecodec.models.hqa.index_prior import IndexPriorConfig, layer_shapes, walk

config = IndexPriorConfig(2, 4)
weights = {"embedding": np.ones((513, 2), np.int8)}
for name, inputs, outputs in layer_shapes(config):
    weights[f"{name}.weight"] = np.ones((outputs, inputs), np.int8)
    weights[f"{name}.bias"], weights[f"{name}.shift"] = np.zeros(outputs, np.int32), np.ones(outputs, np.uint8)
walk(NumpyIndexArithmetic(weights, config), (5, 7), lambda logits, places: places)
"""


@pytest.mark.parametrize("script", [UNIFORMS, WALK], ids=["uniforms", "walk"])
def test_no_torch_is_needed(script):
    block = "import sys; sys.modules['torch'] = None\n"  # importing it now raises ImportError
    subprocess.run([sys.executable, "-c", block + script], check=True)
