"""`audit`: everything that a result takes for granted, and a check that it is no more than was allowed."""

from __future__ import annotations

import difflib
import shutil
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from verify.commands.identifiers import load_target, use_light_symbols
from verify.commands.values import WordsCommand

if TYPE_CHECKING:
    from derivations.core import Step


@click.command("audit", cls=WordsCommand, short_help="Everything granted in all ancestors.")
@click.argument("text", metavar="ID[:STEP]")
@click.option(
    "--allow",
    "allowed",
    metavar="NAME ...",
    multiple=True,
    help="Check: exit with 1 when something granted is not among these names (step names or ids).",
)
def command(text: str, allowed: tuple[str, ...]) -> int:
    """Everything granted (assumed or cited) in a derivation and in all its ancestors, with reason and source.

    With --allow it is a check: exit code 1, naming what is granted and not allowed.

    \b
    Example: audit random_features.robust_risk --allow gaussian_data proportional_limit
    """
    use_light_symbols()
    derivation, step = load_target(text)
    from verify.verdict import collect_steps

    steps = [*step.ancestors(), step] if step else collect_steps(derivation)
    granted = [item for item in steps if item.granted]
    _refuse_unknown(allowed, steps)
    width = shutil.get_terminal_size((100, 24)).columns
    click.echo(textwrap.fill(f"{text} rests on {len(granted)} granted of {len(steps)} steps", max(width, 40)))
    for item in granted:
        click.echo("\n" + "\n".join(_account(item, width)))
    return _check(granted, allowed) if allowed else 0


def _refuse_unknown(allowed: Iterable[str], steps: Iterable[Step]) -> None:
    """A name of no step at all is a slip; one of a checked step is only superfluous."""
    names = {name: step for step in steps for name in (step.name, step.id)}
    for name in allowed:
        if name not in names:
            granted = sorted(known for known, step in names.items() if step.granted and ":" not in known)
            near = difflib.get_close_matches(name, [*granted, *names], n=3, cutoff=0.7)
            hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else f"granted are {', '.join(granted)}"
            raise click.UsageError(f"--allow: {name!r} is no step here; {hint}")


def _account(step: Step, width: int) -> list[str]:
    """The step and what it grants, wrapped to `width` columns; the rest of a paragraph stands under its first word."""
    from derivations.relations import Statement
    from verify.report.wording import evidence_words

    claim = step.claim
    words = [claim.text] if isinstance(claim, Statement) else []
    source = [f"source: {step.source}"] if step.source else []
    start = f"{step.id}  {evidence_words(step.evidence[0])}"
    below = [" ".join(text.split()) for text in (*words, step.reason, *source)]
    room = max(width, 40)
    lines = textwrap.wrap(start, room, subsequent_indent="    ", break_long_words=False)
    for text in below:
        lines += textwrap.wrap(text, room, initial_indent="  ", subsequent_indent="  ", break_long_words=False)
    return lines


def _check(granted: Iterable[Step], allowed: tuple[str, ...]) -> int:
    left = [step for step in granted if step.name not in allowed and step.id not in allowed]
    known = {name for step in granted for name in (step.name, step.id)}
    for name in dict.fromkeys(allowed):
        if name not in known:
            click.echo(f"note: {name} is allowed but not granted here", err=True)
    for step in left:
        click.echo(f"not allowed: {step.id}", err=True)
    click.echo(f"\n{len(left)} granted and not allowed" if left else "\nnothing is granted beyond what is allowed")
    return 1 if left else 0
