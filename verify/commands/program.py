"""The program: which commands there are, one line for every wrong use, and the exit codes.

Exit codes: 0 everything holds, 1 something fails or is open, 2 wrong use, 130 interrupted. Commands are imported when
they are called, so that `list`, `--help` and `--version` stay fast.
"""

from __future__ import annotations

import difflib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from verify.commands.errors import error_line
from verify.commands.interrupts import heard_interrupts
from verify.commands.streams import output_is_lost, prepare_streams

NAME = "robust-limits"
COMMANDS = (
    "run",
    "list",
    "show",
    "graph",
    "audit",
    "cite",
    "solve",
    "simulate",
    "plot",
    "adversarial-ntk",
    "overfit",
    "mutants",
)
INTERRUPTED = 130
BROKEN_PIPE = 141


def invocation() -> str:
    """How the reader calls this program, for hints that can be pasted: `./run`, `python -m verify` or the script."""
    called = Path(sys.argv[0]).name
    if called not in ("__main__.py", "-m", "-c", ""):
        return called
    checkout = Path(__file__).parents[2]
    return "./run" if os.name == "posix" and (checkout / "run").is_file() else "python -m verify"


def project_version() -> str:
    """The project's version, from its installation or, in a bare checkout, from pyproject.toml."""
    import importlib.metadata
    import tomllib

    try:
        return importlib.metadata.version(NAME)
    except importlib.metadata.PackageNotFoundError:
        project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return str(project["version"])


class Program(click.Group):
    """The group of commands; `main` never shows a traceback for a wrong use and always exits with a code above."""

    def list_commands(self, ctx: click.Context, /) -> list[str]:
        """The names of the commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str, /) -> click.Command | None:
        """The command called `cmd_name`, imported now; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"verify.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    def called_command(self, words: Sequence[str], /) -> click.Command | None:
        """The command that the words call, None when the first one names none."""
        return self.get_command(click.Context(self), words[0]) if words else None

    def resolve_command(self, ctx: click.Context, args: list[str], /) -> tuple[Any, Any, list[str]]:
        """The command and its arguments; a name or option that does not exist gets the nearest one as a suggestion."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise click.UsageError(f"command: {name!r} is unknown; {hint}allowed are {', '.join(COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run the command line `args` and exit."""
        prepare_streams()
        words = list(sys.argv[1:] if args is None else args) or ["run", "--level", "quick"]
        extra["standalone_mode"] = False
        if os.environ.get("NO_COLOR"):
            extra["color"] = False
        try:
            with heard_interrupts():
                code = super().main(words, prog_name or invocation(), **extra)
            sys.stdout.flush()
        except click.ClickException as error:
            click.echo(f"{NAME}: error: {error_line(error, self.called_command(words))}", err=True)
            code = 2
        except (click.Abort, KeyboardInterrupt):
            click.echo(f"{NAME}: interrupted", err=True)
            code = INTERRUPTED
        except OSError as error:
            code = BROKEN_PIPE if error.errno == errno.EPIPE else _tell(error)
        if code == BROKEN_PIPE or output_is_lost():
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(code if isinstance(code, int) else 0)


def _tell(error: OSError) -> int:
    place = f"{error.filename}: " if error.filename else ""
    click.echo(f"{NAME}: error: {place}{error.strerror or error}", err=True)
    return 1


def _show_version(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked:
        click.echo(f"{NAME} {project_version()}")
        ctx.exit()


@click.group(
    cls=Program,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Without a command: run --level quick. Every command has its own --help with an example.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_show_version, help="Show the version."
)
def program() -> None:
    """Robust limits: derived, solved, simulated, verified."""
