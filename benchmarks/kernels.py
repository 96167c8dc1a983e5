"""How long the Gram matrix of a tangent kernel takes beyond its matrix product, on one core, and how exact it is.

.venv/bin/python benchmarks/kernels.py [--repeats 3] [--points 2000] [--dimension 3072] [--depth 5]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from statistics import median
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402  # the threads are chosen before NumPy loads its BLAS
from record import write  # noqa: E402

from numerics.kernels import mean_ark, ntk, ntk_with_partials  # noqa: E402

OPTIONS = {"w_std": 1.76, "b_std": 0.18}


def cpu_seconds(call: Callable[[], Any], repeats: int) -> float:
    """Median CPU time of a call."""
    seconds = []
    for _ in range(repeats):
        begun = time.process_time()
        call()
        seconds.append(time.process_time() - begun)
    return median(seconds)


def measure(
    x: np.ndarray[Any, Any], other: np.ndarray[Any, Any], depth: int, activation: str, repeats: int
) -> dict[str, Any]:
    """CPU seconds of each array beyond its matrix product, and the relative error of the ReLU diagonal."""
    options = {"depth": depth, "activation": activation, **OPTIONS}
    one, two = cpu_seconds(lambda: x @ x.T, repeats), cpu_seconds(lambda: x @ other.T, repeats)
    calls: dict[str, tuple[float, Callable[[], Any]]] = {
        "one_set": (one, lambda: ntk(x, **options)),
        "two_sets": (two, lambda: ntk(x, other, **options)),
        "with_partials": (two, lambda: ntk_with_partials(x, other, **options)),
        "mean_ark": (one, lambda: mean_ark(x, **options)),
    }
    row = {"dtype": x.dtype.name, "activation": activation, "product_one_set": one, "product_two_sets": two}
    row |= {name: cpu_seconds(call, repeats) - product for name, (product, call) in calls.items()}
    return row | ({"diagonal_error": diagonal_error(x, depth)} if activation == "relu" else {})


def diagonal_error(x: np.ndarray[Any, Any], depth: int) -> float:
    """Largest relative error of the diagonal, against a' = b2 + w2 a/2, Theta' = a' + w2 Theta/2."""
    w2, b2 = OPTIONS["w_std"] ** 2, OPTIONS["b_std"] ** 2
    variance = b2 + w2 * np.sum(x.astype(np.longdouble) ** 2, axis=1) / x.shape[1]
    theta = variance
    for _ in range(depth):
        variance = b2 + w2 * variance / 2
        theta = variance + w2 * theta / 2
    found = np.diagonal(ntk(x, depth=depth, **OPTIONS))
    return float(np.max(np.abs(found / theta - 1)))


def main() -> None:
    """Print a table and write results/kernels.json."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    for name, value in (("repeats", 3), ("points", 2000), ("dimension", 3072), ("depth", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    chosen = parser.parse_args()
    rows = []
    columns = ("product_one_set", "one_set", "product_two_sets", "two_sets", "with_partials", "mean_ark")
    print(
        f"{chosen.points} points, dimension {chosen.dimension}, {chosen.depth} hidden layers; CPU s beyond the product"
    )
    print(f"{'':<14}" + "".join(f"{name:>18}" for name in columns) + f"{'diagonal error':>18}")
    for dtype in ("float64", "float32"):
        draws = np.random.default_rng(0)
        x = draws.uniform(-0.5, 0.5, (chosen.points, chosen.dimension)).astype(dtype)
        for activation in ("relu", "erf"):
            row = measure(x, x.copy(), chosen.depth, activation, chosen.repeats)
            rows.append(row)
            error = f"{row['diagonal_error']:>18.1e}" if "diagonal_error" in row else ""
            print(f"{activation} {dtype:<8}" + "".join(f"{row[name]:>18.3f}" for name in columns) + error)
    print(write("kernels", {**vars(chosen), "options": OPTIONS, "rows": rows}))


if __name__ == "__main__":
    main()
