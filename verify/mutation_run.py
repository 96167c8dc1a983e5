"""A run of planted mistakes: every step and model of the asked derivations, over worker processes, and its report."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, TypeAlias

from derivations.core import Derivation, Step
from derivations.discover import load, locate
from numerics.threads import pin_blas_threads
from verify.context import Context
from verify.mutated_sources import PROX
from verify.mutation_draws import KeptRun, needs_draws, open_run, read_draws
from verify.mutation_score import PASS, Fate, attack, attack_equations, attack_origins, score
from verify.pool import Lost, run_jobs
from verify.runner import count_cores, expected_cost

EQUATIONS, OBSERVABLES = "equations", "observables"
"""Stand for a step's name in the jobs that attack a model, and what claims are built from."""
_PATIENCE = 600.0
_MODEL_COST = 50.0

Job: TypeAlias = "tuple[str, str, Choice]"
"""Where the derivation is found, the step's name (or EQUATIONS, OBSERVABLES), and what is done there."""
OnAttacked: TypeAlias = "Callable[[str, int, int, float], object]"


@dataclass(frozen=True)
class Choice:
    """How to check, mutants for each step, the seed of their choice, and where draws were kept (None: simulate)."""

    context: Context
    per_step: int
    seed: int
    draws: str | None = None


@dataclass(frozen=True)
class MutationReport:
    """All fates, in the order of the proof; `lost` names steps whose worker died or was stopped.

    `draws` is the kept run whose draws were used, None where simulations were run.
    """

    fates: tuple[Fate, ...]
    lost: tuple[str, ...]
    seed: int
    per_step: int
    seconds: float
    cpu_seconds: float
    draws: KeptRun | None = None

    @property
    def passes(self) -> bool:
        """Whether at least 99% of the counted mutants were killed, and no step was lost or could not be attacked."""
        return score(self.fates).passes and not self.lost and all(each.fate != "not attacked" for each in self.fates)

    def to_json(self) -> dict[str, Any]:
        """The report as JSON data: totals, by evidence, by mutation, by derivation, and every mutant not killed."""
        total = score(self.fates)
        families: dict[str, list[Fate]] = defaultdict(list)
        for fate in self.fates:
            families[fate.step.partition(":")[0]].append(fate)
        rest = [fate for fate in self.fates if fate.fate not in ("killed", "survived", "unchecked")]
        return {
            "schema_version": 1,
            "verdict": "passes" if self.passes else "fails",
            "required": PASS,
            "score": total.value,
            "killed": total.killed,
            "counted": total.counted,
            "fates": dict(sorted(Counter(fate.fate for fate in self.fates).items())),
            "by_evidence": _by_evidence(self.fates),
            "by_mutation": _tally(self.fates, lambda fate: fate.mutation),
            "derivations": {name: _counts(found) for name, found in families.items()},
            "survivors": [_row(fate) for fate in self.fates if fate.fate == "survived"],
            "unchecked": [{"step": fate.step, "what": fate.change} for fate in self.fates if fate.fate == "unchecked"],
            "not_counted": [_row(fate) for fate in rest],
            "lost": list(self.lost),
            "seed": self.seed,
            "per_step": self.per_step,
            "draws": self.draws.to_json() if self.draws else None,
            "seconds": round(self.seconds, 3),
            "cpu_seconds": round(self.cpu_seconds, 1),
        }


def _row(fate: Fate) -> dict[str, Any]:
    return {**asdict(fate), "seconds": round(fate.seconds, 4)}


def _counts(fates: Iterable[Fate]) -> dict[str, Any]:
    found = score(fates)
    return {"killed": found.killed, "counted": found.counted, "score": found.value}


def _tally(fates: Iterable[Fate], key: Callable[[Fate], str]) -> dict[str, Any]:
    groups: dict[str, list[Fate]] = defaultdict(list)
    for fate in fates:
        groups[key(fate)].append(fate)
    return {name: _counts(found) for name, found in sorted(groups.items())}


def _by_evidence(fates: Iterable[Fate]) -> dict[str, Any]:
    """Per evidence and what it said: kills, and milliseconds a kill took (median and longest)."""
    groups: dict[str, list[float]] = defaultdict(list)
    for fate in fates:
        if fate.fate == "killed":
            groups[fate.by].append(1000 * fate.seconds)
    return {
        word: {"killed": len(times), "median_ms": round(sorted(times)[len(times) // 2], 2), "max_ms": round(max(times))}
        for word, times in sorted(groups.items())
    }


def run_mutants(
    derivations: Iterable[Derivation],
    /,
    *,
    per_step: int = 6,
    seed: int = 0,
    workers: int | None = None,
    draws: str | None = None,
    on_attacked: OnAttacked | None = None,
) -> MutationReport:
    """Attack every step of the derivations, all equations, and what claims are built from, at the quick level.

    `seed` is that of the choice of mutants and of the checks. With `draws`, the folder of a `run --out`, theories are
    judged against the draws kept there and nothing is simulated. `on_attacked(step id, killed, counted, seconds)` is
    called as steps finish. Fates depend on the seed and the draws, not on the schedule. Raises ValueError for a
    negative seed, DrawsError for draws that do not serve.
    """
    started, processor = time.perf_counter(), processor_seconds()
    pin_blas_threads()
    context = Context(seed=seed, device="cpu")
    targets = _list_targets(derivations, context)
    kept = open_run(draws, _list_steps(targets), context.level) if draws is not None else None
    choice = Choice(context, per_step, seed, draws)
    found: dict[str, list[Fate]] = {}
    lost: list[str] = []
    for (derivation, name), result in _attack_all(targets, choice, workers or count_cores()):
        full = f"{derivation.id}:{name}"
        found[full] = [] if isinstance(result, Lost) else result
        lost += [full] if isinstance(result, Lost) else []
        if on_attacked is not None:
            counts = score(found[full])
            on_attacked(full, counts.killed, counts.counted, sum(fate.seconds for fate in found[full]))
    fates = [fate for derivation, name in _in_order(targets) for fate in found.get(f"{derivation.id}:{name}", [])]
    seconds, used = time.perf_counter() - started, processor_seconds() - processor
    return MutationReport(tuple(fates), tuple(sorted(lost)), seed, per_step, seconds, used, kept)


def processor_seconds() -> float:
    """What this process and the workers that ended have used so far."""
    return sum(os.times()[:4])


Target: TypeAlias = "tuple[Derivation, str]"


def _list_targets(derivations: Iterable[Derivation], context: Context) -> list[Target]:
    """What is attacked, the most costly first."""
    targets: list[tuple[float, Derivation, str]] = []
    for derivation in dict.fromkeys(derivations):
        checked: list[Step] = [step for step in derivation.steps.values() if not step.granted]
        targets += [(expected_cost(step, context.level), derivation, step.name) for step in checked]
        if derivation.has_model or hasattr(sys.modules[derivation.module], PROX):
            targets += [(_MODEL_COST, derivation, name) for name in (EQUATIONS, OBSERVABLES)]
    return [(derivation, name) for _, derivation, name in sorted(targets, key=lambda target: -target[0])]


def _list_steps(targets: Iterable[Target]) -> list[Step]:
    return [derivation.steps[name] for derivation, name in targets if name in derivation.steps]


def _in_order(targets: Iterable[Target]) -> list[Target]:
    """Derivations by id, their steps in the order of the proof, equations and observables last."""
    last = (EQUATIONS, OBSERVABLES)
    return sorted(targets, key=lambda target: (target[0].id, [*target[0].steps, *last].index(target[1])))


def _attack_all(
    targets: list[Target], choice: Choice, workers: int
) -> Generator[tuple[Target, list[Fate] | Lost], None, None]:
    """(target, fates) as they finish. Derivations that no other process could find again are attacked here."""
    places = {target: locate(target[0]) for target in targets} if workers > 1 else {}
    jobs: dict[Job, Target] = {
        (place, target[1], choice): target for target, place in places.items() if place is not None
    }
    if jobs:
        attacked = run_jobs(attack_job, jobs, workers=min(workers, len(jobs)), patience=_PATIENCE)
        with contextlib.closing(attacked) as results:
            for job, result in results:
                yield jobs[job], result
    for target in targets:
        if places.get(target) is None:
            yield target, _attack_target(target[0], target[1], choice)


def attack_job(job: Job, /) -> list[Fate]:
    """In a worker: find the derivation again and attack the step or the model."""
    place, name, choice = job
    return _attack_target(_load_once(place), name, choice)


def _attack_target(derivation: Derivation, name: str, choice: Choice) -> list[Fate]:
    """The fates; what a derivation's own code raises is one fate that says so."""
    context, options = choice.context, {"per_step": choice.per_step, "seed": choice.seed}
    try:
        if name not in derivation.steps:
            attack_model = attack_equations if name == EQUATIONS else attack_origins
            return attack_model(derivation, context, **options)
        step = derivation.steps[name]
        wanted = choice.draws is not None and needs_draws(step, context.level)
        kept = read_draws(choice.draws, step, context.level) if choice.draws is not None and wanted else ()
        return attack(step, context, kept=kept, **options)
    except Exception as error:
        return [replace(_CRASHED, step=f"{derivation.id}:{name}", change=f"{type(error).__name__}: {error}"[:200])]


_CRASHED = Fate("", "none", "", "not attacked")


@cache
def _load_once(place: str) -> Derivation:
    return load(place)
