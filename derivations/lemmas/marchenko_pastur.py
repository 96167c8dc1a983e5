r"""The Marchenko-Pastur law: resolvent traces of W'W for a first layer with N rows uniform on the sphere of R^d.

Let W be N x d with N/d -> psi1, S = W'W, and omega > 0. The normalised trace of (S + omega)^(-1) converges to g, the
positive root of omega g^2 + (omega + psi1 - 1) g - 1 = 0; the traces of S^a (kappa S + lam)^(-b) follow from g at
omega = lam/kappa, in forms without subtraction. Rows uniform on the unit sphere and rows with independent N(0, 1/d)
entries have the same limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import SimpleNamespace

from sympy import Expr, Integer, Piecewise, Rational, Symbol, cancel, diff, solve, sqrt

from derivations.core import Certified, Cited, Derivation, Exact, Lab, Simulation, Source, Symbolic, parameter, unknown
from derivations.evidence import Instance
from derivations.lemmas.trace_functionals import FeatureTrace, InputTrace
from derivations.relations import Convergence, Relation, Statement, below, equal, solves, statement, tends_to
from derivations.spectral_formulas import resolvent_discriminant, seen_mean

theorem = Derivation(
    __name__,
    title="Resolvent traces of a white first layer",
    source=Source(
        key="marchenko1967distribution",
        authors=("Marchenko, V. A.", "Pastur, L. A."),
        title="Distribution of eigenvalues for some sets of random matrices",
        year=1967,
        venue="Mathematics of the USSR-Sbornik 1(4), 457-483",
        doi="10.1070/SM1967v001n04ABEH001994",
    ),
)

psi1 = parameter("psi1", "features per input dimension", positive=True, convention="psi1 = lim N/d")
omega = parameter("omega", "regularisation of the resolvent", positive=True)
g = unknown("g", "lim (1/d) tr (S + omega)^(-1)", positive=True)

shift = omega + (psi1 - 1)
root = resolvent_discriminant(omega, psi1)
closed_form = (root - shift) / (2 * omega)
aspect = (1 + g) * (1 - omega * g) / g
"""psi1 in the coordinates (omega, g), in which the law is rational: claims about g need no square root there."""
admissible = below(omega * g, 1)
"""The coordinates (omega, g) that some psi1 > 0 reaches."""


def resolvent(at: Expr, /) -> Expr:
    """g at the regularisation `at`, in closed form (subtracts: for symbols and many digits, not for floats)."""
    return closed_form.subs(omega, at)


def stable_program(features: Expr, kappa: Symbol, lam: Symbol, /) -> tuple[tuple[Symbol, Expr], ...]:
    """Named definitions, without subtraction of close numbers, of the traces at (kappa, lam); N/d -> features.

    The names are omega, shift, root, omega_g = omega g, and the scaled traces m = kappa T11, h = kappa T~01,
    m12 = kappa^2 T12, m22 = kappa^2 T22, h2 = kappa^2 T~02. Relative error a few units in the last place at every
    omega > 0 (derived here; the forms through g lose all digits at large omega).
    """
    w, d, wg, m, h = (Symbol(name, positive=True) for name in ("omega", "root", "omega_g", "m", "h"))
    b = Symbol("shift", real=True)
    return (
        (w, lam / kappa),
        (b, w + (features - 1)),
        (d, sqrt(b**2 + 4 * w)),
        (wg, Piecewise((2 * w / (b + d), b > 0), ((d - b) / 2, True))),
        (m, seen_mean(w, features, d)),
        (h, features / (w + wg)),
        (Symbol("m12", positive=True), m / d),
        (Symbol("m22", positive=True), m * (2 * w * (1 + features) + (1 - features) ** 2) / (d * (d + w))),
        (Symbol("h2", positive=True), h * (1 + h) / d),
    )


def stable_traces(kappa: Expr, lam: Expr, /) -> Mapping[Expr, Expr]:
    """The traces of a scalar problem in the names of `stable_program`."""
    m, h, m12, m22, h2 = (Symbol(name, positive=True) for name in ("m", "h", "m12", "m22", "h2"))
    return {
        InputTrace(1, 1, kappa, lam): m / kappa,
        InputTrace(1, 2, kappa, lam): m12 / kappa**2,
        InputTrace(2, 2, kappa, lam): m22 / kappa**2,
        FeatureTrace(1, kappa, lam): h / kappa,
        FeatureTrace(2, kappa, lam): h2 / kappa**2,
    }


def _in_g(name: str) -> Expr:
    """A name of the stable program at kappa = 1, lam = omega, in the coordinates (omega, g)."""
    one = Symbol("kappa", positive=True)
    program = dict(stable_program(aspect, one, omega))
    values = {Symbol("root", positive=True): omega * g + 1 / g, Symbol("omega_g", positive=True): omega * g, one: 1}
    expression = Symbol(name, positive=True)
    for symbol in reversed(list(program)):
        expression = expression.xreplace({symbol: values.get(symbol, program[symbol])})
    return expression.xreplace(values)


@theorem.step(Cited("Bai & Silverstein (2010), Spectral Analysis of Large Dimensional Random Matrices, section 3.3"))
def fixed_point() -> Relation:
    """Removing a row w of W changes the resolvent by rank one, and w'(S + omega)^(-1)w -> g/(1 + g) by the trace lemma.

    Summing over the psi1 d rows gives (1/d) tr S (S + omega)^(-1) = 1 - omega g.
    """
    return equal(psi1 * g / (1 + g), 1 - omega * g)


def _law_gap() -> Expr:
    return psi1 * g / (1 + g) - (1 - omega * g)


@theorem.step(Symbolic(), uses=[fixed_point])
def solution() -> Relation:
    """Clearing the denominator leaves a quadratic in g; the closed form is its positive root."""
    return solves(fixed_point, {g: closed_form})


@theorem.step(Symbolic(), uses=[fixed_point])
def rational_coordinates() -> Relation:
    """The law is linear in psi1: in the coordinates (omega, g) everything is rational."""
    return equal(solve(_law_gap(), psi1)[0], aspect, given=[admissible])


@theorem.step(Certified({psi1: (Rational(1, 10), 9), omega: (Rational(1, 10), 10)}), uses=[solution])
def contraction() -> Relation:
    """A resolvent of a positive matrix has norm below 1/omega, and this root respects it."""
    return below(omega * closed_form, 1)


@theorem.step(Symbolic(), uses=[rational_coordinates])
def discriminant() -> Relation:
    """The square root of the discriminant is omega g + 1/g: the product of the roots of the quadratic is -1/omega."""
    square: Expr = shift**2 + 4 * omega
    return equal(square.subs(psi1, aspect), (omega * g + 1 / g) ** 2, given=[admissible])


def _program() -> dict[str, Expr]:
    """The stable program's definitions by name, at kappa = 1, lam = omega, psi1 in the coordinates (omega, g)."""
    one, at = Symbol("kappa", positive=True), {Symbol("omega", positive=True): omega}
    definitions = {name.name: definition for name, definition in stable_program(aspect, one, omega)}
    return {name: definition.xreplace({**at, one: Integer(1)}) for name, definition in definitions.items()}


@theorem.step(Symbolic(), uses=[discriminant])
def program_root() -> Relation:
    """The stable program's shift is 1/g - omega g and its root omega g + 1/g: their squares differ by 4 omega."""
    shift_symbol = Symbol("shift", real=True)
    square = _program()["root"].xreplace({shift_symbol: _program()["shift"]}) ** 2
    return equal(square, (omega * g + 1 / g) ** 2, given=[admissible])


def _branches() -> Iterator[Instance]:
    names = {Symbol("shift", real=True): 1 / g - omega * g, Symbol("root", positive=True): omega * g + 1 / g}
    for label, (value, _) in zip(("shift > 0", "shift <= 0"), _program()["omega_g"].args, strict=True):
        yield label, cancel(value.xreplace(names) / (omega * g)), Integer(1)


@theorem.step(Exact(_branches), uses=[program_root])
def program_branches() -> Statement:
    """2 omega/(root + shift) and (root - shift)/2 with root + shift = 2/g and root - shift = 2 omega g."""
    return statement("both branches of the stable program's omega_g are omega g, as rational functions")


@theorem.step(Symbolic(), uses=[discriminant])
def resolvent_derivative() -> Relation:
    """Differentiating the law implicitly at fixed psi1: g' = -g (1 + g)/root."""
    return equal(-diff(aspect, omega) / diff(aspect, g), -g * (1 + g) / (omega * g + 1 / g), given=[admissible])


def _slope() -> Expr:
    return -g * (1 + g) / (omega * g + 1 / g)


@theorem.step(Symbolic(), uses=[fixed_point])
def first_trace() -> Relation:
    """kappa T11 = 1 - omega g, written without the difference."""
    return equal(_in_g("m"), 1 - omega * g, given=[admissible])


@theorem.step(Symbolic(), uses=[fixed_point])
def feature_trace() -> Relation:
    """The N-dimensional side has psi1 - 1 more zero eigenvalues: kappa T~01 = g + (psi1 - 1)/omega."""
    return equal(_in_g("h"), g + (aspect - 1) / omega, given=[admissible])


@theorem.step(Symbolic(), uses=[resolvent_derivative, first_trace])
def second_trace() -> Relation:
    """S = (S + omega) - omega gives T12 = T01 - omega T02 at kappa = 1, and T02 = -g'."""
    return equal(_in_g("m12"), g + omega * _slope(), given=[admissible])


@theorem.step(Symbolic(), uses=[second_trace])
def third_trace() -> Relation:
    """The same once more: T22 = T11 - omega T12, where root - omega is written as (root^2 - omega^2)/(root + omega)."""
    return equal(_in_g("m22"), (1 - omega * g) - omega * (g + omega * _slope()), given=[admissible])


@theorem.step(Symbolic(), uses=[resolvent_derivative, feature_trace])
def second_feature_trace() -> Relation:
    """T~02 = T02 + (psi1 - 1)/omega^2 at kappa = 1."""
    return equal(_in_g("h2"), -_slope() + (aspect - 1) / omega**2, given=[admissible])


def resolvent_trace(lab: Lab, at: SimpleNamespace, d: int) -> dict[str, float]:
    """(1/d) tr (W'W + omega)^(-1) for one first layer with round(psi1 d) rows."""
    rows = lab.sphere(round(at.psi1 * d), d)
    return {"g": lab.mean(1 / (lab.eigvalsh(rows.T @ rows) + at.omega))}


@theorem.step(
    Simulation(
        resolvent_trace,
        at={psi1: Rational(1, 2), omega: Rational(1, 2)},
        bias="1/d",
        tolerance=0.01,
        sizes=(50, 100, 200),
    ),
    uses=[solution, contraction],
)
def law() -> Convergence:
    """The theorem itself, seen on finite first layers."""
    return tends_to(g, closed_form)


__all__ = ["resolvent", "stable_program", "stable_traces", "theorem"]
