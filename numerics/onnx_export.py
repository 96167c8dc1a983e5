"""Writing a bump network as an ONNX file: float64, blockwise bumps, and nothing but linear maps and Relu.

The file holds centres, radius, 1/ramp, labels, height and the teacher's numbers as they are, so that for a ramp which
is a power of two it is, read in exact arithmetic, the network that was certified. Bumps broadcast x - c: no matrix from
coordinates to facets is ever formed. Source of the network: `numerics.overfit`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numerics.bump_networks import BumpNetwork
from numerics.gates import Gate
from numerics.kuhn_teacher import AffineTeacher, KuhnTeacher

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR_VERSION = 17, 8
"""Pinned: old enough for every runtime that computes in float64, whatever release of onnx writes the file."""
LARGEST_FILE = 10**9
SMALLEST = 2.0**-126
"""Of radius and height: onnxruntime drops constants that are 0 as float32, also from a network over float64."""


class OnnxError(ValueError):
    """A network that cannot be written; one line that says why."""


class _Graph:
    """Nodes and constants under construction; every method returns the name of its result."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, values: Any) -> str:
        from onnx import numpy_helper

        array = np.ascontiguousarray(values)
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array if array.dtype == np.int64 else array.astype(float), name))
        return name

    def apply(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        from onnx import helper

        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [name], **attributes))
        return name

    def relu(self, value: str) -> str:
        return self.apply("Relu", value)

    def combine(self, *terms: tuple[float, str], bias: float = 0.0) -> str:
        """Sum of weight * value + bias."""
        total = ""
        for weight, value in terms:
            part = value if weight == 1 else self.apply("Mul", value, np.float64(weight))
            total = self.apply("Add", total, part) if total else part
        return self.apply("Add", total, np.float64(bias)) if bias else total

    def columns(self, value: str, count: int) -> list[str]:
        """The columns of a matrix, each with one column."""
        return [self.apply("Gather", value, np.array([place]), axis=1) for place in range(count)]

    def total(self, value: str, axis: int, keep: int) -> str:
        return self.apply("ReduceSum", value, np.array([axis]), keepdims=keep)


def estimate_bytes(function: BumpNetwork, /) -> int:
    """About how many bytes the file takes: eight for each number of the bumps and of the teacher."""
    count, dimension = function.centres.shape
    teacher = function.teacher
    nodes = teacher.values.size * (dimension + 1) if isinstance(teacher, KuhnTeacher) else 2 * dimension
    return 8 * int(count * (dimension + 1) + nodes) + 20_000


def export_onnx(function: BumpNetwork, path: str | os.PathLike[str], /) -> int:
    """Write the network to `path` and return the size of the file in bytes.

    Input "points" (batch, d), output "values" (batch,), both float64. Raises OnnxError, before anything is formed, for
    a file over LARGEST_FILE bytes, for gate E and for a teacher that is not from `numerics.kuhn_teacher`.
    """
    size = estimate_bytes(function)
    if size > LARGEST_FILE:
        raise OnnxError(f"the ONNX file would have {size / 1e9:.2f} GB; at most {LARGEST_FILE / 1e9:g} GB is written")
    content = build_model(function).SerializeToString()
    target = Path(path)
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_bytes(content)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return len(content)


def build_model(function: BumpNetwork, /) -> ModelProto:
    """The ONNX model in memory.

    OnnxError for gate E, a teacher not from `numerics.kuhn_teacher`, and a radius or height below SMALLEST.
    """
    from onnx import TensorProto, checker, helper

    if min(function.radius, function.height) < SMALLEST:
        raise OnnxError("a radius or height below 2^-126 is not exported: runtimes take it for 0; use larger units")
    dimension = function.centres.shape[1]
    graph = _Graph()
    taught = _add_teacher(graph, function.teacher)
    bumps = _add_bumps(graph, function)
    outputs = {Gate.C: _add_gate_c, Gate.D: _add_gate_d}
    if function.gate not in outputs:
        raise OnnxError(f"gate {function.gate.value} is not exported; gates C and D are")
    result = outputs[function.gate](graph, function, bumps, taught)
    graph.nodes.append(helper.make_node("Squeeze", [result, graph.constant(np.array([1]))], ["values"]))
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "overfitted",
            [helper.make_tensor_value_info("points", TensorProto.DOUBLE, ["batch", dimension])],
            [helper.make_tensor_value_info("values", TensorProto.DOUBLE, ["batch"])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="robust-limits",
    )
    checker.check_model(model)
    return model


def _add_bumps(graph: _Graph, function: BumpNetwork) -> str:
    """(batch, n) bumps."""
    moved = graph.apply("Sub", graph.apply("Unsqueeze", "points", np.array([1])), function.centres)
    facets = [
        graph.relu(graph.apply("Sub", side, np.float64(function.radius))) for side in (moved, graph.apply("Neg", moved))
    ]
    sums = graph.total(graph.apply("Add", *facets), 2, 0)
    return graph.relu(graph.combine((-1 / function.ramp, sums), bias=1.0))


def _add_gate_c(graph: _Graph, function: BumpNetwork, bumps: str, taught: str) -> str:
    signed = graph.apply("MatMul", bumps, function.labels[:, None])
    rest = graph.relu(graph.combine((-1, graph.relu(graph.combine((1, taught), bias=1.0))), bias=2.0))
    inner = graph.relu(graph.combine((-1, rest), (2, signed), bias=2.0))
    return graph.combine((-1, graph.relu(graph.combine((-1, inner), bias=2.0))), bias=1.0)


def _add_gate_d(graph: _Graph, function: BumpNetwork, bumps: str, taught: str) -> str:
    height = function.height
    total = graph.total(bumps, 1, 1)
    signed = graph.apply("MatMul", bumps, function.labels[:, None])
    weighted = graph.relu(graph.combine((1, signed), (height, total)))
    shifted = graph.relu(graph.combine((1, taught), bias=height))
    room = graph.combine((-2 * height, total), bias=2 * height)
    inner = graph.relu(graph.combine((1, room), (1, weighted), (-1, shifted)))
    return graph.combine((1, weighted), (1, graph.relu(graph.combine((1, room), (-1, inner)))), bias=-height)


def _add_teacher(graph: _Graph, teacher: Any) -> str:
    """(batch, 1) values of the teacher."""
    if isinstance(teacher, AffineTeacher):
        affine = graph.apply("MatMul", "points", teacher.coefficients[:, None])
        first, second = (
            graph.relu(graph.combine((1, affine), bias=teacher.intercept + sign * teacher.bound)) for sign in (1, -1)
        )
        return graph.combine((1, first), (-1, second), bias=-teacher.bound)
    if not isinstance(teacher, KuhnTeacher):
        raise OnnxError(f"a teacher of type {type(teacher).__name__} is not exported; Kuhn and affine ones are")
    scaled = graph.apply("Mul", graph.apply("Sub", "points", teacher.origin), teacher.slopes)
    nodes = np.stack([grid.reshape(-1) for grid in np.indices(teacher.values.shape)]).astype(float)
    largest: dict[int, str] = {}
    for axis, column in enumerate(graph.columns(scaled, teacher.dimension)):
        for sign in (1, -1):
            moved = graph.apply("Sub", column, nodes[axis]) if sign > 0 else graph.apply("Sub", nodes[axis], column)
            before = largest.get(sign)
            rise = moved if before is None else graph.apply("Sub", moved, before)
            largest[sign] = graph.relu(rise) if before is None else graph.apply("Add", before, graph.relu(rise))
    hats = graph.relu(graph.combine((-1, largest[1]), (-1, largest[-1]), bias=1.0))
    return graph.apply("MatMul", hats, teacher.values.reshape(-1, 1))
