"""Gates: the label on the whole ball of every data point, the teacher where no bump is.

With bumps phi_i, A = sum phi_i, b = sum (y_i + M) phi_i and the teacher g:

    C   f = min(max(min(max(g, -1), 1) + 2 sum y_i phi_i, -1), 1)
        for labels -1 and 1; bumps of one label may overlap
    D   f = max(b, min(G, b + 2M(1 - A))) - M with G = max(g + M, 0)
        for any teacher; between g and y_i in the ramps
    E   f = relu(g - m/2) - relu(-g - m/2) - S/2 + 3 relu(S - 2M)/2 with S = sum (y_i + 3M) phi_i, m = min(S, 2M)
        for |g| <= M only; dips to -M in the ramps

Sizes: (6d + 3) n + P_g + K for D with K = 15 for d = 1 and 2d + 12 for d >= 2; (6d + 2) n + P_g + O(d) for C and E.
Source: derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from numerics.kuhn_teacher import Form, Teacher
from numerics.lab import Array, namespace
from numerics.relu_assembly import Assembly, Block
from numerics.relu_blocks import add_bumps
from numerics.relu_networks import Network


class Gate(Enum):
    """Which gate joins bumps and teacher."""

    C = "C"
    D = "D"
    E = "E"


def gate_budget(samples: int, dimension: int, teacher_size: int, /) -> int:
    """(6d + 3) n + P_g + K, with K = 15 for d = 1 and 2d + 12 for d >= 2."""
    return (6 * dimension + 3) * samples + teacher_size + (15 if dimension == 1 else 2 * dimension + 12)


def assemble(
    gate: Gate, centres: Any, labels: Any, teacher: Teacher, /, *, radius: Any, ramp: Any, height: Any, exact: bool
) -> Network:
    """The network of a gate with one bump for each centre (n, d), n >= 1, and its label (n,); rationals or floats."""
    assembly = Assembly(centres.shape[1], exact=exact)
    bumps = add_bumps(assembly, centres, radius, ramp)
    form, values, top = teacher.add_to(assembly), assembly.numbers(labels), assembly.numbers(height)[()]
    if gate is Gate.C:
        return _gate_c(assembly, bumps, values, form)
    return (_gate_d if gate is Gate.D else _gate_e)(assembly, bumps, values, form, top)


def _shifted(assembly: Assembly, form: Form, height: Any, level: int) -> Block:
    """G = relu(g + height), carried to the level at least."""
    shifted = assembly.add_one(form.level + 1, form.inputs, assembly.numbers(form.bias)[()] + height)
    return assembly.carry(shifted, level)


def _gate_c(assembly: Assembly, bumps: Block, labels: Any, form: Form) -> Network:
    level = max(3, form.level + 2)
    sums = [assembly.add_one(3, [(bumps, (sign * labels > 0) * 1)]) for sign in (1, -1)]
    positive, negative = (assembly.carry(block, level) for block in sums)
    # the teacher is clipped from above here, so that interval propagation is tight whatever it makes of the teacher
    rest = assembly.add_one(form.level + 2, [(_shifted(assembly, form, 1, 0), -1)], 2)
    joined = [(assembly.carry(rest, level), -1), (positive, 2), (negative, -2)]
    inner = assembly.add_one(level + 1, joined, 2)
    return assembly.finish([(assembly.add_one(level + 2, [(inner, -1)], 2), -1)], 1)


def _gate_d(assembly: Assembly, bumps: Block, labels: Any, form: Form, height: Any) -> Network:
    level = max(3, form.level + 1)
    total = assembly.carry(assembly.add_one(3, [(bumps, 1)]), level)
    weighted = assembly.carry(assembly.add_one(3, [(bumps, labels + height)]), level)
    shifted = _shifted(assembly, form, height, level)
    inner = assembly.add_one(level + 1, [(total, -2 * height), (weighted, 1), (shifted, -1)], 2 * height)
    total, weighted = assembly.carry(total, level + 1), assembly.carry(weighted, level + 1)
    outer = assembly.add_one(level + 2, [(total, -2 * height), (inner, -1)], 2 * height)
    return assembly.finish([(assembly.carry(weighted, level + 2), 1), (outer, 1)], -height)


def _gate_e(assembly: Assembly, bumps: Block, labels: Any, form: Form, height: Any) -> Network:
    level, half = max(3, form.level + 1), assembly.numbers(1)[()] / 2
    total = assembly.carry(assembly.add_one(3, [(bumps, labels + 3 * height)]), level)
    shifted = _shifted(assembly, form, height, level)
    excess = assembly.add_one(level + 1, [(total, 1)], -2 * height)
    total, shifted = assembly.carry(total, level + 1), assembly.carry(shifted, level + 1)
    cut = [(total, -half), (excess, half)]
    above = assembly.add_one(level + 2, [(shifted, 1), *cut], -height)
    below = assembly.add_one(level + 2, [(shifted, -1), *cut], height)
    total, excess = assembly.carry(total, level + 2), assembly.carry(excess, level + 2)
    return assembly.finish([(above, 1), (below, -1), (total, -half), (excess, 3 * half)])


def apply_gate(gate: Gate, taught: Array, bumps: Array, weighted: Array, height: float, /) -> Array:
    """(B,) outputs from the teacher's values, sum phi_i and sum y_i phi_i, (B,) each: what the layers compute."""
    xp = namespace(taught)
    zero = xp.zeros_like(taught)
    if gate is Gate.C:
        return xp.clip(xp.clip(taught, -1.0, 1.0) + 2 * weighted, -1.0, 1.0)
    if gate is Gate.D:
        low = weighted + height * bumps
        shifted = xp.maximum(taught + height, zero)
        room = 2 * height * (1 - bumps)
        return low + xp.maximum(room - xp.maximum(room + low - shifted, zero), zero) - height
    total = weighted + 3 * height * bumps
    excess = xp.maximum(total - 2 * height, zero)
    half = (total - excess) / 2
    return xp.maximum(taught - half, zero) - xp.maximum(-taught - half, zero) - total / 2 + 1.5 * excess
