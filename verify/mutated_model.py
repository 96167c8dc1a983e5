"""Mutated equations and definitions of a model, judged by the residual at its certified root, never solved anew."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from sympy import Expr

from derivations.core import Derivation
from derivations.model import Model
from numerics.codegen import needed
from numerics.solution import REGULAR
from verify.attack import Attack
from verify.context import Context
from verify.mutants import Mutant, pick
from verify.mutated_points import Places, find_places
from verify.mutated_region import Region, mutate_region
from verify.mutation_effect import Effect
from verify.verdict import Finding, Outcome

RESIDUAL = 1e-9
"""A root has to satisfy the equations to this; what changes them by less than twice as much is invisible."""
_SAME = 1e-12


def attack_model(derivation: Derivation, seed: int, /) -> Iterator[Attack]:
    """The attacks on the equations of the derivation's model and of its branches, and on the definitions they use."""
    found: list[Mutant[Attack]] = []
    for name, model in list_models(derivation.model) if derivation.has_model else ():
        region = as_region(model)
        judging, measuring = (find_places(region, each) for each in (seed, seed + 1))
        lines = {symbol for symbol, _ in needed(region.program, region.observables.values())}
        places = [k for k, (symbol, _) in enumerate(region.program) if symbol in lines]
        for mutant in mutate_region(region, region.observables, places):
            change = mutant.change if name == REGULAR else f"{name}: {mutant.change}"
            effect = partial(_measure, mutant.changed, measuring)
            attack = Attack(replace(mutant, change=change), effect, (partial(_check, mutant.changed, judging),))
            found.append(Mutant(mutant.mutation, change, attack))
    yield from (mutant.changed for mutant in pick(found, seed=seed, key=f"{derivation.id} equations"))


def list_models(model: Model, name: str = REGULAR, /) -> Iterator[tuple[str, Model]]:
    """The model and those of its branches that have equations, by the names that a solution gives them."""
    if model.unknowns:
        yield name, model
    for branch in model.branches:
        yield from list_models(branch.model, branch.name)


def as_region(model: Model, /) -> Region:
    """The two sides of each equation as observables of a region."""
    sides: dict[str, Expr] = {}
    for k, equation in enumerate(model.equations, 1):
        sides |= {f"left_{k}": equation.lhs, f"right_{k}": equation.rhs}
    return Region(REGULAR, model.program, sides, model)


def find_residual(changed: Region, places: Places, /) -> float:
    """The largest |log(left/right)| over equations and roots, up to one that is large.

    NaN where there is none; infinite where the sides are not of one sign.
    """
    worst, names = math.nan, list(changed.observables)
    for at in places.at:
        found = at.observe(changed, names)
        for left, right in zip(names[::2], names[1::2], strict=True):
            ratio = found[left] / found[right] if found[right] else math.inf
            if math.isnan(ratio):
                continue
            gap = abs(math.log(ratio)) if 0 < ratio < math.inf else math.inf
            worst = gap if math.isnan(worst) else max(worst, gap)
        if worst > 2 * RESIDUAL:
            break
    return worst


def _measure(changed: Region, places: Places) -> Effect:
    worst = find_residual(changed, places)
    if math.isnan(worst):
        return Effect.undefined
    return Effect.counted if worst > 2 * RESIDUAL else Effect.equivalent if worst < _SAME else Effect.invisible


def _check(changed: Region, places: Places, _context: Context) -> Finding:
    word, worst = "certified root" if places.certified else "root", find_residual(changed, places)
    if math.isnan(worst):
        return Finding(Outcome.open, word, "no residual at any root")
    return Finding(Outcome.fails if worst > RESIDUAL else Outcome.holds, word, f"residual {worst:.4g} at the root")


__all__ = ["as_region", "attack_model", "find_residual", "list_models"]
