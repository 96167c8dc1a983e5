r"""Spectral averages of a first layer: its Gram resolvent, its Laplace transform, and a covariance of the rows.

Let W be m x d with m/d -> rho, rows of mean square length one, K = WW', S = W'W, and mu the limit law of S with its
atom (1 - rho)_+ at 0. Then psi1 = lim (1/m) tr (aK + nu)^(-1) solves psi1 (nu + a/(1 + a rho psi1)) = 1; the law
s dmu(s)/rho is the semicircle of centre 1 + rho and radius 2 sqrt(rho), so that every average over mu is an integral
over an angle; and rows of covariance diag(g)/d replace a/(1 + a rho psi1) by the mean of a g/(1 + a rho psi1 g).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

from sympy import (
    Derivative,
    Expr,
    Integer,
    Rational,
    Symbol,
    Tuple,
    atan,
    besseli,
    cancel,
    cos,
    diff,
    exp,
    expand,
    pi,
    sin,
    sqrt,
)

from derivations.averages import ANGLE, edge_coordinate, marchenko_pastur_mean, size_biased_mean
from derivations.core import Derivation, Exact, Lab, Sampled, Simulation, Source, Symbolic, parameter, unknown
from derivations.evidence import Instance
from derivations.lemmas import marchenko_pastur
from derivations.relations import Convergence, Relation, Statement, below, equal, solves, statement, tends_to
from derivations.spectral_formulas import (
    EIGENVALUE,
    covariance_trace,
    covariance_trace_slope,
    decayed,
    gram_closed_form,
    gram_discriminant,
    gram_trace,
    resolvent_mean,
    size_biased_laplace,
)

theorem = Derivation(
    __name__,
    title="Spectral averages of a first layer, with a covariance of its rows",
    source=Source(
        key="silverstein1995empirical",
        authors=("Silverstein, J. W.", "Bai, Z. D."),
        title="On the empirical distribution of eigenvalues of a class of large dimensional random matrices",
        year=1995,
        venue="Journal of Multivariate Analysis 54(2), 175-192",
        doi="10.1006/jmva.1995.1051",
    ),
)

rho = parameter("rho", "neurons per input dimension", positive=True, convention="rho = lim m/d")
nu = parameter("nu", "regularisation of the Gram resolvent", positive=True)
a = parameter("a", "weight of the Gram matrix", positive=True)
psi = unknown("psi", "lim (1/m) tr (aK + nu)^(-1)", positive=True)
z = parameter("z", "regularisation of the resolvent", positive=True)
u = parameter("u", "time of the Laplace transform", positive=True)
load = parameter("load", "a rho psi1, what a row's own direction is loaded with", positive=True)

aspect = ((nu + a) * psi - 1) / (a * psi * (1 - nu * psi))
"""rho in the coordinates (nu, a, psi), in which the law of psi1 is rational."""
admissible = (below(nu * psi, 1), below(1, (nu + a) * psi))
"""The coordinates that some rho > 0 reaches."""
BOX = {nu: (Rational(1, 10), 3), a: (Rational(1, 10), 3), rho: (Rational(1, 10), 4), psi: (Rational(1, 10), 9)}
ANGLES = {rho: (Rational(1, 5), 3), z: (Rational(1, 2), 3), u: (Rational(1, 5), 3)}


@theorem.step(Symbolic(), uses=[marchenko_pastur.solution])
def gram_law() -> Relation:
    """K and S share their nonzero eigenvalues and K has m - d more zeros, so psi1 is g(nu/a)/a plus those, over m.

    In the coordinates (nu, a, psi) the law of g at nu/a, with that g put in, is an identity.
    """
    trace = cancel(a * (aspect * psi - (aspect - 1) / nu))
    law = {marchenko_pastur.psi1: aspect, marchenko_pastur.omega: nu / a, marchenko_pastur.g: trace}
    relation = solves(marchenko_pastur.fixed_point, law)
    return equal(relation.lhs, relation.rhs, given=admissible)


@theorem.step(Symbolic(), uses=[gram_law])
def gram_fixed_point() -> Relation:
    """The same law as psi1 (nu + a/(1 + a rho psi1)) = 1: a row sees the resolvent of the others, no covariance."""
    return equal(covariance_trace(psi, nu, a, aspect, Tuple(Tuple(1, 1))), psi, given=admissible)


@theorem.step(Symbolic(domain=BOX), uses=[gram_fixed_point])
def gram_solution() -> Relation:
    """Cleared of its denominator the law is nu a rho psi^2 + (nu + a(1 - rho)) psi = 1; its positive root."""
    root = gram_closed_form(nu, a, rho)
    return equal(nu * a * rho * root**2 + (nu + a * (1 - rho)) * root, 1)


@theorem.step(Symbolic(), uses=[gram_fixed_point])
def discriminant() -> Relation:
    """The product of the roots is -1/(nu a rho): the root of the discriminant is nu a rho psi1 + 1/psi1."""
    square: Expr = gram_discriminant(nu, a, rho) ** 2
    return equal(square.subs(rho, aspect), (nu * a * aspect * psi + 1 / psi) ** 2, given=admissible)


def _branches() -> Iterator[Instance]:
    root = gram_discriminant(nu, a, rho)
    for label, (value, _) in zip(("rho < 1", "rho >= 1"), gram_trace(nu, a, rho).args, strict=True):
        rational = value.xreplace({root: nu * a * rho * psi + 1 / psi}).subs(rho, aspect)
        yield f"psi1, {label}", cancel(rational / psi), Integer(1)
    g = marchenko_pastur.g
    omega, features = marchenko_pastur.omega, marchenko_pastur.psi1
    at = {sqrt((omega + (features - 1)) ** 2 + 4 * omega): omega * g + 1 / g}
    for label, (value, _) in zip(("shift > 0", "shift <= 0"), resolvent_mean(omega, features).args, strict=True):
        rational = value.xreplace(at).subs(features, marchenko_pastur.aspect)
        yield f"g_rho, {label}", cancel(rational / g), Integer(1)


@theorem.step(Exact(_branches), uses=[discriminant, marchenko_pastur.discriminant])
def program_branches() -> Statement:
    """The square root put in as nu a rho psi1 + 1/psi1, and as omega g + 1/g, leaves rational functions."""
    return statement("both branches of gram_trace are psi1 and both of resolvent_mean g_rho, as rational functions")


@theorem.step(Symbolic(), uses=[gram_fixed_point, discriminant])
def gram_slope() -> Relation:
    """Implicit differentiation at fixed rho and a: -d psi1/d nu is psi1 (1 + a rho psi1) over that square root."""
    slope = diff(aspect, nu) / diff(aspect, psi)
    closed = psi * (1 + a * aspect * psi) / (nu * a * aspect * psi + 1 / psi)
    return equal(slope, closed, given=admissible)


def _share(root: Expr) -> Expr:
    """r as a function of rho, the root of the discriminant being `root`."""
    return (1 + (nu + a * (rho - 1)) / root) / 2


@theorem.step(Symbolic(), uses=[gram_slope])
def derivative_share() -> Relation:
    """r = nu psi2/psi1, the weight of the degrees above two, is (1 + y/D)/2 with y = nu + a(rho - 1)."""
    share = _share(nu * a * rho * psi + 1 / psi).subs(rho, aspect)
    slope = psi * (1 + a * aspect * psi) / (nu * a * aspect * psi + 1 / psi)
    return equal(nu * slope / psi, share, given=admissible)


@theorem.step(Symbolic(domain=BOX), uses=[derivative_share])
def derivative_share_increases() -> Relation:
    """More neurons, more of the fit in the degrees above two: dr/drho = 2 nu a^2/D^3 > 0."""
    root = gram_discriminant(nu, a, rho)
    return equal(Derivative(_share(root), rho), 2 * nu * a**2 / root**3)


def _semicircle_transform() -> Expr:
    """The mean of 1/(s + z) over the semicircle law of centre 1 + rho and radius 2 sqrt(rho)."""
    distance = z + 1 + rho
    return 2 / (distance + sqrt(distance**2 - 4 * rho))


@theorem.step(Symbolic(domain=ANGLES), uses=[marchenko_pastur.solution])
def size_biased_transform() -> Relation:
    """The mean of s/(s + z) over mu is 1 - z g_rho(z); divided by rho it is the semicircle's Stieltjes transform."""
    mean = marchenko_pastur.resolvent(z).subs(marchenko_pastur.psi1, rho)
    return equal((1 - z * mean) / rho, _semicircle_transform())


_X = Symbol("x", positive=True)
_SINE = _X / sqrt(1 + _X**2)
_HALF = atan(_X**3 / sqrt(1 + 3 * _X**2 + 3 * _X**4))


@theorem.step(Symbolic())
def place_of_an_angle() -> Relation:
    """In x = tan(angle/2): the distance psi of the plain angle from the lower edge has sin(psi/2) = sin(angle/2)^3,"""
    return equal(edge_coordinate(_SINE)[0], sin(_HALF) ** 2)


@theorem.step(Symbolic(), uses=[place_of_an_angle])
def weight_of_an_angle() -> Relation:
    """and 2 sin(psi)^2 dpsi, the semicircle's weight there, is the weight of the new angle."""
    double = 2 * sin(_HALF) * cos(_HALF)
    return equal(edge_coordinate(_SINE)[1], 2 * double**2 * diff(_HALF, _X) / diff(atan(_X), _X))


@theorem.step(Sampled(domain=ANGLES, points=2, digits=10), uses=[size_biased_transform])
def semicircle_law() -> Relation:
    """The transform of the law written as an integral over an angle; a law is determined by it on the half line."""
    return equal(size_biased_mean(lambda s: 1 / (s + z), rho), _semicircle_transform())


@theorem.step(Sampled(domain=ANGLES, points=2, digits=10), uses=[semicircle_law])
def resolvent_by_angle() -> Relation:
    """f(0) plus rho times the size-biased mean of (f(s) - f(0))/s counts the atom: f = 1/(s + z) gives g_rho."""
    mean = marchenko_pastur.resolvent(z).subs(marchenko_pastur.psi1, rho)
    return equal(marchenko_pastur_mean(lambda s: 1 / (s + z), rho), mean)


def _moments() -> Iterator[Instance]:
    nodes = 4
    for k, narayana in enumerate((rho + 1, rho**2 + 3 * rho + 1, rho**3 + 6 * rho**2 + 6 * rho + 1), start=2):
        integral = size_biased_mean(lambda s, k=k: s ** (k - 1), rho)  # type: ignore[misc]
        rule = sum(pi * integral.function.subs(ANGLE, j * pi / nodes) for j in range(1, nodes)) / nodes
        yield f"E s^{k}", expand(rho * rule), rho * narayana


@theorem.step(Exact(_moments), uses=[semicircle_law])
def moments() -> Statement:
    """Four nodes of the trapezoidal rule integrate a trigonometric polynomial of degree below 8 exactly."""
    return statement("E s^k over mu is the k-th Narayana polynomial in rho, k = 2, 3, 4: E s^2 = rho + rho^2")


@theorem.step(Sampled(domain=ANGLES, points=2, digits=10), uses=[semicircle_law, weight_of_an_angle])
def laplace_of_the_semicircle() -> Relation:
    """(2/pi) times the integral of exp(-x cos) sin^2 is 2 I_1(x)/x (Poisson's integral), here at x = 2 sqrt(rho) u."""
    closed = exp(-(1 + rho) * u) * besseli(1, 2 * sqrt(rho) * u) / (sqrt(rho) * u)
    return equal(size_biased_laplace(u, rho), closed)


@theorem.step(Symbolic(domain={u: (Rational(1, 5), 3), EIGENVALUE: (Rational(1, 5), 3)}))
def decay() -> Relation:
    """The integrand of L(u) is (f(0) - f(s))/s for f = exp(-us), written through tanh(us/2)."""
    return equal(decayed(u, EIGENVALUE).rewrite(exp), (1 - exp(-u * EIGENVALUE)) / EIGENVALUE)


@theorem.step(Symbolic(domain={u: (Rational(1, 5), 3), EIGENVALUE: (Rational(1, 5), 3)}), uses=[decay])
def laplace_slope() -> Relation:
    """Under the integral: with L(0) = 1 it follows that L' = -rho ell and that L(u) is 1 - rho times the integral of
    ell."""
    return equal(Derivative(decayed(u, EIGENVALUE).rewrite(exp), u), exp(-u * EIGENVALUE))


_FIRST, _SECOND, _WEIGHT = (Symbol(name, positive=True) for name in ("g1", "g2", "w"))
_TWO_ATOMS = Tuple(Tuple(_FIRST, _WEIGHT), Tuple(_SECOND, 1 - _WEIGHT))
_ATOMS_BOX = {**BOX, _FIRST: (Rational(1, 4), 1), _SECOND: (1, 4), _WEIGHT: (Rational(1, 5), Rational(4, 5))}


@theorem.step(Symbolic(domain=_ATOMS_BOX), uses=[gram_fixed_point])
def covariance_slope() -> Relation:
    """Implicit differentiation of psi (nu + a E[g/(1 + a rho psi g)]) = 1, here for every law with two atoms.

    g/(1 + xg) - x g^2/(1 + xg)^2 = g/(1 + xg)^2 leaves a sum of positive terms below.
    """
    gap = psi / covariance_trace(psi, nu, a, rho, _TWO_ATOMS)
    return equal(diff(gap, nu) / diff(gap, psi), covariance_trace_slope(psi, nu, a, rho, _TWO_ATOMS))


_WITNESS = Tuple(Tuple(Rational(2, 5), Rational(1, 2)), Tuple(Rational(8, 5), Rational(1, 2)))


def covariance_traces(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """(1/m) tr (aK + nu)^(-1) and (1/m) tr (aK + nu)^(-2) for m = rho d rows, half their variances 2/5 and half 8/5.

    rho is what gives a rho psi1 the value at.load. The mean of "length" is 1 and that of "square" 0 at every size:
    a squared row length has mean 1 and variance 2 (1.36)/d, a product of two rows variance 1.36/d.
    """
    trace = 1 / (at.nu + at.a * (0.2 / (1 + 0.4 * at.load) + 0.8 / (1 + 1.6 * at.load)))
    scales = lab.asarray([(0.4 / d) ** 0.5, (1.6 / d) ** 0.5] * (d // 2))
    m = round(at.load * d / (at.a * trace))
    rows = lab.normal(m, d) * scales
    eigenvalues = lab.eigvalsh(rows @ rows.T)
    values = 1 / (at.a * eigenvalues + at.nu)
    return {
        "trace": lab.mean(values),
        "slope": lab.mean(values**2),
        "length": lab.mean(eigenvalues),
        "square": lab.mean(eigenvalues**2) - 1 - 1.36 * (m + 1) / d,
    }


@theorem.step(
    Simulation(
        covariance_traces,
        at={load: Rational(1, 2), nu: Rational(7, 18), a: 1},
        bias="1/d",
        tolerance=0.02,
        sizes=(20, 40, 80),
        controls={"length": 1, "square": 0},
    ),
    uses=[covariance_slope, gram_fixed_point],
)
def covariance_law() -> Convergence:
    """Removing a row of covariance diag(g)/d loads its eigendirections with a rho psi1 g (Silverstein & Bai).

    In the coordinates (nu, a, load), load = a rho psi1, psi1 is explicit; two eigenvalues, half each.
    """
    trace = covariance_trace(Integer(1), nu, a, load / a, _WITNESS)
    return tends_to({"trace": trace, "slope": covariance_trace_slope(trace, nu, a, load / (a * trace), _WITNESS)})


__all__ = ["theorem"]
