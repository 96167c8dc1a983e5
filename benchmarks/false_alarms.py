"""How often each simulation and rate refutes a true theory, over resamples of the draws that a run kept.

./run run --out DIR, then .venv/bin/python benchmarks/false_alarms.py DIR [--seeds 1000] [ID ...]
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from derivations.core import Level
from derivations.discover import load_all
from verify.false_alarms import survey


def main() -> None:
    """Print a table and write results/false_alarms.json."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("folder", metavar="DIR")
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--seeds", type=int, default=1000)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    started = time.process_time()
    print(f"{'step':<72}{'seeds':>7}{'fails':>7}{'open':>7}{'allowed':>9}")
    for derivation in load_all():
        if chosen.ids and derivation.id not in chosen.ids:
            continue
        for alarms in survey(chosen.folder, derivation.steps.values(), Level.quick, seeds=chosen.seeds):
            allowed = alarms.bound * alarms.seeds
            print(f"{alarms.step:<72}{alarms.seeds:>7}{alarms.fails:>7}{alarms.opens:>7}{allowed:>9.2f}", flush=True)
            rows.append({"step": alarms.step, "fails": alarms.fails, "open": alarms.opens, "allowed": allowed})
    fails, allowed = sum(row["fails"] for row in rows), sum(row["allowed"] for row in rows)
    print(f"{'all':<72}{chosen.seeds * len(rows):>7}{fails:>7}{sum(row['open'] for row in rows):>7}{allowed:>9.2f}")
    from record import write

    seconds = round(time.process_time() - started, 1)
    figures = {"seeds": chosen.seeds, "cpu_seconds": seconds, "fails": fails, "allowed": allowed, "steps": rows}
    print(write("false_alarms", figures))


if __name__ == "__main__":
    main()
