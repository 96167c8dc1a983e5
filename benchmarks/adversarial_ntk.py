"""Adv-NTK on CIFAR-10 or the like, over several seeds: clean and robust accuracy of the three models, and their cost.

.venv/bin/python benchmarks/adversarial_ntk.py DATA [--seeds 5] [--classes 0 1] [--train 2000] [--validation 400]

DATA is an .npz file (benchmarks/cifar10.py makes one) or the folder of the CIFAR-10 python batches. The images are
taken in the order of the file, so that the seeds differ in the random starts of the attacks and in the minibatches
only.
"""

from __future__ import annotations

import argparse
import math
import os
import resource
import time
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402  # the threads are chosen before NumPy loads its BLAS
from record import write  # noqa: E402

from numerics.adversarial_ntk import Problem, Schedule, Training, best_stopping, degeneration_curve  # noqa: E402
from numerics.image_tasks import Task, make_task  # noqa: E402
from numerics.images import read_images  # noqa: E402
from numerics.kernel_predictor import Accuracy, Attack  # noqa: E402
from numerics.kernels import Architecture  # noqa: E402
from numerics.lab import select_device  # noqa: E402


def run_seed(task: Task, seed: int, chosen: argparse.Namespace) -> dict[str, Any]:
    """The accuracies of every model with one seed, and the CPU seconds of each part."""
    clock = [time.process_time()]
    network, attack = Architecture(chosen.depth, "relu", 1.76, 0.18), Attack(chosen.radius / 255, chosen.attack)
    problem = Problem(
        task.training, task.validation, len(task.classes), network, attack, seed, select_device(chosen.device)
    )
    clock.append(time.process_time())
    training = Training(problem, Schedule(chosen.steps, chosen.rate))
    for _ in range(chosen.steps):
        training.step()
    clock.append(time.process_time())
    row: dict[str, Any] = {"Adv-NTK": pair(*problem.accuracies(training.predictor(), task.test, "test"))}
    times = problem.stopping_times() if seed < chosen.curves else []
    curve = list(degeneration_curve(problem, task.test, times)) if times else []
    for one in curve:
        row[f"time {one.time:g}"] = pair(*one.test)
    if (best := best_stopping(curve)) is not None:
        row |= {"best time": pair(*best.test), "chosen_time": best.time}
    clock.append(time.process_time())
    parts = ("kernel_cpu_seconds", "training_cpu_seconds", "evaluation_cpu_seconds")
    return row | {name: after - before for name, before, after in zip(parts, clock, clock[1:], strict=False)}


def pair(clean: Accuracy, robust: Accuracy) -> list[float]:
    """Clean and robust accuracy in percent."""
    return [100 * clean.value, 100 * robust.value]


def summarise(rows: list[dict[str, Any]], count: int) -> dict[str, Any]:
    """Model -> mean and combined standard error (of the test images, and over seeds) of clean and robust accuracy."""
    found = {}
    for name in dict.fromkeys(key for row in rows for key, value in row.items() if isinstance(value, list)):
        entry = {}
        for place, kind in enumerate(("clean", "robust")):
            values = [row[name][place] for row in rows if name in row]
            mean = fmean(values)
            images = mean * (100 - mean) / count
            seeds = stdev(values) ** 2 / len(values) if len(values) > 1 else 0.0
            entry[kind] = {"mean": mean, "standard_error": math.sqrt(images + seeds), "values": values}
        found[name] = entry
    return found


def read_task(chosen: argparse.Namespace) -> Task:
    """The images of the file in its order; the validation images come before or after the training ones."""
    images, apart = read_images(chosen.data)
    if chosen.validation_first:
        both = chosen.train + chosen.validation
        order = np.flatnonzero(np.isin(images.labels, chosen.classes or images.labels))
        order[:both] = np.roll(order[:both], -chosen.validation)
        images = images.chosen(order)
    counts = (chosen.train, chosen.validation, chosen.test)
    return make_task(images, apart, classes=chosen.classes, counts=counts, seed=None)


def read_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("data", type=Path)
    counts = {"seeds": 5, "curves": 1, "train": 2000, "validation": 400, "test": 1000, "steps": 50, "depth": 2}
    for name, value in counts.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--radius", type=float, default=8.0, help="of 255 levels")
    parser.add_argument("--rate", type=float, default=0.1)
    parser.add_argument("--classes", type=int, nargs="*", default=[])
    parser.add_argument("--attack", default="pgd", choices=["pgd", "one-gradient"])
    parser.add_argument("--device", default="cpu", choices=["cpu", "gpu", "auto"])
    parser.add_argument("--validation-first", action="store_true", help="training images follow the validation images")
    parser.add_argument("--name", default="adversarial_ntk", help="of the file under results/")
    return parser.parse_args()


def main() -> None:
    """Print a line a model and write results/NAME.json."""
    chosen = read_arguments()
    task, rows = read_task(chosen), []
    for seed in range(chosen.seeds):
        rows.append(run_seed(task, seed, chosen))
        print(f"seed {seed}: {rows[-1]}", flush=True)
    summary = summarise(rows, len(task.test.labels))
    for name, entry in summary.items():
        clean, robust = (f"{one['mean']:5.1f} +- {one['standard_error']:.1f}" for one in entry.values())
        print(f"{name:<12}  clean {clean}  robust {robust}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    settings = {name: value for name, value in vars(chosen).items() if name not in ("data", "name")}
    figures = {"settings": settings, "models": summary, "seeds": rows, "peak_memory_bytes": peak}
    print(write(chosen.name, figures, device=select_device(chosen.device)))


if __name__ == "__main__":
    main()
