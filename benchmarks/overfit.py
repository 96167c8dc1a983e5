"""Overfitting with a certificate: seconds to build, certify and evaluate at n points, and the size against n.

.venv/bin/python benchmarks/overfit.py [--samples 100000] [--dimension 3] [--evaluations 1000000]

One BLAS thread. Each size is built from scratch on iid uniform points with labels of a smooth function plus noise
(regression) and two classes of it (classification), at 0.7 of the largest radius; evaluation is by locality.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402  # the threads are chosen before NumPy loads its BLAS
from record import write  # noqa: E402

from numerics.overfit import overfit  # noqa: E402
from numerics.sampling import stream  # noqa: E402
from numerics.separation import Neighbours  # noqa: E402


def measure(samples: int, dimension: int, evaluations: int, task: str) -> dict[str, Any]:
    """One row: seconds, sizes and what the certificate tested."""
    source = stream(0, "benchmark of overfit", samples)
    points = source.random((samples, dimension))
    labels = np.sin(4 * points[:, 0]) + 0.5 * source.standard_normal(samples)
    labels = np.where(labels > 0.5, 1.0, -1.0) if task == "classification" else labels
    least = Neighbours(points, labels if task == "classification" else None).least_distance
    radius = 0.35 * float(least or 1)
    begun = time.process_time()
    found = overfit(points, labels, radius)
    built = time.process_time()
    if found.function is None or not found.certified:
        raise RuntimeError(f"{samples} points were not certified: {found.status.value}")
    uniform = source.random((evaluations, dimension))
    begun_evaluation = time.process_time()
    found.function(uniform)
    evaluated = time.process_time()
    edges = points + radius * source.uniform(-1, 1, points.shape)
    network = found.function.network
    return {
        "task": task,
        "samples": samples,
        "dimension": dimension,
        "build_and_certify_seconds": built - begun,
        "evaluations": evaluations,
        "evaluation_seconds": evaluated - begun_evaluation,
        "largest_error_on_the_balls": float(np.abs(found.function(edges) - labels).max()),
        "size": network.size,
        "budget": found.function.budget,
        "size_per_sample": network.size / samples,
        "depth": network.depth,
        "teacher": found.function.teacher.description,
    }


def main() -> None:
    """Print a line a size and write results/overfit.json."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=3)
    parser.add_argument("--evaluations", type=int, default=1_000_000)
    chosen = parser.parse_args()
    rows = []
    for samples in (chosen.samples // 100, chosen.samples // 10, chosen.samples):
        for task in ("regression", "classification"):
            row = measure(samples, chosen.dimension, chosen.evaluations, task)
            rows.append(row)
            print(
                f"{task:<15} n = {samples:>7}  build and certify {row['build_and_certify_seconds']:6.2f} s  "
                f"evaluate {chosen.evaluations} points {row['evaluation_seconds']:6.2f} s  "
                f"{row['size_per_sample']:.2f} nonzeros a sample",
                flush=True,
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"peak memory {peak / 1e9:.2f} GB")
    print(write("overfit", {"rows": rows, "peak_memory_bytes": peak}))


if __name__ == "__main__":
    main()
