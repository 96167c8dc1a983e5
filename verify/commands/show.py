"""`show`: one derivation or one step, to read or to process."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import click

from verify.commands.identifiers import load_target

if TYPE_CHECKING:
    from derivations.core import Derivation, Step

WIDEST = 120


@click.command("show", short_help="One derivation or one step, in full.")
@click.argument("text", metavar="ID[:STEP]")
@click.option(
    "--format",
    "form",
    type=click.Choice(["pretty", "latex", "python", "json"]),
    default="pretty",
    show_default=True,
    help="python: the generated solver; latex: a fragment that needs amsmath.",
)
def command(text: str, form: str) -> int:
    """Statement, source, parameters, observables; for each step before and after, reason, parents, evidence, source.

    \b
    Example: show random_features.robust_risk:fixed_point --format latex
    """
    derivation, step = load_target(text)
    try:
        click.echo(rendered(derivation, step, form))
    except TypeError as error:
        raise click.UsageError(f"ID: {text} cannot be shown: {error}") from error
    return 0


def rendered(derivation: Derivation, step: Step | None, form: str, /) -> str:
    """The text of a derivation, or of one step, in the format `form`."""
    if form == "python":
        return _solver_source(derivation, step)
    if form == "json":
        from verify.report.data import derivation_data, step_data

        data = step_data(step) if step else derivation_data(derivation)
        return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    if form == "latex":
        from verify.report.latex import derivation_fragment, step_fragment

        return step_fragment(step) if step else derivation_fragment(derivation)
    from verify.report.pretty import derivation_lines, step_lines

    width = min(shutil.get_terminal_size((100, 24)).columns, WIDEST)
    return "\n".join(step_lines(step, width) if step else derivation_lines(derivation, width))


def _solver_source(derivation: Derivation, step: Step | None) -> str:
    if step is not None:
        raise click.UsageError(
            f"--format: python prints the solver of a derivation, and {step.id} is a step; "
            f"use show {derivation.id} --format python"
        )
    if not derivation.has_model:
        raise click.UsageError(f"--format: python prints a generated solver, and {derivation.id} has no model to solve")
    from numerics.generated import load_source

    return load_source(derivation.model, derivation.id).text.rstrip("\n")
