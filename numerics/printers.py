"""Printers: a SymPy expression as one line of source for arrays or for mpmath, from an allow-list of node types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from sympy import Expr, Integral, Mul, Pow, Rational, Symbol, pi
from sympy.printing.codeprinter import CodePrinter
from sympy.printing.precedence import PRECEDENCE, precedence

from derivations.averages import LawMean
from derivations.relations import Relation


class _Printer(CodePrinter):
    """Numbers, arithmetic, powers and named functions; anything else raises TypeError with the node's name."""

    language = "Python"
    # a node's own way to print itself as text is not source
    printmethod = ""
    _operators: ClassVar[dict[str, str]] = {"and": "&", "or": "|", "not": "~"}
    functions: ClassVar[dict[str, str]] = {}
    imports: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        super().__init__({"order": None, "human": True, "allow_unknown_functions": False, "strict": False})

    def doprint(self, expression: Expr, assign_to: Any = None) -> str:
        """One line of source. Raises TypeError for a node outside the allow-list."""
        return str(self._print(expression))

    def emptyPrinter(self, node: Any) -> str:  # SymPy's name
        raise TypeError(f"code generation does not know {type(node).__name__}: {node}")

    _print_not_supported = emptyPrinter

    def _print_Symbol(self, node: Any) -> str:
        return str(node.name)

    def _print_Parameter(self, node: Any) -> str:
        return str(node.name)

    def _print_Integer(self, node: Any) -> str:
        return str(int(node))

    def _print_Function(self, node: Any) -> str:
        name = self.functions.get(type(node).__name__)
        if name is None:
            return self.emptyPrinter(node)
        return f"{name}({', '.join(self._print(argument) for argument in node.args)})"

    _print_exp = _print_log = _print_erf = _print_erfc = _print_Abs = _print_Function

    def _print_Pow(self, node: Any) -> str:
        base, power = node.args
        if power == Rational(1, 2):
            return f"{self.functions['sqrt']}({self._print(base)})"
        if power == -Rational(1, 2):
            return f"1/{self.functions['sqrt']}({self._print(base)})"
        if power.is_Integer and power < 0:
            inverse = base if power == -1 else Pow(base, -power, evaluate=False)
            return f"1/{self.parenthesize(inverse, PRECEDENCE['Pow'])}"
        return f"{self.parenthesize(base, PRECEDENCE['Pow'])}**{self.parenthesize(power, precedence(node))}"

    def _print_Relational(self, node: Any) -> str:
        return f"({self._print(node.lhs)} {node.rel_op} {self._print(node.rhs)})"

    def conjunction(self, relations: Sequence[Relation]) -> str:
        """All relations at once, as a boolean expression."""
        operators = {"=": "==", "<=": "<=", "<": "<"}
        parts = [f"({self.doprint(r.lhs)} {operators[r.kind]} {self.doprint(r.rhs)})" for r in relations]
        return self.both.join(parts)

    both: ClassVar[str] = " & "

    def _print_Infinity(self, node: Any) -> str:
        return "xp.inf"

    def _print_Integral(self, node: Any) -> str:
        """Integrals over an angle only: derivations.averages writes all others so."""
        integrand, *limits = node.args
        if len(limits) != 1 or tuple(limits[0])[1:] != (0, pi):
            raise TypeError(f"code generation knows integrals over one angle from 0 to pi, not over {limits}")
        self._refuse_nesting(integrand, node)
        return f"special.angle_integral({self._closure(limits[0][0], integrand)}{self._references(node)})"

    def _print_LawMean(self, node: Any) -> str:
        expression, variable, law = node.args
        self._refuse_nesting(expression, node)
        return f"special.law_mean({self._closure(variable, expression)}, {law}{self._references(node)})"

    def _print_LowerMean(self, node: Any) -> str:
        expression, variable, law, share = node.args
        self._refuse_nesting(expression, node)
        closure = self._closure(variable, expression)
        return f"special.lower_mean({closure}, {law}, {self._print(share)}{self._references(node)})"

    def _closure(self, variable: Symbol, body: Expr) -> str:
        return f"lambda {variable}: {self._print(body)}"

    def _refuse_nesting(self, body: Expr, node: Expr) -> None:
        if body.has(Integral, LawMean):
            raise TypeError(f"code generation takes no average inside an average; name the inner one: {node}")

    def _references(self, node: Expr) -> str:
        laws = {mean.args[2] for mean in node.atoms(LawMean)}
        return "".join(f", {name}" for name in sorted(map(str, node.free_symbols - laws)))


class ArrayPrinter(_Printer):
    """Source for array namespaces: `xp` for arithmetic, `special` for special functions."""

    functions: ClassVar[dict[str, str]] = {
        "sqrt": "xp.sqrt",
        "exp": "xp.exp",
        "log": "xp.log",
        "Abs": "xp.abs",
        "tanh": "xp.tanh",
        "atan": "xp.atan",
        "asin": "xp.asin",
        "acos": "xp.acos",
        "sin": "xp.sin",
        "cos": "xp.cos",
        "sinh": "xp.sinh",
        "cosh": "xp.cosh",
        "erf": "special.erf",
        "erfc": "special.erfc",
        "erfinv": "special.erfinv",
        "ChiSquareCdf": "special.chi_square_cdf",
        "BumpVolume": "special.bump_volume",
    }

    def _print_Rational(self, node: Any) -> str:
        return f"{int(node.p)}/{int(node.q)}"

    def _print(self, node: Any, **options: Any) -> str:
        # an irrational constant is folded to its nearest double: array namespaces take no sqrt of a bare number
        if isinstance(node, Expr) and node.is_number and not node.is_Rational:
            value = complex(node.evalf(30))
            is_complex = value.imag and not isinstance(node, Integral)
            return self._print_Infinity(node) if node.is_infinite else repr(value if is_complex else value.real)
        return str(super()._print(node, **options))

    def _print_Mul(self, node: Any) -> str:
        constants = [factor for factor in node.args if factor.is_number]
        if all(factor.is_Rational for factor in constants):
            return str(super()._print_Mul(node))
        rest = Mul(*(factor for factor in node.args if not factor.is_number))
        return f"{self._print(Mul(*constants))}*{self.parenthesize(rest, PRECEDENCE['Mul'])}"

    def _print_Max(self, node: Any) -> str:
        return self._fold("xp.maximum", node)

    def _print_Min(self, node: Any) -> str:
        return self._fold("xp.minimum", node)

    def _fold(self, name: str, node: Any) -> str:
        # xp.maximum needs an array: a bare number is put second, behind something that is one
        parts = [self._print(argument) for argument in sorted(node.args, key=lambda a: (a.is_number, str(a)))]
        text = parts[0]
        for part in parts[1:]:
            text = f"{name}({text}, {part})"
        return text

    def _print_Piecewise(self, node: Any) -> str:
        *cases, (last, condition) = node.args
        if condition != True:  # noqa: E712  # a SymPy truth value
            raise TypeError(f"a Piecewise needs a default branch: {node}")
        text = self._print(last)
        for value, test in reversed(cases):
            text = f"xp.where({self._print(test)}, {self._print(value)}, {text})"
        return text

    def log_ratio(self, left: str, right: str) -> str:
        """log(left/right), zero where the two are equal (also when both vanish)."""
        return f"xp.where({left} == {right}, 0*{left}, xp.log({left}/{right}))"


class MpmathPrinter(ArrayPrinter):
    """Source for mpmath at the working precision: rationals and constants are built when the code runs."""

    def _print(self, node: Any, **options: Any) -> str:
        return str(_Printer._print(self, node, **options))

    def _print_Mul(self, node: Any) -> str:
        return str(_Printer._print_Mul(self, node))

    def _print_Rational(self, node: Any) -> str:
        return f"xp.mpf({int(node.p)})/{int(node.q)}"

    def _print_Pi(self, node: Any) -> str:
        return "xp.pi"

    def _print_ImaginaryUnit(self, node: Any) -> str:
        return "xp.mpc(0, 1)"

    def _print_Exp1(self, node: Any) -> str:
        return "xp.e"

    both: ClassVar[str] = " and "
