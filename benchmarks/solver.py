"""How long one solve takes when 10^5 are asked for in one call, on one core.

.venv/bin/python benchmarks/solver.py [--repeats 5] [--points 100000]
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from statistics import median
from typing import Any

import numpy as np
from record import write

from derivations.discover import load
from numerics.solution import Solution
from numerics.solver import Solver

THEOREM = "random_features.robust_risk"


def grid(points: int) -> dict[str, Any]:
    """psi1 on a logarithmic axis, psi2 and epsilon: `points` in all, as three axes that broadcast."""
    width = round(points / 500)
    return {
        "psi1": np.geomspace(0.05, 100, width)[:, None, None],
        "psi2": np.geomspace(0.2, 50, 20)[:, None],
        "epsilon": np.linspace(0.04, 2, 25),
    }


def random_domain(points: int) -> dict[str, Any]:
    """psi1 and psi2 in [0.01, 1000] (even in the logarithm), epsilon in [0, 2], ridge one of 0, 1e-8, 0.1; seed 0."""
    draws = np.random.default_rng(0)
    return {
        "psi1": 10 ** draws.uniform(-2, 3, points),
        "psi2": 10 ** draws.uniform(-2, 3, points),
        "epsilon": draws.uniform(0, 2, points),
        "ridge": draws.choice([0.0, 1e-8, 0.1], points),
    }


def measure(solver: Solver, given: dict[str, Any], repeats: int) -> dict[str, Any]:
    """CPU time of one call (median), per point and per point that needed Newton, residuals and statuses."""
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        solution = solver(**given)
        seconds.append(time.process_time() - begun)
    return {"cpu_seconds": median(seconds), "cpu_seconds_all": seconds, **describe(solution, median(seconds))}


def describe(solution: Solution, seconds: float) -> dict[str, Any]:
    """What the points were, and the time for each."""
    iterated = int(np.count_nonzero(solution.phase == "regular"))
    residual, error = solution.residual[np.isfinite(solution.residual)], solution.error[np.isfinite(solution.error)]
    return {
        "points": solution.status.size,
        "iterated_points": iterated,
        "microseconds_per_point": 1e6 * seconds / solution.status.size,
        "microseconds_per_iterated_point": 1e6 * seconds / iterated,
        "largest_residual": float(np.max(residual)),
        "largest_error": float(np.max(error)),
        "statuses": dict(Counter(map(str, solution.status.ravel()))),
    }


def main() -> None:
    """Print a table and write results/solver.json."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--points", type=int, default=100_000)
    chosen = parser.parse_args()
    begun = time.perf_counter()
    solver = Solver(load(THEOREM).model, title=THEOREM)
    ready = time.perf_counter() - begun
    solver(psi1=1, psi2=2, epsilon=0.5)
    figures = {"theorem": THEOREM, "repeats": chosen.repeats, "seconds_to_build": ready, "workloads": {}}
    print(f"{'workload':<16}{'points':>9}{'iterated':>10}{'us/point':>10}{'us/iterated':>13}{'residual':>11}  statuses")
    for name, given in (("grid", grid(chosen.points)), ("random domain", random_domain(chosen.points))):
        row = measure(solver, given, chosen.repeats)
        figures["workloads"][name] = row
        statuses = ", ".join(f"{count} {status}" for status, count in row["statuses"].items())
        print(
            f"{name:<16}{row['points']:>9}{row['iterated_points']:>10}{row['microseconds_per_point']:>10.2f}"
            f"{row['microseconds_per_iterated_point']:>13.2f}{row['largest_residual']:>11.1e}  {statuses}"
        )
    print(write("solver", figures))


if __name__ == "__main__":
    main()
