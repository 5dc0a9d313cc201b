"""Runs a net with ONNX Runtime: its graph, and the arrays of its weights."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from hvaecodec.codec.errors import CodecUnavailable
from hvaecodec.codec.graphs import Graph
from hvaecodec.models.side_by_side import threads_allowed

_NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_QUIET = 3  # errors alone are logged
_nets: weakref.WeakSet[Net] = weakref.WeakSet()


class Net:
    """A net that is called with its inputs by name, and returns its only output.

    It may be called from several threads, and in a process that was forked.
    """

    def __init__(self, graph: Graph, arrays: Mapping[str, np.ndarray]) -> None:
        """Take the arrays that the graph asks for, of any float type. Raises CodecUnavailable where they do not fit."""
        for name, shape in graph.weights.items():
            if name not in arrays or arrays[name].shape != shape:
                has = f"it is {arrays[name].shape}" if name in arrays else "there is none"
                raise CodecUnavailable(f"the weights do not fit their config: {name} must be {shape}, {has}")
        self.model = graph.model
        self.weights = {name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in graph.weights}
        self._lock = threading.Lock()
        self._session: Any = self._start()
        _nets.add(self)

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        """Run the net."""
        with self._lock:
            session = self._session = self._session or self._start()
        (output,) = session.run(None, inputs)
        return np.asarray(output)

    def begin_anew(self) -> None:
        """Forget the session in a process that was forked, where its threads are not, so that the next call makes one.

        The session itself stays for ever: to end it would be to wait for those threads.
        """
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
        self._lock, self._session = threading.Lock(), None

    def _start(self) -> Any:
        onnxruntime = _runtime()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _QUIET
        options.intra_op_num_threads = threads_allowed()
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a guest does not wait busily
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in self.weights.values()]
        options.add_external_initializers(list(self.weights), values)
        return onnxruntime.InferenceSession(self.model, options, providers=["CPUExecutionProvider"])


def _runtime() -> Any:
    """Import ONNX Runtime, without the telemetry that its builds have.

    It would send events to its makers, keep a number for the machine in the user's cache, and hang a forked process as
    it exits. It reads the variable as it loads; where the host has loaded it, or says something itself, that holds.
    """
    if _NO_TELEMETRY in os.environ:
        return import_module("onnxruntime")
    os.environ[_NO_TELEMETRY] = "1"
    try:
        return import_module("onnxruntime")
    finally:
        os.environ.pop(_NO_TELEMETRY, None)


def _begin_all_anew() -> None:
    for net in list(_nets):
        net.begin_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_anew)
