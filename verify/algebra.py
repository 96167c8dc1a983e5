"""What the computer algebra system can show: that an expression is 0, or that it is positive, by a ladder of tactics.

A tactic rewrites; only the outcome 0, or a form whose sign shows, counts. `Expr.equals` guesses from numbers and is not
used: numbers are the sampled second opinion's business.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import sympy
from sympy import Dummy, Expr, Pow, S, Symbol, oo

from derivations.relations import Relation
from numerics.points import Interval, find_interval
from verify.time_limit import run_within

Tactic = Callable[[Expr], Expr]


def vanishes(expression: Expr, /, *, seconds: float = 10.0) -> bool | None:
    """True when a tactic reduces the expression to 0, False when it is a number other than 0, else None.

    `seconds` of processor time are shared by all tactics; each may take at most half of what is left.
    """
    for reduced in _try_all(_TACTICS, [expression], seconds):
        if reduced == 0:
            return True
        if reduced.is_number and reduced.is_zero is False:
            return False
    return None


def is_manifestly(kind: str, expression: Expr, given: Iterable[Relation] = (), /, *, seconds: float = 10.0) -> bool:
    """Whether some form of the expression shows that it is positive (kind "<") or nonnegative ("<=").

    It is also tried in symbols that are all nonnegative, see `shift_to_positive`.
    """
    forms = [expression, shift_to_positive(expression, given)]
    for reduced in _try_all(_SIGN_TACTICS, forms, seconds):
        if reduced.is_positive or (kind == "<=" and reduced.is_nonnegative):
            return True
    return False


def _try_all(tactics: Iterable[Tactic], forms: list[Expr], seconds: float) -> Iterator[Expr]:
    """What each tactic makes of each form, while the time lasts."""
    deadline = time.process_time() + seconds
    for tactic in tactics:
        for form in dict.fromkeys(forms):
            left = deadline - time.process_time()
            if left <= 0:
                return
            reduced = run_within(left / 2, partial(_attempt, tactic, form))
            if reduced is not None:
                yield reduced


def _attempt(tactic: Tactic, expression: Expr) -> Expr | None:
    """The rewritten expression; a tactic that gives up with an exception, of whatever kind, has shown nothing."""
    try:
        return tactic(expression)
    except Exception:
        return None


def shift_to_positive(expression: Expr, given: Iterable[Relation] = (), /) -> Expr:
    """The expression in fresh nonnegative symbols that cover, or more than cover, the domain.

    A condition x < y turns y into x + u; a domain (low, oo) turns a symbol into low + u, one between two ends into
    low + (high - low)/(1 + u). Fresh symbols are positive where the end is excluded.
    """
    conditions = list(given)
    while (found := next((c for c in conditions if _orders_symbols(c)), None)) is not None:
        shift = {found.rhs: found.lhs + _fresh(found.rhs, strict=found.kind == "<")}
        expression = expression.xreplace(shift)
        conditions.remove(found)
        conditions = [Relation(c.kind, c.lhs.xreplace(shift), c.rhs.xreplace(shift)) for c in conditions]
    symbols = sorted((s for s in expression.free_symbols if not isinstance(s, Dummy)), key=str)
    return expression.xreplace({symbol: _shifted(symbol, _narrowed(symbol, conditions)) for symbol in symbols})


def _orders_symbols(relation: Relation) -> bool:
    sides = (relation.lhs, relation.rhs)
    plain = all(side.is_Symbol and not isinstance(side, Dummy) for side in sides)
    return relation.kind != "=" and plain and relation.lhs != relation.rhs


def _narrowed(symbol: Symbol, conditions: Iterable[Relation]) -> Interval:
    """The symbol's domain, cut by the conditions that compare it with a rational."""
    interval = find_interval(symbol, {})
    for relation in conditions:
        strict = relation.kind == "<"
        if relation.kind == "=":
            continue
        if relation.rhs == symbol and relation.lhs.is_Rational:
            interval = interval.intersect(Interval(relation.lhs, oo, strict, True))
        if relation.lhs == symbol and relation.rhs.is_Rational:
            interval = interval.intersect(Interval(-oo, relation.rhs, True, strict))
    return interval


def _shifted(symbol: Symbol, interval: Interval) -> Expr:
    low, high = interval.low, interval.high
    above_low, below_high = _fresh(symbol, strict=interval.low_open), _fresh(symbol, strict=interval.high_open)
    if low.is_Rational and high.is_Rational and interval.low_open:
        return low + (high - low) / (1 + below_high)
    if low.is_Rational and high.is_Rational and interval.high_open:
        return high - (high - low) / (1 + above_low)
    if low.is_Rational:
        return low + above_low
    return high - below_high if high.is_Rational else symbol


def _fresh(symbol: Symbol, *, strict: bool) -> Dummy:
    return Dummy(symbol.name, positive=True) if strict else Dummy(symbol.name, nonnegative=True)


def clear_radicals(expression: Expr, /) -> Expr:
    """0 if the numerator is 0 as a polynomial in its roots, a root s of degree q reduced by s**q = its radicand.

    Otherwise the expression itself: dependent roots may still cancel. Derived here.
    """
    powers = sympy.expand(expression, power_base=True, power_exp=True, mul=False, multinomial=False, log=False)
    return S.Zero if _vanishes_in_roots(sympy.numer(sympy.together(powers))) else expression


def _vanishes_in_roots(numerator: Expr) -> bool:
    roots = [node for node in numerator.atoms(Pow) if node.exp.is_Rational and not node.exp.is_Integer]
    if not roots:
        return bool(sympy.expand(numerator) == 0)
    # Outermost first: a radicand that contains other roots is the larger expression.
    radicand = max(
        (node.base for node in roots), key=lambda base: (sympy.count_ops(base), sympy.default_sort_key(base))
    )
    powers = [node for node in roots if node.base == radicand]
    degree = int(sympy.ilcm(1, *(node.exp.q for node in powers)))
    root = Dummy("root", positive=True) if radicand.is_positive else Dummy("root")
    in_root = numerator.xreplace({node: root ** (node.exp * degree) for node in powers})
    polynomial = sympy.Poly(sympy.numer(sympy.together(in_root)), root)
    remainder = polynomial.rem(sympy.Poly(root**degree - radicand, root))
    return all(_vanishes_in_roots(sympy.numer(sympy.together(c))) for c in remainder.all_coeffs())


def _numerator(expression: Expr) -> Expr:
    return sympy.expand(sympy.numer(sympy.together(expression)))


def _expand_numerator(expression: Expr) -> Expr:
    numerator, denominator = sympy.fraction(sympy.together(expression))
    return sympy.expand(numerator) / sympy.factor(denominator)


_TACTICS: tuple[Tactic, ...] = (
    lambda e: e,
    _numerator,
    sympy.expand,
    clear_radicals,
    lambda e: e.doit(),
    lambda e: _numerator(e.doit()),
    lambda e: clear_radicals(e.doit()),
    lambda e: sympy.cancel(sympy.together(e)),
    lambda e: _numerator(e.rewrite(sympy.exp)),
    lambda e: clear_radicals(e.rewrite(sympy.exp)),
    sympy.trigsimp,
    lambda e: sympy.expand(sympy.expand_func(e.doit())),
    lambda e: sympy.expand(sympy.expand_log(sympy.logcombine(e))),
    lambda e: sympy.simplify(e.rewrite(sympy.erf)),
    sympy.radsimp,
    sympy.powsimp,
    sympy.simplify,
    lambda e: sympy.simplify(e.doit()),
    sympy.sqrtdenest,
    sympy.factor,
)
_SIGN_TACTICS: tuple[Tactic, ...] = (
    lambda e: e,
    lambda e: sympy.factor(sympy.together(e)),
    _expand_numerator,
    lambda e: sympy.factor(sympy.together(e.doit())),
    sympy.simplify,
    lambda e: sympy.factor(sympy.simplify(e)),
    sympy.radsimp,
)
