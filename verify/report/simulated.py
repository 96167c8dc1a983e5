"""The summary of a simulation as a table: mean, standard error and theory of every observable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from verify.report.ledger import counted
from verify.report.points import shown

if TYPE_CHECKING:
    from rich.table import Table


def simulation_table(report: Mapping[str, Any], /) -> Table:
    """One row an observable; the last column is the deviation from the theory in standard errors."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    drawn = (
        f"rung {report['rung']}, d = {report['dimension']}, {counted(report['trials'], 'trial')}, seed {report['seed']}"
    )
    title = f"[bold]{report['id']}[/]  {drawn}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("observable", no_wrap=True)
    for name in ("mean", "standard error", "theory", "mean / theory", "deviation in s.e."):
        table.add_column(name, justify="right", overflow="fold")
    ordered = sorted(report["observables"].items(), key=lambda item: item[1]["theory"] is None)
    for place, (name, row) in enumerate(ordered):
        if place and row["theory"] is None and ordered[place - 1][1]["theory"] is not None:
            table.add_section()
        mean, error, theory = row["mean"], row["standard_error"], row["theory"]
        known = mean is not None and theory is not None
        ratio = f"{mean / theory:.4f}" if known and theory else "—"
        deviation = f"{(mean - theory) / error:+.1f}" if known and error else "—"
        table.add_row(name, shown(mean, 5), shown(error, 3), shown(theory, 5), ratio, deviation)
    return table
