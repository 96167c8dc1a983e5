r"""Gradient flow of a quadratic network with output weights +1: a matrix Riccati equation with a closed solution.

Loss ||W'W - B||_F^2/4, so W' = -W (W'W - B) and M = W'W obeys M' = BM + MB - 2 M^2. With Q_t = (e^{2Bt} - 1)/B (2t on
the kernel of B) the solution is M(t) = e^{Bt} W_0' (1 + W_0 Q_t W_0')^(-1) W_0 e^{Bt} for every W_0: M' follows by
differentiating, since Q_t' = 2 e^{2Bt}. As t grows it keeps positive eigenvalues of B only. At every time
eps_rob = 1 - eps_test - (d/dt tr M)/||B||_F^2; at a stationary point the last term is absent, also at a saddle.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sympy import (
    BlockMatrix,
    Derivative,
    Expr,
    Integer,
    Matrix,
    Rational,
    Symbol,
    diag,
    diff,
    exp,
    eye,
    sqrt,
    symbols,
    trace,
    zeros,
)

from derivations.core import Derivation, Exact, Symbolic
from derivations.evidence import Instance
from derivations.learning_regimes.symbols import DOHMATOB_BIETTI
from derivations.relations import Claim, Relation, Statement, equal, statement

theorem = Derivation(__name__, title="Gradient flow of a quadratic network in closed form", source=DOHMATOB_BIETTI)

t = Symbol("t", positive=True)
growth = Symbol("growth", positive=True)
"""e^t: with integer eigenvalues everything is rational in it, and d/dt is growth d/dgrowth + the explicit part."""

_TURN = Matrix([[3, 4], [-4, 3]]) / 5
_STARTS = (
    ("as many rows as dimensions", (2, -1), Matrix([[1, 2], [0, 1]])),
    ("more rows", (1, -1), Matrix([[1, 2], [0, 1], [-1, 1]])),
    ("one row, B singular", (0, 1), Matrix([[1, -3]])),
)


LATER, NOW = {growth: Rational(3, 2), t: Rational(2, 5)}, {growth: Integer(1), t: Integer(0)}
"""The identities are rational in e^t and t, which are independent: any value of either will do."""


def _rotated(values: Sequence[Expr], point: Mapping[Symbol, Expr]) -> Matrix:
    """[[F, F'], [0, F]] for the function F of B with these values on its eigenvalues, in a basis that no axis shares.

    Sums, products and inverses of such blocks carry the derivative in time along, exactly.
    """
    slopes = [diff(value, t) + growth * diff(value, growth) for value in values]
    function, slope = (_TURN * diag(*part).xreplace(dict(point)) * _TURN.T for part in (values, slopes))
    return Matrix(BlockMatrix([[function, slope], [zeros(2), function]]))


def riccati_solution(
    spectrum: Sequence[int], start: Matrix, point: Mapping[Symbol, Expr], /
) -> tuple[Matrix, Matrix, Matrix]:
    """B, M(t) and its derivative from the rows `start`, for integer eigenvalues, at values of `growth` and t."""
    target = _rotated([Integer(b) for b in spectrum], point)
    half = _rotated([growth**b for b in spectrum], point)
    gained = _rotated([(growth ** (2 * b) - 1) / b if b else 2 * t for b in spectrum], point)
    rows = diag(start, start)
    product = half * rows.T * (eye(2 * start.rows) + rows * gained * rows.T).inv() * rows * half
    return target[:2, :2], product[:2, :2], product[:2, 2:]


def _follows_riccati() -> Iterator[Instance]:
    for label, spectrum, start in _STARTS:
        target, here, slope = riccati_solution(spectrum, start, LATER)
        yield f"{label}, slope", list(slope), list(target * here + here * target - 2 * here * here)
        yield f"{label}, start", list(riccati_solution(spectrum, start, NOW)[1]), list(start.T * start)


@theorem.step(Exact(_follows_riccati))
def closed_form() -> Statement:
    """With N = (1 + W_0 Q_t W_0')^(-1): N' = -2 N W_0 e^{2Bt} W_0' N, since Q_t' = 2 e^{2Bt}. Hence -2 M^2."""
    return statement("M' = BM + MB - 2 M^2 and M(0) = W_0'W_0, for B with positive, negative and zero eigenvalues")


def _flow_of_rows() -> Iterator[Instance]:
    entries = Matrix(2, 3, symbols("w1:7", real=True))
    target = Matrix(3, 3, lambda i, j: Symbol(f"b{min(i, j)}{max(i, j)}", real=True))
    product = entries.T * entries
    loss = trace((product - target) * (product - target)) / 4
    slope = -entries * (product - target)
    values = dict(zip([*entries, *sorted(target.free_symbols, key=str)], range(-5, 7), strict=True))
    gradient = [diff(loss, entry).xreplace(values) for entry in entries]
    yield "rows", [-entry for entry in gradient], list(slope.xreplace(values))
    grown = slope.T * entries + entries.T * slope
    yield "product", list(grown), list(target * product + product * target - 2 * product * product)


@theorem.step(Exact(_flow_of_rows), uses=[closed_form])
def flow_of_rows() -> Statement:
    """Minus the gradient of ||W'W - B||^2/4 in W is -W (W'W - B); the product rule gives M'."""
    return statement("the flow of the rows is W' = -W (W'W - B), and W'W obeys the Riccati equation")


@theorem.step(Symbolic(), uses=[closed_form])
def balanced_start() -> Relation:
    """From W_0'W_0 = s every eigenvalue moves on its own: mu = b s e^{2bt}/(b + s (e^{2bt} - 1)), start = s."""
    b, start = Symbol("b", real=True), Symbol("start", positive=True)
    mu = b * start * exp(2 * b * t) / (b + start * (exp(2 * b * t) - 1))
    return equal(Derivative(mu, t), 2 * b * mu - 2 * mu**2)


def _energy_along_flow() -> Iterator[Instance]:
    for label, spectrum, start in _STARTS:
        target, here, slope = riccati_solution(spectrum, start, LATER)
        square = trace(target * target)
        missed = trace((here - target) * (here - target)) / square
        yield label, trace(here * here) / square, 1 - missed - trace(slope) / square


@theorem.step(Exact(_energy_along_flow), uses=[closed_form])
def energy_along_flow() -> Claim:
    """tr M' = 2 <B, M> - 2 ||M||^2 (Euler's identity for the loss), and eps_test = 1 - (2 <B, M> - ||M||^2)/||B||^2.

    While tr M grows eps_rob is below 1 - eps_test; a large start, whose trace shrinks, lies above.
    """
    return statement("eps_rob = 1 - eps_test - (d/dt tr M)/||B||_F^2 along the flow")


def _stationary_points() -> Iterator[Instance]:
    spectrum = (9, 4, 1, -4)
    mix = Matrix([[3, 4], [-4, 3]]) / 5
    for kept in ((0,), (1,), (2,), (0, 2), (1, 2), (0, 1)):
        rows = Matrix(len(kept), 4, lambda i, j, kept=kept: sqrt(spectrum[j]) if kept[i] == j else 0)
        rows = mix * rows if len(kept) == 2 else rows
        target = diag(*spectrum)
        product = rows.T * rows
        square = trace(target * target)
        label = f"kept {kept}"
        yield f"{label}: W (M - B)", list(rows * (product - target)), [0] * (4 * len(kept))
        missed = trace((product - target) * (product - target)) / square
        yield f"{label}: energy", trace(product * product) / square, 1 - missed


@theorem.step(Exact(_stationary_points), uses=[flow_of_rows, energy_along_flow])
def stationary_points() -> Statement:
    """W (M - B) = 0 gives <M, M - B> = 0, hence ||M||^2 = ||B||^2 - ||M - B||^2.

    It also gives M^2 = MB, which is symmetric: M is B on an invariant subspace and 0 beside it. With output weights of
    both signs the same holds for each block of rows.
    """
    return statement("eps_rob = 1 - eps_test at every stationary point, saddles included")


__all__ = ["theorem"]
