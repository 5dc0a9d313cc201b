"""Decodes files in every configuration that might change an integer, each in a fresh process, and compares.

    python tests/codec/matrix.py [--weights DIR] FILES...

One line per configuration; exit 1 if the symbols of any file differ anywhere.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import hvaecodec
from hvaecodec.codec import registry


@dataclass(frozen=True)
class Configuration:
    """How a process decodes: its environment, PyTorch's switches and the arithmetic."""

    environment: dict[str, str] = field(default_factory=dict)
    threads: int = 1
    onednn: bool = True
    autocast: bool = False
    precision: str = "highest"
    backend: str = "torch"  # "torch", "numpy" or "cuda"


CONFIGURATIONS = {
    "as it comes": Configuration(),
    "2 threads": Configuration(threads=2),
    "ATen default": Configuration({"ATEN_CPU_CAPABILITY": "default"}),
    "ATen avx2": Configuration({"ATEN_CPU_CAPABILITY": "avx2"}),
    "oneDNN AVX2": Configuration({"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "oneDNN AVX512_CORE": Configuration({"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}),
    "oneDNN off": Configuration(onednn=False),
    "oneDNN off, 2 threads, ATen default": Configuration({"ATEN_CPU_CAPABILITY": "default"}, threads=2, onednn=False),
    "inside autocast bfloat16": Configuration(autocast=True),
    "matmul precision medium": Configuration(precision="medium"),
    "autocast, medium, 2 threads": Configuration(threads=2, autocast=True, precision="medium"),
    "numpy reference": Configuration(backend="numpy"),
    "CUDA": Configuration(backend="cuda"),
    "CUDA, TF32, inside autocast": Configuration(backend="cuda", autocast=True, precision="medium"),
}

IN_PROCESS = [name for name, c in CONFIGURATIONS.items() if not c.environment and c.backend == "torch"]
BATCHES = (1, 8, 16, 33)


def switched(configuration: Configuration) -> ExitStack:
    """A context in which this process computes as configured (all but the environment)."""
    stack = ExitStack()
    stack.callback(torch.set_num_threads, torch.get_num_threads())
    stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
    stack.callback(torch.backends.mkldnn.set_flags, _enabled=True)
    torch.set_num_threads(configuration.threads)
    torch.set_float32_matmul_precision(configuration.precision)
    torch.backends.mkldnn.set_flags(_enabled=configuration.onednn)
    if configuration.autocast:
        stack.enter_context(torch.autocast("cpu", torch.bfloat16))
        if configuration.backend == "cuda":
            stack.enter_context(torch.autocast("cuda", torch.bfloat16))
    return stack


def move_to_cuda(codec: Any) -> None:
    """Let a codec's exact arithmetic compute on the GPU."""
    from hvaecodec.models.hqa.index_exact import ExactIndexArithmetic
    from hvaecodec.models.photo.prior_exact import ExactArithmetic

    bitstream = codec.bitstream
    if codec.name == "hqa-photo":
        layers = [bitstream.layer(number) for number in range(bitstream.n_layers)]
        vars(codec.nets)["arithmetic"] = [ExactIndexArithmetic(layer, bitstream.config, "cuda") for layer in layers]
    else:
        prior = ExactArithmetic(bitstream.arrays, bitstream.config, "cuda")
        vars(bitstream)["coder"] = replace(bitstream.coder, prior=prior)


def digests(paths: Sequence[str | Path], weights: str | Path | None, configuration: Configuration) -> list[str]:
    """What this process decodes, one SHA-256 of all symbols per file."""
    backend = "numpy" if configuration.backend == "numpy" else "torch"
    loaded = hvaecodec.load(weights) if weights else None
    found = []
    with switched(configuration):
        for path in paths:
            data = Path(path).read_bytes()
            codec: Any = loaded or registry.for_file(data)
            if configuration.backend == "cuda":
                move_to_cuda(codec)
            digest = hashlib.sha256()
            for level in codec.symbols(data, backend=backend):
                digest.update(f"{level.shape} ".encode() + level.astype("<i2").tobytes())
            found.append(digest.hexdigest())
    return found


def run(
    paths: Sequence[str | Path], weights: str | Path | None = None, names: Sequence[str] = tuple(CONFIGURATIONS)
) -> dict[str, list[str]]:
    """Digests of every file by configuration, each configuration in a process of its own."""
    found = {}
    for name in names:
        configuration = CONFIGURATIONS[name]
        if configuration.backend == "cuda" and not torch.cuda.is_available():
            continue
        command = [sys.executable, __file__, "--only", name, *(["--weights", str(weights)] if weights else [])]
        # Passive: on a busy machine threads that spin keep each other waiting.
        threads = {"OMP_NUM_THREADS": str(configuration.threads), "OMP_WAIT_POLICY": "passive"}
        environment = os.environ | threads | configuration.environment
        done = subprocess.run([*command, *map(str, paths)], env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr}")
        found[name] = done.stdout.split()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--weights", help="folder of weights instead of those in the package")
    parser.add_argument("--only", choices=CONFIGURATIONS, help="print the digests of one configuration")
    arguments = parser.parse_args()
    if arguments.only:
        print("\n".join(digests(arguments.files, arguments.weights, CONFIGURATIONS[arguments.only])))
        return 0
    found = run(arguments.files, arguments.weights)
    expected = found["as it comes"]
    for name, got in found.items():
        equal = sum(a == b for a, b in zip(expected, got, strict=True))
        print(f"{name:40} {equal} of {len(expected)} files equal")
    return 0 if all(got == expected for got in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
