"""A tape as one generated Python function: only what its outputs need, each line one of flint's own operations.

The operations of `numerics.enclosures.balls` look at both ends of a ball. That pays on wide balls; on narrow ones
flint's own are as tight and several times as fast. Both are sound: where an argument touches a pole or leaves the
domain flint answers NaN, and NaN is passed on by all that follows. The source is written from slot numbers and the
templates below alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import add, neg
from types import BuiltinFunctionType, FunctionType
from typing import Any

from flint import arb, ctx

from numerics.enclosures import balls, tape

_TEMPLATES: dict[object, str] = {
    add: "{0} + {1}",
    neg: "-{0}",
    balls.multiply: "{0} * {1}",
    balls.reciprocal: "1 / {0}",
    balls.exponential: "{0}.exp()",
    balls.logarithm: "{0}.log()",
    balls.error_function: "{0}.erf()",
    balls.complementary_error_function: "{0}.erfc()",
    (tape.integer_power, 2): "{0} * {0}",
    (tape.integer_power, 3): "{0} * {0} * {0}",
    (tape.integer_power, -2): "1 / ({0} * {0})",
    (tape.integer_power, -3): "1 / ({0} * {0} * {0})",
    (tape.rational_power, 1, 2): "{0}.sqrt()",
    (tape.rational_power, -1, 2): "{0}.rsqrt()",
}
_FOLDED: dict[object, str] = {add: " + ", balls.multiply: " * "}
_NARROW: dict[object, object] = {balls.chi_square_cdf: balls.chi_square_cdf_of_narrow}


class FusedTape:
    """The outputs of a tape from one ball per input, under flint's current precision; every input must be finite.

    With `until_false`, the one result is the conjunction of the outputs, and what follows a false one is not computed.
    """

    def __init__(self, source: tape.Tape, outputs: Sequence[int], /, *, until_false: bool = False) -> None:
        self._constants: dict[int, list[Any]] = {}
        self._builders: list[Callable[[], Any]] = []
        self._run = self._generate(source, outputs, until_false)

    def __call__(self, inputs: Sequence[arb], /) -> Any:
        """The outputs' values; constants are built once for each precision that is in force at a call."""
        known = self._constants.get(ctx.prec)
        if known is None:
            known = self._constants[ctx.prec] = [build() for build in self._builders]
        return self._run(inputs, known)

    def _generate(self, source: tape.Tape, outputs: Sequence[int], until_false: bool) -> Callable[..., Any]:
        names: dict[str, object] = {"both": balls.both}
        first, lines, constants, written = source.inputs, list[str](), list[int](), set[int](range(source.inputs))
        for output in outputs:
            for slot in sorted(_needed(source, output, written)):
                operation, operands = source.operations[slot - first]
                if operands:
                    lines.append(f"v{slot} = {_write(operation, operands, slot, names)}")
                else:
                    constants.append(slot)
                    self._builders.append(operation)
            if until_false:
                lines.append(f"if v{output} is False: return False")
        results = ", ".join(f"v{slot}" for slot in outputs)
        header = [f"{''.join(f'v{slot}, ' for slot in range(first))} = inputs"] if first else []
        header += [f"{''.join(f'v{slot}, ' for slot in constants)} = constants"] if constants else []
        lines = [*header, *lines, f"return both({results})" if until_false else f"return [{results}]"]
        text = "def run(inputs, constants):\n" + "".join(f"    {line}\n" for line in lines)
        exec(compile(text, "<fused tape>", "exec"), names)  # slot numbers and templates: never a user's text
        run: Any = names["run"]
        return run  # type: ignore[no-any-return]


def _needed(source: tape.Tape, output: int, written: set[int]) -> list[int]:
    """The slots that `output` needs and that are not written yet; they are marked as written."""
    found, waiting = list[int](), [output]
    while waiting:
        slot = waiting.pop()
        if slot not in written:
            written.add(slot)
            found.append(slot)
            waiting += source.operations[slot - source.inputs][1]
    return found


def _write(operation: Any, operands: Sequence[int], slot: int, names: dict[str, object]) -> str:
    places, key = [f"v{operand}" for operand in operands], _key(operation)
    if isinstance(key, tuple) and key[0] is tape.fold:
        return _FOLDED[key[1]].join(places) if key[1] in _FOLDED else _call(operation, places, slot, names)
    if key in _TEMPLATES:
        return _TEMPLATES[key].format(*places)
    return _call(_NARROW.get(key, operation), places, slot, names)


def _call(operation: object, places: Sequence[str], slot: int, names: dict[str, object]) -> str:
    names[f"f{slot}"] = operation
    return f"f{slot}({', '.join(places)})"


def _key(operation: Any) -> object:
    """What the tables are asked for: a plain function, or one of the tape's partial ones with its arguments."""
    if isinstance(operation, partial):
        known = operation.func in (tape.fold, tape.integer_power, tape.rational_power)
        return (operation.func, *operation.args) if known else None
    return operation if isinstance(operation, FunctionType | BuiltinFunctionType) else None


__all__ = ["FusedTape"]
