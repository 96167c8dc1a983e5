"""BibTeX entries of the sources and of this project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from derivations.evidence import Cited
from verify.verdict import collect_steps

if TYPE_CHECKING:
    from derivations.core import Derivation, Source

PROJECT = {"title": "{Robust limits}", "author": "{The Robust limits authors}", "note": "MIT licence"}
VENUE = re.compile(r"(?P<journal>.*\D),? (?P<volume>\d+)(?:\((?P<number>\d+)\))?(?:, (?P<pages>\d+-\d+))?")
SPECIAL = re.compile(r"([&%#_$])")


def entries(derivation: Derivation, version: str, /) -> Iterator[str]:
    """The derivation's source, the sources of the files it uses, this project, then what is cited as comments."""
    steps = collect_steps(derivation)
    sources = {derivation.source.key: derivation.source}
    for step in steps:
        sources.setdefault(step.derivation.source.key, step.derivation.source)
    yield from (source_entry(source) for source in sources.values())
    yield _entry("software", "robust_limits", {**PROJECT, "version": version})
    cited = dict.fromkeys(item.source for step in steps for item in step.evidence if isinstance(item, Cited))
    if cited:
        yield "\n".join(["% results cited on the way, in words:", *(f"%   {text}" for text in cited)])


def source_entry(source: Source, /) -> str:
    """The BibTeX entry of one source."""
    fields = {
        "author": " and ".join(map(_escape, source.authors)),
        "title": f"{{{_escape(source.title)}}}",
        "year": str(source.year),
        **_venue_fields(source.venue),
        "doi": source.doi,
        "eprint": source.arxiv,
        "archiveprefix": "arXiv" if source.arxiv else "",
    }
    return _entry("article" if source.venue else "misc", source.key, fields)


def _venue_fields(venue: str) -> dict[str, str]:
    """Journal, volume, number and pages of a venue such as `Journal 4(2), 69-72`; of another form, all is journal."""
    match = VENUE.fullmatch(venue)
    if match is None:
        return {"journal": _escape(venue)}
    pages = (match["pages"] or "").replace("-", "--")
    return {
        "journal": _escape(match["journal"]),
        "volume": match["volume"],
        "number": match["number"] or "",
        "pages": pages,
    }


def _escape(text: str) -> str:
    return SPECIAL.sub(r"\\\1", text)


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    rows = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *rows, "}"])
