"""The figures: one command, reproducible bytes, every parameter in the caption."""

import importlib
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "figures"


@pytest.fixture
def draw(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("draw")
    for name in ("draw", "draws", "overfitted", "regimes"):
        sys.modules.pop(name, None)


def test_same_command_writes_the_same_bytes(draw, tmp_path):
    for name in ("one", "two"):
        draw.main(["phases", "--quick", "--out", str(tmp_path / name)])
    first, second = ((tmp_path / name / "phases.svg").read_bytes() for name in ("one", "two"))
    assert first == second
    assert not re.search(rb"dc:date|Matplotlib v", first)


def test_curse_is_drawn_with_its_peak_and_all_its_parameters(draw, monkeypatch):
    monkeypatch.setattr(draw, "QUICK", draw.Size(dimension=12, draws=2, curve=40, workers=0))
    figure = draw.draw_curse(draw.QUICK)
    text = "\n".join(label.get_text() for label in (*figure.texts, *figure.axes[0].texts))
    assert "3.6565" in text
    assert "1.925287" in text
    for words in ("2 draws at d = 12", "seed 0", r"\tau$ = 0.5", "$b$ = 1", "ridge 0", r"\psi_2 = n/d$ = 2", "= 0.5"):
        assert words in text


def test_numbers_of_a_draw_depend_on_its_point_and_trial_only(draw):
    size = draw.Size(dimension=12, draws=2, workers=0)
    alone, among = (draw.simulate_all(points, size) for points in ([(1.0, 0.5)], [(2.0, 0.5), (1.0, 0.5)]))
    assert alone[1.0, 0.5] == among[1.0, 0.5]
    assert alone[1.0, 0.5][0] != alone[1.0, 0.5][1]


def test_lazy_panels_have_a_curve_for_each_scale_and_none_where_it_has_no_effect(draw):
    figure = draw.draw_lazy(draw.Size(dimension=12, draws=2, curve=20, workers=0))
    heights = [[line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 10] for axes in figure.axes]
    assert [len(curves) for curves in heights] == [4] * 6
    for curves, spread in zip(heights, (True, True, False) * 2, strict=True):
        assert all((high > low).all() == spread for low, high in itertools.pairwise(curves))
    assert len({axes.get_ylim() for axes in figure.axes[:3]}) == 1
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels[1] == "test error\nflow stopped at t = 0.25"
    assert "2 draws of weights and target at d = 12" in figure.texts[-1].get_text()


def test_regimes_are_drawn_in_both_observables(draw):
    figure = draw.draw_regimes(draw.Size(dimension=12, draws=2, curve=20, workers=0))
    assert [axes.get_ylabel() for axes in figure.axes] == ["test error", "Dirichlet energy"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["random initialisation", "random features", "tangent (lazy)", "trained"]
    for axes in figure.axes:
        assert sum(len(line.get_xdata()) == 10 for line in axes.lines) == 4
        assert len(axes.containers) == 4 * 8


@pytest.fixture
def overfitted(draw):
    return draw.draw_overfitted(draw.Size(dimension=12, draws=3, curve=20, workers=0))


def test_built_networks_keep_their_budget_and_come_near_to_it(overfitted):
    axes = overfitted.axes[0]
    for dimension in (1, 2, 3):
        budget, built, limit = axes.lines[3 * dimension - 3 : 3 * dimension]
        assert list(budget.get_xdata()) == list(built.get_xdata()) == [64, 128, 256, 512, 1024, 2048]
        assert set(limit.get_ydata()) == {6 * dimension + 3}
        for allowed, used in zip(budget.get_ydata(), built.get_ydata(), strict=True):
            assert 6 * dimension + 2 < used <= allowed < 1.02 * used


def test_errors_of_drawn_networks_lie_on_their_curves(overfitted):
    rates, errors = overfitted.axes[1:]
    for axes, count, tolerance in ((rates, 8, 0.6), (errors, 14, 0.08)):
        assert len(axes.containers) == count
        for container in axes.containers:
            (x,), (y,) = container.lines[0].get_data()
            colour = container.lines[0].get_color()
            (curve,) = [one for one in axes.lines if one.get_color() == colour and len(one.get_xdata()) == 40]
            assert y == pytest.approx(np.interp(x, *curve.get_data()), rel=tolerance)


def test_attacked_classifier_lies_between_its_bounds_in_the_figure(overfitted):
    axes = overfitted.axes[2]
    curves = {line.get_label(): line.get_ydata() for line in axes.lines if not line.get_label().startswith("_")}
    upper, robust, lower, standard = curves.values()
    assert (upper > robust).all()
    assert (robust > lower).all()
    assert (robust > standard).all()


@pytest.mark.standard
def test_quick_figures_take_seconds_whatever_the_shell_says(tmp_path):
    threads = {"OPENBLAS_NUM_THREADS": "16", "OMP_NUM_THREADS": "16"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(FOLDER.parents[1])}
    subprocess.run(
        [sys.executable, FOLDER / "draw.py", "--quick", "--out", tmp_path], check=True, timeout=120, env=environment
    )
    assert len(list(tmp_path.iterdir())) == 7


def test_figures_ask_for_one_blas_thread_before_numpy_loads():
    code = "import sys, draw, os; print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['OMP_NUM_THREADS'])"
    watch = (
        "import builtins, os, sys; real = builtins.__import__\n"
        "def seen(name, *rest):\n"
        "    if name == 'numpy' and 'numpy' not in sys.modules: print(os.environ.get('OPENBLAS_NUM_THREADS'))\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = seen\n"
    )
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "16", "PYTHONPATH": f"{FOLDER}:{FOLDER.parents[1]}"}
    command = [sys.executable, "-c", watch + code]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert result.stdout.split()[0] == "1", result.stderr


def test_unknown_figure_is_refused(draw, capsys):
    with pytest.raises(SystemExit) as caught:
        draw.main(["curves"])
    assert caught.value.code == 2
    assert "curse" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["risk_against_psi1", "risk_against_epsilon", "curse", "phases", "regimes", "lazy", "overfitted"]
)
def test_committed_figure_is_an_svg_without_a_date(name):
    text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert "dc:date" not in text
