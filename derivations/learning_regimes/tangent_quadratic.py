r"""Tangent model of a quadratic activation: the fit is a projection of matrices, and its error is exact.

With sigma(t) = t^2 + b t + c the tangent features (a_j'x) sigma'(w_j'x) and an offset span the functions
x'Mx - tr M, M = A'W + W'A (the linear part is free of cost). The target x'Bx - tr B, ||B||_F = 1, leaves the residual
P B P, P the projector off the span of the rows, whatever their number, lengths and law. For rows of a rotation
invariant law, m <= d and n = d - m, the mean of ||P B P||^2 is n/d - (1 - tau^2) n m/((d + 2)(d - 1)), which tends to
(1 - rho)^2 + rho (1 - rho) tau^2; the Dirichlet energy is 1 minus the test error. Without the offset the trace of B is
not learnt at all in the limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, product

from sympy import Expr, Integer, Matrix, Max, Rational, S, Symbol, diff, eye, floor, oo, solve, sqrt, symbols

from derivations.core import Cited, Derivation, Exact, Level, Phase, Sampled, Simulation, Symbolic
from derivations.evidence import Instance, Number
from derivations.learning_regimes import tangent_errors as errors
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI, OBSERVABLES, offset, rho, trace_alignment
from derivations.learning_regimes.tangent_setting import dimension, mean_error, tangent_model
from derivations.learning_regimes.tangent_setting import rows as number_of_rows
from derivations.relations import Claim, below, equal, follows, limit_of, statement

theorem = Derivation(
    __name__,
    title="Tangent model of a quadratic activation",
    source=DOHMATOB_BIETTI,
    simulations={"tangent_quadratic": "learning_regimes_tangent:tangent_quadratic"},
)


d, m, n = symbols("d m n", positive=True)
tau = trace_alignment
HALF = Rational(1, 2)

EXAMPLES = (
    (Matrix([[1, 2, -1]]), Matrix([[2, 1, 0], [1, -1, 3], [0, 3, 1]])),
    (Matrix([[1, 0, 2], [-1, 3, 1]]), Matrix([[1, 2, 2], [2, 0, -1], [2, -1, 5]])),
    (Matrix([[2, 1, 0, -1], [1, -3, 1, 1]]), Matrix([[0, 1, 2, 0], [1, 1, -1, 4], [2, -1, 3, 1], [0, 4, 1, -2]])),
    (Matrix([[1, 1], [2, -1], [0, 3]]), Matrix([[1, 4], [4, -3]])),
)
"""(rows W, target B) with m < d, and one with m > d."""


def fitted(rows: Matrix, target: Matrix, /) -> Matrix:
    """The least-squares fit of `target` by the matrices A'W + W'A, from the normal equations."""
    m_, d_ = rows.shape
    features = Matrix.hstack(*(_feature(rows, j, k).reshape(d_ * d_, 1) for j, k in product(range(m_), range(d_))))
    basis = Matrix.hstack(*features.columnspace())
    weights = (basis.T * basis).LUsolve(basis.T * target.reshape(d_ * d_, 1))
    return (basis * weights).reshape(d_, d_)


def _feature(rows: Matrix, j: int, k: int) -> Matrix:
    """A'W + W'A where A has a single entry, 1 at (j, k)."""
    a = Matrix.zeros(*rows.shape)
    a[j, k] = 1
    return a.T * rows + rows.T * a


def missed_projector(rows: Matrix, /) -> Matrix:
    """The projector off the span of the rows."""
    basis = Matrix.hstack(*rows.T.columnspace())
    return eye(rows.shape[1]) - basis * (basis.T * basis).inv() * basis.T


def energy(matrix: Matrix, /) -> Expr:
    """||matrix||_F^2."""
    return (matrix.T * matrix).trace()


def _optima() -> Iterator[Instance]:
    for rows, target in EXAMPLES:
        p = missed_projector(rows)
        yield (
            f"{rows.shape[0]} rows in {rows.shape[1]} dimensions",
            list(fitted(rows, target)),
            list(target - p * target * p),
        )


@theorem.step(Exact(_optima))
def projection() -> Claim:
    """P (A'W + W'A) P = 0 for every A, and every M with P M P = 0 is of this form: B - P B P is the closest to B."""
    return statement("the least-squares fit of B by A'W + W'A is B - P B P, P the projector off the span of the rows")


def _energies() -> Iterator[Instance]:
    for rows, target in EXAMPLES:
        fit = fitted(rows, target)
        yield f"{rows.shape}", energy(fit), energy(target) - energy(target - fit)


@theorem.step(Exact(_energies), uses=[projection])
def energy_identity() -> Claim:
    """S^2 = 2 ||.||^2 on degree 2, and the residual of a projection is orthogonal to the fit: Pythagoras."""
    return statement("eps_rob = 1 - eps_test exactly, at every size, rows and target")


CROSSED = n * (d - n) / (d * (d + 2) * (d - 1))
ALIGNED = n / d - (d + 1) * CROSSED
"""Y and X in E P_ij P_kl = X d_ij d_kl + Y (d_ik d_jl + d_il d_jk)."""


@theorem.step(
    Cited("Collins & Sniady (2006), Communications in Mathematical Physics 264, 773-795: the orthogonal group")
)
def isotropic_moments() -> Claim:
    """E P_ij P_kl is invariant under rotations, hence a combination of the three pairings, symmetric in i, j."""
    return statement("E P_ij P_kl = X d_ij d_kl + Y (d_ik d_jl + d_il d_jk) for a uniform projector of rank n in R^d")


@theorem.step(Symbolic(), uses=[isotropic_moments])
def squared_trace() -> Claim:
    """(tr P)^2 = n^2: contract i = j, k = l."""
    return equal(ALIGNED * d**2 + 2 * CROSSED * d, n**2)


@theorem.step(Symbolic(), uses=[isotropic_moments])
def rank() -> Claim:
    """tr P^2 = n: contract i = k, j = l."""
    return equal(ALIGNED * d + CROSSED * (d**2 + d), n)


@theorem.step(Symbolic(), uses=[projection, squared_trace, rank])
def mean_at_finite_dimension() -> Claim:
    """tr(P B P B) = sum P_ij P_kl B_jk B_li: the pairings give X ||B||^2, Y ||B||^2 and Y (tr B)^2 = Y tau^2 d."""
    return equal((ALIGNED + CROSSED + CROSSED * tau**2 * d).subs(n, d - m), mean_error(d, m))


ROOTS = tuple(
    Matrix([[1 if k == i else sign if k == j else 0 for k in range(4)]])
    for i, j in combinations(range(4), 2)
    for sign in (1, -1)
)
"""The 12 lines of the root system D_4: with the planes and the hyperplanes they define, designs of degree 4 in R^4."""
PLANES = tuple(Matrix.vstack(*pair) for pair in combinations(ROOTS, 2))
DESIGNS = {1: ROOTS, 2: PLANES, 3: tuple(Matrix.hstack(*root.nullspace()).T for root in ROOTS)}


def _designs() -> Iterator[Instance]:
    target = Matrix([[2, 1, 0, 3], [1, -1, 1, 0], [0, 1, 4, -2], [3, 0, -2, 1]])
    scale = energy(target)
    for number, spans in DESIGNS.items():
        projectors = [missed_projector(rows) for rows in spans]
        mean = sum((energy(p * target * p) for p in projectors), S.Zero) / (len(projectors) * scale)
        at = {tau: target.trace() / (2 * scale**HALF)}
        yield f"{number} rows in 4 dimensions", mean, _at_finite_dimension(4, number).subs(at)
    yield from ((f"{number} rows in 4 dimensions", Integer(0), _at_finite_dimension(4, number)) for number in (4, 7))


def _finite() -> Phase:
    return next(phase for phase in tangent_model().phases if phase.name == "finite_dimension")


def _at_finite_dimension(size: int, number: int) -> Expr:
    """The model's test error of a quadratic activation."""
    error = _finite().observables["test_error"]
    return S.Zero if error is None else error.subs({dimension: size, number_of_rows: number})


@theorem.step(Exact(_designs), uses=[mean_at_finite_dimension])
def means_over_designs() -> Claim:
    """A polynomial of degree 4 in the rows has the same mean over a design of degree 4 as over the sphere."""
    return statement(
        "the mean error over the lines, planes and hyperplanes of D_4 is the model's at d = 4, 0 for m >= d"
    )


count, remainder = Symbol("count", integer=True, positive=True), Symbol("remainder", real=True)


@theorem.step(Sampled({remainder: (-HALF + Rational(1, 100), HALF - Rational(1, 100))}))
def whole_rows() -> Claim:
    """The model has round(rho d) rows, in functions that every solver knows."""
    return equal(dict(_finite().program)[number_of_rows].subs(rho, (count + remainder) / dimension), count)


def _by_its_moments() -> Expr:
    """X + Y + Y tau^2 d for the rank d - m, m = rho d rounded, at least one row and at most d."""
    left = Max(dimension - Max(1, floor(rho * dimension + HALF)), 0)
    return (ALIGNED + CROSSED + CROSSED * tau**2 * d).subs({n: left, d: dimension})


def _at_its_rows(name: str) -> Expr | None:
    """The model's observable with its own number of rows."""
    value = _finite().observables[name]
    return value and value.xreplace(dict(_finite().program))


SIZES = [Sampled({rho: ends, dimension: (2, 9)}) for ends in ((Rational(1, 5), Rational(3, 2)), (0, Rational(1, 20)))]
"""The second with a single row."""


@theorem.step(*SIZES, uses=[mean_at_finite_dimension, whole_rows])
def error_at_finite_dimension() -> Claim:
    """The model's test error at every number of rows, by the moments of the projector off them,"""
    return equal(_at_its_rows("test_error"), _by_its_moments())


@theorem.step(*SIZES, uses=[error_at_finite_dimension, energy_identity])
def energy_at_finite_dimension() -> Claim:
    """and its Dirichlet energy, by Pythagoras."""
    return equal(_at_its_rows("dirichlet_energy"), 1 - _by_its_moments())


@theorem.step(Symbolic(), uses=[projection])
def single_neuron() -> Claim:
    """||P B P||^2 = 1 - 2 |B w|^2 + (w'Bw)^2, with means 1/d and (2 + tau^2 d)/(d (d + 2)) over the sphere."""
    direct = 1 - 2 / d + (2 + tau**2 * d) / (d * (d + 2))
    return equal(direct, mean_error(d, Integer(1)))


@theorem.step(Symbolic(domain={rho: (Rational(1, 10), Rational(9, 10))}), uses=[mean_at_finite_dimension])
def proportional_limit() -> Claim:
    """m = rho d, d -> infinity."""
    value = (1 - tau**2) * (1 - rho) ** 2 + tau**2 * (1 - rho)
    return limit_of(mean_error(d, rho * d), d, oo, value, given=[below(rho, 1)])


@theorem.step(
    Symbolic(),
    uses=[proportional_limit],
    source="Ghorbani et al. (2019), the NT risk of quadratic networks",
    printed=True,
)
def error_of_ghorbani_et_al() -> Claim:
    """Their NT risk, (1 - rho)_+^2 + rho (1 - rho)_+ tau^2 of the target's energy, at rho = 1 - left < 1."""
    left = Symbol("left", positive=True)
    ours = errors.quadratic_error().subs({offset.symbol: 1, rho: 1 - left})
    return equal(ours, left**2 + (1 - left) * left * tau**2, given=[below(left, 1)])


shift, trace = symbols("y t0", real=True)
seen = Symbol("m_b", positive=True)


@theorem.step(Symbolic(), uses=[projection])
def constant_by_the_trace() -> Claim:
    """Without the offset the constant costs (tr M)^2; of all changes of M the one along the seen directions is best.

    M = B - P B P + y (1 - P), whose trace is t0 + y m_b with m_b = min(m, d) and t0 = tr B - tr P B.
    """
    cost = 2 * shift**2 * seen + (trace + shift * seen) ** 2
    best = solve(diff(cost, shift), shift)[0]
    return equal(cost.subs(shift, best), 2 * trace**2 / (seen + 2))


@theorem.step(
    Symbolic(domain={rho: (Rational(1, 10), Rational(9, 10))}), uses=[constant_by_the_trace, mean_at_finite_dimension]
)
def trace_without_offset() -> Claim:
    """t0 = tau sqrt(d) rho up to fluctuations of order 1: the extra error tau^2 rho leaves nothing of tau^2 learnt."""
    extra = (2 * trace**2 / (seen + 2)).subs({trace: tau * sqrt(d) * rho, seen: rho * d}) / 2
    learnt = (1 - tau**2) * (1 - (1 - rho) ** 2)
    return limit_of(mean_error(d, rho * d) + extra, d, oo, 1 - learnt, given=[below(rho, 1)])


def _law(level: Level, sizes: tuple[int, ...], at: Mapping[Symbol | str, Number | str]) -> Simulation:
    half_width = {Level.quick: 0.03, Level.standard: 0.01, Level.deep: 0.003}[level]
    return Simulation(
        "learning_regimes_tangent:tangent_quadratic",
        at={"activation": "t**2 + t", rho: HALF, trace_alignment: Rational(3, 5), **at},
        bias="1/d",
        tolerance=half_width,
        scale=dict.fromkeys(OBSERVABLES, Rational(1, 3)),
        sizes=sizes,
        level=level,
    )


@theorem.step(
    _law(Level.quick, (30, 60, 120), {}),
    _law(Level.standard, (100, 200, 400), {}),
    _law(Level.deep, (512, 1024, 2048), {}),
    uses=[proportional_limit, energy_identity],
)
def law() -> Claim:
    """Finite networks with rows on the sphere."""
    return follows(tangent_model(), *OBSERVABLES)


@theorem.step(
    _law(Level.quick, (30, 60, 120), {"offset": "no"}),
    _law(Level.standard, (100, 200, 400), {"offset": "no"}),
    uses=[trace_without_offset],
)
def law_without_offset() -> Claim:
    """The same without the additive constant."""
    return follows(tangent_model(), *OBSERVABLES)
