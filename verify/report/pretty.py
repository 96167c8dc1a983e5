"""A derivation on a terminal: statement, parameters, and each step before and after in two-dimensional notation."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from sympy.printing.pretty.pretty import PrettyPrinter
from sympy.printing.pretty.pretty_symbology import pretty_use_unicode
from sympy.printing.pretty.stringpict import prettyForm

from verify.report.data import parameter_data, region_words
from verify.report.wording import ClaimParts, claim_parts, condition_words, errata_of, evidence_words, kinds_of

if TYPE_CHECKING:
    from sympy import Basic

    from derivations.core import Derivation, Step
    from derivations.model import Branch, Model, Phase

TWO_DIMENSIONAL_OPERATIONS = 250
SHORTENED = 1500
MOST_SEGMENTS = 2
"""A formula that is wider than this many lines of the terminal is cut in too many pieces to be followed."""


def derivation_lines(derivation: Derivation, width: int, /) -> Iterator[str]:
    """The whole derivation, wrapped to `width` columns."""
    yield from _heading(derivation.title, derivation.id, width)
    yield ""
    yield from reflowed(derivation.statement, width)
    yield ""
    yield from _labelled("source", _source_words(derivation), width)
    for name in errata_of(derivation):
        yield click.style(f"ERRATUM  {name}: a published statement does not hold as printed", fg="yellow", bold=True)
    if derivation.has_model:
        yield ""
        yield from model_lines(derivation.model, width)
    seen: dict[ClaimParts, str] = {}
    for number, step in enumerate(derivation.steps.values(), 1):
        yield ""
        yield from step_lines(step, width, number, seen)


def step_lines(step: Step, width: int, number: int = 0, seen: dict[ClaimParts, str] | None = None, /) -> Iterator[str]:
    """One step: the claim before and after, its reason, what it rests on, its evidence and its source.

    A claim that is already in `seen`, under the name of its step, is not written out again; a new one is added.
    """
    total = len(step.derivation.steps)
    yield from _heading(f"step {number}/{total}  {step.name}" if number else step.id, kinds_of(step), width)
    yield from (f"  {line}".rstrip() for line in reflowed(step.reason, width - 2))
    parts = claim_parts(step.claim)
    known = step.name if seen is None else seen.setdefault(parts, step.name)
    if known == step.name:
        yield from claim_lines(parts, width)
    else:
        yield from _labelled("  claim", f"as in {known}", width)
    parents = [p.name if p.derivation is step.derivation else p.id for p in step.parents]
    yield from _labelled("  rests on", ", ".join(parents) or "nothing", width)
    for item in step.evidence:
        yield from _labelled("  evidence", evidence_words(item), width)
    origin = step.origin + (f", {step.source}" if step.source and step.origin != "cited" else "")
    yield from _labelled("  origin", f"{step.source} (cited)" if step.origin == "cited" else origin, width)


def claim_lines(parts: ClaimParts, width: int, /) -> Iterator[str]:
    """The two sides of every pair, the conditions, and what words add."""
    if parts.kind == "refuted":
        yield click.style("  ERRATUM: published, and shown not to hold", fg="yellow", bold=True)
    for before, sign, after in parts.pairs:
        yield from _side_lines("before", before, width)
        yield from _side_lines(f"after ({sign})", after, width)
    if parts.note:
        yield from _labelled("  note" if parts.pairs else "  claim", parts.note, width)
    if parts.given:
        yield from _labelled("  given", ", ".join(map(condition_words, parts.given)), width)


def model_lines(model: Model, width: int, /) -> Iterator[str]:
    """The parameters with domains, defaults and conventions, the unknowns, the observables and the phases."""
    rows = []
    for item in map(parameter_data, model.parameters):
        default = "required" if item["default"] is None else f"default {item['default']}"
        domain = item["domain"] if item["name"] in item["domain"] else f"{item['name']}: {item['domain']}"
        rows.append((domain, default, _meaning(item)))
    yield click.style("parameters", bold=True)
    yield from _table(rows, width)
    if model.unknowns:
        yield click.style("unknowns", bold=True)
    yield from _table([(u.domain.describe(str(u)), "", u.meaning) for u in model.unknowns], width)
    yield click.style("observables", bold=True)
    yield from textwrap.wrap(", ".join(model.observables), width - 2, initial_indent="  ", subsequent_indent="  ")
    if model.phases:
        yield click.style("phases, recognised before solving", bold=True)
    notes = [f"{_region(phase, model)}: {phase.note}" for phase in model.phases]
    yield from _table([(p.name, p.status, note) for p, note in zip(model.phases, notes, strict=True)], width)
    if model.branches:
        yield click.style("branches, each with unknowns and equations of its own", bold=True)
    yield from _table([(b.name, _unknown_words(b.model), _region(b, model)) for b in model.branches], width)
    if model.refusals:
        yield click.style("refused", bold=True)
    yield from _table([("", "", item.reason) for item in model.refusals], width)


def _region(region: Phase | Branch, model: Model) -> str:
    return " and ".join(region_words(region.when, model))


def _unknown_words(model: Model) -> str:
    return ", ".join(map(str, model.unknowns)) or "closed form"


def reflowed(text: str, width: int, /) -> Iterator[str]:
    """The text at `width` columns: paragraphs are refilled, those with an indented line (formulas, lists) line by line.

    Lines that fit are kept there.
    """
    for number, paragraph in enumerate(text.split("\n\n")):
        lines = paragraph.splitlines()
        laid_out = any(line.startswith((" ", "- ", "|")) for line in lines)
        yield from [""] * bool(number)
        yield from _narrowed(lines, width) if laid_out else textwrap.wrap(" ".join(lines), width)


def _narrowed(lines: Sequence[str], width: int) -> Iterator[str]:
    """Lines that were laid out by hand; where one is too wide, items of a list are refilled and formulas continued."""
    if all(len(line) <= width for line in lines):
        yield from lines
        return
    items: list[str] = []
    for line in lines:
        continues = bool(items) and items[-1].startswith("- ") and line.startswith("  ")
        if continues:
            items[-1] += f" {line.strip()}"
        else:
            items.append(line)
    for item in items:
        indent = " " * (len(item) - len(item.lstrip()) + 2)
        yield from textwrap.wrap(item, max(width, 40), subsequent_indent=indent, break_long_words=False)


def _meaning(item: dict[str, str]) -> str:
    return f"{item['meaning']}; {item['convention']}" if item["convention"] else item["meaning"]


def _source_words(derivation: Derivation) -> str:
    source = derivation.source
    ids = [f"arXiv:{source.arxiv}"] * bool(source.arxiv) + [f"doi:{source.doi}"] * bool(source.doi)
    return ". ".join(part.rstrip(".") for part in (str(source), source.title, source.venue, *ids) if part)


def _heading(left: str, right: str, width: int) -> Iterable[str]:
    room = width - len(left) - len(right) - 2
    if room < 1:
        return [*(click.style(line, bold=True) for line in textwrap.wrap(left, width)), click.style(right, fg="cyan")]
    rule = "─" * room
    return [f"{click.style(left, bold=True)} {rule} {click.style(right, fg='cyan')}"]


def _labelled(label: str, text: str, width: int) -> list[str]:
    start = f"{label:<12}"
    lines = textwrap.wrap(
        text, max(width, 40), initial_indent=start, subsequent_indent=" " * 12, break_long_words=False
    )
    return [line.replace(label, click.style(label, dim=True), 1) if not n else line for n, line in enumerate(lines)]


def _side_lines(label: str, side: Basic | str, width: int) -> list[str]:
    lines = side_text(side, width - 4).splitlines()
    return [click.style(f"  {label}", dim=True), *(f"    {line}".rstrip() for line in lines)]


def side_text(side: Basic | str, width: int, /) -> str:
    """One side in two-dimensional notation; on lines as plain text when it is too large to be read that way."""
    if isinstance(side, str):
        return side
    operations = int(side.count_ops())
    if operations <= TWO_DIMENSIONAL_OPERATIONS:
        drawn = _drawn(side, MOST_SEGMENTS * width)
        if max(map(len, drawn.splitlines()), default=0) <= width:
            return drawn
        if "↪" not in drawn:
            return _drawn(side, max(width, 40))
    text = str(side)
    more = f" … ({operations} operations; --format json has all of them)" if len(text) > SHORTENED else ""
    return "\n".join(textwrap.wrap(text[:SHORTENED] + more, max(width, 40)))


class _FormulaPrinter(PrettyPrinter):  # type: ignore[misc]  # SymPy is untyped
    """SymPy's printer, with max and min two-dimensional inside, where the stock one falls back to plain text.

    A name in words keeps them: of linear_share the stock printer makes a subscript, of nonlinear_energy it does not.
    """

    def _print_Symbol(self, expression: Basic, bold_name: bool = False) -> Any:
        if re.search(r"_[A-Za-z]{2}", str(expression)):
            return prettyForm(str(expression), binding=prettyForm.ATOM)
        return super()._print_Symbol(expression, bold_name)

    def _print_Max(self, expression: Basic) -> Any:
        return prettyForm(*self._print_seq(expression.args, "(", ")").left("max"))

    def _print_Min(self, expression: Basic) -> Any:
        return prettyForm(*self._print_seq(expression.args, "(", ")").left("min"))


def _drawn(expression: Basic, width: int) -> str:
    before = pretty_use_unicode(True)
    try:
        text: str = _FormulaPrinter({"num_columns": width}).doprint(expression)
    finally:
        pretty_use_unicode(before)
    return text


def _table(rows: Sequence[tuple[str, str, str]], width: int) -> Iterator[str]:
    second = max((len(row[1]) for row in rows), default=0)
    # one long row must not push the middle column of all the others off the line
    first = max((len(row[0]) for row in rows if len(row[0]) + second + 4 <= width), default=0)
    for left, middle, text in rows:
        start = f"  {left:<{first}}  {middle:<{second}}  " if second else f"  {left:<{first}}  "
        if len(start) + 30 <= width:
            yield from textwrap.wrap(text, width, initial_indent=start, subsequent_indent=" " * len(start))
            continue
        for part in [start.strip()] if len(start.rstrip()) <= width else [left, f"  {middle}"]:
            yield from textwrap.wrap(part, max(width, 40), initial_indent="  ", subsequent_indent="    ")
        yield from textwrap.wrap(text, max(width, 40), initial_indent="      ", subsequent_indent="      ")
