"""What a plot shows, read from the command line: its axis, its observables, and the parameter that tells its curves."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from verify.commands.values import Range, read_range

if TYPE_CHECKING:
    from derivations.model import AnyParameter, Model, Parameter

MOST_CURVES = 12
MOST_PLACES = 20_000
LARGEST = 10**7
FORM = "allowed is NAME=a:b:n or NAME=log:a:b:n, such as rho=0.05:3:200"


@dataclass(frozen=True)
class Axis:
    """The parameter on the horizontal axis, its values, and their text as it was typed."""

    parameter: Parameter
    range: Range
    text: str


@dataclass(frozen=True)
class Family:
    """The curves of a plot: the pairs they share, the parameter that tells them apart, its texts (none: one curve)."""

    shared: tuple[str, ...]
    name: str = ""
    texts: tuple[str, ...] = ()

    def pairs(self) -> list[tuple[str, ...]]:
        """The name=value words of each curve."""
        return [(*self.shared, f"{self.name}={text}") for text in self.texts] or [self.shared]


def read_axis(model: Model, text: str, /) -> Axis:
    """The axis that `NAME=RANGE` writes. Raises click.UsageError for anything else."""
    from derivations.model import Parameter

    name, sign, typed = (part.strip() for part in text.partition("="))
    if not sign or not typed:
        raise click.UsageError(f"--x: {text!r} is not an axis; {FORM}")
    numeric = {item.name: item for item in model.parameters if isinstance(item, Parameter)}
    if name not in numeric:
        if name in {item.name for item in model.parameters}:
            raise click.UsageError(f"--x: {name} is not a number; allowed are {', '.join(numeric)}")
        raise click.UsageError(f"--x: {_unknown('parameter', name, numeric)}")
    try:
        found = read_range(name, typed)
    except click.UsageError as error:
        raise click.UsageError(f"--x: {error.message.removeprefix('--set: ')}") from error
    if found.count < 2 or found.first == found.last:
        raise click.UsageError(f"--x: {name} is {typed!r}, a single place; {FORM}, n at least 2 and a different from b")
    if found.count > MOST_PLACES:
        raise click.UsageError(f"--x: {name} has {found.count} places; allowed are at most {MOST_PLACES}")
    return Axis(numeric[name], found, typed)


def read_observables(model: Model, asked: Sequence[str], parametric: str | None, /) -> tuple[str, ...]:
    """The observables to draw; all when none is asked for. Raises click.UsageError for one that does not exist."""
    if asked and parametric is not None:
        raise click.UsageError("--y: cannot be combined with --parametric; give one of them")
    option = "--y" if parametric is None else "--parametric"
    words = asked if parametric is None else (parametric,)
    names = [name.strip() for word in words for name in word.split(",")]
    for name in names:
        if name not in model.observables:
            raise click.UsageError(f"{option}: {_unknown('observable', name, model.observables)}")
    found = tuple(dict.fromkeys(names)) or tuple(model.observables)
    if parametric is not None and not len(names) == len(found) == 2:
        raise click.UsageError(f"--parametric: {parametric!r} is not a pair; allowed is A,B, two different observables")
    return found


def read_family(model: Model, pairs: Sequence[str], axis: Axis, /) -> Family:
    """The curves that `name=value` words ask for: one parameter may have several values.

    A range or values separated by commas where the parameter is a number or a word, by semicolons for every kind.
    Raises click.UsageError for two such parameters, more than 12 curves, and the axis among the words.
    """
    known = {item.name: item for item in model.parameters}
    shared: list[str] = []
    several: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        name, _, text = (part.strip() for part in pair.partition("="))
        if name == axis.parameter.name:
            raise click.UsageError(f"--set: {name} is the axis of --x; give its values there only")
        values = _values(known[name], text) if name in known else ()
        if len(values) < 2:
            shared.append(pair)
        else:
            _require_few(name, len(values))
            several[name] = values
    if len(several) > 1:
        raise click.UsageError(f"--set: {' and '.join(several)} have several values; allowed is one such parameter")
    return Family(tuple(shared), *(next(iter(several.items())) if several else ()))


def read_sizes(text: str, /) -> tuple[int, int]:
    """(dimension, trials) from `d,trials`. Raises click.UsageError for anything else."""
    found = re.fullmatch(r"\s*([0-9]{1,8})\s*,\s*([0-9]{1,8})\s*", text)
    if not found or not all(1 <= int(number) <= LARGEST for number in found.groups()):
        raise click.UsageError(f"--simulate: {text!r} is not D,TRIALS; allowed are two whole numbers from 1 on: 100,8")
    return int(found[1]), int(found[2])


def _values(item: AnyParameter, text: str) -> tuple[str, ...]:
    from derivations.model import ChoiceParameter, Parameter

    if ";" in text:
        return tuple(part.strip() for part in text.split(";"))
    if isinstance(item, Parameter) and ":" in text:
        import numpy as np

        found = read_range(item.name, text)
        _require_few(item.name, found.count)
        return tuple(repr(float(value)) for value in found.take(np.arange(found.count)))
    return tuple(part.strip() for part in text.split(",")) if isinstance(item, Parameter | ChoiceParameter) else ()


def _require_few(name: str, count: int) -> None:
    if count > MOST_CURVES:
        raise click.UsageError(
            f"--set: {name} has {count} values, a curve each; allowed are at most {MOST_CURVES} curves"
        )


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{kind} {name!r} is unknown; {hint}allowed are {', '.join(known)}"
