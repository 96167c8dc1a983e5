"""Streams that do not depend on the schedule, and points in boxes."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from numerics.sampling import sobol_points, stream


def test_a_stream_depends_on_its_arguments_only():
    first = stream(3, "ladder", 7).standard_normal(5)
    stream(3, "ladder", 8).standard_normal(100)
    np.testing.assert_array_equal(first, stream(3, "ladder", 7).standard_normal(5))


@pytest.mark.parametrize("other", [(4, "ladder", 7), (3, "Ladder", 7), (3, "ladder", 8), (7, "ladder", 3)])
def test_streams_of_other_arguments_differ(other):
    first, second = stream(3, "ladder", 7).random(1000), stream(*other).random(1000)
    assert not np.any(first == second)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.15


def test_numbers_in_a_key_do_not_run_into_the_trial():
    assert stream(1, "k\n1", 2).random() != stream(1, "k", 12).random()
    assert stream(1, "2\nk", 1).random() != stream(12, "k", 1).random()


def test_first_numbers_of_many_trials_are_uniform():
    firsts = [stream(0, "uniform", trial).random() for trial in range(2000)]
    assert stats.kstest(firsts, "uniform").pvalue > 1e-3


def test_a_stream_is_the_same_in_another_process():
    code = "from numerics.sampling import stream; print(repr(stream(11, 'other process', 2).random()))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert float(shown.strip().removeprefix("np.float64(").removesuffix(")")) == stream(11, "other process", 2).random()


@pytest.mark.parametrize("arguments", [(-1, "k", 0), (0, "k", -1), (0.5, "k", 0), (0, "k", True)])
def test_seeds_and_trials_are_nonnegative_integers(arguments):
    with pytest.raises(ValueError, match="must be a nonnegative integer"):
        stream(*arguments)


@settings(max_examples=30, deadline=None)
@given(
    low=st.floats(-1e6, 1e6),
    width=st.floats(0.0, 1e6),
    count=st.integers(1, 40),
    seed=st.integers(0, 2**64),
    log=st.booleans(),
)
def test_points_lie_in_their_box(low, width, count, seed, log):
    low = abs(low) + 1e-3 if log else low
    points = sobol_points({"x": (low, low + width, "log" if log else "linear"), "y": (0.0, 1.0)}, count, seed=seed)
    assert points["x"].shape == points["y"].shape == (count,)
    assert np.all((points["x"] >= low) & (points["x"] <= low + width))


def test_points_fill_the_box_evenly():
    points = sobol_points({"x": (0.0, 1.0), "y": (1e-4, 1e4, "log")}, 256)
    cells = np.floor(points["x"] * 16) * 16 + np.floor((np.log10(points["y"]) + 4) * 2)
    assert len(np.unique(cells)) == 256


def test_fewer_points_are_a_prefix_and_the_order_of_names_does_not_matter():
    many = sobol_points({"a": (0, 1), "b": (2, 3)}, 20)
    few = sobol_points({"b": (2, 3), "a": (0, 1)}, 5)
    for name in "ab":
        np.testing.assert_array_equal(few[name], many[name][:5])


def test_another_seed_scrambles_otherwise():
    assert sobol_points({"a": (0, 1)}, 1, seed=1)["a"] != sobol_points({"a": (0, 1)}, 1, seed=2)["a"]


@pytest.mark.parametrize(
    ("domain", "count", "message"),
    [
        ({"a": (1.0, 0.0)}, 3, "domain\\['a'\\]: .* is not an interval"),
        ({"a": (0.0, float("inf"))}, 3, "is not an interval"),
        ({"a": (0.0, 1.0, "log")}, 3, "needs low > 0"),
        ({"a": (0.0, 1.0, "cube")}, 3, "scale 'cube' is unknown"),
        ({"a": (0.0, 1.0)}, 0, "count: 0 is not allowed"),
    ],
)
def test_bad_boxes_are_refused(domain, count, message):
    with pytest.raises(ValueError, match=message):
        sobol_points(domain, count)


def test_an_empty_box_has_no_coordinates():
    assert sobol_points({}, 3) == {}
