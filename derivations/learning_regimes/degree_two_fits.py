"""Two least-squares fits of one matrix in rationals: by random features x^2 - 1 and by the tangent model."""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Expr, Matrix, Max, diag, eye

from derivations.evidence import Instance

ROWS = Matrix([[1, 2, -1], [3, 1, 1]])
TARGET = Matrix([[2, -1, 3], [-1, 1, 1], [3, 1, -4]])


def share(matrix: Matrix, /) -> Expr:
    """The squared norm in units of the target's."""
    return (matrix.T * matrix).trace() / (TARGET.T * TARGET).trace()


def list_fits() -> Iterator[Instance]:
    """What each fit has of the target, and one minus what it misses."""
    overlaps = (ROWS * ROWS.T).applyfunc(lambda entry: entry**2)
    answers = Matrix([row * TARGET * row.T for row in (ROWS.row(0), ROWS.row(1))])
    weights = overlaps.solve(answers)
    features = ROWS.T * diag(*weights) * ROWS
    outside = eye(3) - ROWS.T * (ROWS * ROWS.T).inv() * ROWS
    for name, fit in (("random features x^2 - 1", features), ("tangent", TARGET - outside * TARGET * outside)):
        yield name, share(fit), 1 - share(fit - TARGET)
    yield "the tangent model misses no more", Max(0, share(outside * TARGET * outside) - share(features - TARGET)), 0
