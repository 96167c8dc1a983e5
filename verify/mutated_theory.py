"""Mutated theories against draws that are there already: tested again by the same rules, never simulated anew."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import Any

import numpy as np
from sympy import Expr, Float, Symbol

from derivations.core import Step
from derivations.evidence import Simulation
from derivations.model import Model
from derivations.relations import Convergence
from numerics.laws import Law
from numerics.solver import Solver
from verify.checks import simulation
from verify.draws import Draw, evaluate_at
from verify.mutants import Mutant, mutate_expression
from verify.mutated_region import Inputs, Region, RegionAt, list_regions, mutate_region
from verify.mutation_effect import Effect
from verify.statistics import PILOT_TRIALS
from verify.verdict import Finding

Kept = Mapping[str, Any]
"""What a simulation kept: `names`, `draws_SIZE` and `pilot_SIZE`."""


class Changed:
    """A theory with something changed, at the setting of one simulation; its values are computed when asked for."""

    def __init__(self, original: Mapping[str, float], compute: Callable[[], Mapping[str, float]], /) -> None:
        self.original, self._compute = original, compute

    @cached_property
    def theory(self) -> dict[str, float]:
        """The values of all observables, the changed ones among them; NaN where there is none."""
        try:
            return {**self.original, **self._compute()}
        except (ArithmeticError, TypeError, ValueError):
            return dict.fromkeys(self.original, math.nan)


def mutate_theory(step: Step, evidence: Simulation, /) -> Iterator[Mutant[Changed]]:
    """The mutants of the limits at the evidence's setting.

    A closed form is changed itself. Of a model the region that holds there is changed, at its root as it is: the
    observables, and the definitions that no equation uses (see `verify.mutated_model` for the others).
    """
    claim = step.claim
    if not isinstance(claim, Convergence):
        raise TypeError(f"mutate_theory() takes a convergence; the claim is a {type(claim).__name__}")
    setting = simulation.find_setting(step, evidence)
    theory = simulation.predict(claim, evidence, setting)
    at = find_region(claim.model, setting) if claim.model else None
    names = [str(limit) for limit in claim.limits.values()]
    if at is not None and _agrees(at, names, theory, claim):
        for mutant in mutate_region(at.region, dict.fromkeys(names), at.region.own):
            compute = partial(_observe, at, mutant.changed, claim)
            yield Mutant(mutant.mutation, mutant.change, Changed(theory, compute))
        return
    for name, limit in claim.limits.items():
        # Where no expression gives the value, as where a limit combines observables, the number itself is changed.
        number = Symbol("value", real=True)
        for form in mutate_expression(number if claim.model else limit):
            value = form.changed.xreplace({number: Float(theory[name])}) if claim.model else form.changed
            changed = Changed(theory, partial(_evaluate, name, value, evidence, setting))
            yield Mutant(form.mutation, f"{name}: {form.change}", changed)


def _evaluate(name: str, value: Expr, evidence: Simulation, setting: Any) -> dict[str, float]:
    return {name: evaluate_at(value, evidence.at, setting)}


def _observe(at: RegionAt, changed: Region, claim: Convergence) -> dict[str, float]:
    found = at.observe(changed, [str(limit) for limit in claim.limits.values()])
    return {name: found[str(limit)] for name, limit in claim.limits.items()}


def _agrees(at: RegionAt, names: list[str], theory: Mapping[str, float], claim: Convergence) -> bool:
    """Whether the region, unchanged, gives the theory that was judged."""
    if any(name not in at.region.observables for name in names):
        return False
    found = _observe(at, at.region, claim)
    return all(math.isclose(found[name], theory[name], rel_tol=1e-9, abs_tol=1e-15) for name in claim.limits)


def find_region(model: Model, setting: Any, /) -> RegionAt | None:
    """The region that holds at the setting, with the unknowns that the solver finds there; None where none does."""
    solution = Solver(model)(**{item.name: getattr(setting, item.name) for item in model.parameters})
    name = str(solution.phase.flat[0])
    region = next((each for each in list_regions(model) if each.name == name), None)
    if region is None or str(solution.status.flat[0]) == "not_converged":
        return None
    known = {symbol.name: getattr(setting, symbol.name) for symbol in model.symbols}
    roots = {key: value.ravel() for key, value in solution.unknowns.items() if np.all(np.isfinite(value))}
    return RegionAt(region, {**as_inputs(known), **roots})


def as_inputs(values: Mapping[str, Any], /) -> Inputs:
    """Numbers as (1,) arrays; laws as they are."""
    return {key: value if isinstance(value, Law) else np.array([float(value)]) for key, value in values.items()}


def effect_of_theory(step: Step, evidence: Simulation, changed: Changed, /) -> Effect:
    """Counted where a limit is off by more than twice the half width of its test."""
    setting = simulation.find_setting(step, evidence)
    before, after = changed.original, changed.theory
    gaps = {name: abs(after[name] - value) for name, value in before.items()}
    if not all(map(math.isfinite, gaps.values())):
        return Effect.undefined
    if all(gap <= 1e-13 * abs(before[name]) for name, gap in gaps.items()):
        return Effect.equivalent
    widths = [simulation.find_widths(each, evidence, setting)[1] for each in (before, after)]
    seen = any(gap > 2 * max(width[name] for width in widths) for name, gap in gaps.items())
    return Effect.counted if seen else Effect.invisible


def retest(step: Step, evidence: Simulation, theory: Mapping[str, float], kept: Kept, /) -> Finding:
    """The same two-stage test of a theory, with no other draws than the kept ones."""
    draw, counts = replay(kept)
    setting = simulation.find_setting(step, evidence)
    return simulation.confront(theory, evidence, setting, draw, largest=counts, keep_draws=True)


def replay(kept: Kept, /) -> tuple[Draw, dict[int, int]]:
    """draw(size, trial) from the kept arrays, and how many judged trials there are at each size."""
    names = [str(name) for name in kept["names"]]
    blocks = {key: np.asarray(values) for key, values in kept.items() if key.startswith(("draws_", "pilot_"))}
    counts = {int(key.partition("_")[2]): len(block) for key, block in blocks.items() if key.startswith("draws_")}

    def draw(size: int, trial: int, /) -> Mapping[str, float]:
        row = blocks[f"pilot_{size}"][trial - PILOT_TRIALS] if trial >= PILOT_TRIALS else blocks[f"draws_{size}"][trial]
        return dict(zip(names, map(float, row), strict=True))

    return draw, counts


def gather_blocks(kept: Kept, /) -> dict[int, Any]:
    """{size: (trials, names) array} of all kept trials, pilots first."""
    sizes = sorted(int(key.partition("_")[2]) for key in kept if key.startswith("draws_"))
    width = len(kept["names"])
    parts = {size: [kept[f"{p}_{size}"] for p in ("pilot", "draws") if f"{p}_{size}" in kept] for size in sizes}
    return {size: np.concatenate([np.reshape(part, (-1, width)) for part in parts[size]]) for size in sizes}


__all__ = [
    "Changed",
    "Kept",
    "as_inputs",
    "effect_of_theory",
    "find_region",
    "gather_blocks",
    "mutate_theory",
    "replay",
    "retest",
]
