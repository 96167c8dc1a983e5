"""How long a certificate of the random-features fixed point takes at 30 digits, and 10^4 points of a phase diagram.

.venv/bin/python benchmarks/certificates.py [--points 10000] [--processes 2] [--digits 30]

Seconds on the clock depend on what else the machine does; CPU seconds stand beside them.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from typing import Any

import numpy as np
from record import write

from derivations.discover import load
from numerics.proofs.certificate import Certificate, Certifier
from numerics.solver import Solver

THEOREM = "random_features.robust_risk"
HARD = (
    {"psi1": 2.0, "psi2": 2.0, "epsilon": 1e-9},
    {"psi1": 2.0, "psi2": 2.0, "epsilon": 1e-12},
    {"psi1": 2.0, "psi2": 2.000000001, "epsilon": 1e-9},
    {"psi1": 1e3, "psi2": 1e-3, "epsilon": 1e-6},
)
"""At and beside the interpolation threshold under a weak attack, and at very unequal sizes."""
REPEATS = 40


def diagram(points: int) -> list[dict[str, float]]:
    """psi1 (even in the logarithm), psi2 and epsilon drawn over the phase diagram; seed 0."""
    draws = np.random.default_rng(0)
    psi1, psi2 = 10 ** draws.uniform(-1, 2, points), 10 ** draws.uniform(-1, 2, points)
    epsilon = draws.uniform(0.01, 2, points)
    columns = zip(psi1.tolist(), psi2.tolist(), epsilon.tolist(), strict=True)
    return [dict(zip(("psi1", "psi2", "epsilon"), row, strict=True)) for row in columns]


def certify_points(points: list[dict[str, float]], digits: int) -> tuple[list[tuple[str, bool]], float]:
    """(status, whether the digits are reached) of each point, the doubles taken as they are, and CPU seconds.

    These are all of the process's own, imports and compilation included.
    """
    found = Certifier(load(THEOREM).model).certify_many(points, digits=digits)
    return [(one.status.name, one.reached) for one in found], time.process_time()


def measure_diagram(points: int, processes: int, digits: int) -> dict[str, Any]:
    """Seconds for all points together, processes started and everything compiled, and what became of the points."""
    given = diagram(points)
    begun = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(certify_points, [given[k::processes] for k in range(processes)], [digits] * processes))
    found = [one for part, _ in parts for one in part]
    return {
        "points": points,
        "processes": processes,
        "digits": digits,
        "seconds": time.perf_counter() - begun,
        "cpu_seconds": sum(cpu for _, cpu in parts),
        "statuses": dict(Counter(status for status, _ in found)),
        "digits_reached": sum(reached for _, reached in found),
    }


def measure_single(points: Sequence[Mapping[str, float]], digits: int) -> dict[str, Any]:
    """Milliseconds of one certificate after compilation, from the double-precision root and without it.

    Only points with equations to solve count: a closed form takes less.
    """
    model = load(THEOREM).model
    certifier, solver = Certifier(model), Solver(model)
    solved = solver(**{name: np.array([point[name] for point in points]) for name in points[0]})
    regular = [k for k in range(len(points)) if solved.phase[k] == "regular"]
    guesses = [{str(u): float(solved.unknowns[str(u)][k]) for u in model.unknowns} for k in regular]
    found: dict[str, Any] = {"certificates": len(regular)}
    for name, starts in (("from_double", guesses), ("without_guess", [None] * len(regular))):
        certifier(points[regular[0]], digits=digits, guess=starts[0])
        timed = [_time(certifier, points[k], digits, start) for k, start in zip(regular, starts, strict=True)]
        found[name] = {
            "milliseconds_median": 1e3 * median(each[0] for each in timed),
            "milliseconds_99": 1e3 * float(np.quantile([each[0] for each in timed], 0.99)),
            "cpu_milliseconds_median": 1e3 * median(each[1] for each in timed),
            "cpu_milliseconds_99": 1e3 * float(np.quantile([each[1] for each in timed], 0.99)),
            "statuses": dict(Counter(each[2].status.name for each in timed)),
            "digits_reached": sum(each[2].reached for each in timed),
        }
    return found


def _time(
    certifier: Certifier, point: Mapping[str, float], digits: int, guess: dict[str, float] | None
) -> tuple[float, float, Certificate]:
    begun, cpu = time.perf_counter(), time.process_time()
    found = certifier(point, digits=digits, guess=guess)
    return time.perf_counter() - begun, time.process_time() - cpu, found


def print_table(figures: dict[str, Any]) -> None:
    """Milliseconds of one certificate, median and 99%, with a double to start from and without; then the diagram."""
    print(f"{'at':<42}{'with a guess':>22}{'without':>22}   unique")
    hard = {f"psi1={row['psi1']}, psi2={row['psi2']}, epsilon={row['epsilon']}": row for row in figures["hard_places"]}
    for name, row in {"points of the diagram": figures["single"], **hard}.items():
        both = [row[key] for key in ("from_double", "without_guess")]
        times = [f"{one['cpu_milliseconds_median']:.2f} / {one['cpu_milliseconds_99']:.2f} ms" for one in both]
        unique = sum(one["statuses"].get("unique", 0) for one in both)
        print(f"{name:<42}{times[0]:>22}{times[1]:>22}   {unique} of {2 * row['certificates']}")
    whole = figures["diagram"]
    print(f"{whole['points']} points, {whole['processes']} processes: {whole['seconds']:.1f} s, {whole['statuses']}")


def main(words: Sequence[str] | None = None) -> None:
    """Measure and write results/certificates.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--digits", type=int, default=30)
    given = parser.parse_args(words)
    figures = {
        "single": measure_single(diagram(min(given.points, 1000)), given.digits),
        "hard_places": [{**place, **measure_single([place] * REPEATS, given.digits)} for place in HARD],
        "diagram": measure_diagram(given.points, given.processes, given.digits),
    }
    print_table(figures)
    print(write("certificates", figures))


if __name__ == "__main__":
    main()
