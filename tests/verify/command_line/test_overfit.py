"""`overfit`: what it prints and writes, its exit codes, and one line for everything that cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from numerics import onnx_export

ROOT = Path(__file__).resolve().parents[3]
Call = Callable[..., Result]
NOISY = "u,v,label\n0,0,1\n0.25,0,-1\n1,1,1\n0.125,0.125,1\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four points of two classes in the plane, of which two pairs are close."""
    path = tmp_path / "points.csv"
    path.write_text(NOISY)
    return path


def test_a_certified_network_is_summarised_and_written(call: Call, table: Path) -> None:
    target = table.with_name("net.onnx")
    result = call("overfit", str(table), "--radius", "1/32", "--out", str(target))
    assert result.exit_code == 0, result.output
    for words in (
        "4 points in dimension 2, classification",
        "l_inf balls of radius 0.03125",
        "below 0.0625",
        "affine, clipped by two neurons",
        "holds on 4 balls",
        "exactly 0, certified",
        f"net.onnx, {target.stat().st_size} bytes",
    ):
        assert words in result.stdout
    assert result.stderr == ""
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    corners = np.array([[0.03125, -0.03125], [0.28125, 0.03125], [0.96875, 1.0], [0.15625, 0.09375]])
    assert session.run(None, {"points": corners})[0].tolist() == [1, -1, 1, 1]


def test_json_has_the_exact_numbers_and_the_provenance(call: Call, table: Path) -> None:
    result = call("overfit", str(table), "--radius", "0.03125", "--norm", "2", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert (report["status"], report["largest_radius_exact"], report["least_error_exact"]) == ("certified", "1/16", "0")
    assert report["network"]["size"] <= report["network"]["budget"]
    assert report["certificate"] == {
        "holds": True,
        "reason": "",
        "balls": 4,
        "pairs_tested": 0,
        "pairs_in_rationals": 0,
    }
    assert "l_inf" in report["notes"][0]
    assert {"commit", "numpy", "lock_hash"} <= set(report["provenance"])
    assert (report["data"], report["file"]) == ("points.csv", None)


def test_beyond_the_largest_radius_the_pairs_are_printed(call: Call, table: Path) -> None:
    target = table.with_name("net.onnx")
    result = call("overfit", str(table), "--radius", "1/8", "--out", str(target))
    assert result.exit_code == 1
    assert "2 pairs of rows are too close, counted from 0 after the header: 0 and 1, 3 and 1" in " ".join(
        result.stdout.split()
    )
    assert "0.25 = 1/4" in result.stdout
    shown = " ".join(result.stdout.split())
    assert "balls of points with opposite labels meet" in shown
    assert "give a smaller radius, or --best for the network of least error" in shown
    said = call("overfit", str(table), "--radius", "1/8", "--task", "regression")
    assert "balls of different points meet" in " ".join(said.stdout.split())
    assert "--best" not in said.stdout
    assert not target.exists()


def test_best_writes_the_network_of_least_error(call: Call, table: Path) -> None:
    target = table.with_name("net.onnx")
    result = call("overfit", str(table), "--radius", "1/8", "--best", "--out", str(target), "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["status"], report["least_error_exact"], report["left_out"]) == ("least_error", "1/4", [1])
    assert report["certificate"]["holds"]
    assert report["certificate"]["balls"] == 3
    assert target.stat().st_size == report["file"]["bytes"]


def test_the_task_is_regression_when_said_or_when_labels_are_no_classes(
    call: Call, table: Path, tmp_path: Path
) -> None:
    said = json.loads(call("overfit", str(table), "--radius", "1/64", "--task", "regression", "--json").stdout)
    assert (said["task"], said["network"]["gate"], said["largest_radius"]) == ("regression", "D", 1 / 16)
    np.savez(tmp_path / "a.npz", points=np.array([[0.0], [1.0]]), labels=np.array([0, 1]))
    found = json.loads(call("overfit", str(tmp_path / "a.npz"), "--radius", ".25", "--json").stdout)
    assert found["task"] == "regression"


def test_the_digits_in_six_principal_components_are_overfitted(call: Call, tmp_path: Path) -> None:
    with np.load(ROOT / "data" / "digits.npz") as archive:
        images, labels = archive["images"].reshape(-1, 64) / float(archive["largest"]), archive["labels"]
    moved = images - images.mean(axis=0)
    points = moved @ np.linalg.svd(moved, full_matrices=False)[2][:6].T
    np.savez(tmp_path / "digits.npz", points=points, labels=np.where(labels % 2 == 0, 1, -1))
    result = call("overfit", str(tmp_path / "digits.npz"), "--radius", "0.05", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["samples"] == 1797
    assert report["network"]["size"] <= 39 * 1797 + 16 + 24


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--radius", "0"], "--radius: '0' is out of range; allowed is a number above 0"),
        (["--radius", "-1"], "out of range"),
        (["--radius", "nan"], "'nan' is not a number"),
        (["--radius", "1/0"], "out of range"),
        (["--radius", "1e999"], "out of range"),
        (["--radius", "1e200"], "radius: 1e+200 is not allowed"),
        (["--radius", "__import__('os')"], "is not a number"),
        ([], "--radius is missing"),
        (["--radius", "1", "--norm", "1"], "--norm"),
        (["--radius", "1", "--task", "ranking"], "--task"),
        (["--radius", ".01", "--task", "regression", "--best"], "--best is for classification"),
        (["--radius", ".01", "--out", "no/such/folder/net.onnx"], "is no file in a folder that exists"),
        (["--radius", ".01", "--out", "net.txt"], "--out: 'net.txt' does not end in .onnx"),
        (["--radius", ".01", "--out", "net"], "--out: 'net' does not end in .onnx"),
        (["--radius", ".01", "--out", ""], "is no file in a folder that exists"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    refused: Callable[..., str], table: Path, words: list[str], expected: str
) -> None:
    assert expected in refused("overfit", str(table), *words)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("u,label\n0,1\n0,-1\n", "rows 0 and 1 are the same point with labels 1 and -1"),
        ("u,label\n0,1\nnan,-1\n", "points: row 1 is not finite"),
        ("u,label\n0,1\n1\n", "number of columns changed"),
        ("u,label\n0,x\n", "could not convert string 'x'"),
        ("0,1\n1,1\n", "its first line holds numbers"),
        ("", "0 rows"),
    ],
)
def test_bad_tables_are_refused_in_one_line(
    refused: Callable[..., str], tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    assert expected in refused("overfit", str(path), "--radius", "0.1")


def test_missing_files_and_wrong_ones_are_refused_in_one_line(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    assert "there is no such file" in refused("overfit", str(tmp_path / "none.csv"), "--radius", "1")
    assert "no array 'points', only images" in refused("overfit", str(ROOT / "data" / "digits.npz"), "--radius", "1")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00\x80")
    assert "it is not text" in refused("overfit", str(tmp_path / "bytes.csv"), "--radius", "1")
    monkeypatch.setattr(onnx_export, "LARGEST_FILE", 10)
    words = ("overfit", str(table), "--radius", "1/32", "--out", str(tmp_path / "net.onnx"))
    assert "the ONNX file would have" in refused(*words)


def test_a_refusal_loads_no_scipy_and_a_network_without_a_file_no_onnx(
    loaded_modules: Callable[..., set[str]], table: Path
) -> None:
    assert "scipy" not in loaded_modules("overfit", str(table), "--radius", "0")
    assert "onnx" not in loaded_modules("overfit", str(table), "--radius", "1/32")
