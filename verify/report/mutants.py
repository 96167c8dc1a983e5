"""The score of the checks on a terminal: by derivation, by evidence, then every survivor with step and mutation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

MOST_INVISIBLE = 20


def draw_score(console: Console, report: Mapping[str, Any], /) -> None:
    """Print the score, drawn from the report's JSON data."""
    console.print(_tabulate_derivations(report))
    console.print(_tabulate_evidence(report))
    for fate in report["survivors"]:
        console.print(Text(f"survived  {fate['step']}  {fate['mutation']}: {fate['change']}", "bold red"))
    invisible = [fate for fate in report["not_counted"] if fate["fate"] == "invisible"]
    for fate in invisible[:MOST_INVISIBLE]:
        console.print(Text(f"invisible  {fate['step']}  {fate['mutation']}: {fate['change']}", "dim"))
    if len(invisible) > MOST_INVISIBLE:
        console.print(
            Text(f"and {len(invisible) - MOST_INVISIBLE} more invisible at this level (all with --json)", "dim")
        )
    for each in report["unchecked"]:
        console.print(Text(f"unchecked  {each['step']}  {each['what']}", "yellow"))
    for step in report["lost"]:
        console.print(Text(f"lost  {step}: its worker died or was stopped", "bold red"))
    console.print(_conclude(report))


def _tabulate_derivations(report: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("derivation", overflow="fold")
    table.add_column("found", justify="right")
    table.add_column("score", justify="right")
    for name, counts in report["derivations"].items():
        table.add_row(name, f"{counts['killed']}/{counts['counted']}", _percent(counts["score"]))
    return table


def _tabulate_evidence(report: Mapping[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("found by", "mutants", "median ms", "longest ms"):
        table.add_column(title, justify="left" if title == "found by" else "right")
    for word, row in report["by_evidence"].items():
        table.add_row(word, str(row["killed"]), f"{row['median_ms']:.1f}", str(row["max_ms"]))
    return table


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f}%"


def _conclude(report: Mapping[str, Any]) -> Text:
    rest = ", ".join(f"{count} {word}" for word, count in report["fates"].items() if word not in ("killed", "survived"))
    line = f"{report['killed']} of {report['counted']} planted mistakes found: {_percent(report['score'])}"
    line += f" (required {100 * report['required']:g}%)" + (f"; not counted: {rest}" if rest else "")
    style = "bold green" if report["verdict"] == "passes" else "bold red"
    return Text(f"{line}; {report['seconds']:.0f} s, {report['cpu_seconds']:.0f} s of processor time", style)
