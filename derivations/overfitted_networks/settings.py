"""The parameters that classification and regression share, and where nothing is stated."""

from __future__ import annotations

from sympy import Expr, Integer, Piecewise, Rational, log, oo, pi, sin

from derivations.core import Domain, Parameter, Refusal, parameter
from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.relations import below


def _whole(name: str, meaning: str, least: int, *, default: object = None, largest: object = oo) -> Parameter:
    domain = Domain(Integer(least), largest if largest == oo else Integer(largest), lower_open=False, upper_open=False)
    sign = {"positive": True} if least > 0 else {"nonnegative": True}
    return parameter(name, meaning, domain=domain, default=default, convention="a whole number", **sign)


samples = _whole("samples", "number of samples n", 2)
dimension = _whole("dimension", "input dimension d", 1, largest=100)
bad_samples = _whole("bad_samples", "samples whose ball the teacher gets wrong somewhere", 0)
nodes = _whole("nodes", "cells N of the teacher's grid along each axis", 1)
radius = parameter("radius", "radius delta of the attack", positive=True, convention="l_inf; the unit cube has side 1")
ramp = parameter("ramp", "width tau of a bump's ramp", positive=True, convention="2 radius + ramp <= separation")
noise = parameter("noise", "variance s2 of the label noise", nonnegative=True, convention="the variance, not its root")
density = parameter(
    "density", "density of the inputs where the bad samples are", positive=True, default=1, convention="1 on the cube"
)
label_noise = parameter(
    "label_noise",
    "probability eta that a label differs from the Bayes label",
    nonnegative=True,
    domain=Domain(Integer(0), Rational(1, 2), lower_open=False),
)
WHOLE = {each.name: each for each in (samples, dimension, bad_samples, nodes)}


def whole_numbers(*names: Parameter) -> tuple[Refusal, ...]:
    """One refusal for each parameter that has to be a whole number."""
    return tuple(
        Refusal(
            f"part_of_{name.name}",
            (below(Rational(1, 10**12), sin(pi * name) ** 2),),
            f"{name.name} must be a whole number",
            exactly=(below(0, sin(pi * name) ** 2),),
        )
        for name in names
    )


def typical_separation() -> Expr:
    """The median of q for independent uniform samples as n grows: n(n - 1)/2 (2q)^d = log 2."""
    return (2 * log(2) / (samples * (samples - 1))) ** (1 / dimension) / 2


def largest_separation() -> Expr:
    """No n points of the unit cube are further apart: their cubes of side q fit into one of side 1 + q."""
    return 1 / (samples ** (1 / dimension) - 1)


def bump_mass(reach: Expr, width: Expr, /) -> Expr:
    """density V_d(reach, width)."""
    return density * BumpVolume(dimension, reach, width)


def teacher_size() -> Expr:
    """P_g of the piecewise linear teacher: at most (12d - 6)(N + 1)^d + d(d + 1)/2 - 1, 3N + 8 for d = 1."""
    several = (12 * dimension - 6) * (nodes + 1) ** dimension + dimension * (dimension + 1) / 2 - 1
    return by_dimension(3 * nodes + 8, several)


def by_dimension(on_the_line: object, beyond: Expr) -> Expr:
    """One expression for d = 1 and one for d >= 2."""
    return Piecewise((on_the_line, dimension < 2), (beyond, True))


def no_room() -> Refusal:
    """A radius and ramp at which no design is admissible."""
    return Refusal(
        "no_room",
        (below(largest_separation(), 2 * radius + ramp),),
        "2 radius + ramp is above 1/(samples**(1/dimension) - 1), the largest separation of any design in the cube",
    )
