r"""What the fully trained network is solved for: a quadratic activation, a target by its spectrum, best fit or flow.

The eigenvalues of sqrt(d) B are those of a law up to scale, b = shift + scale x with E b^2 = 1; the traceless part of
the target is (b - E b)^2 in the mean. In the best fit the output weights are free; in the flow they are +1.
"""

from __future__ import annotations

from sympy import Abs, Expr, Integer, Piecewise, Rational, S, Symbol, oo, sqrt

from derivations.averages import LawMean
from derivations.core import Domain, LawParameter, Refusal, parameter
from derivations.learning_regimes import symbols
from derivations.learning_regimes.symbols import hermite_2, linear_coefficient, mean, nonlinear_energy, offset, rho
from derivations.relations import at_most, below, equal

trace_alignment = parameter(
    "trace_alignment",
    "alignment tau of the target with the identity",
    domain=Domain(Integer(-1), Integer(1), lower_open=False, upper_open=False),
    default=oo,
    convention="tau = tr B/(sqrt(d) ||B||_F); given: the spectrum is shifted and rescaled to it; not given: its own",
)
spectrum = LawParameter(
    "spectrum",
    "law of the eigenvalues of sqrt(d) B, up to scale",
    default="goe",
    symbol=Symbol("spectrum_law"),
    named={"goe": "semicircle", "identity": "1@1"},
    kind=Symbol("is_semicircle", nonnegative=True),
    convention="rescaled so that the squares average to 1, that is ||B||_F = 1",
)
time = parameter(
    "time",
    "time of the gradient flow from random rows",
    positive=True,
    default=oo,
    convention="W' = -W (W'W - B) with ||B||_F^2 = d (for ||B||_F = 1 the clock runs sqrt(d) times slower), output "
    "weights +1, whose flow ends with the positive eigenvalues only; not given: best fit, output weights free",
)
init_scale = parameter(
    "init_scale",
    "variance omega of the rows at the start of the flow",
    positive=True,
    default=1,
    convention="w_j ~ N(0, omega I/d) with ||B||_F^2 = d; for ||B||_F = 1 that is N(0, omega d^(-3/2) I)",
)
activation = symbols.activation(
    *("mean", "linear_coefficient", "hermite(2)", "nonlinear_energy"), default="t**2", where="a*t**2 + b only"
)
PARAMETERS = (rho, spectrum, trace_alignment, activation, offset, time, init_scale)

is_semicircle = spectrum.kind
x = Symbol("x", real=True)
"""A value of the spectrum as typed."""
first_moment, variance = Symbol("first_moment", real=True), Symbol("variance", nonnegative=True)
second_moment = Symbol("second_moment", nonnegative=True)
shift, scale = Symbol("shift", real=True), Symbol("scale", nonnegative=True)
kept_share = Symbol("kept_share", nonnegative=True)
centre, spread = Symbol("centre", nonnegative=True), Symbol("spread", nonnegative=True)
eigenvalue = shift + scale * x
"""An eigenvalue b of the target, E b^2 = 1."""

_ROUNDING = Rational(1, 10**24)
_is_given = trace_alignment <= 1
_varies = below(second_moment * _ROUNDING, variance)

PROGRAM: tuple[tuple[Symbol, Expr], ...] = (
    (first_moment, LawMean(x, x, spectrum.symbol)),
    (second_moment, LawMean(x**2, x, spectrum.symbol)),
    (variance, LawMean((x - first_moment) ** 2, x, spectrum.symbol)),
    (
        scale,
        Piecewise(
            (1 / sqrt(second_moment), ~_is_given),
            (S.Zero, variance <= second_moment * _ROUNDING),
            (sqrt(1 - trace_alignment**2) / sqrt(variance), True),
        ),
    ),
    (shift, Piecewise((trace_alignment - scale * first_moment, _is_given), (S.Zero, True))),
    # without an offset only the traceless part can be fitted, at any alignment
    (kept_share, offset.symbol + (1 - offset.symbol) * scale**2 * variance),
    (centre, offset.symbol * Abs(shift + scale * first_moment)),
    (spread, offset.symbol * scale * sqrt(variance) + (1 - offset.symbol)),
)

gain = hermite_2 / sqrt(2)
"""a of the activation a t^2 + constant."""
flow_time, flow_scale, flow_eigenvalue = Abs(gain) * time, Abs(gain) * init_scale, gain / Abs(gain) * eigenvalue
"""a t^2 with rows w is t^2 with rows sqrt(|a|) w, on a clock |a| times faster; a < 0 fits -B."""

LONGEST_FLOW = 150
_STATED = "the fully trained network is solved for activation a*t**2 + constant only"
REFUSALS = (
    Refusal("linear_part", (below(0, linear_coefficient**2),), f"{_STATED}; this one has a linear part, mu_1 != 0"),
    Refusal(
        "higher_degrees",
        (below(hermite_2**2 * (1 + Rational(1, 10**9)), nonlinear_energy),),
        f"{_STATED}; this one is not of degree 2",
        exactly=(below(hermite_2**2, nonlinear_energy),),
    ),
    Refusal("no_square", (equal(hermite_2, 0),), f"{_STATED}, a not 0"),
    Refusal("no_target", (equal(second_moment, 0),), "spectrum has only zeros: the target vanishes"),
    Refusal(
        "no_variance",
        (at_most(variance, second_moment * _ROUNDING), below(trace_alignment**2, 1)),
        "trace_alignment must be -1 or 1 for a spectrum of one value: such a B is a multiple of the identity",
    ),
    Refusal(
        "flow_without_offset",
        (offset.chosen("no"), below(time, oo)),
        "offset=no is solved for the best fit only: leave time out, or train the offset",
    ),
    Refusal(
        "long_flow",
        (equal(is_semicircle, 1), below(time, oo), below(LONGEST_FLOW + Rational(1, 10**6), flow_time)),
        f"spectrum=goe is solved up to time {LONGEST_FLOW}/|a| for activation a*t**2: the kept eigenvalues end too "
        "sharply for the quadrature afterwards; a spectrum of finitely many values has no such bound",
    ),
    Refusal(
        "uneven_without_offset",
        (offset.chosen("no"), equal(is_semicircle, 0), _varies),
        "offset=no is solved for spectrum=goe and for a spectrum of one value only: the kept set is not known else",
        exactly=(offset.chosen("no"), equal(is_semicircle, 0), below(0, variance)),
    ),
    Refusal(
        "emulated_offset",
        (offset.chosen("no"), below(hermite_2**2 * Rational(1, 10**18), (mean - gain) ** 2)),
        "offset=no needs activation a*t**2 without a constant: with one, free output weights emulate the offset",
        exactly=(offset.chosen("no"), below(0, (mean - gain) ** 2)),
    ),
)
