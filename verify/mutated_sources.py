"""Mistakes planted at their source, an observable or a proximal operator, and judged by the claims built from it.

An observable that a simulation follows is judged there, against draws. For others, and the prox, claims are built anew.
"""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any, Protocol

from sympy import Dummy, Expr, Symbol

from derivations.core import Derivation, Step
from derivations.discover import all_ids, load
from derivations.evidence import Evidence, Exact, Rate, Simulation, Symbolic
from derivations.model import Model
from derivations.relations import Convergence, Limit, Refuted, Relation
from verify.attack import Attack
from verify.checks.simulation import find_setting
from verify.context import Context
from verify.kernel import judge
from verify.mutants import Mutant, mutate_expression, pick
from verify.mutated_points import find_places
from verify.mutated_region import Region, list_regions
from verify.mutated_theory import find_region
from verify.mutation_effect import Effect, measure_effect
from verify.time_limit import run_within
from verify.verdict import Outcome, Verdict

PROX = "proximal_operator"
_BUILD_SECONDS = 3.0
_MOST_OPERATIONS = 300
_SEEN = 1e-6
_SAME = 1e-10


class Origin(Protocol):
    """An expression that claims are built from, under a name, which can be replaced for a while."""

    @property
    def name(self) -> str: ...

    @property
    def expression(self) -> Expr: ...

    def plant(self, changed: Expr, /) -> contextlib.AbstractContextManager[None]:
        """While the context lasts, claims are built from `changed`."""

    def measure(self, changed: Expr, seed: int, /) -> Effect:
        """What the change does, at points of the domain."""


@dataclass(frozen=True, eq=False)
class Observable:
    """An observable of a region, with the definitions that no equation uses written out."""

    region: Region
    key: str

    @property
    def name(self) -> str:
        """The region and the observable."""
        return f"{self.region.name} {self.key}"

    @property
    def expression(self) -> Expr:
        """The observable in parameters, unknowns and the definitions that equations use."""
        full = written = self.region.observables[self.key]
        for k in reversed(self.region.own):
            full = full.xreplace(dict([self.region.program[k]]))
            if full.count_ops() > _MOST_OPERATIONS:
                return written
        return full

    @contextlib.contextmanager
    def plant(self, changed: Expr, /) -> Iterator[None]:
        """The model itself is changed, and restored."""
        held: Any = self.region.written
        before = held[self.key]
        held[self.key] = changed
        try:
            yield
        finally:
            held[self.key] = before

    def measure(self, changed: Expr, seed: int, /) -> Effect:
        """Counted where the value moves by more than two millionths somewhere in the region."""
        other = replace(self.region, observables={**self.region.observables, self.key: changed})
        effect = Effect.undefined
        for at in find_places(self.region, seed + 1).at:
            old, new = (at.observe(each, [self.key])[self.key] for each in (self.region, other))
            gap = abs(new - old) / max(abs(old), abs(new), 1e-300)
            if gap > 2 * _SEEN:
                return Effect.counted
            if gap <= 2 * _SEEN:
                effect = Effect.equivalent if gap <= _SAME and effect is not Effect.invisible else Effect.invisible
        return effect


@dataclass(frozen=True, eq=False)
class Operator:
    """A function of a derivation's module that returns an expression, wherever it was imported to."""

    module: ModuleType
    name: str

    @property
    def _symbols(self) -> list[Symbol]:
        names = inspect.signature(getattr(self.module, self.name)).parameters
        found = [vars(self.module).get(name) for name in names]
        return [
            each if isinstance(each, Symbol) else Symbol(name, real=True)
            for name, each in zip(names, found, strict=True)
        ]

    @property
    def expression(self) -> Expr:
        """What the function makes of the module's symbols."""
        value: Expr = getattr(self.module, self.name)(*self._symbols)
        return value

    @contextlib.contextmanager
    def plant(self, changed: Expr, /) -> Iterator[None]:
        """Every module of the derivations that has the function gets another one."""
        function, symbols = getattr(self.module, self.name), self._symbols
        apart = [Dummy(str(symbol), **symbol.assumptions0) for symbol in symbols]
        form = changed.xreplace(dict(zip(symbols, apart, strict=True)))

        def planted(*arguments: Expr) -> Any:
            return form.subs(dict(zip(apart, arguments, strict=True)))

        holders = [m for n, m in sys.modules.items() if n.startswith("derivations.") and _holds(m, self.name, function)]
        for holder in {*holders, self.module}:
            setattr(holder, self.name, planted)
        try:
            yield
        finally:
            for holder in {*holders, self.module}:
                setattr(holder, self.name, function)

    def measure(self, changed: Expr, seed: int, /) -> Effect:
        """What `measure_effect` says of the equation of the function with itself."""
        before = Relation("=", self.expression, self.expression)
        return measure_effect(before, Relation("=", self.expression, changed), Symbolic(), seed)


def _holds(module: ModuleType, name: str, function: object) -> bool:
    return vars(module).get(name) is function


def attack_sources(
    derivation: Derivation, context: Context, seed: int, /
) -> Iterator[tuple[str, Iterator[Attack] | None]]:
    """For each origin its name and the attacks on it, which go through every claim that is built from the origin.

    None in place of attacks where no claim that holds is built from it.
    """
    origins = list_origins(derivation, context)
    if not origins:
        return
    steps = _list_neighbours(derivation)
    witnesses = find_witnesses(origins, steps, derivation)
    held = _Held(context)
    for origin in origins:
        built_from = [step for step in witnesses[origin.name] if held(step)]
        yield origin.name, _list_attacks(origin, built_from, derivation, seed) if built_from else None


def _list_attacks(origin: Origin, built_from: list[Step], derivation: Derivation, seed: int) -> Iterator[Attack]:
    for mutant in pick(mutate_expression(origin.expression), seed=seed, key=f"{derivation.id} {origin.name}"):
        yield _attack(origin, mutant, built_from, seed)


def _attack(origin: Origin, mutant: Mutant[Expr], built_from: list[Step], seed: int) -> Attack:
    named = replace(mutant, change=f"{origin.name}: {mutant.change}")
    checks = tuple(partial(_judge_rebuilt, origin, mutant.changed, step) for step in built_from)
    return Attack(named, partial(origin.measure, mutant.changed, seed), checks)


def _judge_rebuilt(origin: Origin, changed: Expr, step: Step, context: Context) -> Verdict:
    with origin.plant(changed):
        return judge(replace(step, evidence=_without_draws(step)), context)


def _without_draws(step: Step) -> tuple[Evidence, ...]:
    return tuple(each for each in step.evidence if not isinstance(each, (Simulation, Rate)))


class _Held:
    """Whether a step holds as it stands; judged once."""

    def __init__(self, context: Context) -> None:
        self._context, self._known = context, dict[str, bool]()

    def __call__(self, step: Step) -> bool:
        if step.id not in self._known:
            verdict = judge(replace(step, evidence=_without_draws(step)), self._context)
            self._known[step.id] = verdict.outcome is Outcome.holds
        return self._known[step.id]


def list_origins(derivation: Derivation, context: Context, /) -> list[Origin]:
    """The derivation's proximal operator, and the observables of its model that no simulation of the level follows."""
    module = sys.modules[derivation.module]
    function = vars(module).get(PROX)
    own = inspect.isfunction(function) and function.__module__ == module.__name__
    found: list[Origin] = [Operator(module, PROX)] if own else []
    if derivation.has_model:
        followed = set(_list_followed(derivation.model, _list_neighbours(derivation), context))
        for region in list_regions(derivation.model):
            found += [Observable(region, key) for key in region.observables if (region.name, key) not in followed]
    return found


def _list_followed(model: Model, steps: Iterable[Step], context: Context) -> Iterator[tuple[str, str]]:
    """(region, observable) wherever a simulation of the level has its setting."""
    for step in steps:
        claim = step.claim if any(isinstance(each, Simulation) for each in step.evidence) else None
        if not isinstance(claim, Convergence) or claim.model is not model:
            continue
        for evidence in step.evidence:
            if not isinstance(evidence, Simulation) or evidence.level > context.level:
                continue
            at = find_region(model, find_setting(step, evidence))
            if at is not None:
                yield from ((at.region.name, str(limit)) for limit in claim.limits.values())


def _list_neighbours(derivation: Derivation) -> list[Step]:
    """The checked steps of the derivation and of all others in its folder."""
    folder = derivation.id.rpartition(".")[0]
    near = [load(name) for name in all_ids() if folder and name.rpartition(".")[0] == folder] or [derivation]
    return [step for each in near for step in each.steps.values() if not step.granted]


def find_witnesses(
    origins: Iterable[Origin], steps: Iterable[Step], derivation: Derivation, /
) -> Mapping[str, list[Step]]:
    """By origin, the steps whose claims, or whose exact instances in the derivation itself, are built from it.

    Each origin is marked by a factor of its own; a step that cannot be built with the marks counts for all.
    """
    steps = [step for step in steps if _without_draws(step)]
    for step in steps:
        _collect_symbols(step.claim)  # built first: what a derivation computes once must not hold a mark
    marks = {origin.name: Symbol(f"mark_{k}", positive=True) for k, origin in enumerate(origins)}
    found: dict[str, list[Step]] = {name: [] for name in marks}
    with contextlib.ExitStack() as planted:
        for origin in origins:
            mark = marks[origin.name]  # a factor would not be seen of 0
            planted.enter_context(origin.plant(mark * origin.expression if origin.expression != 0 else mark))
        for step in steps:
            seen = _find_marks(step, exact=step.derivation is derivation)
            for name, mark in marks.items():
                if seen is None or mark in seen:
                    found[name].append(step)
    return found


def _find_marks(step: Step, *, exact: bool) -> set[Any] | None:
    """The symbols of the claim and the instances, built anew; None where that fails or takes too long."""

    def build() -> set[Any]:
        symbols = _collect_symbols(step.build())
        for evidence in step.evidence:
            if exact and isinstance(evidence, Exact):
                for _, left, right in evidence.computation():
                    symbols |= _symbols_of(left) | _symbols_of(right)
        return symbols

    try:
        return run_within(_BUILD_SECONDS, build)
    except Exception:
        return None


def _collect_symbols(claim: object) -> set[Any]:
    match claim:
        case Refuted(relation, _):
            return _collect_symbols(relation)
        case Relation(_, lhs, rhs, _):
            return _symbols_of(lhs) | _symbols_of(rhs)
        case Limit(expression, _, _, value, _):
            return _symbols_of(expression) | _symbols_of(value)
    return set()


def _symbols_of(value: object) -> set[Any]:
    if isinstance(value, (tuple, list)):
        return set[Any]().union(*map(_symbols_of, value))
    return set(value.free_symbols) if isinstance(value, Expr) else set()


__all__ = ["PROX", "Observable", "Operator", "Origin", "attack_sources", "find_witnesses", "list_origins"]
