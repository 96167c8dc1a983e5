"""`list`: every derivation in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from verify.commands.identifiers import load_every, use_light_symbols

if TYPE_CHECKING:
    from derivations.core import Derivation

READABLE = 50
"""Characters of a title that are enough to tell it."""


@click.command("list", short_help="Every derivation in one line.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> int:
    """Every derivation: id, number of steps, whether it can be solved, title, ERRATUM marks and, where it fits, source.

    \b
    Example: list --json
    """
    entries = read_entries()
    if as_json:
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return 0
    width = shutil.get_terminal_size((120, 24)).columns
    for line in lines(entries, width, may_fold=sys.stdout.isatty()):
        click.echo(line)
    return 0


def read_entries() -> list[dict[str, object]]:
    """What `list` says of every derivation of the repository, remembered until one of their files changes."""
    from numerics.cache import cache_folder, read_text, write_text

    key, path = _content_key(), cache_folder() / "list.json"
    known = read_text(path, key)
    if known is not None:
        return list(json.loads(known))
    use_light_symbols()
    entries = [entry(derivation) for derivation in load_every(())]
    write_text(path, key, json.dumps(entries) + "\n")
    return entries


def _content_key() -> str:
    """A hash of all that the listing depends on: every file of the derivations, and this one."""
    import derivations

    folder = Path(derivations.__file__).parent
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)} ".encode() + path.read_bytes())
    return digest.hexdigest()


def entry(derivation: Derivation, /) -> dict[str, object]:
    """What `list` says of one derivation, as JSON data."""
    from verify.report.wording import errata_of

    return {
        "id": derivation.id,
        "title": derivation.title,
        "source": str(derivation.source),
        "steps": len(derivation.steps),
        "solvable": derivation.has_model,
        "errata": errata_of(derivation),
    }


def lines(entries: list[dict[str, object]], width: int, /, *, may_fold: bool = False) -> list[str]:
    """The listing, at most `width` columns wide as long as the ids allow it; a legend closes it.

    Where it is too narrow the source is left out first; then, with `may_fold` (for eyes, not for a search through the
    output), each folder stands on a line of its own.
    """
    longest, titles, sources = (_longest(entries, key) for key in ("id", "title", "source"))
    folded = may_fold and longest + 13 + min(titles, READABLE) > width
    with_source = longest + 15 + titles + sources <= width
    rest = (lambda item: f"{item['source']:<{sources}}  {item['title']}") if with_source else itemgetter("title")
    first = max((len(_name(item, folded=folded)) for item in entries), default=2)
    heads = {"id": "id", "steps": "steps", "source": "source", "title": "title"}
    found = [click.style(f"{'id':<{first}}  steps      {rest(heads)}", bold=True)]
    folder = ""
    for item in entries:
        before, folder = folder, str(item["id"]).rpartition(".")[0]
        found += [f"{folder}."] * (folded and folder != before)
        marks = ("S" if item["solvable"] else " ") + ("E" if item["errata"] else " ")
        text, room = rest(item), max(width - first - 13, 16)
        shown = text if len(text) <= room else text[: room - 1] + "…"
        found.append(f"{_name(item, folded=folded):<{first}}  {item['steps']:>5}  {marks}  {shown}".rstrip())
    errata = [f"ERRATUM  {item['id']}:{name}" for item in entries for name in _names(item["errata"])]
    found += [click.style(line, fg="yellow") for line in errata]
    solvable = sum(bool(item["solvable"]) for item in entries)
    found.append(f"{len(entries)} derivations, S = solvable ({solvable}), E = has an erratum ({len(errata)} in all)")
    return found


def _longest(entries: list[dict[str, object]], key: str) -> int:
    return max((len(str(item[key])) for item in entries), default=2)


def _name(item: dict[str, object], *, folded: bool) -> str:
    folder, dot, name = str(item["id"]).rpartition(".")
    return f"  {name}" if folded and dot else f"{folder}{dot}{name}"


def _names(errata: object) -> list[str]:
    return [str(name) for name in errata] if isinstance(errata, list) else []
