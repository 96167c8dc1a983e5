"""`graph`: the steps and what each rests on, across files."""

from __future__ import annotations

import click

from verify.commands.identifiers import load_every, use_light_symbols


@click.command("graph", short_help="The steps and what each rests on, as a text tree.")
@click.argument("ids", metavar="[ID ...]", nargs=-1)
def command(ids: tuple[str, ...]) -> int:
    """The steps of the named derivations (of all, without ID) and what each rests on, as a text tree across files.

    \b
    Example: graph lemmas.marchenko_pastur
    """
    use_light_symbols()
    from verify.report.tree import tree_lines

    for place, derivation in enumerate(load_every(ids)):
        click.echo("\n" * bool(place) + "\n".join(tree_lines(derivation)))
    return 0
