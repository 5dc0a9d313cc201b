"""Runs Python as where PyTorch is not installed: `python without_torch.py -c CODE`, or `-m MODULE ARGUMENTS`."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any


class Blocker(MetaPathFinder):
    """Finds no torch, and nothing that is built on it."""

    blocked = ("torch", "torchvision", "pytorch_msssim", "lpips", "piq", "compressai", "onnx")

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> None:
        """Raise as an import does that finds nothing."""
        if name.split(".")[0] in self.blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name.split(".")[0])


if __name__ == "__main__":
    sys.meta_path.insert(0, Blocker())
    hidden = str(Path(__file__).parent / "hidden")  # for processes that this one starts, as the workers of a folder
    os.environ["PYTHONPATH"] = os.pathsep.join([hidden, *filter(None, [os.environ.get("PYTHONPATH")])])
    _, how, what, *rest = sys.argv
    if how == "-c":
        sys.argv = ["-c", *rest]
        exec(compile(what, "<code>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = [what, *rest]
        runpy.run_module(what, run_name="__main__", alter_sys=True)
