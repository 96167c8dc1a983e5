"""Exact parameters as balls, at whatever precision is in force."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flint import arb
from sympy import oo

from numerics.enclosures.ball_programs import BallProgram, compile_balls
from numerics.enclosures.exact_numbers import to_flint
from numerics.enclosures.gaussian_means import EnclosedConstant
from numerics.proofs.exact_parameters import ExactValues
from numerics.proofs.model_balls import ModelBalls


def exact_inputs(compiled: ModelBalls, exact: ExactValues, /) -> list[arb]:
    """The balls of a compiled model's symbols, under flint's current precision."""
    return [exact_ball(exact.numbers[symbol]) for symbol in compiled.symbols]


def exact_ball(value: Any, /) -> arb:
    """The ball of an exact number, oo, or a constant that is enclosed to any precision."""
    if isinstance(value, EnclosedConstant):
        return value.ball()
    if value.is_Rational:
        return arb(to_flint(value))
    return arb.pos_inf() if value == oo else _constant(value)([])[0]


@lru_cache(maxsize=256)
def _constant(value: Any) -> BallProgram:
    """An irrational constant as a program, compiled once; flint's precision counts when it is called."""
    return compile_balls([value], [])


__all__ = ["exact_ball", "exact_inputs"]
