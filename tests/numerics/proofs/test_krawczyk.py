"""A certificate of one root is right: planted roots are held, double and absent roots are not certified."""

import pytest
from flint import arb, ctx
from sympy import Piecewise, Rational, S, Symbol, cos, erf, exp, gamma, log, sin, sqrt, symbols

from numerics.enclosures.ball_programs import UnsupportedNode, enclose
from numerics.proofs.krawczyk import RootStatus, RootSystem, isolate_unique_root

x, y, z, w, a = symbols("x y z w a", real=True)


def test_the_square_root_of_two_is_isolated_from_a_wide_box():
    found = isolate_unique_root([x**2 - a], [x], box={x: (1, 2)}, values={a: 2})
    assert found.status is RootStatus.unique
    assert found.box[x].overlaps(enclose(sqrt(2), {}, digits=90).ball)
    assert found.box[x].rad() < arb(2) ** -200


def test_an_interval_parameter_gives_a_box_that_holds_every_root():
    found = isolate_unique_root([x**2 - a], [x], box={x: (1, 2)}, values={a: (2, Rational(201, 100))})
    assert found.status is RootStatus.unique
    for value in (S(2), Rational(401, 200), Rational(201, 100)):
        assert found.box[x].overlaps(enclose(sqrt(value), {}).ball)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_a_planted_root_is_certified_from_a_rough_guess(size):
    unknowns = [x, y, z, w][:size]
    root = {u: Rational(k + 1, 3 + k) for k, u in enumerate(unknowns)}
    mixed = [erf(u) + exp(-v) * u + sum(unknowns) for u, v in zip(unknowns, unknowns[1:] + unknowns[:1], strict=True)]
    equations = [e - e.subs(root) for e in mixed]
    found = isolate_unique_root(equations, unknowns, guess={u: float(v) + 0.05 for u, v in root.items()})
    assert found.status is RootStatus.unique
    with ctx.workprec(300):
        assert all(found.box[u].contains(arb(int(v.p)) / int(v.q)) for u, v in root.items())
        assert all(found.box[u].rad() < arb(2) ** -120 for u in unknowns)


def test_two_roots_or_a_double_root_are_not_called_unique():
    assert isolate_unique_root([x**2 - 2], [x], box={x: (-2, 2)}).status is RootStatus.undecided
    for guess in (1.0, 1.1):
        assert isolate_unique_root([(x - 1) ** 2], [x], guess={x: guess}).status is RootStatus.undecided


def test_no_root_in_the_box_is_certified():
    assert isolate_unique_root([x**2 - 2], [x], box={x: (3, 4)}).status is RootStatus.none
    assert isolate_unique_root([x**2 + 1], [x], guess={x: 0.3}).status is RootStatus.undecided


def test_definitions_give_the_same_root_as_their_expansion():
    u = Symbol("u")
    defined = isolate_unique_root(
        [u * x - 1, y - u], [x, y], guess={x: 0.7, y: 1.3}, definitions=[(u, exp(x) * cos(y))]
    )
    inner = exp(x) * cos(y)
    expanded = isolate_unique_root([inner * x - 1, y - inner], [x, y], guess={x: 0.7, y: 1.3})
    assert defined.status is expanded.status is RootStatus.unique
    assert defined.box[x].overlaps(expanded.box[x])


def test_two_roots_in_a_box_are_never_called_unique_and_their_signs_prove_nothing():
    assert isolate_unique_root([x**2 - 2], [x], box={x: (-2, 2)}).status is RootStatus.undecided
    system = RootSystem.compile([(x - 1) * (x - 1 - Rational(1, 2**60))], [x], [], ())
    with ctx.workprec(128):
        assert not system.changes_sign([arb(1, 0.5)], [])
        image = system.image([arb(1, 2.0**-20)], [])
        assert image is None or not arb(1, 2.0**-20).contains(image[0])


def test_three_roots_in_a_box_exist_and_are_not_called_unique():
    found = isolate_unique_root([x * (x - Rational(1, 2)) * (x + 1)], [x], box={x: (-2, 1)})
    assert found.status is RootStatus.exists
    assert all(found.box[x].contains(arb(root)) for root in (-1, 0, 0.5))


def test_a_triple_root_exists_from_a_box_and_from_a_guess():
    assert isolate_unique_root([x**3], [x], box={x: (-1, 2)}).status is RootStatus.exists
    for guess in (0.0, 0.3):
        found = isolate_unique_root([x**3], [x], guess={x: guess})
        assert found.status is RootStatus.exists
        assert found.box[x].contains(0)
        assert found.box[x].rad() < 1e-3


def test_a_triple_root_of_a_coupled_system_exists_and_a_double_one_is_undecided():
    for power, status in ((3, RootStatus.exists), (2, RootStatus.undecided), (1, RootStatus.unique)):
        equations = [(x - 1) ** power - (y - 2), (y - 2) * (2 + sin(x))]
        found = isolate_unique_root(
            equations, [x, y], box={x: (Rational(1, 2), 2), y: (Rational(7, 4), Rational(9, 4))}
        )
        assert found.status is status
        assert found.box[x].contains(1)
        assert found.box[y].contains(2)


def test_an_exact_coordinate_has_no_interior_so_a_root_exists_and_no_more_is_said():
    found = isolate_unique_root([x - 1, y**2 - 1 - x], [x, y], box={x: (1, 1), y: (1, 2)})
    assert found.status is RootStatus.exists
    with ctx.workprec(256):
        assert found.box[x] == 1
        assert found.box[y].contains(arb(2).sqrt())
    absent = isolate_unique_root([x - 2, y**2 - 2 * x], [x, y], box={x: (1, 1), y: (1, 2)})
    assert absent.status is RootStatus.none


def test_slopes_are_refused_where_they_are_finite_but_the_equation_is_undefined():
    system = RootSystem.compile([log(x) + x], [x], [], ())
    for slopes in (system.slopes, system.slopes_on_narrow):
        assert slopes([arb(2, 0.5)], []) is not None
        assert slopes([arb(-2, 0.5)], []) is None


def test_bad_use_is_refused():
    with pytest.raises(ValueError, match="exactly one of box and guess"):
        isolate_unique_root([x], [x])
    with pytest.raises(ValueError, match="exactly one of box and guess"):
        isolate_unique_root([x], [x], guess={y: 1})
    with pytest.raises(ValueError, match="as many equations"):
        isolate_unique_root([x, y], [x], guess={x: 1})
    with pytest.raises(ValueError, match="guess of x"):
        isolate_unique_root([x], [x], guess={x: float("nan")})
    for equation in (Piecewise((x, x < 0), (x - 1, True)), gamma(x)):
        with pytest.raises(UnsupportedNode):
            isolate_unique_root([equation], [x], guess={x: 1})
