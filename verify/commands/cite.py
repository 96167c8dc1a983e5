"""`cite`: BibTeX of what a derivation builds on, and of this project."""

from __future__ import annotations

import click

from verify.commands.identifiers import load_one, use_light_symbols
from verify.commands.program import project_version


@click.command("cite", short_help="BibTeX of the source and of this project.")
@click.argument("text", metavar="ID")
def command(text: str) -> int:
    """BibTeX of a derivation's source, of the sources of the files it uses, and of this project.

    \b
    Example: cite random_features.robust_risk
    """
    use_light_symbols()
    derivation = load_one(text)
    from verify.report.bibtex import entries

    click.echo("\n\n".join(entries(derivation, project_version())))
    return 0
