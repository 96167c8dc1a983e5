"""A wrong use in one line: what was given, and what is allowed."""

from __future__ import annotations

import click


def error_line(error: click.ClickException, command: click.Command | None = None, /) -> str:
    """The message of a wrong use of `command` on one line, without click's usage block."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        if error.ctx.parent is None:
            return f"{error.option_name}: options follow a command, for example: run {error.option_name}"
        near = f"; did you mean {' or '.join(error.possibilities)}?" if error.possibilities else ""
        return f"{error.option_name}: no such option{near} (see {error.ctx.command_path} --help)"
    if isinstance(error, click.MissingParameter) and isinstance(error.param, click.Option):
        return f"{error.param.opts[0]} is missing: {_expected(error.param)}"
    if isinstance(error, click.BadOptionUsage) and command is not None:
        for option in command.params:
            if error.option_name in option.opts and "requires an argument" in error.message:
                return f"{error.option_name} has no value: {_expected(option)}"
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.IntRange):
        return f"{error.param.opts[0]}: {error.message.rstrip('.')}; {_expected(error.param)}"
    message = " ".join(error.format_message().split()).rstrip(".")
    stray = "unexpected extra argument" in message and "=" in message
    return f"{message}; parameters follow --set, for example --set psi1=2 psi2=2" if stray else message


def _expected(option: click.Parameter) -> str:
    """What an option allows, in words."""
    match option.type:
        case click.IntRange(min=low, max=high):
            return f"allowed is a whole number from {low} {'on' if high is None else f'to {high}'}"
        case click.Choice(choices=choices):
            return f"allowed are {', '.join(choices)}"
    words = option.metavar or option.human_readable_name
    return f"allowed is {words}"
