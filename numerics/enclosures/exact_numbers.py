"""Exact rational numbers, from one library's type to the other's; a float is never one."""

from __future__ import annotations

from fractions import Fraction

import sympy
from flint import fmpq


def as_rational(value: object, name: str, /) -> fmpq:
    """An exact rational as flint has it. Raises ValueError for a float, an irrational or anything else."""
    if isinstance(value, (int, Fraction, sympy.Rational)) and not isinstance(value, bool):
        return to_flint(value)
    raise ValueError(f"{name} is {value!r}: an int, a Fraction or a SymPy Rational is allowed (a float is not exact)")


def to_flint(value: int | Fraction | sympy.Rational, /) -> fmpq:
    """The same number in flint."""
    return fmpq(int(value.numerator), int(value.denominator))


def to_sympy(value: fmpq | Fraction, /) -> sympy.Rational:
    """The same number in SymPy."""
    return sympy.Rational(int(value.numerator), int(value.denominator))


def to_fraction(value: fmpq | sympy.Rational, /) -> Fraction:
    """The same number in Python."""
    return Fraction(int(value.numerator), int(value.denominator))


__all__ = ["as_rational", "to_flint", "to_fraction", "to_sympy"]
