"""How long one robust regression takes on one core, to a certified gap of 1e-8, beside general conic solvers.

    .venv/bin/python benchmarks/robust_regression.py [--repeats 3] [--conic]

Conic solvers are no dependency of this project. Install them in an environment of their own, with numpy, scipy,
array-api-compat, clarabel and scs, and run this file there with --conic and PYTHONPATH set to the repository.
"""

# ruff: noqa: E402 - the BLAS reads its number of threads when numpy loads

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from statistics import median
from typing import Any

from numerics.threads import pin_blas_threads

pin_blas_threads()

import numpy as np
from conic import SOLVERS, ConeProgram, installed
from record import write

from numerics.adversarial_regression import RegressionResult, solve_mean_gradient, solve_per_sample
from numerics.lab import ArrayLab
from numerics.sampling import stream

EPSILON = 0.5
OURS = "robust-limits"
SIZES = [("L3", 300, 300, 150), ("L3", 1000, 1000, 500), ("L3", 1000, 2000, 500), ("L3", 2000, 1000, 500)]
SIZES += [("L1", 100, 100, 50), ("L1", 300, 300, 150), ("L1", 1000, 1000, 500), ("L1", 1000, 2000, 500)]
# Beyond this many entries the gradient maps of a cone program fill gigabytes.
LARGEST_PROGRAM = 3e6


@dataclass(frozen=True)
class Instance:
    """Shifted ReLU features of standard normal inputs (L1), or their Gaussian equivalent (L3); noise 1/2, signal 1."""

    rung: str
    features: Any
    labels: Any
    first_layer: Any
    slopes: Any

    @classmethod
    def draw(cls, rung: str, n: int, N: int, d: int) -> Instance:
        """One draw with N features, n samples and dimension d."""
        lab = ArrayLab(stream(0, "benchmark", 0))
        first_layer, inputs = lab.sphere(N, d), lab.normal(n, d)
        labels = inputs @ np.full(d, d**-0.5) + 0.5 * lab.normal(n)
        projections = inputs @ first_layer.T
        if rung == "L3":
            nonlinear = math.sqrt(1 / 4 - 1 / (2 * math.pi))
            return cls(rung, projections / 2 + nonlinear * lab.normal(n, N), labels, first_layer, None)
        features = np.maximum(projections, 0.0) - 1 / math.sqrt(2 * math.pi)
        return cls(rung, features, labels, first_layer, (projections > 0) * 1.0)

    @property
    def gram(self) -> Any:
        """The mean gradient Gram matrix J = mu1^2 W W' + nu^2 I."""
        return (self.first_layer @ self.first_layer.T + np.eye(len(self.first_layer))) / 4

    def maps(self) -> list[Any]:
        """The gradient maps: one square root of J, or J_i for each sample."""
        if self.rung == "L3":
            return [np.linalg.cholesky(self.gram).T]
        return [(self.first_layer * slope[:, None]).T for slope in self.slopes]

    def solve(self) -> RegressionResult:
        """By this project."""
        if self.rung == "L3":
            return solve_mean_gradient(self.features, self.labels, self.gram, EPSILON)
        return solve_per_sample(self.features, self.labels, self.first_layer, self.slopes, EPSILON)

    def objective(self, theta: Any) -> float:
        """The objective of any theta."""
        if self.rung == "L3":
            strengths = np.sqrt(theta @ self.gram @ theta)
        else:
            strengths = np.linalg.norm((self.slopes * theta) @ self.first_layer, axis=1)
        worst = np.abs(self.labels - self.features @ theta) + EPSILON * strengths
        return float(np.mean(worst**2)) / 2


def timed(solve: Callable[[], Any], repeats: int) -> tuple[Any, dict[str, float]]:
    """The last answer, and the medians of processor and wall seconds."""
    cpu, wall = [], []
    for _ in range(repeats):
        before = time.process_time(), time.perf_counter()
        answer = solve()
        cpu.append(time.process_time() - before[0])
        wall.append(time.perf_counter() - before[1])
    return answer, {"cpu_seconds": median(cpu), "wall_seconds": median(wall)}


def measure(size: tuple[str, int, int, int], repeats: int, conic: bool) -> list[dict[str, Any]]:
    """One row for this project and one for each conic solver; every gap is against our lower bound."""
    rung, n, N, d = size
    about = {"rung": rung, "n": n, "N": N, "d": d, "epsilon": EPSILON}
    instance = Instance.draw(rung, n, N, d)
    result, seconds = timed(instance.solve, repeats)
    rows = [about | {"solver": OURS, "gap": result.gap, "iterations": result.iterations, "note": result.status.name}]
    rows[0] |= seconds
    for name, solve in SOLVERS.items():
        row: dict[str, Any] = about | {"solver": name, "gap": None, "cpu_seconds": None, "wall_seconds": None}
        if not installed(name):
            rows.append(row | {"note": "not installed"})
        elif not conic:
            rows.append(row | {"note": "not asked for"})
        elif N * (N if rung == "L3" else n * d) > LARGEST_PROGRAM:
            rows.append(row | {"note": "not tried: the cone program has too many entries"})
        else:
            program = ConeProgram.of(instance.features, instance.labels, instance.maps(), EPSILON)
            theta, seconds = timed(partial(solve, program), 1)
            value = instance.objective(theta)
            gap = (value - result.dual_value) / value if math.isfinite(value) else None
            rows.append(row | seconds | {"gap": gap, "note": version(name)})
    return rows


def main() -> None:
    """Print a table and write results/robust_regression.json."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--conic", action="store_true", help="run the conic solvers too (minutes)")
    chosen = parser.parse_args()
    rows = []
    print(f"{'rung':<6}{'n':>6}{'N':>6}{'d':>6}  {'solver':<15}{'cpu s':>9}{'wall s':>9}{'gap':>10}  note")
    for size in SIZES:
        for row in measure(size, chosen.repeats, chosen.conic):
            rows.append(row)
            figures = "".join(
                f"{row[key]:>9.3f}" if row[key] else f"{'-':>9}" for key in ("cpu_seconds", "wall_seconds")
            )
            gap = f"{row['gap']:>10.1e}" if row["gap"] is not None else f"{'-':>10}"
            place = f"{row['rung']:<6}{row['n']:>6}{row['N']:>6}{row['d']:>6}"
            print(f"{place}  {row['solver']:<15}{figures}{gap}  {row['note']}", flush=True)
    print(write("robust_regression", {"repeats": chosen.repeats, "rows": rows}))


if __name__ == "__main__":
    main()
