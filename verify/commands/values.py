"""Values typed on the command line: numbers, ranges, and options that take several words. Nothing is evaluated."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    import numpy as np

    from derivations.model import Model

MOST_POINTS = 10**8
NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
LONGEST = 64
INFINITE = ("inf", "infinity", "oo")
ALLOWED = "a number such as 2 or 1e-3, or a range a:b:n or log:a:b:n"

INTERVALS = "solve --certify (or --digits) one interval a..b"


@dataclass(frozen=True)
class Range:
    """`count` values from `first` to `last`, both included, evenly spaced or evenly in the logarithm."""

    first: float
    last: float
    count: int
    logarithmic: bool

    def take(self, positions: np.ndarray[Any, Any], /) -> np.ndarray[Any, Any]:
        """The values at these positions (0 to count - 1), same shape; the ends are exact."""
        import numpy as np

        share = positions / max(self.count - 1, 1)
        if self.logarithmic:
            values = np.exp((1 - share) * math.log(self.first) + share * math.log(self.last))
        else:
            values = (1 - share) * self.first + share * self.last
        last = np.where(positions == self.count - 1, self.last, values)
        return np.where(positions == 0, self.first, last)


@dataclass(frozen=True)
class Interval:
    """Every value of a parameter from `low` to `high`: exact decimals, as they were typed in `pair`."""

    name: str
    low: str
    high: str
    pair: str


class WordsCommand(click.Command):
    """A command in which an option of `many` takes every following word up to the next option or stray argument."""

    many: Mapping[str, str] = {"--set": "=", "--allow": ""}
    """Option -> what each further word must contain to belong to it."""

    def parse_args(self, ctx: click.Context, args: list[str], /) -> list[str]:
        """Repeat the option before each of its words, which click then collects."""
        words: list[str] = []
        option = ""
        for word in args:
            first = bool(words) and words[-1] == option
            belongs = bool(option) and not word.startswith("-") and (first or self.many[option] in word)
            if belongs and not first:
                words.append(option)
            if not belongs:
                option = word if word in self.many else ""
            words.append(word)
        return super().parse_args(ctx, words)


def read_pairs(pairs: Sequence[str], /, *, texts: Mapping[str, str]) -> dict[str, str]:
    """name -> text of `name=value` words; `texts` says what is allowed for each parameter that is no number.

    Raises click.UsageError for another form or a name given twice.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = (part.strip() for part in pair.partition("="))
        if not sign:
            raise click.UsageError(f"--set: {pair!r} has no =; allowed is name=value, with {ALLOWED}")
        if not value and name in texts:
            raise click.UsageError(f"--set: {name} is empty; allowed is {texts[name]}")
        if not name or not value:
            raise click.UsageError(f"--set: {pair!r} is not understood; allowed is name=value, with {ALLOWED}")
        if name in found:
            raise click.UsageError(f"--set: {name} is given twice ({found[name]!r} and {value!r}); give it once")
        found[name] = value
    return found


def read_number(name: str, text: str, /, *, allowed: str = ALLOWED) -> float:
    """The finite float that `text` writes in decimal. Raises click.UsageError in one line for anything else."""
    if text.lower().lstrip("+-") in ("nan", *INFINITE):
        raise click.UsageError(f"--set: {name} is {text!r}, which is not finite; allowed is {allowed}")
    if len(text) > LONGEST or not NUMBER.fullmatch(text):
        shown = text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
        raise click.UsageError(f"--set: {name} is {shown!r}, which is not a number; allowed is {allowed}")
    value = float(text)
    if not math.isfinite(value):
        raise click.UsageError(f"--set: {name} is {text!r}, which is too large for a double; allowed is {allowed}")
    return value


def read_range(name: str, text: str, /) -> Range:
    """The range that `a:b:n` or `log:a:b:n` writes. Raises click.UsageError in one line for anything else."""
    parts = text.split(":")
    logarithmic = parts[0] == "log"
    ends = parts[1:] if logarithmic else parts
    form = "a range is a:b:n or log:a:b:n, n values from a to b"
    if len(ends) != 3:
        raise click.UsageError(f"--set: {name} is {text!r}, which is not a range; {form}")
    first, last = (read_number(name, end, allowed="a finite number at each end of a range") for end in ends[:2])
    if not re.fullmatch(r"[0-9]{1,18}", ends[2]) or int(ends[2]) < 1:
        raise click.UsageError(
            f"--set: {name} is {text!r}, where {ends[2]!r} is not a count; {form}, n a whole number >= 1"
        )
    if int(ends[2]) == 1 and first != last:
        raise click.UsageError(f"--set: {name} is {text!r}, one value with two ends; {form}, n at least 2")
    if logarithmic and (first <= 0 or last <= 0):
        raise click.UsageError(f"--set: {name} is {text!r}; a logarithmic range log:a:b:n needs a > 0 and b > 0")
    return Range(first, last, int(ends[2]), logarithmic)


def find_interval(model: Model, pairs: Sequence[str], /) -> Interval | None:
    """The interval `name=a..b` of a numeric parameter among the pairs, if there is one.

    Raises click.UsageError in one line for a malformed interval, for two of them, and for one together with a range.
    """
    from verify.report.data import allowed_text

    numeric = {item.name for item in model.parameters if not allowed_text(item)}
    typed = [(pair, *(part.strip() for part in pair.partition("=")[::2])) for pair in pairs]
    typed = [(pair, name, text) for pair, name, text in typed if name in numeric]
    found = [_read_interval(name, text, pair) for pair, name, text in typed if ".." in text]
    if len(found) > 1:
        names = " and ".join(each.name for each in found[:2])
        raise click.UsageError(f"--set: {names} are intervals; allowed is one interval a..b")
    for _, name, text in typed if found else ():
        if ":" in text:
            raise click.UsageError(f"--set: {found[0].name} is an interval, {name} a range; allowed is one of the two")
    return found[0] if found else None


def _read_interval(name: str, text: str, pair: str) -> Interval:
    allowed = "an interval a..b of two decimal numbers with a < b, such as 0.5..3"
    ends = text.split("..")
    if len(ends) != 2 or "..." in text or "" in ends:
        raise click.UsageError(f"--set: {name} is {text!r}; allowed is {allowed}")
    for end in ends:
        read_number(name, end, allowed=allowed)
    if Fraction(ends[0]) >= Fraction(ends[1]):
        raise click.UsageError(f"--set: {name} is {text!r}, whose ends are not in order; allowed is {allowed}")
    return Interval(name, ends[0], ends[1], pair)


def read_settings(model: Model, pairs: Sequence[str], /) -> tuple[dict[str, float | str], dict[str, Range]]:
    """Fixed values and ranges by parameter name; what is no number (a function, a word, a law) is kept as text.

    Raises click.UsageError for a malformed value and for a grid of more than 10^8 points, counted before it exists.
    """
    from sympy import oo

    from verify.report.data import allowed_text

    functions = {item.name: text for item in model.parameters if (text := allowed_text(item))}
    numeric = {item.name for item in model.parameters} - set(functions)
    unlimited = {item.name for item in model.parameters if getattr(item, "default", None) == oo}
    fixed: dict[str, float | str] = {}
    ranges: dict[str, Range] = {}
    for name, text in read_pairs(pairs, texts=functions).items():
        if name not in numeric:
            fixed[name] = text
        elif ":" in text:
            ranges[name] = read_range(name, text)
        elif ".." in text:
            raise click.UsageError(f"--set: {name} is {text!r}; allowed is {ALLOWED}, or with {INTERVALS}")
        elif name in unlimited and text.lower().lstrip("+") in INFINITE:
            raise click.UsageError(f"--set: {name} is {text!r}, which is what leaving {name} out means; leave it out")
        else:
            fixed[name] = read_number(name, text)
    count = math.prod(item.count for item in ranges.values())
    if count > MOST_POINTS:
        sizes = " x ".join(str(item.count) for item in ranges.values())
        raise click.UsageError(f"--set: the grid has {count} points ({sizes}); allowed are at most {MOST_POINTS}")
    return fixed, ranges
