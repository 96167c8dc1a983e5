"""`plot`: curves, trade-offs and simulated points in a file that is whole, reproducible and says all it shows."""

from __future__ import annotations

import itertools
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from numpy.testing import assert_allclose

from derivations.discover import load
from verify.commands.curves import Draws, simulated_places, simulated_points, solve_curve
from verify.commands.families import read_axis
from verify.report import chart

SAMPLE = str(Path(__file__).parents[1] / "samples" / "white_wishart.py")
ROBUST = "random_features.robust_risk"
FIXED = ("--set", "psi2=2", "epsilon=0.5")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The figures that plot makes, kept for a look at what is on them."""
    figures: list[Any] = []
    real = chart.draw_chart
    monkeypatch.setattr(chart, "draw_chart", lambda asked: figures.append(real(asked)) or figures[-1])
    return figures


def plotted(call: Callable[..., Any], *words: object) -> Any:
    result = call("plot", *map(str, words))
    assert result.exit_code == 0, result.output
    return result


def texts(figure: Any) -> str:
    found = [text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text"))]
    return " ".join(" ".join(found).split())


def curves(axes: Any) -> list[Any]:
    return [line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 2]


def test_a_curve_is_what_solve_says(call: Callable[..., Any], drawn: list[Any], tmp_path: Path) -> None:
    axis = "psi1=log:0.1:50:7"
    plotted(call, ROBUST, "--x", axis, "--y", "robust_risk", *FIXED, "--out", tmp_path / "a.svg")
    grid = json.loads(call("solve", ROBUST, *FIXED, "--set", axis, "--json").stdout)
    (line,) = curves(drawn[0].axes[0])
    assert_allclose(line.get_xdata(), [point["parameters"]["psi1"] for point in grid["points"]])
    assert_allclose(line.get_ydata(), [point["observables"]["robust_risk"] for point in grid["points"]])
    assert drawn[0].axes[0].get_xscale() == "log"


def test_every_observable_has_a_panel_and_every_value_a_curve(
    call: Callable[..., Any], drawn: list[Any], tmp_path: Path
) -> None:
    words = ("--x", "psi1=0.5:4:9", "--set", "psi2=2", "epsilon=0.2,0.5,1")
    plotted(call, ROBUST, *words, "--out", tmp_path / "a.svg")
    panels = drawn[0].axes
    expected = ["standard risk", "robust risk", "robust training loss", "gradient norm", "weight norm squared"]
    assert [panel.get_ylabel() for panel in panels] == expected
    assert [len(curves(panel)) for panel in panels] == [3] * 5
    labels = [text.get_text() for text in drawn[0].legends[0].get_texts()]
    assert labels == ["ε = 0.2", "ε = 0.5", "ε = 1"]


def test_the_file_names_axes_title_and_all_fixed_parameters(call: Callable[..., Any], tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    words = ("--x", "psi1=0.5:4:9", *FIXED, "--y", "robust_risk", "--simulate", "12,2", "--out", out)
    assert plotted(call, ROBUST, *words).stdout == f"{out}\n"
    text = out.read_text(encoding="utf-8")
    for expected in (
        "features per input dimension, ψ₁ = lim N/d",
        "robust risk",
        load(ROBUST).title,
        "ψ₂ = 2, ε = 0.5, epsilon_test = 0.5, noise = 0.5, signal = 1, ridge = 0, activation = relu",
        "means of 2 draws at d = 12 (experiment L1), bars of two standard errors of the mean",
        "seed 0",
    ):
        assert expected in text


def test_a_parameter_that_follows_the_axis_is_said_to_follow(
    call: Callable[..., Any], drawn: list[Any], tmp_path: Path
) -> None:
    words = ("--x", "epsilon=0.1:1:5", "--set", "psi1=1", "psi2=2", "--y", "robust_risk")
    plotted(call, ROBUST, *words, "--out", tmp_path / "a.svg")
    assert "epsilon_test = ε" in texts(drawn[0])


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "PNG"])
def test_equal_calls_write_equal_bytes_of_the_asked_kind(
    call: Callable[..., Any], tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    words = (SAMPLE, "--x", "c=0.2:3:9", "--set", "lam=0.5,1", "--simulate", "10,3", "--out")
    plotted(call, *words, tmp_path / f"one.{suffix}")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    plotted(call, *words, tmp_path / f"two.{suffix}")
    one, two = (tmp_path.joinpath(f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two
    assert one.startswith({"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}[suffix.lower()])
    assert not re.search(rb"dc:date|CreationDate|Matplotlib v", one)
    if suffix == "png":
        width, height = struct.unpack(">II", one[16:24])
        assert width > height > 400


def test_a_trade_off_is_one_observable_against_another_with_its_direction(
    call: Callable[..., Any], drawn: list[Any], tmp_path: Path
) -> None:
    words = ("--x", "psi1=0.5:8:9", "--parametric", "standard_risk,robust_risk", *FIXED)
    plotted(call, ROBUST, *words, "--out", tmp_path / "a.svg")
    grid = json.loads(call("solve", ROBUST, *FIXED, "--set", "psi1=0.5:8:9", "--json").stdout)["points"]
    (axes,) = drawn[0].axes
    (line,) = curves(axes)
    assert_allclose(line.get_xdata(), [point["observables"]["standard_risk"] for point in grid])
    assert_allclose(line.get_ydata(), [point["observables"]["robust_risk"] for point in grid])
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("standard risk", "robust risk")
    (arrow,) = axes.texts
    assert arrow.arrow_patch is not None
    places = list(map(tuple, line.get_xydata()))
    assert places.index(tuple(arrow.xy)) == places.index(tuple(arrow.xyann)) + 1
    assert "ψ₁ runs from 0.5 (dot) to 8" in texts(drawn[0])


def test_points_are_the_means_that_simulate_prints(call: Callable[..., Any], drawn: list[Any], tmp_path: Path) -> None:
    words = ("--x", "c=0.2:3:40", "--set", "lam=1", "--simulate", "12,4", "--seed", "5")
    plotted(call, SAMPLE, *words, "--out", tmp_path / "a.svg")
    (axes,) = drawn[0].axes
    assert len(axes.containers) == 9
    place = simulated_places(read_axis(load(SAMPLE).model, "c=0.2:3:40"))[3]
    alone = ("--set", f"c={place:.3g}", "lam=1", "--dimension", "12", "--trials", "4", "--seed", "5", "--json")
    row = json.loads(call("simulate", SAMPLE, *alone).stdout)["observables"]["resolvent_trace"]
    point, _, (bar,) = axes.containers[3]
    assert point.get_xydata().tolist() == [[place, row["mean"]]]
    (ends,) = bar.get_segments()
    assert_allclose(ends[1, 1] - ends[0, 1], 4 * row["standard_error"])


def test_one_draw_has_no_bars_and_the_caption_says_so(
    call: Callable[..., Any], drawn: list[Any], tmp_path: Path
) -> None:
    plotted(call, SAMPLE, "--x", "c=0.2:3:4", "--simulate", "12,1", "--out", tmp_path / "a.svg")
    assert [container.lines[2] for container in drawn[0].axes[0].containers] == [()] * 4
    assert "one draw at d = 12 (experiment L1), without error bars" in texts(drawn[0])


def test_what_is_infinite_leaves_a_gap_and_a_note_with_its_reason(
    call: Callable[..., Any], drawn: list[Any], tmp_path: Path
) -> None:
    result = plotted(call, SAMPLE, "--x", "c=0.5:2:7", "--set", "lam=0,1", "--out", tmp_path / "a.svg")
    assert result.stderr == (
        "note: resolvent_trace is not finite at 5 of 7 points of lam = 0: no inverse without ridge\n"
    )
    without, ridge = curves(drawn[0].axes[0])
    assert np.isfinite(without.get_ydata()).tolist() == [True] * 2 + [False] * 5
    assert np.isfinite(ridge.get_ydata()).all()


def test_a_limit_that_jumps_at_one_place_is_a_dot(call: Callable[..., Any], drawn: list[Any], tmp_path: Path) -> None:
    words = ("--x", "epsilon=0:1:41", "--set", "psi1=8,0.5", "psi2=2", "--y", "standard_risk")
    plotted(call, ROBUST, *words, "--out", tmp_path / "a.svg")
    above, below = curves(drawn[0].axes[0])
    assert np.isnan(above.get_ydata()[0])
    assert np.isfinite(below.get_ydata()).all()
    assert "A filled dot is the limit at that very place" in texts(drawn[0])


def test_a_peak_does_not_flatten_the_curve_and_the_caption_says_where_it_is_cut(
    call: Callable[..., Any], drawn: list[Any], tmp_path: Path
) -> None:
    words = ("--x", "psi1=0.1:8:200", "--set", "psi2=2", "--y", "standard_risk")
    plotted(call, "random_features.ridge_regression", *words, "--out", tmp_path / "a.svg")
    assert drawn[0].axes[0].get_ylim()[1] < 10
    assert "The axis of standard risk is cut at" in texts(drawn[0])


@pytest.mark.parametrize(
    "words",
    [
        ("psi2=2", "activation=relu;tanh(t);erf(t)+0.25*(t**2-1)+0.125*(t**3-3*t)", "--simulate", "9,2"),
        ("psi2=0.5:8:12", "--y", "standard_risk", "--y", "robust_risk"),
        ("psi2=3", "--parametric", "standard_risk,robust_risk"),
    ],
)
def test_no_text_overlaps_another_or_leaves_the_page(
    call: Callable[..., Any], drawn: list[Any], tmp_path: Path, words: tuple[str, ...]
) -> None:
    axis = ("--x", "psi1=log:0.5:1.5:5", "--set", "ridge=1")
    plotted(call, "random_features.ridge_regression", *axis, *words, "--out", tmp_path / "a.png")
    (figure,) = drawn
    figure.draw_without_rendering()
    boxes = {text: text.get_window_extent() for text in _seen(figure) if text.get_text().strip()}
    page = figure.bbox
    for text, box in boxes.items():
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text
    for one, two in itertools.combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[two]), (one, two)


def _seen(figure: Any) -> list[Any]:
    """The texts on the page; ticks beyond the ends of an axis are not drawn."""
    found = list(figure.texts)
    for legend in figure.legends:
        found += [legend.get_title(), *legend.get_texts()]
    for axes in figure.axes:
        found += axes.texts
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            found += [axis.label, *(tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high)]
    return list(dict.fromkeys(found))


def test_simulated_places_can_be_typed_and_lie_on_the_axis() -> None:
    model = load(SAMPLE).model
    for axis, count in (("c=0.05:3:200", 9), ("c=log:0.1:50:200", 9), ("c=3:0.05:200", 9), ("c=0.1:1:3", 3)):
        places = simulated_places(read_axis(model, axis))
        assert len(places) == count
        assert all(0.05 <= place <= 50 and float(f"{place:.3g}") == place for place in places)


def test_a_place_that_cannot_be_drawn_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    from numerics.lab import CPU

    def stops_at_one(_derivation: Any, _experiment: Any, at: Any, /, **_: Any) -> list[dict[str, float]]:
        if at["c"] >= 1:
            raise click.UsageError("--dimension: 8 does not work here: no inverse")
        return [{"resolvent_trace": at["c"]}]

    monkeypatch.setattr("verify.commands.curves.drawn", stops_at_one)
    axis, draws = read_axis(load(SAMPLE).model, "c=0.2:1.6:3"), Draws(8, 1, "L1", 0, CPU)
    points, lines = simulated_points(load(SAMPLE), {}, axis, ["resolvent_trace"], draws)
    assert [(point.x, point.mean["resolvent_trace"]) for point in points] == [(0.433, 0.433), (0.9, 0.9)]
    assert lines == ["--simulate: 8 does not work here: no inverse (c = 1.37)"]


def test_an_inadmissible_axis_is_named_by_its_option() -> None:
    axis = read_axis(load(SAMPLE).model, "c=-1:1:3")
    with pytest.raises(Exception, match=r"^--x: c is -1; allowed is c > 0"):
        solve_curve(load(SAMPLE), (), axis, ["resolvent_trace"], label="")


AXIS = ("--x", "c=0.2:3:5")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "--x is missing: allowed is NAME=a:b:n"),
        (("--x", "c"), "--x: 'c' is not an axis; allowed is NAME=a:b:n"),
        (("--x", "d=1:2:3"), "--x: parameter 'd' is unknown; allowed are c, lam"),
        (("--x", "lan=1:2:3"), "did you mean lam?"),
        (("--x", "activation=1:2:3"), "--x: activation is not a number; allowed are c, lam"),
        (("--x", "c=1"), "--x: c is '1', which is not a range"),
        (("--x", "c=1:1:1"), "--x: c is '1:1:1', a single place"),
        (("--x", "c=1:1:5"), "--x: c is '1:1:5', a single place"),
        (("--x", "c=1:2:1"), "--x: c is '1:2:1', one value with two ends"),
        (("--x", "c=log:0:1:5"), "--x: c is 'log:0:1:5'; a logarithmic range"),
        (("--x", "c=1:2:1000000"), "--x: c has 1000000 places; allowed are at most"),
        (("--x", "c=-1:1:5"), "--x: c is -1; allowed is c > 0"),
        ((*AXIS, "--set", "c=2"), "--set: c is the axis of --x"),
        ((*AXIS, "--set", "lan=1"), "did you mean lam?"),
        ((*AXIS, "--set", "lam=-1"), "--set: lam is -1; allowed is lam >= 0"),
        ((*AXIS, "--set", "lam=0:1:13"), "lam has 13 values, a curve each; allowed are at most 12 curves"),
        ((*AXIS, "--set", "lam=0:1:99999999"), "allowed are at most 12 curves"),
        ((*AXIS, "--set", "lam=0,1", "activation=relu;tanh(t)"), "lam and activation have several values"),
        ((*AXIS, "--set", "lam=0,"), "--set: 'lam=' is not understood"),
        (
            (*AXIS, "--y", "resolvent_trac"),
            "--y: observable 'resolvent_trac' is unknown; did you mean resolvent_trace?",
        ),
        ((*AXIS, "--y", "resolvent_trace", "--parametric", "a,b"), "--y: cannot be combined with --parametric"),
        ((*AXIS, "--parametric", "resolvent_trace"), "--parametric: 'resolvent_trace' is not a pair"),
        ((*AXIS, "--parametric", "resolvent_trace,resolvent_trace"), "two different observables"),
        ((*AXIS, "--parametric", "a,b"), "--parametric: observable 'a' is unknown"),
        ((*AXIS, "--simulate", "40"), "--simulate: '40' is not D,TRIALS"),
        ((*AXIS, "--simulate", "0,3"), "--simulate: '0,3' is not D,TRIALS"),
        ((*AXIS, "--simulate", "3.5,3"), "allowed are two whole numbers from 1 on: 100,8"),
        ((*AXIS, "--simulate", "40,2", "--rung", "L7"), "--rung: 'L7' is unknown"),
        ((*AXIS, "--rung", "L1"), "--rung: it chooses what --simulate draws"),
        (
            ("--x", "c=2:3:5", "--set", "lam=0"),
            "resolvent_trace is finite nowhere on this axis: no inverse without ridge",
        ),
    ],
)
def test_wrong_use_is_one_line_and_writes_nothing(
    refused: Callable[..., Any], tmp_path: Path, words: tuple[str, ...], expected: str
) -> None:
    assert expected in refused("plot", SAMPLE, *words, "--out", str(tmp_path / "a.svg"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_one_line_before_any_work(
    refused: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verify.commands.curves.solve_curve", lambda *_, **__: pytest.fail("solved"))
    (tmp_path / "folder.svg").mkdir()
    assert "--out is missing: allowed is a file that ends in .svg, .png or .pdf" in refused("plot", SAMPLE, *AXIS)
    for name, expected in [
        ("a.jpg", "has no format that can be written; allowed is a file that ends in .svg, .png or .pdf"),
        ("a", "has no format"),
        ("", "has no format"),
        ("folder.svg", "exists and is no file"),
        ("missing/a.svg", "there is no folder"),
    ]:
        assert expected in refused("plot", SAMPLE, *AXIS, "--out", str(tmp_path / name) if name else "")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.svg"]


def test_a_derivation_without_model_or_experiment_is_refused(refused: Callable[..., Any], tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "a.svg"))
    assert "has no model to plot" in refused("plot", "lemmas.gaussian", *AXIS, *out)
    words = ("--x", "psi1=3:5:4", "--set", "psi2=2", "--simulate", "9,2")
    assert "declares no experiment" in refused("plot", "random_features.limits", *words, *out)


def test_an_experiment_that_cannot_draw_that_size_is_refused(refused: Callable[..., Any], tmp_path: Path) -> None:
    words = ("--x", "epsilon=8:9:3", "--set", "psi1=1", "psi2=1", "--simulate", "8,1", "--rung", "L0")
    assert "--simulate: 8 does not work here" in refused("plot", ROBUST, *words, "--out", str(tmp_path / "a.svg"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_or_failed_write_leaves_the_old_file_and_no_other(
    call: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    out = tmp_path / "a.svg"
    out.write_text("old")

    def stop(path: Path, data: bytes) -> None:
        with path.open("wb") as file:
            file.write(data[:9])
        raise error

    monkeypatch.setattr(Path, "write_bytes", stop)
    result = call("plot", SAMPLE, *AXIS, "--out", str(out))
    assert result.exit_code == (130 if error is KeyboardInterrupt else 1)
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
    assert out.read_text() == "old"


def test_an_existing_file_is_replaced_through_a_link(call: Callable[..., Any], tmp_path: Path) -> None:
    real, link = tmp_path / "real.svg", tmp_path / "link.svg"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    plotted(call, SAMPLE, *AXIS, "--out", link)
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8").startswith("<?xml")
    assert real.stat().st_mode & 0o777 == 0o640


def test_help_of_plot_has_an_example_and_loads_nothing_heavy(loaded_modules: Callable[..., Any], call: Any) -> None:
    assert "Example: plot" in call("plot", "--help").stdout
    assert "plot " in call("--help").stdout
    assert not loaded_modules("plot", "--help") & {"sympy", "numpy", "matplotlib"}
