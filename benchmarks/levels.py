"""CPU seconds of every derivation at a level, steps counted once, in this process and on one core.

.venv/bin/python benchmarks/levels.py [--level quick] [ID ...]
"""

from __future__ import annotations

import argparse
import resource
from typing import Any

from derivations.core import Level
from derivations.discover import load_all
from verify.runner import run


def cpu_seconds() -> float:
    """Processor time of this process and of those it has started and waited for."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def measure(level: Level, ids: list[str], seed: int) -> dict[str, Any]:
    """CPU seconds and verdict of every step; each is charged with what passed since the step before it."""
    steps: dict[str, dict[str, Any]] = {}
    last = cpu_seconds()

    def finished(step: str, outcome: str, _seconds: float) -> None:
        nonlocal last
        now = cpu_seconds()
        steps[step] = {"cpu_seconds": round(now - last, 4), "verdict": outcome}
        last = now

    chosen = [derivation for derivation in load_all() if not ids or derivation.id in ids]
    last = cpu_seconds()
    report = run(chosen, level=level, seed=seed, device="cpu", workers=1, on_verdict=finished)
    return {"steps": steps, "verdict": report.verdict.value, "wall_seconds": round(report.seconds, 3)}


def by_derivation(steps: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Steps and CPU seconds of each derivation, dearest first."""
    found: dict[str, dict[str, float]] = {}
    for step, row in steps.items():
        entry = found.setdefault(step.partition(":")[0], {"steps": 0, "cpu_seconds": 0.0})
        entry["steps"] += 1
        entry["cpu_seconds"] = round(entry["cpu_seconds"] + row["cpu_seconds"], 4)
    return dict(sorted(found.items(), key=lambda item: -item[1]["cpu_seconds"]))


def main() -> None:
    """Print a table and write results/levels_LEVEL.json."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--level", choices=[level.name for level in Level], default=Level.quick.name)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    found = measure(Level[chosen.level], chosen.ids, chosen.seed)
    table = by_derivation(found["steps"])
    print(f"{'derivation':<44}{'steps':>7}{'cpu s':>10}")
    for name, row in table.items():
        print(f"{name:<44}{row['steps']:>7}{row['cpu_seconds']:>10.2f}")
    total = sum(row["cpu_seconds"] for row in table.values())
    print(f"{'all':<44}{len(found['steps']):>7}{total:>10.2f}   {found['verdict']} at {chosen.level}")
    # only now: it loads NumPy, and the run asks for one BLAS thread before that
    from record import write

    figures = {"level": chosen.level, "seed": chosen.seed, "cpu_seconds": round(total, 3), "derivations": table}
    print(write(f"levels_{chosen.level}", {**figures, **found}))


if __name__ == "__main__":
    main()
