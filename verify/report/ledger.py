"""The ledger of a run: one row a step, a headline a derivation, what failed and how to see it again, totals.

Everything is drawn from the report's JSON data, so that a saved report.json can be drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from verify.report.success import is_success

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

Row = Mapping[str, Any]

MARKS = {"holds": "✓", "granted": "○", "not_attempted": "–", "open": "?", "fails": "✗"}
STYLES = {"holds": "green", "granted": "blue", "not_attempted": "dim", "open": "bold yellow", "fails": "bold red"}
ERRATUM = "bold magenta"
WIDE = 110
"""From this width on, what was seen stands in the step's own row; below it, on the next line."""


def draw_ledger(console: Console, report: Row, /, *, rerun: str, targets: Mapping[str, str] | None = None) -> None:
    """Print the whole ledger; for the hints, `rerun` is how this program is called, `targets` a derivation's path."""
    wide = console.width >= WIDE
    rows = [step for _, step in _all_steps(report)]
    names = min(max((len(shown_name(step)) for step in rows), default=4), 48)
    kinds = min(max((len(step["evidence"]) for step in rows), default=4), 21 if console.width >= 140 else 13)
    for derivation in report["derivations"]:
        console.print()
        console.print(headline(derivation))
        steps = derivation["steps"]
        console.print(_wide_rows(steps, names, kinds) if wide else _narrow_rows(steps))
    for derivation, step in _all_steps(report):
        if step["verdict"] in ("fails", "open"):
            console.print()
            target = (targets or {}).get(derivation["id"], derivation["id"])
            again = f"{rerun} run {target} --level {report['level']} --seed {report['seed']}"
            for line in complaint(derivation, step):
                console.print(line)
            # Not wrapped, so that it can be copied whole.
            console.print(Text.assemble(("  again: ", "dim"), again), soft_wrap=True)
    console.print()
    console.print(Rule(style="dim"))
    for line in totals(report):
        console.print(line)


def headline(derivation: Row, /) -> Text:
    """The derivation's verdict, strength and what it rests on, e.g. `holds (simulation), rests on 2 assumed`."""
    verdict = derivation["verdict"]
    line = Text.assemble((f"{MARKS[verdict]} {derivation['id']}", f"bold {STYLES[verdict]}"), "  ")
    line.append(headline_words(derivation), STYLES[verdict])
    return line if derivation.get("requested", True) else line.append("  (only what others use)", "dim")


def headline_words(derivation: Row, /) -> str:
    """Verdict, strength and grants in words, as the report has them."""
    if "headline" in derivation:
        return str(derivation["headline"])
    strength = f" ({derivation['strength']})" if derivation.get("strength") else ""
    return f"{words(derivation['verdict'])}{strength}, rests on {rests_words(derivation['rests_on'])}"


def rests_words(rests_on: Mapping[str, int], /) -> str:
    """What is granted, counted: `2 assumed + 1 cited`, or `nothing granted`."""
    return " + ".join(f"{count} {kind}" for kind, count in rests_on.items() if count) or "nothing granted"


def words(verdict: str, /) -> str:
    """A verdict as it is read: `not attempted`."""
    return verdict.replace("_", " ")


def shown_name(step: Row, /) -> str:
    """The step's name, with its mark when it is an erratum."""
    return f"{step['name']}  ERRATUM" if step.get("erratum") else str(step["name"])


def _name(step: Row) -> Text:
    text = Text(step["name"])
    return text.append("  ERRATUM", ERRATUM) if step.get("erratum") else text


def _verdict(step: Row) -> Text:
    return Text(f"{MARKS[step['verdict']]} {words(step['verdict'])}", STYLES[step["verdict"]])


def _seen(step: Row) -> Text:
    return Text(step["detail"] or "", "" if step["verdict"] in ("fails", "open") else "dim")


def seconds_words(seconds: float | None, /) -> str:
    """Seconds with two decimals below ten, one above; empty when too short to be shown."""
    return "" if not seconds or seconds < 0.005 else f"{seconds:.2f} s" if seconds < 9.995 else f"{seconds:.1f} s"


def _wide_rows(steps: Sequence[Row], names: int, kinds: int) -> RenderableType:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), expand=True)
    table.add_column("verdict", width=15, no_wrap=True)
    table.add_column("step", width=names, overflow="fold")
    table.add_column("evidence", width=kinds, style="cyan", overflow="fold")
    table.add_column("seen", ratio=1, overflow="fold")
    table.add_column("seconds", width=7, justify="right", style="dim", no_wrap=True)
    for step in steps:
        table.add_row(_verdict(step), _name(step), step["evidence"], _seen(step), seconds_words(step["seconds"]))
    return Padding(table, (0, 0, 0, 2))


def _narrow_rows(steps: Sequence[Row]) -> RenderableType:
    parts: list[RenderableType] = []
    for step in steps:
        row = Table.grid(padding=(0, 2, 0, 0), expand=True)
        row.add_column(width=15, no_wrap=True)
        row.add_column(ratio=1, overflow="fold")
        row.add_column(justify="right", style="cyan")
        row.add_column(width=7, justify="right", style="dim", no_wrap=True)
        row.add_row(_verdict(step), _name(step), step["evidence"], seconds_words(step["seconds"]))
        parts.append(Padding(row, (0, 0, 0, 2)))
        parts += [Padding(_seen(step), (0, 0, 0, 6))] if step["detail"] else []
    return Group(*parts)


def _all_steps(report: Row) -> Iterator[tuple[Row, Row]]:
    return ((derivation, step) for derivation in report["derivations"] for step in derivation["steps"])


def complaint(derivation: Row, step: Row, /) -> Iterator[RenderableType]:
    """What is known about a step that fails or is open."""
    style = STYLES[step["verdict"]]
    yield Text.assemble((f"{words(step['verdict']).upper()}  {derivation['id']}:{step['name']}", style))
    yield Padding(Text(step["detail"]), (0, 0, 0, 2))
    if step.get("counterexample"):
        yield Text.assemble(("  smallest counterexample: ", "bold"), counterexample_words(step["counterexample"]))


def counterexample_words(counterexample: object, /) -> str:
    """A counterexample on one line: `c = 1, lam = 1/2`, or the text as it is."""
    if isinstance(counterexample, Mapping):
        return ", ".join(f"{name} = {value}" for name, value in counterexample.items())
    return str(counterexample)


def count_words(verdict: str, count: int, /) -> str:
    """A count of steps with a verdict, in grammar: `1 holds`, `2 hold`, `0 open`."""
    return f"{count} {words(verdict).rstrip('s') if verdict in ('holds', 'fails') and count != 1 else words(verdict)}"


def counted(count: int, noun: str, /) -> str:
    """A number of things: `1 step`, `2 steps`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def totals(report: Row, /) -> Sequence[Text]:
    """The counts of all verdicts, errata, seed, level and time; then the verdict of the run."""
    counts = {verdict: report["counts"].get(verdict, 0) for verdict in MARKS}
    steps = sum(counts.values())
    pieces = [(count_words(v, counts[v]), STYLES[v]) for v in MARKS if counts[v] or v in ("fails", "open")]
    line = Text.assemble((f"{counted(len(report['derivations']), 'derivation')}, {counted(steps, 'step')}: ", "bold"))
    line.append(Text(", ").join(Text(*piece) for piece in pieces))
    errata = sum(bool(step.get("erratum")) for _, step in _all_steps(report))
    if errata:
        line.append(f", {errata} of them {'an erratum' if errata == 1 else 'errata'}", ERRATUM)
    facts = [f"{name} {report[name]}" for name in ("level", "seed") if name in report]
    facts += [str(report["provenance"]["device"])] if "device" in report.get("provenance", {}) else []
    facts += [f"{report['seconds']:.1f} s"] if "seconds" in report else []
    success = is_success(report)
    verdict = Text(
        "nothing fails, nothing is open" if success else "not everything holds", "bold green" if success else "bold red"
    )
    return [line, Text.assemble(" · ".join(facts), " · " if facts else "", verdict)]
