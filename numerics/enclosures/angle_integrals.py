"""Rigorous integrals over an angle from 0 to pi, as an operation of a tape of balls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import sympy
from flint import arb

from numerics.enclosures.complex_programs import ComplexProgram
from numerics.enclosures.line_integrals import integrate

if TYPE_CHECKING:
    from numerics.enclosures.tape import Tape


def compile_angle_integral(
    tape: Tape, node: sympy.Integral, unsupported: type[ValueError], /
) -> tuple[Callable[..., arb], tuple[int, ...]]:
    """The operation of an integral over one angle from 0 to pi, and the tape's slots that it takes.

    Its value is the real part of the integral (that of the arrays is defined so, too). Raises `unsupported` for other
    limits, or for a node of the integrand that has no sound complex operation here.
    """
    integrand, *limits = node.args
    if len(limits) != 1 or tuple(limits[0])[1:] != (0, sympy.pi):
        raise unsupported(f"Integral over {limits} has no sound ball operation here: one angle from 0 to pi is allowed")
    program = ComplexProgram(tape, limits[0][0], integrand, unsupported)
    return partial(_integrate, program), tuple(program.operands)


def _integrate(program: ComplexProgram, *operands: arb) -> arb:
    return integrate(program, operands, arb(0), arb.pi())


__all__ = ["compile_angle_integral"]
