"""From a Model to readable source: one straight-line program for arrays (NumPy and CuPy) or for mpmath.

Derivatives are taken definition by definition and chained by name; the substituted expression, which is far larger, is
never formed. The same model gives the same bytes under any hash seed and either of SymPy's ground types.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sympy import Expr, Float, Integer, Symbol, diff

from derivations.model import Model, Phase
from derivations.relations import Relation
from numerics.printers import ArrayPrinter, MpmathPrinter
from numerics.sharing import share

Program = Sequence[tuple[Symbol, Expr]]
Printer = ArrayPrinter | MpmathPrinter


def source(model: Model, /, *, title: str = "", target: str = "arrays") -> str:
    """The generated module as text, for `target` "arrays" (NumPy and CuPy) or "mpmath".

    It defines `start`, `evaluate` (equations as log ratios, and their Jacobian in the iterated variables), `report`
    (residuals, observables, reported values) and, for each phase, `in_NAME` and `observables_NAME` (refusals and
    branches have `in_NAME` only; a branch's model is generated apart); for mpmath also
    `values` (every definition by name). All take a namespace `xp`, special functions `special`, and the parameters
    (then unknowns) by name.
    Raises TypeError when an expression has a node that the printer does not know, or a floating-point number.
    """
    printer: Printer = ArrayPrinter() if target == "arrays" else MpmathPrinter()
    _refuse_floats(model)
    blocks = [_header(model, title, printer)]
    blocks += [write(model, printer) for write in (_start, _evaluate, _report)]
    if target == "mpmath":
        blocks.append(_values(model, printer))
    for phase in model.phases:
        blocks += _phase(model, phase, printer)
    for region, doc in [(r, r.reason) for r in model.refusals] + [(b, "A branch.") for b in model.branches]:
        blocks.append(_condition(model, region.name, region.when, model.program, doc, printer))
    return "\n\n".join(blocks) + "\n"


def _refuse_floats(model: Model) -> None:
    expressions = [e for _, e in model.program]
    expressions += [side for r in (*model.equations, *model.residuals) for side in (r.lhs, r.rhs)]
    expressions += [*model.observables.values(), *model.reported.values(), *model.start.values()]
    if any(e.has(Float) for e in expressions):
        raise TypeError("a model holds a floating-point number: write 1/10 as Rational(1, 10)")


@dataclass
class _Block:
    """The assignments of one generated function; what they repeat is computed once."""

    name: str
    arguments: Iterable[Symbol]
    printer: Printer
    assignments: list[tuple[str, Expr]] = field(default_factory=list)

    def assign(self, name: str, expression: Expr) -> Symbol:
        self.assignments.append((name, expression))
        return Symbol(name, real=True)

    def define(self, program: Program) -> None:
        for name, expression in program:
            self.assign(str(name), expression)

    def text(self, result: str, doc: str) -> str:
        head = f"def {self.name}(xp, special, {', '.join(map(str, self.arguments))}):"
        lines = [f"    {name} = {self.printer.doprint(expression)}" for name, expression in share(self.assignments)]
        return "\n".join([head, f'    """{doc}"""', *lines, f"    return {result}"])


def needed(program: Program, expressions: Iterable[Expr], /) -> list[tuple[Symbol, Expr]]:
    """The definitions of `program`, in order, that `expressions` use directly or through one another."""
    wanted: set[Symbol] = set().union(*(e.free_symbols for e in expressions))
    kept = []
    for name, expression in reversed(program):
        if name in wanted:
            kept.append((name, expression))
            wanted |= expression.free_symbols
    return kept[::-1]


def _header(model: Model, title: str, printer: Printer) -> str:
    lines = [f'"""Generated from {title or "a model"}: the derivation is the source, do not edit."""', *printer.imports]
    lines += [f"PARAMETERS = {tuple(map(str, model.symbols))!r}", f"UNKNOWNS = {tuple(map(str, model.unknowns))!r}"]
    return "\n".join(lines)


def _start(model: Model, printer: Printer) -> str:
    block = _Block("start", model.symbols, printer)
    values = [model.start[u] for u in model.unknowns]
    block.define(needed(model.program, values))
    return block.text(_tuple(printer.doprint(v) for v in values), "A first guess of the unknowns.")


def _evaluate(model: Model, printer: Printer) -> str:
    block = _Block("evaluate", (*model.symbols, *model.unknowns), printer)
    equations = model.equations
    program = needed(model.program, [side for r in equations for side in (r.lhs, r.rhs)])
    chain = _Chain(model.unknowns)
    for name, expression in program:
        block.assign(str(name), expression)
        chain.extend(block, name, expression)
    ratios, rows = [], []
    for index, equation in enumerate(equations):
        left, right = block.assign(f"left_{index}", equation.lhs), block.assign(f"right_{index}", equation.rhs)
        ratios.append(printer.log_ratio(str(left), str(right)))
        slopes = {u: chain.total(equation.lhs, u) / left - chain.total(equation.rhs, u) / right for u in model.unknowns}
        rows.append(_tuple(str(block.assign(f"slope_{index}_{u}", slope)) for u, slope in slopes.items()))
    return block.text(f"{_tuple(ratios)}, {_tuple(rows)}", "Equations as log(left/right); Jacobian in log unknowns.")


class _Chain:
    """Names of the derivatives of each definition with respect to the logarithm of each unknown."""

    def __init__(self, unknowns: Sequence[Symbol]) -> None:
        self.unknowns = unknowns
        self.names: dict[Symbol, dict[Symbol, Symbol]] = {u: {u: u} for u in unknowns}

    def total(self, expression: Expr, unknown: Symbol) -> Expr:
        """d expression / d log unknown, in terms of names; d u / d log u is u itself."""
        known = self.names[unknown]
        terms = [diff(expression, name) * known[name] for name in sorted(expression.free_symbols & set(known), key=str)]
        return sum(terms, start=Integer(0))

    def extend(self, block: _Block, name: Symbol, expression: Expr) -> None:
        for unknown in self.unknowns:
            derivative = self.total(expression, unknown)
            if derivative != 0:
                self.names[unknown][name] = block.assign(f"d_{name}_{unknown}", derivative)


def _report(model: Model, printer: Printer) -> str:
    block = _Block("report", (*model.symbols, *model.unknowns), printer)
    residuals = model.residuals or model.equations
    results = [*model.observables.values(), *model.reported.values()]
    block.define(needed(model.program, [*results, *(s for r in residuals for s in (r.lhs, r.rhs))]))
    ratios = []
    for index, equation in enumerate(residuals):
        left, right = block.assign(f"left_{index}", equation.lhs), block.assign(f"right_{index}", equation.rhs)
        ratios.append(printer.log_ratio(str(left), str(right)))
    groups = [_mapping(model.observables, printer), _mapping(model.reported, printer)]
    return block.text(f"{_tuple(ratios)}, {', '.join(groups)}", "Residuals, observables, further named values.")


def _values(model: Model, printer: Printer) -> str:
    block = _Block("values", (*model.symbols, *model.unknowns), printer)
    block.define(model.program)
    return block.text("{" + ", ".join(f"{str(name)!r}: {name}" for name, _ in model.program) + "}", "Every definition.")


def _phase(model: Model, phase: Phase, printer: Printer) -> list[str]:
    program = [*model.program, *phase.program]
    values = {name: value for name, value in phase.observables.items() if value is not None}
    result = _Block(f"observables_{phase.name}", model.symbols, printer)
    result.define(needed(program, values.values()))
    test = _condition(model, phase.name, phase.when, program, phase.note, printer)
    return [test, result.text(_mapping(values, printer), "Its observables.")]


def _condition(model: Model, name: str, when: Sequence[Relation], program: Program, doc: str, printer: Printer) -> str:
    block = _Block(f"in_{name}", model.symbols, printer)
    block.define(needed(program, [side for relation in when for side in (relation.lhs, relation.rhs)]))
    return block.text(printer.conjunction(when), doc)


def _mapping(values: Mapping[str, Expr], printer: Printer) -> str:
    return "{" + ", ".join(f"{name!r}: {printer.doprint(value)}" for name, value in values.items()) + "}"


def _tuple(items: Iterable[str]) -> str:
    return "(" + "".join(f"{item}, " for item in items).rstrip() + ")"


__all__ = ["needed", "source"]
