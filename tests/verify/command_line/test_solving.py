"""`solve` and `simulate`: points, grids, JSON without NaN, draws next to the theory."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLE = str(Path(__file__).parents[1] / "samples" / "white_wishart.py")


def test_one_point_has_exactly_the_documented_keys(call: Callable[..., Any]) -> None:
    point = json.loads(call("solve", SAMPLE, "--set", "c=0.5", "lam=0.5", "--json").stdout)
    keys = ["id", "parameters", "status", "phase", "observables", "unknowns", "residual", "notes", "seconds"]
    assert list(point) == keys
    assert point["parameters"] == {"c": 0.5, "lam": 0.5, "activation": "relu"}
    assert point["observables"]["resolvent_trace"] == pytest.approx(2 * 2**0.5 - 2)


def test_ranges_make_a_grid_with_the_last_one_fastest(call: Callable[..., Any]) -> None:
    for words in (["--set", "c=1:2:2", "lam=log:0.1:10:3"], ["--set", "c=1:2:2", "--set", "lam=log:0.1:10:3"]):
        grid = json.loads(call("solve", SAMPLE, *words, "--json").stdout)
        points = [(p["parameters"]["c"], round(p["parameters"]["lam"], 12)) for p in grid["points"]]
        assert points == [(1, 0.1), (1, 1), (1, 10), (2, 0.1), (2, 1), (2, 10)]
        assert grid["id"] == "white_wishart"


def test_options_may_stand_before_the_id(call: Callable[..., Any]) -> None:
    assert call("solve", "--set", "c=1", "lam=2", SAMPLE).exit_code == 0


def test_csv_has_a_header_and_a_row_for_each_point(call: Callable[..., Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(call("solve", SAMPLE, "--set", "c=0.5:2:3", "lam=0", "--csv").stdout)))
    assert [row["status"] for row in rows] == ["converged", "outside_domain", "outside_domain"]
    assert rows[1]["resolvent_trace"] == ""
    assert "no inverse without ridge" in rows[1]["notes"]


def test_what_is_infinite_is_null_with_a_note_and_success(call: Callable[..., Any]) -> None:
    result = call("solve", SAMPLE, "--set", "c=2", "lam=0", "--json")
    point = json.loads(result.stdout, parse_constant=pytest.fail)
    assert result.exit_code == 0
    assert point["observables"] == {"resolvent_trace": None}
    assert point["status"] == "outside_domain"
    assert any("resolvent_trace" in note for note in point["notes"])


def test_a_reader_gets_a_table(call: Callable[..., Any]) -> None:
    assert "converged" in call("solve", SAMPLE, "--set", "c=1").stdout
    text = call("solve", SAMPLE, "--set", "c=1:2:100").stdout
    assert "more points" in text
    assert "100 points: 100 converged" in text


# simulate


def test_unknowns_of_other_branches_are_null_in_json_and_not_shown_to_a_reader(call: Callable[..., Any]) -> None:
    words = ("solve", "learning_regimes.trained", "--set", "rho=0.2")
    point = json.loads(call(*words, "--json").stdout)
    assert point["unknowns"]["vartheta"] is None
    assert any("vartheta" in note for note in point["notes"])
    assert point["unknowns"]["threshold"] is not None
    shown = call(*words).stdout
    assert "threshold" in shown
    assert "vartheta" not in shown


def test_a_simulation_stands_next_to_its_theory(call: Callable[..., Any]) -> None:
    words = ["simulate", SAMPLE, "--set", "c=0.5", "--dimension", "60", "--trials", "4", "--json"]
    data = json.loads(call(*words).stdout)
    row = data["observables"]["resolvent_trace"]
    assert data["rung"] == "L1"
    assert len(row["values"]) == 4
    assert row["mean"] == pytest.approx(sum(row["values"]) / 4)
    assert row["mean"] == pytest.approx(row["theory"], rel=0.1)
    assert json.loads(call(*words).stdout)["observables"] == data["observables"]
    assert json.loads(call(*words, "--seed", "1").stdout)["observables"] != data["observables"]


def test_controls_are_explained_and_rungs_are_in_order(call: Callable[..., Any]) -> None:
    point = ["simulate", "random_features.robust_risk", "--set", "psi1=1", "psi2=1", "epsilon=0.5", "--dimension", "12"]
    text = call(*point, "--trials", "1").stdout
    assert "1 trial, seed 0" in text
    assert "label_energy, target_energy: control variates" in text
    assert "allowed are L0, L1, L2, L3" in call(*point, "--trials", "1", "--rung", "L9").stderr


def test_one_trial_has_no_standard_error(call: Callable[..., Any]) -> None:
    data = json.loads(call("simulate", SAMPLE, "--set", "c=1", "--dimension", "9", "--trials", "1", "--json").stdout)
    assert data["observables"]["resolvent_trace"]["standard_error"] is None
    assert data["notes"] == ["one trial has no standard error"]
