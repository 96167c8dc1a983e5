"""Mutated theories against the draws that a run kept: tested again by the same rules, never simulated anew."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from sympy import Expr, Float, Symbol

from derivations.core import Step
from derivations.evidence import Rate, Simulation
from derivations.model import Model
from derivations.relations import Convergence, Exponent
from numerics.precise import evaluate
from verify.checks import rate, simulation
from verify.draws import Draw, evaluate_at
from verify.mutants import Mutant, mutate_expression
from verify.mutation_effect import Effect
from verify.statistics import PILOT_TRIALS
from verify.verdict import Finding

Kept = Mapping[str, Any]


class Changed:
    """A theory with one limit changed, at the setting of one simulation; its value is computed when it is asked for."""

    def __init__(self, name: str, original: Mapping[str, float], value: Callable[[], float]) -> None:
        self.name, self.original, self._compute = name, original, value

    @cached_property
    def theory(self) -> dict[str, float]:
        """The values of all observables, the changed one among them; NaN where it has none."""
        try:
            value = float(self._compute())
        except (ArithmeticError, TypeError, ValueError):
            value = math.nan
        return {**self.original, self.name: value}


def mutate_theory(step: Step, evidence: Simulation, /) -> Iterator[Mutant[Changed]]:
    """The mutants of the limits at the evidence's setting; of a model's observables, changed at its root as it is."""
    claim = step.claim
    if not isinstance(claim, Convergence):
        raise TypeError(f"mutate_theory() takes a convergence; the claim is a {type(claim).__name__}")
    setting = simulation.find_setting(step, evidence)
    theory = simulation.predict(claim, evidence, setting)
    for name, limit in claim.limits.items():
        expression, compute = _find_source(claim, evidence, setting, limit, theory[name])
        for mutant in mutate_expression(expression):
            changed = Changed(name, theory, partial(compute, mutant.changed))
            yield Mutant(mutant.mutation, f"{name}: {mutant.change}", changed)


def _find_source(
    claim: Convergence, evidence: Simulation, setting: Any, limit: Expr, value: float
) -> tuple[Expr, Callable[[Expr], float]]:
    """What is mutated, and how a mutant is evaluated: a closed form, or the model's observable at its root."""
    if claim.model is None:
        return limit, lambda changed: evaluate_at(changed, evidence.at, setting)
    for model in (claim.model, *(branch.model for branch in claim.model.branches)):
        observable = model.observables.get(str(limit)) if limit.is_Symbol else None
        at = _compile_at_root(model, setting)
        if observable is None or at is None:
            continue
        with contextlib.suppress(ArithmeticError, TypeError, ValueError):
            if math.isclose(at(observable), value, rel_tol=1e-6):
                return observable, at
    # Where no expression gives the value (an average over a law, a closed phase), the number itself is changed.
    number = Symbol("value", real=True)
    return number, lambda changed: float(changed.xreplace({number: Float(value)}))


def _compile_at_root(model: Model, setting: Any) -> Callable[[Expr], float] | None:
    """How an expression in the model's names is evaluated at its root; None where there is no root to be had."""
    from numerics.precise_root import solve_root

    if any(not isinstance(getattr(setting, symbol.name, None), float) for symbol in model.symbols):
        return None
    values: dict[Symbol, Any] = {symbol: getattr(setting, symbol.name) for symbol in model.symbols}
    try:
        if model.unknowns:
            values |= solve_root(model, values, digits=25)
        else:
            for name, definition in model.program:
                values[name] = evaluate(definition, values, digits=25)
    except (ArithmeticError, TypeError, ValueError):
        return None
    return lambda expression: float(evaluate(expression, values, digits=17))


def effect_of_theory(step: Step, evidence: Simulation, changed: Changed, /) -> Effect:
    """Counted where the changed limit is off by more than twice the half width of the test."""
    setting = simulation.find_setting(step, evidence)
    before, after = changed.original, changed.theory
    gap = abs(after[changed.name] - before[changed.name])
    if not math.isfinite(gap):
        return Effect.undefined
    if gap <= 1e-13 * abs(before[changed.name]):
        return Effect.equivalent
    width = max(simulation.find_widths(each, evidence, setting)[1][changed.name] for each in (before, after))
    return Effect.counted if gap > 2 * width else Effect.invisible


def retest(step: Step, evidence: Simulation, changed: Changed, kept: Kept, /) -> Finding:
    """The same two-stage test of the changed theory, with no other draws than the kept ones."""
    draw, counts = _replay(kept)
    setting = simulation.find_setting(step, evidence)
    return simulation.confront(changed.theory, evidence, setting, draw, largest=counts)


def _replay(kept: Kept) -> tuple[Draw, dict[int, int]]:
    """draw(size, trial) from the kept arrays, and how many judged trials there are at each size."""
    names = [str(name) for name in kept["names"]]
    blocks = {key: np.asarray(values) for key, values in kept.items() if key != "names"}
    counts = {int(key.partition("_")[2]): len(block) for key, block in blocks.items() if key.startswith("draws_")}

    def draw(size: int, trial: int, /) -> Mapping[str, float]:
        row = blocks[f"pilot_{size}"][trial - PILOT_TRIALS] if trial >= PILOT_TRIALS else blocks[f"draws_{size}"][trial]
        return dict(zip(names, map(float, row), strict=True))

    return draw, counts


def mutate_exponent(claim: Exponent, /) -> Iterator[Mutant[Exponent]]:
    """The interval of the exponent with its sign changed, doubled, or moved by one."""
    for mutation, change, low, high in (
        ("sign", "opposite exponents", -claim.high, -claim.low),
        ("factor 2", "twice the exponents", min(2 * claim.low, claim.high * 2), max(2 * claim.low, claim.high * 2)),
        ("exponent", "one power more", claim.low + 1, claim.high + 1),
        ("exponent", "one power less", claim.low - 1, claim.high - 1),
    ):
        yield Mutant(mutation, f"{claim.quantity}: {change}", replace(claim, low=low, high=high))


def effect_of_exponent(original: Exponent, changed: Exponent, /) -> Effect:
    """Invisible where the changed interval still overlaps the claimed one: the tolerance is the interval itself."""
    overlap = changed.low < original.high and original.low < changed.high
    return Effect.invisible if overlap else Effect.counted


def refit(evidence: Rate, changed: Exponent, kept: Kept, /) -> Finding:
    """The same fit against the changed interval, with the kept draws."""
    values = {size: np.asarray(kept[f"draws_{size}"]) for size in evidence.sizes}
    return rate.confront(changed, evidence, values)
