"""Runs a net with ONNX Runtime: its graph, and the arrays of its weights."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping

import numpy as np
import onnxruntime

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.graphs import Graph

_QUIET = 3  # errors alone are logged


class Net:
    """A net that is called with its inputs by name, and returns its only output.

    It may be called from several threads. In a process that was forked it begins anew, as its threads stay behind.
    """

    def __init__(self, graph: Graph, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the arrays that the graph asks for, of any float type. Raises CodecUnavailable where they do not fit."""
        for name, shape in graph.weights.items():
            if name not in arrays or arrays[name].shape != shape:
                has = f"it is {arrays[name].shape}" if name in arrays else "there is none"
                raise CodecUnavailable(f"the weights do not fit their config: {name} must be {shape}, {has}")
        self.model = graph.model
        self.weights = {name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in graph.weights}
        self._lock, self._process = threading.Lock(), 0
        self._session: onnxruntime.InferenceSession | None = None

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        """Run the net."""
        (output,) = self._own_session().run(None, inputs)
        return np.asarray(output)

    def _own_session(self) -> onnxruntime.InferenceSession:
        if self._session is None or self._process != os.getpid():
            with self._lock:
                if self._session is None or self._process != os.getpid():
                    self._session, self._process = self._start(), os.getpid()
        return self._session

    def _start(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = threads()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a guest does not wait busily
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in self.weights.values()]
        options.add_external_initializers(list(self.weights), values)
        return onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])


def threads() -> int:
    """Return on how many threads nets run: what OMP_NUM_THREADS says, else one for each processor we may use."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isdigit() and int(said) > 0:
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
