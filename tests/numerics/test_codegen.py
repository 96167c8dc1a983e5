"""Generated source: the same bytes everywhere, right derivatives, nothing computed twice, a cache that cannot hurt."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import mpmath
import numpy as np
import pytest
from sympy import Float, Integer, Symbol, besselj, exp, pi, sqrt

from derivations.core import parameter
from derivations.discover import load
from derivations.model import Model
from derivations.relations import equal
from numerics import generated, many_digits, special
from numerics.codegen import source
from numerics.generated import load_source
from numerics.lab import erf
from numerics.sharing import share

ROOT = Path(__file__).parent.parent.parent
MODEL = load("random_features.robust_risk").model
PRINT = """
import hashlib
from derivations.discover import load
from numerics.codegen import source
for name in ("random_features.robust_risk", "random_features.collapse"):
    for target in ("arrays", "mpmath"):
        print(hashlib.sha256(source(load(name).model, title=name, target=target).encode()).hexdigest())
"""


def small_model(expression=None, **changes):
    a = parameter("a", "number", positive=True)
    x = parameter("x", "unknown", positive=True)
    given = {
        "parameters": (a,),
        "unknowns": (x,),
        "program": (),
        "equations": (equal(x if expression is None else expression(x), a),),
        "observables": {"x": x},
        "start": {x: Integer(1)},
    }
    return Model(**(given | changes))


def test_bytes_do_not_depend_on_the_hash_seed_or_the_ground_types():
    processes = []
    for seed, types in itertools.product(("0", "1", "4242"), ("python", "flint")):
        given = os.environ | {"PYTHONHASHSEED": seed, "SYMPY_GROUND_TYPES": types, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", PRINT]
        processes.append(subprocess.Popen(command, env=given, cwd=ROOT, stdout=subprocess.PIPE, text=True))
    outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert all(process.returncode == 0 for process in processes)
    assert len(outputs) == 1
    assert len(outputs.pop().split()) == 4


POINTS = [
    {"psi1": 2.0, "psi2": 2.0, "epsilon": 0.5, "ridge": 0.0, "step": 0.7, "ratio": 0.9},
    {"psi1": 0.3, "psi2": 20.0, "epsilon": 0.1, "ridge": 0.01, "step": 0.05, "ratio": 0.4},
    {"psi1": 50.0, "psi2": 0.7, "epsilon": 1.5, "ridge": 0.0, "step": 3.0, "ratio": 1.2},
]


@pytest.mark.parametrize("point", POINTS, ids=["equal", "narrow", "wide"])
def test_generated_jacobian_equals_the_derivative_of_the_generated_equations(point):
    code = load_source(MODEL, target="mpmath")
    with mpmath.workdps(40):
        given = {
            "epsilon_test": 0,
            "noise": mpmath.mpf(1) / 2,
            "signal": 1,
            "linear_coefficient": mpmath.mpf(1) / 2,
            "nonlinear_energy": mpmath.mpf(1) / 4 - 1 / (2 * mpmath.pi),
            "derivative_energy": mpmath.mpf(1) / 4,
        } | {name: mpmath.mpf(value) for name, value in point.items()}
        _, rows = code.call("evaluate", many_digits, many_digits, given)
        for column, unknown in enumerate(("step", "ratio")):
            for row in range(2):

                def equation(log, unknown=unknown, row=row):
                    moved = given | {unknown: mpmath.exp(log)}
                    return code.call("evaluate", many_digits, many_digits, moved)[0][row]

                slope = mpmath.diff(equation, mpmath.log(given[unknown]))
                assert abs(rows[row][column] - slope) < mpmath.mpf(10) ** -15 * (1 + abs(slope))


def test_array_code_and_many_digit_code_agree():
    arrays, digits = load_source(MODEL), load_source(MODEL, target="mpmath")
    rest = {"epsilon_test": 0.2, "noise": 0.5, "signal": 1.0}
    rest |= {"linear_coefficient": 0.5, "nonlinear_energy": 0.09, "derivative_energy": 0.25}
    for point in POINTS:
        given = rest | point
        ratios, rows = arrays.call("evaluate", np, special, {name: np.array([x]) for name, x in given.items()})
        with mpmath.workdps(30):
            exact = {name: mpmath.mpf(x) for name, x in given.items()}
            expected, slopes = digits.call("evaluate", many_digits, many_digits, exact)
        np.testing.assert_allclose(np.ravel(ratios), [float(x) for x in expected], rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(np.ravel(rows), [float(x) for row in slopes for x in row], rtol=1e-11, atol=1e-14)


def test_nothing_expensive_is_computed_twice():
    text = source(MODEL)
    body = text[text.index("def evaluate") : text.index("def report")]
    for call in ("special.erf(", "special.erfc(", "special.chi_square_cdf(", "xp.exp(", "xp.sqrt("):
        assert body.count(call) == 1
    right = [line.split(" = ", 1)[1] for line in body.splitlines() if " = " in line and not line.startswith("def")]
    long = [expression for expression in right if len(expression) > 30]
    assert len(long) == len(set(long))


def test_every_name_is_assigned_once_and_before_its_use():
    for function in re.split(r"\n(?=def )", source(MODEL))[1:]:
        head, *lines = function.strip().splitlines()
        known = {name.strip() for name in head[head.index("(") + 1 : head.rindex(")")].split(",")}
        for line in lines[1:]:
            name, equals, expression = line.strip().partition(" = ")
            words = expression if equals else re.sub(r"'\w+'", "", name.removeprefix("return"))
            used = set(re.findall(r"(?<![\w.'])[A-Za-z_]\w*", words))
            assert used <= known, line
            if equals:
                assert name not in known
                known.add(name)


def test_sharing_keeps_the_values():
    x, y, a = (Symbol(name, positive=True) for name in "xya")
    part = exp(-(x**2) / 2)
    given = [
        ("first", sqrt(2 / pi) * part * y),
        ("second", -sqrt(2 / pi) * part / (1 + y)),
        ("third", (1 + y) ** 2 + part),
        ("fourth", part),
        ("fifth", sqrt(2 / pi) * part * y + a),
    ]
    shared = share(given)
    assert [name for name, _ in shared if not name.startswith("shared_")] == [name for name, _ in given]
    assert sum(expression.count(exp) for _, expression in shared) == 1
    values, at = {}, {x: 0.3, y: 0.7, a: 2}
    for name, expression in shared:
        values[name] = expression.subs({s: values[s.name] for s in expression.free_symbols if s.name in values}).subs(
            at
        )
    for name, expression in given:
        assert float(values[name]) == pytest.approx(float(expression.subs(at)), rel=1e-14)


def test_floating_point_number_in_a_model_is_refused():
    with pytest.raises(TypeError, match="Rational"):
        source(small_model(lambda x: x + Float("0.1")))


def test_unknown_node_is_named():
    with pytest.raises(TypeError, match="besselj"):
        source(small_model(lambda x: 1 + besselj(0, x) ** 2))


def test_undefined_name_in_a_program_is_refused():
    with pytest.raises(ValueError, match="missing_name"):
        small_model(lambda x: x + Symbol("missing_name"))


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "robust-limits" / "generated"


def test_second_load_reads_the_first_ones_file(cache, monkeypatch):
    first = load_source(small_model(), "small")
    (file,) = cache.iterdir()
    assert file.read_text(encoding="utf-8").startswith(first.text)
    monkeypatch.setattr(generated, "source", lambda *_, **__: pytest.fail("generated again"))
    assert load_source(small_model(), "small").text == first.text


def test_other_equations_other_titles_and_other_targets_have_files_of_their_own(cache):
    load_source(small_model(), "small")
    load_source(small_model(lambda x: 2 * x), "small")
    load_source(small_model(), "other")
    load_source(small_model(), "small", target="mpmath")
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize(
    "content", [b"", b"raise SystemExit('not ours')\n", b"\xff\xfe", None], ids=["empty", "foreign", "binary", "cut"]
)
def test_corrupted_cache_is_ignored_and_written_again(cache, content):
    first = load_source(small_model(), "small")
    (file,) = cache.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert load_source(small_model(), "small").text == first.text
    assert file.read_bytes() == whole


def test_cache_that_cannot_be_written_is_no_error(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder is needed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    code = load_source(small_model(), "small")
    assert "def evaluate" in code.text


def test_chi_square_function_keeps_every_digit_at_small_arguments():
    z = np.concatenate([10 ** np.linspace(-12, 1.7, 200), np.linspace(0.9, 1.1, 41), [1.0]])
    with mpmath.workdps(40):
        exact = [float(mpmath.gammainc(1.5, 0, mpmath.mpf(x) ** 2 / 2, regularized=True)) for x in z]
    np.testing.assert_allclose(special.chi_square_cdf(z), exact, rtol=3e-15)
    assert special.chi_square_cdf(np.array([0.0, np.inf])).tolist() == [0.0, 1.0]
    assert special.erf is erf
