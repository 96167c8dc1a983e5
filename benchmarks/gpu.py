"""The deep level on a GPU: device, sizes, seconds, and the share of the device's measured matrix rate.

    .venv/bin/python benchmarks/gpu.py [--part draws|kernels|level|all] [ID ...]

Without a GPU it says so in one line and exits with 2.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from record import write

from derivations.core import Level
from derivations.discover import load, load_all
from numerics import newton_systems
from numerics.experiments import resolve
from numerics.kernels import ntk
from numerics.lab import ArrayLab, Device, select_device
from numerics.parameters import namespace
from numerics.sampling import stream
from verify.runner import run

THEOREM = "random_features.robust_risk"
POINT = {"psi1": 3.83, "psi2": 5.06, "epsilon": 0.47, "noise": 0.42}
RUNGS = {"L3": "random_features:gaussian_features", "L1": "random_features:first_order"}
SIZES = (1024, 2048, 4096)
IMAGES, IMAGE = (2000, 12000), 3072
ARCHITECTURE: dict[str, Any] = {"depth": 2, "w_std": 1.76, "b_std": 0.18}


def newton_flops(system: str, samples: int, features: int, dimension: int) -> float:
    """Multiplications and additions of one Newton system, without what is of lower order.

    A symmetric product V'V counts n N^2, half of a general one; a Cholesky factorisation N^3/3. Per-sample gradients
    take two symmetric products, a general one, and a pull-back through the first layer.
    """
    factorisation = features**3 / 3
    if system == "MeanGradient":
        return samples * features**2 + factorisation
    return 4 * samples * features**2 + 2 * samples * features * dimension + factorisation


@contextmanager
def counted(dimension: int) -> Iterator[dict[str, float]]:
    """Counts the Newton systems that are factorised inside, and their flops."""
    found = {"newton_systems": 0.0, "flops": 0.0}
    kinds = (newton_systems.MeanGradient, newton_systems.PerSampleGradient)
    kept = [kind.factorise for kind in kinds]

    def counting(kind: type, factorise: Callable[..., Any]) -> Callable[..., Any]:
        def count(self: Any, coefficients: Any, /) -> Any:
            samples, features = self.features.shape
            found["newton_systems"] += 1
            found["flops"] += newton_flops(kind.__name__, samples, features, dimension)
            return factorise(self, coefficients)

        return count

    try:
        for kind, factorise in zip(kinds, kept, strict=True):
            kind.factorise = counting(kind, factorise)  # type: ignore[attr-defined]
        yield found
    finally:
        for kind, factorise in zip(kinds, kept, strict=True):
            kind.factorise = factorise  # type: ignore[attr-defined]


def finish(device: Device) -> None:
    """Wait until the device has done what it was asked for."""
    if device.name == "gpu":
        device.namespace.cuda.get_current_stream().synchronize()


def matrix_rate(device: Device, size: int = 8192, repeats: int = 5) -> float:
    """Flops per second of the best of several double-precision matrix products."""
    one = device.asarray(stream(0, "matrix rate", 0).standard_normal((size, size)))
    seconds = []
    for _ in range(repeats + 1):
        finish(device)
        begun = time.perf_counter()
        product = one @ one
        finish(device)
        seconds.append(time.perf_counter() - begun)
        del product
    return 2 * size**3 / min(seconds[1:])


def time_draw(device: Device, rung: str, size: int, peak: float) -> dict[str, Any]:
    """One draw of a rung at the deep level's point, after a small one that loads every kernel."""
    at = namespace(load(THEOREM).model, POINT)
    experiment = resolve(RUNGS[rung])
    experiment(ArrayLab(stream(0, "warm up", 0), device=device), at, 64)
    with counted(size) as count:
        finish(device)
        begun = time.perf_counter()
        found = experiment(ArrayLab(stream(0, "benchmark", size), device=device), at, size)
        finish(device)
        seconds = time.perf_counter() - begun
    shape = {"dimension": size, "features": round(at.psi1 * size), "samples": round(at.psi2 * size)}
    rate = count["flops"] / seconds
    row = {"rung": rung, **shape, "seconds": seconds, **count, "flops_per_second": rate, "share_of_peak": rate / peak}
    return {**row, "robust_risk": found["robust_risk"]}


def time_draws(device: Device, peak: float, sizes: list[int]) -> list[dict[str, Any]]:
    """A table, printed as it grows; a size that does not fit ends its rung, with the reason kept."""
    rows: list[dict[str, Any]] = []
    print(f"{'rung':<6}{'d':>6}{'N':>7}{'n':>7}{'seconds':>10}{'systems':>9}{'TFLOP/s':>9}{'share':>8}")
    for rung in RUNGS:
        for size in sizes:
            try:
                row = time_draw(device, rung, size, peak)
            except (MemoryError, RuntimeError) as error:
                rows.append({"rung": rung, "dimension": size, "failed": " ".join(str(error).split())[:200]})
                print(f"{rung:<6}{size:>6}  {rows[-1]['failed']}")
                break
            rows.append(row)
            print(
                f"{rung:<6}{size:>6}{row['features']:>7}{row['samples']:>7}{row['seconds']:>10.2f}"
                f"{row['newton_systems']:>9.0f}{row['flops_per_second'] / 1e12:>9.2f}{row['share_of_peak']:>8.1%}",
                flush=True,
            )
    return rows


def time_kernel(device: Device, images: int, peak: float) -> dict[str, Any]:
    """A tangent kernel on `images` inputs of 3072 numbers, two hidden layers; its flops are those of the product."""
    inputs = device.asarray(stream(0, "images", images).uniform(-0.5, 0.5, (images, IMAGE)))
    ntk(inputs[:64, :], **ARCHITECTURE)
    finish(device)
    begun = time.perf_counter()
    kernel = ntk(inputs, **ARCHITECTURE)
    finish(device)
    seconds = time.perf_counter() - begun
    rate = images**2 * IMAGE / seconds
    row = {"images": images, "seconds": seconds, "flops_per_second": rate, "share_of_peak": rate / peak}
    print(
        f"tangent kernel of {images} images: {seconds:.2f} s, {rate / 1e12:.2f} TFLOP/s, {rate / peak:.1%} of the peak"
    )
    return {**row, "mean": float(device.namespace.mean(kernel))}


def time_level(ids: list[str], seed: int) -> dict[str, Any]:
    """The deep level through the same runner as `./run run --level deep --device gpu`."""
    chosen = [derivation for derivation in load_all() if not ids or derivation.id in ids]
    steps: dict[str, dict[str, Any]] = {}

    def finished(step: str, outcome: str, seconds: float) -> None:
        steps[step] = {"seconds": round(seconds, 3), "verdict": outcome}
        if seconds > 5:
            print(f"{step:<60}{outcome:<14}{seconds:>9.1f} s", flush=True)

    report = run(chosen, level=Level.deep, seed=seed, device="gpu", workers=1, on_verdict=finished)
    counts = {str(key): value for key, value in report.to_json()["counts"].items()}
    print(f"deep level: {report.verdict.value}, {report.seconds:.0f} s")
    return {"verdict": report.verdict.value, "counts": counts, "seconds": round(report.seconds, 1), "steps": steps}


def main() -> int:
    """Print tables and write results/gpu.json; the exit code."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID", help="derivations of the level's part (default: all)")
    parser.add_argument("--part", choices=("draws", "kernels", "level", "all"), default="all")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="D")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    try:
        device = select_device("gpu")
    except ValueError as error:
        print(f"gpu.py: {error}", file=sys.stderr)
        return 2
    peak = matrix_rate(device)
    print(f"{device.description}: {peak / 1e12:.1f} TFLOP/s in double-precision matrix products")
    figures: dict[str, Any] = {"matrix_flops_per_second": peak, "point": POINT, "seed": chosen.seed}
    if chosen.part in ("draws", "all"):
        figures["draws"] = time_draws(device, peak, chosen.sizes)
    if chosen.part in ("kernels", "all"):
        figures["kernels"] = [time_kernel(device, images, peak) for images in IMAGES]
    if chosen.part in ("level", "all"):
        figures["deep_level"] = time_level(chosen.ids, chosen.seed)
    print(write("gpu", figures, device=device))
    return 0


if __name__ == "__main__":
    sys.exit(main())
