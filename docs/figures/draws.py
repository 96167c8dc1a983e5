"""The finite-size draws behind the points of the figures."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from derivations.discover import load
from numerics.experiments import resolve
from numerics.lab import CPU, ArrayLab
from numerics.parameters import namespace
from numerics.sampling import stream
from numerics.threads import pin_blas_threads

THEOREM, COLLAPSE = "random_features.robust_risk", "random_features.collapse"
SETTING: dict[str, Any] = {"psi2": 2.0, "noise": 0.5, "signal": 1.0, "ridge": 0.0, "activation": "relu"}


@dataclass(frozen=True)
class Size:
    """How much is drawn: input dimension, draws for each point, seed, points on a curve, worker processes (0: none)."""

    dimension: int = 100
    draws: int = 10
    seed: int = 0
    curve: int = 600
    workers: int = 2


QUICK = Size(dimension=40, draws=3, curve=120, workers=0)


@dataclass(frozen=True)
class Job:
    """One draw of one experiment at one point; `key` and `trial` fix its random numbers."""

    theorem: str
    experiment: str
    at: Mapping[str, float | str]
    key: str
    trial: int
    size: Size


Points = dict[tuple[float, float], list[dict[str, float]]]
"""(psi1, epsilon) -> the observables of every draw there."""


def simulate_all(
    points: Sequence[tuple[float, float]],
    size: Size,
    experiment: str = "random_features:first_order",
    theorem: str = THEOREM,
) -> Points:
    """Every draw of every (psi1, epsilon), over worker processes; the numbers do not depend on how many."""
    jobs = []
    for psi1, epsilon in points:
        at, key = {**SETTING, "psi1": psi1, "epsilon": epsilon}, f"figure {experiment} {psi1:g} {epsilon:g}"
        jobs += [Job(theorem, experiment, at, key, trial, size) for trial in range(size.draws)]
    results: Points = {}
    for job, values in zip(jobs, run_jobs(jobs, size.workers), strict=True):
        results.setdefault((float(job.at["psi1"]), float(job.at["epsilon"])), []).append(values)
    return results


def run_jobs(jobs: Sequence[Job], workers: int) -> list[dict[str, float]]:
    """The observables of every job, in order, over this many worker processes (0: in this one)."""
    if workers:
        # the workers start afresh, so that this reaches their BLAS
        pin_blas_threads()
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            return list(pool.map(simulate, jobs))
    return [simulate(job) for job in jobs]


def simulate(job: Job) -> dict[str, float]:
    """The observables of one finite-size draw."""
    model = load(job.theorem).model
    known = {item.name for item in model.parameters}
    at = namespace(model, {name: value for name, value in job.at.items() if name in known})
    numbers = stream(job.size.seed, job.key, job.trial)
    return dict(resolve(job.experiment)(ArrayLab(numbers, device=CPU), at, job.size.dimension))
