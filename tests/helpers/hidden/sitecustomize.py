"""Hides PyTorch from every process that starts with this folder on PYTHONPATH; see `without_torch.py`."""

import runpy
import sys
from pathlib import Path

sys.meta_path.insert(0, runpy.run_path(str(Path(__file__).parents[1] / "without_torch.py"))["Blocker"]())
