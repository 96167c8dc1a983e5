"""`mutants`: plant mistakes in claims, equations and theories, and see whether the checks find them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from verify.commands.identifiers import load_every

if TYPE_CHECKING:
    from derivations.core import Derivation
    from verify.mutation_draws import KeptRun


@click.command("mutants", short_help="Plant mistakes and score the checks that should find them.")
@click.argument("ids", metavar="[ID ...]", nargs=-1)
@click.option(
    "--per-step", type=click.IntRange(1, 1000), default=6, show_default=True, help="Mutants that count, for each step."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of every random choice.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes; default: one for each core.")
@click.option("--draws", metavar="DIR", help="Judge theories against the draws that `run --out DIR` kept there.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
def command(
    *, ids: tuple[str, ...], per_step: int, seed: int, workers: int | None, draws: str | None, as_json: bool
) -> int:
    """Change claims, exact instances, equations and theories a little, and count how many changes the checks notice.

    Changes: sign, factor 2, exponent, swapped symbols, dropped term, 1%. A changed claim goes through the checks of its
    step at the quick level; a changed theory is tested against the draws of one simulation (with --draws of a run that
    kept them), a changed equation by its residual at the certified root. Changes that change nothing, or less than
    twice the tolerance, do not count; observables that nothing at this level looks at are listed apart.

    The exit code is 0 when at least 99% of those that count are found, 1 otherwise, 2 for wrong use.

    \b
    Example: mutants lemmas.marchenko_pastur --per-step 12 --seed 1
    """
    derivations = load_every(ids)
    data = _report(derivations, per_step=per_step, seed=seed, workers=workers, draws=draws, quiet=as_json)
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        from verify.report.mutants import draw_score
        from verify.report.trimmed import trimmed_console

        with trimmed_console() as console:
            draw_score(console, data)
    return 0 if data["verdict"] == "passes" else 1


def _report(
    derivations: list[Derivation],
    /,
    *,
    per_step: int,
    seed: int,
    workers: int | None,
    draws: str | None,
    quiet: bool,
) -> dict[str, Any]:
    """The report as JSON data, a line for each attacked step on standard error meanwhile."""
    from verify.mutation_draws import DrawsError
    from verify.mutation_run import run_mutants

    def tell(step: str, killed: int, counted: int, seconds: float) -> None:
        if not quiet:
            click.echo(f"{step}  {killed}/{counted} found  {seconds:.1f} s", err=True)

    try:
        report = run_mutants(derivations, per_step=per_step, seed=seed, workers=workers, draws=draws, on_attacked=tell)
    except DrawsError as error:
        raise click.UsageError(f"--draws: {error}") from error
    if report.draws is not None:
        click.echo(_describe_draws(report.draws, seed), err=True)
    return report.to_json()


def _describe_draws(run: KeptRun, seed: int) -> str:
    """Whose draws were used, and where they are not those that this call would make."""
    from numerics.lab import CPU
    from numerics.provenance import provenance

    made = provenance(CPU)
    here = f"{str(made['commit'] or 'unknown')[:12]}{'+' if made['dirty'] else ''}"
    told = [f"draws of seed {run.seed}, made by commit {', '.join(run.commits) or 'unknown'}"]
    told += [f"the mutants are chosen with seed {seed}"] if run.seed != seed else []
    if run.commits != (here,):
        told.append(f"this is commit {here}: a changed experiment or setting would not be noticed")
    return "; ".join(told)
