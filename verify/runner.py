"""A run: every step of the asked derivations and of what they use, judged over worker processes, and its report."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from derivations.core import Derivation, Step
from derivations.discover import load, locate
from derivations.evidence import Certified, CertifiedRoots, Exact, Level, Rate, Sampled, Simulation, Symbolic
from numerics.threads import pin_blas_threads
from verify.kernel import Context, judge, report_loss
from verify.pool import Lost, run_jobs
from verify.report_data import Report, build_report
from verify.verdict import Verdict, collect_steps

__all__ = ["Report", "count_cores", "expected_cost", "run"]

Job: TypeAlias = "tuple[str, str, Context]"
"""Where the derivation is found, the step's name, and how to check: nothing of SymPy travels between processes."""

OnVerdict: TypeAlias = "Callable[[str, str, float], object]"

_COSTS = {Certified: 3.0, CertifiedRoots: 20.0, Symbolic: 2.0, Sampled: 2.0, Exact: 1.0}
_ROOT_COST = 10.0
_PATIENCE = 5.0
"""A step may take this multiple of its processor-time limit on the clock before its worker is stopped."""
_DRAWS_COST = 100.0


def run(
    derivations: Iterable[Derivation | str | Path],
    /,
    *,
    level: Level = Level.quick,
    seed: int = 0,
    device: str = "auto",
    workers: int | None = None,
    on_verdict: OnVerdict | None = None,
    keep: Path | None = None,
) -> Report:
    """Judge every step of the derivations (objects, ids or paths) and every step of other files that they use.

    `workers` processes (default: one for each core) with one BLAS thread each; with one, everything happens in this
    process. Verdicts depend on the level, the seed and the device, never on the schedule. `on_verdict(step id, outcome,
    seconds)` is called as steps finish. With `keep`, each simulation's draws go to KEEP/draws/STEP.npz. Raises
    ValueError for an unknown derivation, a negative seed, or a device that is not there.
    """
    started, processor = time.perf_counter(), _processor_seconds()
    pin_blas_threads()
    from numerics.lab import select_device
    from numerics.provenance import provenance

    context = Context(level=level, seed=seed, device=device, keep_draws=keep is not None)
    origin = provenance(select_device(device))
    asked = list(dict.fromkeys(map(_resolve, derivations)))
    _forbid_homonyms(asked)
    steps = dict.fromkeys(step for derivation in asked for step in collect_steps(derivation))
    ordered = sorted(steps, key=lambda step: -expected_cost(step, level))
    verdicts: dict[str, Verdict] = {}
    with contextlib.closing(_judge_all(ordered, context, workers or count_cores())) as judged:
        for step, verdict in judged:
            verdicts[step.id] = verdict
            keep_draws(step, verdict, keep, {**origin, "level": level.name, "seed": seed})
            if on_verdict is not None:
                on_verdict(step.id, verdict.outcome.value, verdict.seconds)
    origin["cpu_seconds"] = round(_processor_seconds() - processor, 1)
    return build_report(asked, list(steps), verdicts, context, origin, time.perf_counter() - started)


def _processor_seconds() -> float:
    """What this process and the workers that ended have used so far."""
    return sum(os.times()[:4])


def count_cores() -> int:
    """The cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def expected_cost(step: Step, level: Level, /) -> float:
    """A guess that orders the schedule, longest first; nothing else depends on it."""
    cost = 0.0
    for evidence in step.evidence:
        if evidence.level > level:
            continue
        if isinstance(evidence, (Simulation, Rate)):
            draws = evidence.most if isinstance(evidence, Simulation) else evidence.draws
            cost += _DRAWS_COST + draws * sum(float(size) ** 3 for size in evidence.sizes) / 1e8
        else:
            rooted = isinstance(evidence, (Sampled, Certified)) and evidence.roots_of is not None
            cost += _ROOT_COST if rooted else _COSTS.get(type(evidence), 0.0)
    return cost


def _resolve(derivation: Derivation | str | Path) -> Derivation:
    return derivation if isinstance(derivation, Derivation) else load(derivation)


def _forbid_homonyms(derivations: Iterable[Derivation]) -> None:
    seen = set[str]()
    for derivation in derivations:
        if derivation.id in seen:
            raise ValueError(f"two derivations are called {derivation.id!r}; rename one of the files")
        seen.add(derivation.id)


def _judge_all(steps: list[Step], context: Context, workers: int) -> Generator[tuple[Step, Verdict], None, None]:
    """(step, verdict) as they finish. Steps that no other process could find again are judged here."""
    places = {step: locate(step.derivation) for step in steps} if workers > 1 else {}
    jobs = {(place, step.name, context): step for step, place in places.items() if place is not None}
    if jobs:
        judged = run_jobs(_judge_job, jobs, workers=min(workers, len(jobs)), patience=_PATIENCE * context.time_limit)
        with contextlib.closing(judged) as results:
            for job, result in results:
                step = jobs[job]
                yield step, report_loss(step, result.reason) if isinstance(result, Lost) else result
    for step in steps:
        if places.get(step) is None:
            yield step, judge(step, context)


def _judge_job(job: Job) -> Verdict:
    """In a worker: find the step again and judge it."""
    place, name, context = job
    return judge(_load_once(place).steps[name], context)


@cache
def _load_once(place: str) -> Derivation:
    return load(place)


def keep_draws(step: Step, verdict: Verdict, keep: Path | None, origin: Mapping[str, Any]) -> None:
    """Write the verdict's draws, if it has any, to KEEP/draws/STEP.npz, with what they came from."""
    found = [(k, finding.draws) for k, finding in enumerate(verdict.findings) if finding.draws]
    if keep is None or not found:
        return
    import numpy as np

    folder = keep / "draws"
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**origin, "step": step.id, "detail": verdict.detail}, sort_keys=True)
    for k, draws in found:
        name = step.id.replace(":", ".") + (f".{k}" if len(found) > 1 else "")
        arrays: dict[str, Any] = {key: np.asarray(values) for key, values in draws.items()}
        np.savez(folder / f"{name}.npz", provenance=np.array(text), **arrays)
