"""Files of overfitted networks: ONNX export, and the tables and archives that are read."""

from dataclasses import replace

import numpy as np
import pytest

from numerics import onnx_export
from numerics.gates import Gate
from numerics.labelled_points import TableError, read_labelled_points
from numerics.onnx_export import OnnxError, estimate_bytes, export_onnx
from numerics.overfit import overfit


def rng(seed=0):
    return np.random.default_rng(seed)


def exported(function, path, points):
    runtime = pytest.importorskip("onnxruntime")
    assert export_onnx(function, path) == path.stat().st_size
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"points": points})[0]


@pytest.mark.parametrize(("points", "labels"), [(1e-100, 1.0), (1.0, 1e-100)])
def test_numbers_that_runtimes_take_for_zero_are_not_exported(points, labels):
    found = overfit(points * np.array([[0.0], [1.0]]), labels * np.array([1.0, 2.0]), 0.25 * points)
    assert found.certified
    with pytest.raises(OnnxError, match="below 2\\^-126"):
        onnx_export.build_model(found.function)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize(("dimension", "count"), [(1, 80), (2, 150), (6, 30)])
def test_the_exported_network_gives_the_same_values(problem, tmp_path, task, dimension, count):
    points, labels, radius = problem(dimension, count, task=task)
    network = overfit(points, labels, radius).function
    tests = rng(6).uniform(-0.2, 1.2, (300, dimension))
    tests[:200] = points[rng(7).integers(count, size=200)] + rng(8).uniform(-1.5, 1.5, (200, dimension)) * radius
    values = exported(network, tmp_path / "net.onnx", tests)
    assert values.dtype == np.float64
    assert values == pytest.approx(network(tests), abs=1e-12)


def test_the_file_is_small_pinned_and_made_of_linear_maps_and_relu(problem, tmp_path):
    onnx = pytest.importorskip("onnx")
    points, labels, radius = problem(2, 400)
    network = overfit(points, labels, radius).function
    size = export_onnx(network, tmp_path / "net.onnx")
    assert size <= estimate_bytes(network) < 8 * 400 * 2 * 2 * 400
    model = onnx.load(tmp_path / "net.onnx")
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    linear = {"Unsqueeze", "Sub", "Neg", "Add", "Mul", "ReduceSum", "MatMul", "Gather", "Squeeze"}
    assert {node.op_type for node in model.graph.node} <= linear | {"Relu"}


def test_a_file_over_the_limit_is_refused_with_its_size(problem, tmp_path, monkeypatch):
    points, labels, radius = problem(1, 50)
    network = overfit(points, labels, radius).function
    monkeypatch.setattr(onnx_export, "LARGEST_FILE", 1000)
    with pytest.raises(OnnxError, match=r"would have 0\.00 GB; at most 1e-06 GB"):
        export_onnx(network, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
    with pytest.raises(OnnxError, match="gate E"):
        onnx_export.build_model(replace(network, gate=Gate.E))


def test_tables_and_archives_are_read_alike(tmp_path):
    points, labels = rng().uniform(size=(5, 2)), np.array([1.0, -1, 1, 1, -1])
    table = np.column_stack([points, labels])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="u,v,label", comments="", fmt="%.17g")
    np.savez(tmp_path / "a.npz", points=points, labels=labels.astype(np.int8))
    for name in ("a.csv", "a.npz"):
        read = read_labelled_points(tmp_path / name)
        assert read[0].tolist() == points.tolist()
        assert read[1].tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "0 rows"),
        ("u,v\n", "0 rows"),
        ("u,v\n1\n", "0 numbers|1 numbers"),
        ("1,2\n3,4\n", "its first line holds numbers"),
        ("u,v\n1,a\n", "could not convert string 'a'"),
        ("u,v\n1,2\n1,2,3\n", "number of columns changed"),
        ("u,v,label\n1,2\n", "3 names in the header, 2 columns"),
        ("u,v\n1,\n", "could not convert string ''"),
    ],
)
def test_malformed_tables_are_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(TableError, match=message) as caught:
        read_labelled_points(path)
    assert "\n" not in str(caught.value)


def test_archives_that_hold_something_else_are_refused_in_one_line(tmp_path):
    path = tmp_path / "a.npz"
    for arrays, message in (
        ({"images": np.zeros((2, 2))}, "no array 'points', only images"),
        ({"points": np.array([["a"]]), "labels": np.zeros(1)}, "points holds <U1"),
        ({"points": np.array([[None]]), "labels": np.zeros(1)}, "cannot be read as .npz"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(TableError, match=message):
            read_labelled_points(path)
