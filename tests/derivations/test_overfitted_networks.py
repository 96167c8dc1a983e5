"""Overfitted networks: planted mistakes that a step or a certificate must see, and the exact tools behind the steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from sympy import Integer, Rational, Symbol

from derivations.core import Step
from derivations.lemmas import piecewise_linear
from derivations.overfitted_networks import (
    blocks,
    classification,
    gap,
    gates,
    kuhn_networks,
    margin,
    matching,
    partition_of_unity,
    products,
    regression,
    squares,
    takagi,
    zero_error,
)
from derivations.overfitted_networks.bump_volume import BumpVolume, steiner_polynomial
from derivations.overfitted_networks.exact_networks import Network, ball
from derivations.overfitted_networks.gate_networks import Design, gate_c, gate_d, gate_e
from derivations.overfitted_networks.line_students import student_curve
from derivations.piecewise_linear_functions import PiecewiseLinear, apply_form, list_rays
from numerics import many_digits, special
from numerics.parameters import ParameterError
from numerics.solver import Solver
from verify.kernel import Context, judge


def is_certified(gate: Callable[[Design], Network], design: Design) -> bool:
    """Whether interval propagation over every ball returns the label."""
    network = gate(design)
    pairs = zip(design.centres, design.labels, strict=True)
    return all(network.interval(*ball(centre, design.radius)) == (label, label) for centre, label in pairs)


def enlarge_teacher(design: Design, factor: int) -> Design:
    """The same data around a teacher that is `factor` times as large."""
    return replace(design, nodes={node: factor * value for node, value in design.nodes.items()})


def test_touching_balls_are_not_certified() -> None:
    design = gates.golden()
    assert is_certified(gate_d, replace(design, radius=Fraction(7, 32), ramp=Fraction(1, 16)))
    for ramp in (Fraction(1, 16), Fraction(1, 1024)):
        assert not is_certified(gate_d, replace(design, radius=Fraction(1, 4), ramp=ramp))


def test_a_ramp_beyond_the_separation_is_not_certified() -> None:
    room = Fraction(1, 2) - 2 * Fraction(1, 8)
    assert is_certified(gate_d, replace(gates.golden(), ramp=room))
    assert not is_certified(gate_d, replace(gates.golden(), ramp=room + Fraction(1, 100)))


def test_a_height_below_a_label_is_not_certified() -> None:
    assert not is_certified(gate_d, replace(gates.golden(), height=Fraction(1, 4)))


def test_ten_times_the_teacher_is_certified_by_gate_d_and_not_by_gate_e() -> None:
    design = gates.golden()
    steep = enlarge_teacher(replace(design, nodes={(0,): Fraction(1), (1,): Fraction(-1), (2,): Fraction(1)}), 10)
    assert is_certified(gate_d, steep)
    assert not is_certified(gate_e, steep)
    ends = [(centre[0] + design.radius,) for centre in design.centres]
    assert [gate_d(steep)(*end) for end in ends] == list(design.labels)
    assert [gate_e(steep)(*end) for end in ends] != list(design.labels)
    assert [gate_e(design)(*end) for end in ends] == list(design.labels)


def test_gate_e_flips_the_shell_of_a_clean_sample_and_the_others_do_not() -> None:
    nodes = dict.fromkeys([(0,), (1,)], Fraction(1))
    clean = Design(((Fraction(1, 2),),), (Fraction(1),), nodes, 1, Fraction(1, 8), Fraction(1, 16))
    line = [Fraction(k, 128) for k in range(129)]
    assert min(gate_e(clean)(u) for u in line) == -1
    assert min(gate_d(clean)(u) for u in line) == 1
    assert min(gate_c(clean)(u) for u in line) == 1


def test_the_centre_only_correction_misses_the_corners() -> None:
    design = gates.golden()
    for centre in design.centres:
        corner = (centre[0] + design.radius,)
        values = [kuhn_networks.interpolate(design.nodes, design.cells, place) for place in (centre, corner)]
        assert values[0] != values[1]


def test_a_network_without_bumps_for_both_of_a_conflicting_pair_is_the_best() -> None:
    points, labels = ((Fraction(1, 4),), (Fraction(3, 8),)), (1, -1)
    design = matching.best_network_design(points, labels, Fraction(1, 16))
    assert len(design.labels) == 1
    both = replace(design, centres=points, labels=tuple(map(Fraction, labels)))
    assert not is_certified(gate_c, both)


MUTANTS: list[tuple[object, str, Callable[..., object], Step]] = [
    (gates, "median", lambda b, g, room: b + max(room - max(room + b, 0) + g, 0), gates.median_gate),
    (gates, "median", lambda b, g, room: b + max(room - max(b - g, 0), 0), gates.median_is_exact),
    (gates, "folded", lambda s, g, m: 2 * max(g, 0) - 2 * max(-g, 0), gates.folded_gate),
    (gates, "soft", lambda y, g, m: g + y, gates.soft_gate),
    (gates, "clipped", lambda p, g, o: min(g + p, o), gates.clipped_gate),
    (gates, "gate_d", gate_c, gates.reference_values),
    (gates, "gate_d", lambda design: gate_d(replace(design, radius=design.radius / 2)), gates.certificates),
    (zero_error, "gate_d", lambda design: gate_d(replace(design, ramp=2 * design.ramp)), zero_error.zero_error),
    (zero_error, "gate_d", gate_e, zero_error.linear_size),
    (zero_error, "separation", lambda centres: Fraction(1, 2), zero_error.exact_condition),
    (zero_error, "overlap_depth", lambda x, y, r: blocks.depth_outside((x[0] - y[0],), r), zero_error.exact_condition),
    (blocks, "steiner_polynomial", lambda d, r, t: (2 * r + 2 * t) ** d, blocks.volume),
    (blocks, "bump", lambda z, r, t: max(1 - max(max(abs(c) - r, 0) for c in z) / t, 0), blocks.plateau),
    (squares, "tooth", lambda x: 1 - abs(1 - 2 * x) / 2, squares.interpolates_the_square),
    (squares, "square_network", lambda m, build=squares.square_network: build(m + 1), squares.nonzeros),
    (products, "multiply", lambda x, y, m, b, build=products.multiply: build(x, y, m + 1, b), products.largest_error),
    (
        partition_of_unity,
        "interpolate",
        lambda v, n, x: sum(v.values()) / len(v),
        partition_of_unity.affine_reproduction,
    ),
    (partition_of_unity, "hat", lambda z: max(1 - sum(map(abs, z)), Fraction(0)), partition_of_unity.sorting),
    (takagi, "takagi", lambda x, r: takagi.distance_to_integers(x), takagi.self_similarity),
    (matching, "find_cover", lambda conflicts, partner: set(), matching.cover),
    (matching, "find_matching", lambda conflicts: {}, matching.cover),
    (matching, "gate_c", lambda design: gate_c(replace(design, ramp=4 * design.ramp)), matching.attained),
    (classification, "_flipped", lambda r, w, z: 1 - blocks.bump((z,), r, w), classification.three_volumes),
    (gap, "robust_error", lambda curve, task: task.noise**2, gap.bounds_in_order),
    (regression, "student_curve", lambda design: student_curve(design).scale(3), regression.bump_inequality),
    (piecewise_linear, "relu", lambda value: value, piecewise_linear.lattice_operations),
]


@pytest.mark.parametrize(("module", "name", "mutant", "step"), MUTANTS, ids=lambda value: getattr(value, "id", ""))
def test_a_planted_mistake_turns_the_step_false(
    module: object, name: str, mutant: object, step: Step, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert judge(step, Context()).outcome == "holds"
    monkeypatch.setattr(module, name, mutant)
    assert judge(step, Context()).outcome == "fails"


def test_the_trapezoid_is_not_tight_under_intervals() -> None:
    flat = blocks._trapezoid_network(1, blocks.DELTA)
    inside = flat.interval(*ball([Fraction(1, 3)], blocks.DELTA))
    assert inside[0] < 3
    assert blocks._facet_network(1, blocks.DELTA).interval(*ball([Fraction(1, 3)], blocks.DELTA)) == (3, 3)


def test_the_volume_is_one_number_for_algebra_arrays_and_many_digits() -> None:
    d, radius, ramp = np.array([1.0, 2.0, 3.0, 7.0, 40.0]), np.array([0.125]), np.array([0.0625])
    exact = [float(steiner_polynomial(int(k), Rational(1, 8), Rational(1, 16))) for k in d]
    np.testing.assert_allclose(special.bump_volume(d, radius, ramp), exact, rtol=1e-13)
    digits = [float(many_digits.bump_volume(mpmath.mpf(k), mpmath.mpf("0.125"), mpmath.mpf("0.0625"))) for k in d]
    np.testing.assert_allclose(digits, exact, rtol=1e-15)
    np.testing.assert_allclose(special.bump_volume(d, 0, ramp)[:3], [0.125, 0.125**2 / 2, 0.125**3 / 6], rtol=1e-14)


def test_the_volume_stays_a_name_until_the_dimension_is_a_number() -> None:
    d, radius = Symbol("d", positive=True), Symbol("delta", positive=True)
    kept = BumpVolume(d, radius, radius)
    assert kept.func is BumpVolume
    assert kept.subs(d, 2) == steiner_polynomial(2, radius, radius)
    assert BumpVolume(Integer(1), radius, Integer(0)) == 2 * radius


@pytest.mark.parametrize("seed", range(5))
def test_windows_and_integrals_agree_with_a_fine_grid(seed: int) -> None:
    draw = np.random.default_rng(seed)
    knots = sorted({Fraction(int(k), 64) for k in draw.integers(0, 65, 12)} | {Fraction(0), Fraction(1)})
    curve = PiecewiseLinear(tuple(knots), tuple(Fraction(int(v), 8) for v in draw.integers(-9, 9, len(knots))))
    radius = Fraction(int(draw.integers(1, 12)), 64)
    grid = np.linspace(0, 1, 64 * 16 + 1)
    values = np.interp(grid, [float(k) for k in knots], [float(v) for v in curve.values])
    high = curve.window_maximum(radius)
    for x in (radius, Fraction(1, 2), 1 - radius):
        inside = np.abs(grid - float(x)) <= float(radius) + 1e-12
        assert float(high(x)) == pytest.approx(values[inside].max(), abs=1e-12)
        assert float(curve.window_minimum(radius)(x)) == pytest.approx(values[inside].min(), abs=1e-12)
    assert float(curve.integral_of_square(Fraction(0), Fraction(1))) == pytest.approx(
        np.trapezoid(values**2, grid), abs=1e-4
    )


def test_a_value_outside_the_interval_is_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"^x is 2; allowed is 0 to 1$"):
        PiecewiseLinear((Fraction(0), Fraction(1)), (Fraction(0), Fraction(1)))(Fraction(2))


def test_rays_generate_every_cone_of_the_arrangement() -> None:
    forms = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 1), (1, 1, -2))
    rays = list_rays(forms)
    draw = np.random.default_rng(0)
    for point in draw.integers(-9, 10, (200, 3)).tolist():
        signs = [np.sign(apply_form(form, tuple(point))) for form in forms]
        inside = [
            ray for ray in rays if all(np.sign(apply_form(f, ray)) in (0, s) for f, s in zip(forms, signs, strict=True))
        ]
        assert len(inside) >= np.linalg.matrix_rank(np.array([*inside, point]))
        assert np.linalg.matrix_rank(np.array([*inside, point])) == np.linalg.matrix_rank(np.array(inside or [[0] * 3]))


@pytest.fixture(scope="module")
def classifier() -> Solver:
    return Solver(classification.model(), title="classification")


GIVEN = {"samples": 160, "bad_samples": 16, "dimension": 2, "radius": 1 / 128, "ramp": 1 / 64, "label_noise": 0.1}


def test_the_errors_of_a_classifier_are_those_of_a_fine_grid(classifier: Solver) -> None:
    found = classifier(**{**GIVEN, "bad_samples": 1}).observables
    radius, ramp, eta = GIVEN["radius"], GIVEN["ramp"], GIVEN["label_noise"]
    # one bad sample in the middle of a box of side 8 radius
    side = 8 * radius
    line = (np.arange(800) + 0.5) / 800 * side - side / 2
    z = np.abs(np.stack(np.meshgrid(line, line), axis=-1))
    low = np.maximum(z - 2 * radius, 0).sum(axis=-1) < ramp / 2
    high, flipped = z.sum(axis=-1) < ramp / 2, np.maximum(z - radius, 0).sum(axis=-1) < ramp / 2
    robust = np.where(low, np.where(high, 1 - eta, 1.0), eta) - eta
    assert float(found["robust_error"]) - eta == pytest.approx(robust.mean() * side**2, rel=5e-3)
    assert float(found["standard_error"]) - eta == pytest.approx((1 - 2 * eta) * flipped.mean() * side**2, rel=5e-3)


def test_bounds_of_a_classifier_are_in_order(classifier: Solver) -> None:
    found = classifier(**{**GIVEN, "ramp": np.array([1e-6, 1e-3, 1 / 64])}).observables
    assert np.all(found["lower_bound"] < found["sharp_lower_bound"])
    assert np.all(found["sharp_lower_bound"] < found["robust_error"])
    assert np.all(found["robust_error"] < found["robust_error_bound"])
    assert np.all(found["standard_error"] < found["robust_error"])
    assert found["robust_error"][0] == pytest.approx(found["sharp_lower_bound"][0], rel=1e-3)


@pytest.mark.parametrize("name", ["samples", "bad_samples", "dimension"])
def test_a_part_of_a_sample_or_dimension_is_refused_in_one_line(classifier: Solver, name: str) -> None:
    with pytest.raises(ParameterError, match=f"^{name} must be a whole number$"):
        classifier(**{**GIVEN, name: 2.5})


def test_more_bad_samples_than_samples_are_refused(classifier: Solver) -> None:
    with pytest.raises(ParameterError, match="bad_samples must be at most samples"):
        classifier(**{**GIVEN, "bad_samples": 161})


def test_crowded_bumps_have_no_exact_error(classifier: Solver) -> None:
    found = classifier(**{**GIVEN, "radius": 1 / 8})
    assert str(found.status.flat[0]) == "outside_domain"
    assert np.isnan(found.observables["robust_error"]).all()
    assert float(found.observables["robust_error_bound"]) == 1


def test_the_size_of_a_regressor_is_that_of_the_assembled_network() -> None:
    solver = Solver(regression.model(), title="regression")
    for d, cells in ((1, 2), (2, 1), (2, 2), (3, 1)):
        design = gates.spread_out(d, cells)
        found = solver(
            samples=4, dimension=d, smoothness=1, noise=0.1, radius=1 / 16, ramp=1 / 50, nodes=cells
        ).observables["size"]
        spared = 0 if d == 1 else 2 * (cells + 1) ** (d - 1)
        assert int(found) - spared == gate_d(design).nonzeros


def test_no_design_is_further_apart_than_the_model_allows() -> None:
    solver = Solver(regression.model(), title="regression")
    given = {"samples": 16, "dimension": 2, "smoothness": 1, "noise": 0.1, "ramp": 1e-9, "nodes": 2}
    lattice = 1 / 3
    assert solver(**given, radius=lattice / 2 - 1e-6)
    with pytest.raises(ParameterError, match="the largest separation of any design in the cube"):
        solver(**given, radius=lattice / 2 + 1e-6)


def test_the_lower_bound_of_interpolants_stops_where_their_balls_no_longer_fit_into_the_cube() -> None:
    solver = Solver(regression.model(), title="regression")
    given = {"samples": 16, "dimension": 2, "smoothness": 1, "noise": 0.1, "ramp": 1e-9, "nodes": 2}
    bounds = [
        float(solver(**given, radius=r).observables["robust_error_lower_bound"]) for r in (1 / 17, 1 / 16, 1 / 15)
    ]
    assert bounds == pytest.approx([0.1 * (1 + (16 / 17) ** 2), 0.2, 0.1])


def test_the_margin_family_is_below_its_bound_and_grows_with_the_teacher_error() -> None:
    solver = Solver(margin.model(), title="margin")
    radius = np.array([0.01, 0.1, 0.4])
    found = [solver(margin_exponent=2, radius=radius, teacher_error=eps).observables for eps in (0.0, 0.1)]
    assert np.all(found[0]["robust_excess"] < found[0]["robust_excess_bound"])
    assert np.all(found[0]["robust_excess_bound"] <= found[1]["robust_excess_bound"])
