"""`run`: gather the evidence of every step, and print the ledger."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.identifiers import load_every
from verify.commands.program import invocation

if TYPE_CHECKING:
    from derivations.core import Derivation


@click.command("run", short_help="Check every step and print the ledger (the default command).")
@click.argument("ids", metavar="[ID ...]", nargs=-1)
@click.option(
    "--level",
    type=click.Choice(["quick", "standard", "deep"]),
    default="quick",
    show_default=True,
    help="How much work: a minute, an hour, or half an hour of a data-centre GPU.",
)
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The seed of every random number.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Worker processes; default: one for each core.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
@click.option("--out", metavar="DIR", help="Keep report.json and every simulation's draws here.")
def command(
    *,
    ids: tuple[str, ...],
    level: str,
    device: str,
    seed: int,
    workers: int | None,
    as_json: bool,
    out: str | None,
) -> int:
    """Check the steps of the named derivations or folders (of all, without ID) and print the ledger.

    The exit code is 0 when nothing fails and nothing is open, 1 otherwise, 2 for wrong use.

    \b
    Example: run random_features.robust_risk --level standard --seed 1 --out results
    """
    derivations = load_every(ids)
    check_device(device)
    folder = writable_folder(out) if out is not None else None
    data = report_data(
        derivations, level=level, device=device, seed=seed, workers=workers, folder=folder, quiet=as_json
    )
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    if folder:
        (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    if as_json:
        click.echo(text)
    else:
        _draw(data, derivations)
    from verify.report.success import is_success

    return 0 if is_success(data) else 1


def check_device(name: str, /) -> None:
    """Raise click.UsageError in one line when the device is not there; the array libraries load only for a GPU."""
    if name != "gpu":
        return
    from numerics.lab import select_device

    try:
        select_device(name)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error


def writable_folder(text: str, /) -> Path:
    """The folder, created when it does not exist. Raises click.UsageError when it cannot be written."""
    if not text.strip():
        raise click.UsageError(f"--out: {text!r} names no folder; allowed is a folder, which is created if need be")
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise click.UsageError(f"--out: {str(path)!r} cannot be written ({reason}); allowed is a folder") from error


def report_data(
    derivations: list[Derivation],
    /,
    *,
    level: str,
    device: str,
    seed: int,
    workers: int | None,
    folder: Path | None,
    quiet: bool,
) -> dict[str, Any]:
    """The report of a run as JSON data, with the progress shown on standard error meanwhile."""
    from derivations.core import Level
    from verify.report.progress import RunProgress
    from verify.runner import count_cores, expected_cost, run
    from verify.verdict import collect_steps

    steps = dict.fromkeys(step for derivation in derivations for step in collect_steps(derivation))
    order = [step.id for step in sorted(steps, key=lambda step: -expected_cost(step, Level[level]))]
    with RunProgress(order, workers=workers or count_cores(), quiet=quiet) as progress:
        report = run(
            derivations,
            level=Level[level],
            seed=seed,
            device=device,
            workers=workers,
            on_verdict=progress.finished,
            keep=folder,
        )
    data: dict[str, Any] = report.to_json()
    return data


def _draw(data: Mapping[str, Any], derivations: list[Derivation]) -> None:
    from derivations.discover import locate
    from verify.report.ledger import draw_ledger
    from verify.report.trimmed import trimmed_console

    targets = {derivation.id: shlex.quote(locate(derivation) or derivation.id) for derivation in derivations}
    with trimmed_console() as console:
        draw_ledger(console, data, rerun=invocation(), targets=targets)
