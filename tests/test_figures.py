"""The figures: one command, reproducible bytes, every parameter in the caption."""

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "docs" / "figures"


@pytest.fixture
def draw(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    yield importlib.import_module("draw")
    for name in ("draw", "draws"):
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


@pytest.mark.standard
def test_quick_figures_take_seconds_whatever_the_shell_says(tmp_path):
    threads = {"OPENBLAS_NUM_THREADS": "16", "OMP_NUM_THREADS": "16"}
    environment = {**os.environ, **threads, "PYTHONPATH": str(FOLDER.parents[1])}
    subprocess.run(
        [sys.executable, FOLDER / "draw.py", "--quick", "--out", tmp_path], check=True, timeout=120, env=environment
    )
    assert len(list(tmp_path.iterdir())) == 4


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


@pytest.mark.parametrize("name", ["risk_against_psi1", "risk_against_epsilon", "curse", "phases"])
def test_committed_figure_is_an_svg_without_a_date(name):
    text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert text.startswith("<?xml")
    assert "dc:date" not in text
