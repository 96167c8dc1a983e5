r"""The errors of the tangent model in the proportional limit, as expressions without subtraction of close numbers.

The degree-2 part of the tangent features a_j'x sigma'(w_j'x) sees the target; their higher degrees act as a ridge
c_b ||b_j||^2 + c_a alpha_j^2 on a_j = alpha_j w_j + b_j (`learning_regimes.tangent`). With stiffness c = (c_b +
lambda)/beta_1^2, g the resolvent of the Marchenko-Pastur law mu of W'W, and s on the semicircle law s dmu/rho:

- traceless part of the target: 1 - 2 rho E g(c + s) is missed, because int int S/(c + S) = 2 int s g(c + s) dmu;
- trace part: everything is algebraic in omega = z g(z) at z = c/2: (omega + kappa)/(rho + omega + kappa) is missed,
  kappa = (c_a + lambda)/eta_2^2.
"""

from __future__ import annotations

from functools import cache

from sympy import Expr, Max, S, sqrt

from derivations.averages import edge_mean
from derivations.learning_regimes.symbols import (
    hermite_2,
    hermite_4,
    offset,
    radial_tangent_derivative_energy,
    radial_tangent_energy,
    rho,
    tangent_derivative_energy,
    tangent_energy,
    trace_alignment,
)
from derivations.spectral_formulas import resolvent_discriminant, resolvent_mean, seen_mean

TEST_ERROR_WORDS = ("hermite(2)", "hermite(4)", "tangent_energy", "radial_tangent_energy")
"""The activation's constants that the test error needs."""
ENERGY_WORDS = (*TEST_ERROR_WORDS, "tangent_derivative_energy", "radial_tangent_derivative_energy")
"""Those that the Dirichlet energy needs too: infinite where the activation's slope jumps."""

slope = sqrt(2) * hermite_2
"""beta_1 = E[G sigma'(G)], the rate at which the tangent features see degree 2 across their rows."""
radial = 2 * (hermite_2 + sqrt(3) * hermite_4)
"""eta_2 = E[G sigma'(G) h_2(G)], the same along their rows."""
slope_square, radial_square = slope**2, radial**2


def stiffness(penalty: Expr = S.Zero, /) -> Expr:
    """c = (c_b + lambda)/beta_1^2, the ridge that the traceless part feels; `penalty` is lambda ||a_j||^2's."""
    return (tangent_energy + penalty) / slope_square


def discriminant(z: Expr, /) -> Expr:
    """D(z) = sqrt((z + rho - 1)^2 + 4 z) = z g + 1/g."""
    return resolvent_discriminant(z, rho)


def resolvent(z: Expr, /) -> Expr:
    """g_rho(z) = E 1/(s + z) over the Marchenko-Pastur law of W'W, z > 0."""
    return resolvent_mean(z, rho)


def atom(z: Expr, /) -> Expr:
    """omega(z) = z g_rho(z) = E z/(s + z), between (1 - rho)_+ and 1."""
    return z * resolvent(z)


def resolvent_slope(z: Expr, /) -> Expr:
    """-g_rho'(z) = g (1 + g)/D."""
    return resolvent(z) * (1 + resolvent(z)) / discriminant(z)


@cache
def traceless_error(penalty: Expr = S.Zero, /) -> Expr:
    """E_b: the part of a traceless target that is missed, int int c/(c + s + t); with a ridge P - lambda dP/dlambda.

    c g(c) is the atom's and the first moment's share; (g(c) - g(c + s))/s is written as a quotient of positive terms.
    """
    c = stiffness(penalty)
    near = resolvent(c)

    def kernel(s: Expr) -> Expr:
        far = resolvent(c + s)
        chord = 1 / (1 / (near * far) - rho / ((1 + near) * (1 + far)))
        return rho * (c * chord + 2 * penalty / slope_square * resolvent_slope(c + s))

    return atom(c) - edge_mean(kernel, rho)


@cache
def traceless_energy(penalty: Expr = S.Zero, /) -> Expr:
    """R_b: Dirichlet energy on a traceless target, int int [S^2 + c_b'/(2 beta_1^2) S]/(c + S)^2 with S = s + t.

    g + c g' = g (s (1 + g) + rho/(1 + g))/D at c + s keeps every term positive.
    """
    c = stiffness(penalty)
    extra = tangent_derivative_energy / (2 * slope_square)

    def kernel(s: Expr) -> Expr:
        far = resolvent(c + s)
        return 2 * rho * far / discriminant(c + s) * ((s + extra) * (1 + far) + rho / (1 + far))

    return edge_mean(kernel, rho)


def trace_denominator(penalty: Expr = S.Zero, /) -> Expr:
    """eta_2^2 (rho + omega + kappa) = eta_2^2 (rho/J_1 - c/2) + c_a + lambda: finite and positive at eta_2 = 0."""
    return radial_square * (rho + atom(stiffness(penalty) / 2)) + radial_tangent_energy + penalty


@cache
def trace_error(penalty: Expr = S.Zero, /) -> Expr:
    """E_t: the part of the identity that is missed; with a ridge P - lambda dP/dlambda."""
    z, whole = stiffness(penalty) / 2, trace_denominator(penalty)
    missed = (radial_square * atom(z) + radial_tangent_energy + penalty) / whole
    slope = radial_square * seen(z) / (2 * slope_square * discriminant(z)) + 1
    return missed - penalty * rho * radial_square * slope / whole**2


@cache
def trace_energy(penalty: Expr = S.Zero, /) -> Expr:
    """R_t: Dirichlet energy on the identity."""
    z = stiffness(penalty) / 2
    d = discriminant(z)
    square = rho * (2 * z * (1 + rho) + (1 - rho) ** 2) / (d * (d + z) * seen(z))
    traceless = tangent_derivative_energy * seen(z) / (4 * slope_square * d)
    radial = radial_tangent_derivative_energy / 2
    return rho * radial_square * (radial_square * (square + traceless) + radial) / trace_denominator(penalty) ** 2


def seen(z: Expr, /) -> Expr:
    """J_1 = 1 - omega(z) = E s/(s + z)."""
    return seen_mean(z, rho)


def size_biased_resolvent(z: Expr, /) -> Expr:
    """The mean of 1/(s + z) over the semicircle law s dmu/rho."""
    return seen(z) / rho


def squared_size_biased_resolvent(z: Expr, /) -> Expr:
    """The mean of 1/(s + z)^2 over the same law."""
    return size_biased_resolvent(z) / discriminant(z)


def test_error(penalty: Expr = S.Zero, /) -> Expr:  # noqa: PT028 (a test error, not a test)
    """eps_test: the two parts weighted by the trace alignment; without an offset the trace part is missed entirely."""
    missed_trace = 1 - offset.symbol * (1 - trace_error(penalty))
    return (1 - trace_alignment**2) * traceless_error(penalty) + trace_alignment**2 * missed_trace


def dirichlet_energy(penalty: Expr = S.Zero, /) -> Expr:
    """eps_rob: the two parts weighted by the trace alignment; without an offset the trace part has none."""
    seen_trace = offset.symbol * trace_energy(penalty)
    return (1 - trace_alignment**2) * traceless_energy(penalty) + trace_alignment**2 * seen_trace


def quadratic_error() -> Expr:
    """eps_test of a quadratic activation (c_b = c_a = 0) without ridge: (1 - tau^2) r^2 + tau^2 r, r = (1 - rho)_+."""
    left = Max(1 - rho, 0)
    missed_trace = 1 - offset.symbol * (1 - left)
    return (1 - trace_alignment**2) * left**2 + trace_alignment**2 * missed_trace
