"""Boxes as lists of balls, and matrices of balls: what every form of Krawczyk's operator needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flint import arb, arb_mat


def contains(outer: Sequence[arb], inner: Sequence[arb], /) -> bool:
    """Whether a box certainly holds another one."""
    return all(large.contains(small) for large, small in zip(outer, inner, strict=True))


def contains_interior(outer: Sequence[arb], inner: Sequence[arb], /) -> bool:
    """Whether the interior of a box certainly holds another box."""
    return all(large.contains_interior(small) for large, small in zip(outer, inner, strict=True))


def are_finite(balls: Iterable[arb], /) -> bool:
    """Whether all balls are finite."""
    return all(ball.is_finite() for ball in balls)


def identity(size: int, /) -> arb_mat:
    """The (size, size) unit matrix."""
    return arb_mat(size, size, [int(i == j) for i in range(size) for j in range(size)])


def column(entries: Sequence[arb], /) -> arb_mat:
    """The (n, 1) matrix with these entries."""
    return arb_mat(len(entries), 1, list(entries))


def offsets(box: Sequence[arb], middle: Sequence[arb], /) -> arb_mat:
    """The (n, 1) matrix X - m."""
    return column([ball - point for ball, point in zip(box, middle, strict=True)])


def invert_middle(matrix: arb_mat, /) -> arb_mat | None:
    """An exact matrix near the inverse of the midpoint of `matrix`, None where that is singular, or one not finite.

    No claim is made about it. None is needed where Krawczyk's operator maps a box into its interior: that I - Y J then
    has norm below 1 shows by itself that Y is regular.
    """
    if not are_finite(matrix.entries()):
        return None
    try:
        inverse = matrix.mid().inv().mid()
    except ZeroDivisionError:
        return None
    return inverse if are_finite(inverse.entries()) else None


def invert_middle_regularly(matrix: arb_mat, /) -> arb_mat | None:
    """The same, None also where it is not certainly regular: then Y f has no root but those of f."""
    inverse = invert_middle(matrix)
    return None if inverse is None or inverse.det().contains(0) else inverse


__all__ = [
    "are_finite",
    "column",
    "contains",
    "contains_interior",
    "identity",
    "invert_middle",
    "invert_middle_regularly",
    "offsets",
]
