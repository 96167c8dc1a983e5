"""`simulate`: finite-size draws of an experiment next to the limit."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import click

from verify.commands.identifiers import load_one
from verify.commands.solve import admissible_settings, solved_points
from verify.commands.values import WordsCommand

if TYPE_CHECKING:
    from types import SimpleNamespace

    from derivations.core import Derivation
    from derivations.lab import Experiment
    from numerics.lab import Device

LARGEST = 10**7


@click.command("simulate", cls=WordsCommand, short_help="Finite-size draws next to the limit.")
@click.argument("text", metavar="ID")
@click.option(
    "--set", "pairs", metavar="NAME=VALUE ...", multiple=True, help="The parameters of one point, as in solve."
)
@click.option("--dimension", type=click.IntRange(1, LARGEST), required=True, help="The size d of every draw.")
@click.option("--trials", type=click.IntRange(1, LARGEST), required=True, help="The number of independent draws.")
@click.option("--rung", help="Which experiment of the ladder (L0 the true model ... L3); default: the first declared.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Equal seeds give equal draws on every rung."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every trial's values.")
def command(
    *,
    text: str,
    pairs: tuple[str, ...],
    dimension: int,
    trials: int,
    rung: str | None,
    seed: int,
    device: str,
    as_json: bool,
) -> int:
    """Draw finite-size experiments and print mean and standard error next to the theory.

    \b
    Example: simulate random_features.robust_risk --set psi1=2 psi2=2 epsilon=0.5 --dimension 200 --trials 8
    """
    derivation = load_one(text)
    fixed, ranges = admissible_settings(derivation, pairs)
    for name in ranges:
        raise click.UsageError(f"--set: {name} is a range; simulate takes one point, so a number is allowed")
    chosen, experiment = chosen_rung(derivation, rung)
    where = chosen_device(device)
    theory = next(solved_points(derivation, fixed, {}))
    begun = time.perf_counter()
    draws = drawn(derivation, experiment, fixed, dimension=dimension, trials=trials, seed=seed, device=where)
    report = {
        "id": derivation.id,
        "rung": chosen,
        "parameters": theory["parameters"],
        "dimension": dimension,
        "trials": trials,
        "seed": seed,
        "device": f"{where.name}: {where.description}",
        "status": theory["status"],
        "observables": {n: summary([draw[n] for draw in draws], theory["observables"].get(n)) for n in draws[0]},
        "notes": [*theory["notes"], *_notes(draws, trials), *_control_notes(derivation, draws[0])],
        "seconds": time.perf_counter() - begun,
    }
    _print(report, as_json)
    return 0


def chosen_rung(derivation: Derivation, rung: str | None, /) -> tuple[str, Experiment]:
    """The rung's name and its experiment; the first when `rung` is None. Raises click.UsageError for another name."""
    from numerics.experiments import resolve

    rungs = derivation.simulations
    if not rungs:
        raise click.UsageError(f"ID: {derivation.id} declares no experiment to simulate")
    if rung is not None and rung not in rungs:
        raise click.UsageError(
            f"--rung: {rung!r} is unknown for {derivation.id}; allowed are {', '.join(sorted(rungs))}"
        )
    name = rung or next(iter(rungs))
    try:
        return name, resolve(rungs[name])
    except ValueError as error:
        raise click.UsageError(f"--rung: {name} of {derivation.id} does not resolve: {error}") from error


def drawn(
    derivation: Derivation,
    experiment: Experiment,
    given: Mapping[str, float | str],
    /,
    *,
    dimension: int,
    trials: int,
    seed: int,
    device: Device,
    progress: str = "",
) -> list[dict[str, float]]:
    """The observables of every trial; the streams do not depend on the rung, so rungs can be compared in pairs.

    `progress` stands before the number of the trial on a terminal.
    """
    from numerics.lab import ArrayLab
    from numerics.parameters import ParameterError, namespace
    from numerics.sampling import stream

    at: SimpleNamespace = namespace(derivation.model, given)
    key = f"simulate {derivation.id} {dimension}"
    found = []
    for trial in range(trials):
        _say(f"{progress}trial {trial + 1} of {trials}")
        lab = ArrayLab(stream(seed, key, trial), device=device)
        try:
            with redirect_stdout(sys.stderr):
                values = experiment(lab, at, dimension)
        except ParameterError as error:
            raise click.UsageError(f"--set: {error}") from error
        except (ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
            raise click.UsageError(f"--dimension: {dimension} does not work here: {error}") from error
        found.append({name: float(value) for name, value in values.items()})
    _say("")
    return found


def summary(values: list[float], theory: float | None, /) -> dict[str, Any]:
    """Mean, standard error (None for one trial), every value, and the theory; what is not finite is None."""
    from verify.report.points import finite_or_none

    finite = [value for value in values if math.isfinite(value)]
    whole = len(finite) == len(values)
    return {
        "mean": fmean(finite) if whole else None,
        "standard_error": stdev(finite) / math.sqrt(len(finite)) if whole and len(finite) > 1 else None,
        "theory": theory,
        "values": [finite_or_none(value) for value in values],
    }


def chosen_device(name: str, /) -> Device:
    from numerics.lab import select_device

    try:
        return select_device(name)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error


def _notes(draws: list[dict[str, float]], trials: int) -> list[str]:
    notes = ["one trial has no standard error"] if trials == 1 else []
    bad = sorted({name for draw in draws for name, value in draw.items() if not math.isfinite(value)})
    return notes + ([f"not finite in some trial, so without a mean: {', '.join(bad)}"] if bad else [])


def _control_notes(derivation: Derivation, names: Iterable[str]) -> list[str]:
    from derivations.evidence import Simulation

    found = [item for step in derivation.steps.values() for item in step.evidence if isinstance(item, Simulation)]
    controls = sorted({name for item in found for name in item.controls}.intersection(names))
    meaning = (
        "control variates: energies of the draw with a mean known exactly, which `run` uses to narrow its error bars"
    )
    return [f"{', '.join(controls)}: {meaning}"] if controls else []


def _bias_notes(observables: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader has to know where the mean is farther from the theory than its error explains."""
    known = [row for row in observables.values() if row["standard_error"] and row["theory"] is not None]
    if all(abs(row["mean"] - row["theory"]) <= 3 * row["standard_error"] for row in known):
        return []
    return ["the theory is a limit: at a finite dimension the mean differs from it, which `run` extrapolates away"]


def _say(text: str) -> None:
    """Progress on a terminal's standard error, overwritten in place."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text:<40}" if text else f"\r{'':<40}\r")
        sys.stderr.flush()


def _print(report: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
        return
    from verify.report.points import read_notes
    from verify.report.simulated import simulation_table
    from verify.report.trimmed import trimmed_console

    with trimmed_console() as console:
        console.print(simulation_table(report))
        for note in [*read_notes(report["notes"]), *_bias_notes(report["observables"])]:
            console.print(f"  {note}", markup=False)
