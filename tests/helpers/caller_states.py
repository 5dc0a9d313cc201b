"""Encodes and decodes in states of a caller's process that might change what comes out, and compares with a plain one.

    python tests/helpers/caller_states.py

One line a state, each in a fresh process, so that weights and tables load in that state; exit 1 if bytes, pictures or
symbols differ anywhere, if a random state moved, or if the caller's state is not what it was.
"""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

import hvaecodec
from hvaecodec.codec import registry

CODECS = ("dct-vae-photo", "hqa-photo", "dct-vae-cifar10")


class _Refusing(TorchFunctionMode):
    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} was called under a mode of the caller")


class _Dispatching(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} was called under a mode of the caller")


@contextmanager
def _set(setter: Callable[[Any], Any], value: Any, before: Any) -> Iterator[None]:
    setter(value)
    try:
        yield
    finally:
        setter(before)


def _default_dtype(dtype: torch.dtype) -> AbstractContextManager[None]:
    return _set(torch.set_default_dtype, dtype, torch.float32)


def _threads(n: int) -> AbstractContextManager[None]:
    return _set(torch.set_num_threads, n, torch.get_num_threads())


@contextmanager
def _seeds() -> Iterator[None]:
    torch.manual_seed(11)
    np.random.seed(12)  # noqa: NPY002 (the state that old scripts use)
    random.seed(13)
    yield


@contextmanager
def _warnings_as_errors() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


STATES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "default dtype float64": lambda: _default_dtype(torch.float64),
    "default dtype bfloat16": lambda: _default_dtype(torch.bfloat16),
    "default dtype float16": lambda: _default_dtype(torch.float16),
    "default device meta": lambda: _set(torch.set_default_device, "meta", None),
    "within device meta": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no gradients": torch.no_grad,
    "gradients off by set_grad_enabled": lambda: torch.set_grad_enabled(False),
    "gradients on": torch.enable_grad,
    "autocast to bfloat16": lambda: torch.autocast("cpu", torch.bfloat16),
    "autocast to float16, inference mode": lambda: _both(torch.autocast("cpu", torch.float16), torch.inference_mode()),
    "deterministic algorithms": lambda: _set(torch.use_deterministic_algorithms, True, False),
    "1 thread": lambda: _threads(1),
    "2 threads": lambda: _threads(2),
    "4 threads": lambda: _threads(4),
    "matrix products in medium precision": lambda: _set(torch.set_float32_matmul_precision, "medium", "highest"),
    "denormals flushed": lambda: _set(torch.set_flush_denormal, True, False),
    "anomalies detected": lambda: torch.autograd.set_detect_anomaly(True, check_nan=True),
    "a function mode that refuses": _Refusing,
    "a dispatch mode that refuses": _Dispatching,
    "numpy raises at every doubt": lambda: np.errstate(all="raise"),
    "warnings are errors": _warnings_as_errors,
    "seeded generators": _seeds,
    "float64, autocast, inference mode and errstate together": lambda: _both(
        _default_dtype(torch.float64),
        torch.autocast("cpu", torch.bfloat16),
        torch.inference_mode(),
        np.errstate(all="raise"),
    ),
}


@contextmanager
def _both(*managers: AbstractContextManager[Any]) -> Iterator[None]:
    if not managers:
        yield
        return
    with managers[0], _both(*managers[1:]):
        yield


def picture() -> np.ndarray:
    """A smooth picture with noise and an edge, uint8 (40, 70, 3)."""
    y, x = np.mgrid[:40, :70]
    smooth = np.stack([110 + 60 * np.sin(x / 17) + 40 * np.cos(y / (11 + c)) for c in range(3)], 2)
    smooth[15:, 40:] += 50
    return (smooth + np.random.Generator(np.random.PCG64(3)).normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)


def products(name: str) -> dict[str, str]:
    """Digests of all that a codec, loaded afresh, makes of the picture."""
    codec = hvaecodec.load(name)
    data = codec.encode(picture(), quality=45)
    return {
        "bytes": digest(data),
        "symbols": digest(b"".join(level.tobytes() for level in codec.symbols(data))),
        "estimate": json.dumps(codec.info(data, estimate=True)["est_bits"]),
        "picture": digest(codec.decode(data).tobytes()),
        "drawn": digest(codec.decode(data, temperature=0.8, seed=5).tobytes()),
        "small": digest(codec.decode(data, scale=1 / 4).tobytes()),
    }


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def everything() -> dict[str, dict[str, str]]:
    """The products of all codecs, by name."""
    return {name: products(name) for name in CODECS}


def callers_state() -> dict[str, Any]:
    """What this thread and this process have set, and the states of all generators of random numbers."""
    return {
        "dtype": torch.get_default_dtype(),
        "device": torch._C._len_torch_function_stack() or torch.empty(0).device,
        "inference mode": torch.is_inference_mode_enabled(),
        "gradients": torch.is_grad_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "precision": torch.get_float32_matmul_precision(),
        "anomalies": torch.is_anomaly_enabled(),
        "errstate": np.geterr(),
        "warnings": list(warnings.filters),
        "numpy": repr(np.random.get_state()),  # noqa: NPY002
        "random": hash(random.getstate()),
        "torch": hash(torch.random.default_generator.get_state().numpy().tobytes()),
        "python threads": sum(not thread.name.startswith("hvaecodec") for thread in threading.enumerate()),
    }


def denormals_are_kept() -> bool:
    with np.errstate(all="ignore"):
        return float(np.float32(1e-30) * np.float32(1e-10)) != 0


def differences(state: str, plain: dict[str, dict[str, str]], shared_codecs: Sequence[str] = CODECS) -> list[str]:
    """What differs from a plain process where work is done in a state.

    plain: what `plain_products` gave. shared_codecs: those that are also loaded there for the whole process, and then
    used outside.
    """
    problems = []
    with STATES[state]():
        # Modes that refuse every call of torch would refuse ours to look at the state as well.
        looks = "refuses" not in state
        before, kept = callers_state() if looks else {}, denormals_are_kept()
        later = _in_a_new_thread(torch.get_num_threads)
        problems += _unequal(everything(), plain)
        if looks:
            after = callers_state()
            problems += [f"changed: {key}" for key, value in before.items() if after[key] != value]
        if denormals_are_kept() != kept or _in_a_new_thread(torch.get_num_threads) != later:
            problems.append("changed: denormals, or the threads of a later thread")
        registry.shared.cache_clear()
        shared = {name: digest(hvaecodec.encode(picture(), name, quality=45)) for name in shared_codecs}
    for name, own in shared.items():
        again = digest(hvaecodec.encode(picture(), name, quality=45))
        if {own, again} != {plain[name]["bytes"]}:
            problems.append(f"{name}: the shared codec, loaded there, stays broken")
    return problems


def _unequal(got: dict[str, dict[str, str]], plain: dict[str, dict[str, str]]) -> list[str]:
    return [f"{name}: {key}" for name, of in plain.items() for key, value in of.items() if got[name][key] != value]


def _in_a_new_thread(function: Callable[[], Any]) -> Any:
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    thread.join()
    return answers[0]


def _run(*words: str) -> Any:
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else [done.stderr.strip().splitlines()[-1]]


def plain_products() -> dict[str, dict[str, str]]:
    """What a fresh process without any settings makes."""
    plain: dict[str, dict[str, str]] = _run("--plain")
    return plain


def main() -> int:
    if sys.argv[1:] == ["--plain"]:
        print(json.dumps(everything()))
        return 0
    if sys.argv[1:2] == ["--state"]:
        print(json.dumps(differences(sys.argv[2], json.loads(sys.argv[3]))))
        return 0
    plain, failed = plain_products(), 0
    print("| state of the caller | bytes, pictures, symbols, random states and the state itself |\n| --- | --- |")
    for state in STATES:
        problems = _run("--state", state, json.dumps(plain))
        failed += bool(problems)
        print(f"| {state} | {'equal' if not problems else '; '.join(problems)} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
