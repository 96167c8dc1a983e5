"""Exact instances of best fits by quadratic networks: every stationary point of a small target, and the formulas.

At a stationary point M is B on an invariant subspace and 0 beside it (learning_regimes.trained_flow), so that for
distinct eigenvalues the stationary networks are finitely many; the loss has a minimum, which is one of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from sympy import Basic, Expr, Integer, Matrix, Max, Rational, S, Symbol, Tuple, diag, expand, sqrt, trace

from derivations.averages import LawMean
from derivations.core import Model
from derivations.evidence import Instance
from derivations.learning_regimes import trained_setting as setting
from derivations.learning_regimes.lower_mean import LowerMean
from derivations.learning_regimes.symbols import OBSERVABLES, offset, rho

SPECTRA = ((3, -2, 1, Rational(1, 2)), (-4, 4, 1, -1), (5, 3, 2, 0))
_HALF = Rational(1, 2)
BASIS = _HALF * Matrix([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]])
"""Orthogonal: the eigenvectors of the targets."""


DROPPED = LowerMean(setting.eigenvalue**2, setting.x, setting.spectrum.symbol, 1 - rho)
"""What the best fit of the model loses: the smallest b^2, the share rho of the eigenvalues being kept."""


def list_subsets(size: int, most: int, /) -> list[tuple[int, ...]]:
    """All sets of at most `most` places out of `size`."""
    return [kept for count in range(most + 1) for kept in combinations(range(size), count)]


def miss(spectrum: Sequence[Expr | int], kept: Sequence[int], /) -> Expr:
    """||M - B||_F^2 for the stationary network that keeps these eigenvalues."""
    target = BASIS * diag(*spectrum) * BASIS.T
    product = BASIS * diag(*(b if place in kept else 0 for place, b in enumerate(spectrum))) * BASIS.T
    return trace((product - target) ** 2)


def best_fits() -> Iterator[Instance]:
    """The least loss over stationary networks of m neurons against d times the lower mean of b^2 at 1 - m/d."""
    for spectrum in SPECTRA:
        law = Tuple(*(Tuple(Integer(1) * value, Rational(1, 4)) for value in spectrum))
        as_typed = {setting.spectrum.symbol: law, setting.shift: Integer(0), setting.scale: Integer(1)}
        for m in range(5):
            least = min(miss(spectrum, kept) for kept in list_subsets(4, m))
            yield f"{spectrum}, m = {m}", least, 4 * DROPPED.xreplace({**as_typed, rho: Rational(m, 4)})


def fits_with_fixed_signs() -> Iterator[Instance]:
    """p output weights +1 and q of -1: at most p positive and q negative eigenvalues of M (its inertia)."""
    for spectrum in SPECTRA:
        for p, q in ((0, 2), (1, 1), (2, 0), (2, 1)):
            allowed = [kept for kept in list_subsets(4, p + q) if _inertia(spectrum, kept, p, q)]
            least = min(miss(spectrum, kept) for kept in allowed)
            positive = sorted((b for b in spectrum if b > 0), reverse=True)[p:]
            negative = sorted(b for b in spectrum if b < 0)[q:]
            yield f"{spectrum}, {p} plus, {q} minus", least, sum((b**2 for b in (*positive, *negative)), S.Zero)


def _inertia(spectrum: Sequence[Expr | int], kept: Sequence[int], p: int, q: int) -> bool:
    return len([k for k in kept if spectrum[k] > 0]) <= p and len([k for k in kept if spectrum[k] < 0]) <= q


def fits_of_positive_targets() -> Iterator[Instance]:
    """Output weights +1 and B of nonnegative eigenvalues: the squares beyond the m-th eigenvalue remain."""
    for spectrum in ((5, 3, 2, 0), (7, 7, 1, 1)):
        for m in range(1, 5):
            allowed = [kept for kept in list_subsets(4, m) if _inertia(spectrum, kept, m, 0)]
            least = min(miss(spectrum, kept) for kept in allowed)
            yield f"{spectrum}, m = {m}", least, sum(b**2 for b in spectrum[m:])


def dual_values() -> Iterator[Instance]:
    """int_0^p q(s) ds = max over the values theta of p theta - E (theta - b^2)_+, ties included."""
    b = Symbol("b", real=True)
    laws = (((1, 4), (-1, 4), (2, 2)), ((3, 5), (-2, 3), (0, 2)), ((2, 10),))
    for law in laws:
        atoms = Tuple(*(Tuple(Integer(value), Rational(weight, 10)) for value, weight in law))
        for p in (Rational(1, 7), _HALF, Rational(9, 10), Integer(1)):
            dual = max(
                p * theta**2 - sum(weight * Max(theta**2 - value**2, 0) for value, weight in atoms)
                for theta, _ in atoms
            )
            yield f"{law}, p = {p}", LowerMean(b**2, b, atoms, p), dual


def kept_without_offset() -> Iterator[Instance]:
    """The largest sum of squares about the kept set's own mean, for spectra symmetric about a centre."""
    for centre, halves in ((Integer(2), (1, 3, 4)), (-_HALF, (Rational(1, 3), 1, 5)), (Integer(7), (2, 3, 9))):
        spectrum = [centre + sign * half for half in halves for sign in (1, -1)]
        for m in (2, 4, 6):
            best = max(_squares_about_mean(kept) for kept in combinations(spectrum, m))
            yield f"centre {centre}, m = {m}", best, 2 * sum(half**2 for half in halves[3 - m // 2 :])


def _squares_about_mean(kept: Sequence[Expr]) -> Expr:
    return sum((b**2 for b in kept), S.Zero) - sum(kept, S.Zero) ** 2 / len(kept)


def rescaled_spectra() -> Iterator[Instance]:
    """E b^2 and E b of the eigenvalues that the model makes of a typed spectrum, with and without an alignment."""
    laws = (((1, 2), (-2, 1), (_HALF, 1)), ((3, 1), (1, 3)), ((-5, 2), (-1, 2)))
    for law, tau in product(laws, (Rational(3, 5), Rational(-4, 5), None)):
        atoms = Tuple(*(Tuple(Integer(1) * value, Rational(weight, 4)) for value, weight in law))
        values: dict[Basic, Basic] = {
            setting.spectrum.symbol: atoms,
            setting.trace_alignment: Integer(2) if tau is None else tau,
        }
        for name, definition in setting.PROGRAM:
            values[name] = definition.xreplace(values)
        b = setting.eigenvalue.xreplace(values)
        own = LawMean(setting.x, setting.x, atoms) / sqrt(LawMean(setting.x**2, setting.x, atoms))
        moments = [expand(LawMean(b**k, setting.x, atoms)) for k in (2, 1)]
        yield f"{law}, tau = {tau}", moments, [Integer(1), own if tau is None else tau]


TYPED = (
    *((spectrum, None, spectrum) for spectrum in SPECTRA),
    ((-2, 1, 1, 7), Rational(9, 10), (1, 2, 2, 4)),
    ((0, -1, 3, -3), -_HALF, (-1, -2, 2, -4)),
)
"""A spectrum as it is typed, the alignment given, and the eigenvalues of the target up to scale."""


def fits_of_the_model(model: Model) -> Iterator[Instance]:
    """The model's observables, for m < d and m >= d: what the best set of m eigenvalues leaves, and what it learns.

    Without an offset the trace part is left as well, in the limit.
    """
    full = next(phase.observables for phase in model.phases if phase.name == "full_rank")
    for (typed, tau, spectrum), m in product(TYPED, range(1, 6)):
        found = _evaluate(model, full if m >= 4 else model.observables, typed, m, tau, 1)
        gains = (sum(spectrum[place] ** 2 for place in kept) for kept in list_subsets(4, min(m, 4)))
        learnt = Rational(max(gains), 1) / sum(b**2 for b in spectrum)
        yield f"{typed}, tau = {tau}, m = {m}", found, [1 - learnt, learnt]
    for m in (1, 2, 5):
        found = _evaluate(model, full if m >= 4 else model.observables, (2, 2, 2, 2), m, None, 0)
        yield f"the identity without an offset, m = {m}", found, [Integer(1), Integer(0)]
    symmetric = _evaluate(model, full, (1, 0, 0, -1), 4, Rational(3, 5), 0)
    yield "the traceless part without an offset", symmetric, [Rational(9, 25), Rational(16, 25)]


def _evaluate(
    model: Model, pair: Mapping[str, Expr | None], typed: Sequence[Expr | int], m: int, tau: Expr | None, trained: int
) -> list[Expr]:
    """Both observables for a target of four eigenvalues."""
    values: dict[Basic, Basic] = {
        setting.spectrum.symbol: Tuple(*(Tuple(Integer(1) * value, Rational(1, 4)) for value in typed)),
        setting.trace_alignment: Integer(2) if tau is None else tau,
        offset.symbol: Integer(trained),
        rho: Rational(m, 4),
    }
    # The threshold's own definitions are of no use here.
    for name, definition in (*setting.PROGRAM, model.program[-1]):
        values[name] = definition.xreplace(values)
    return [value.xreplace(values) for key in OBSERVABLES if (value := pair[key]) is not None]
