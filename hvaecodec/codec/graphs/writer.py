"""Writes the graphs of nets as ONNX, node by node, with the names that the files of weights have for their arrays.

In a graph of ours the weights have names and shapes and no values: whoever runs it brings them. In a graph for others
they are inside. Needs the package `onnx`, which a plain install does without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 18, 9  # of 2023, old enough for every ONNX Runtime that a plain install may have
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
ELSEWHERE = "weights"  # the file that graphs of ours name for values which whoever loads them brings

Shape = Sequence[int | str]  # a name stands for a size that is known when the graph runs


class GraphWriter:
    """A graph in the making. Every method that adds to it returns the name of the value that it added."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.constants: list[Any] = []
        self.weights: dict[str, tuple[int, ...]] = {}

    def input(self, name: str, kind: int, shape: Shape) -> str:
        """Declare an input, of kind FLOAT or INT64."""
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, name: str, value: str, shape: Shape, kind: int = FLOAT) -> None:
        """Declare an output that has the value of another name."""
        self.nodes.append(helper.make_node("Identity", [value], [name], f"{name}.out"))
        self.outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def weight(self, name: str, *shape: int) -> str:
        """Declare an array of the file of weights, float."""
        self.weights[name] = shape
        return name

    def constant(self, value: np.ndarray | Sequence[int]) -> str:
        """Add an array, int64 if it comes as a sequence."""
        array = value if isinstance(value, np.ndarray) else np.array(value, np.int64)
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def number(self, value: float) -> str:
        """Add a single float."""
        return self.constant(np.array(value, np.float32))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output."""
        return self.split(op, *inputs, outputs=1, **attributes)[0]

    def split(self, op: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add a node with so many outputs."""
        name = f"{op}{len(self.nodes)}"
        results = [f"{name}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), results, name, **attributes))
        return results

    def model(self, metadata: Mapping[str, str], arrays: Mapping[str, np.ndarray] | None = None) -> bytes:
        """Return the whole model. arrays: the weights by name, to be put inside as float32; None leaves them out."""
        initialisers = [
            _elsewhere(name, shape)
            if arrays is None
            else numpy_helper.from_array(arrays[name].astype(np.float32).reshape(shape), name)
            for name, shape in self.weights.items()
        ]
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs, self.constants + initialisers)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="hvaecodec")
        helper.set_model_props(model, dict(metadata))
        if arrays is not None:  # the checker wants to see every value
            onnx.checker.check_model(model, full_check=True)
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def _elsewhere(name: str, shape: Sequence[int]) -> Any:
    """An array whose values are not in the graph."""
    tensor = TensorProto(name=name, data_type=FLOAT, dims=shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=ELSEWHERE)
    return tensor
