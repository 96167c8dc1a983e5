"""Exact Gaussian means of polynomials times exponentials of quadratics, on intervals, by completing the square.

No search and no time limit: an integrand outside this class raises NoClosedForm at once, and the answer never depends
on the speed of the machine. The two rules used are steps of `derivations.lemmas.gaussian`.
"""

from __future__ import annotations

from sympy import (
    Add,
    Expr,
    Integer,
    Mul,
    Poly,
    Pow,
    Rational,
    S,
    Symbol,
    cos,
    cosh,
    erf,
    exp,
    expand,
    factorial2,
    im,
    oo,
    re,
    sin,
    sinh,
    sqrt,
    sympify,
)
from sympy.polys.polyerrors import PolynomialError

from derivations.symbols import gaussian_density

MOST_TERMS = 400


class NoClosedForm(ValueError):
    """The integrand is not a short sum of polynomials times exponentials of quadratics."""


def antiderivative(k: int, x: Expr, /) -> Expr:
    """E[G^k; G <= x] for G ~ N(0, 1), by F_k = (k - 1) F_(k-2) - x^(k-1) density(x); x may be -oo or oo."""
    if x == -oo:
        return S.Zero
    if x == oo:
        return factorial2(k - 1) if k % 2 == 0 else S.Zero
    if k == 0:
        return (1 + erf(x / sqrt(2))) / 2
    if k == 1:
        return -gaussian_density(x)
    return (k - 1) * antiderivative(k - 2, x) - x ** (k - 1) * gaussian_density(x)


def gaussian_mean(integrand: Expr, variable: Symbol, /, lower: Expr = -oo, upper: Expr = oo) -> Expr:
    """E[f(G); lower < G < upper] for G ~ N(0, 1), f a polynomial in the variable times exponentials of quadratics.

    Coefficients may be symbols; what is needed for convergence is refused only where SymPy knows it to be false.
    Raises NoClosedForm for an f outside the class and ValueError where the mean is infinite. Derived here.
    """
    lower, upper, integrand = sympify(lower), sympify(upper), sympify(integrand)
    groups: dict[Expr, list[Expr]] = {}
    for term in _terms(integrand, variable):
        factors, exponent = [], S.Zero
        for factor in Mul.make_args(term):
            if isinstance(factor, exp) and factor.has(variable):
                exponent += factor.exp
            else:
                factors.append(factor)
        groups.setdefault(expand(exponent), []).append(Mul(*factors))
    whole = lower == -oo and upper == oo
    total = [_weighted(Add(*terms), power, variable, lower, upper) for power, terms in groups.items()]
    result = expand(Add(*total))
    return expand(re(result)) if whole and result.is_real is not True and expand(im(result)) == 0 else result


def _terms(integrand: Expr, variable: Symbol) -> tuple[Expr, ...]:
    if integrand.has(sin, cos, sinh, cosh):
        integrand = integrand.replace(
            lambda e: isinstance(e, (sin, cos, sinh, cosh)) and e.has(variable), lambda e: e.rewrite(exp)
        )
    if _count(integrand) > MOST_TERMS:
        raise NoClosedForm(f"more than {MOST_TERMS} terms")
    terms: tuple[Expr, ...] = Add.make_args(expand(integrand, power_exp=False, power_base=False, log=False))
    return terms


def _count(expression: Expr) -> int:
    """An upper bound on the number of terms after expansion."""
    if isinstance(expression, Add):
        return sum(_count(term) for term in expression.args)
    if isinstance(expression, Mul):
        product = 1
        for factor in expression.args:
            product = min(product * _count(factor), MOST_TERMS + 1)
        return product
    if isinstance(expression, Pow) and isinstance(expression.exp, Integer) and expression.exp > 1:
        return int(min(_count(expression.base) ** min(int(expression.exp), 16), MOST_TERMS + 1))
    return 1


def _weighted(polynomial: Expr, power: Expr, variable: Symbol, lower: Expr, upper: Expr) -> Expr:
    """The mean of polynomial * exp(power): exp(power) moves the Gaussian to mean `centre` and variance `scale`^2."""
    try:
        quadratic = Poly(power, variable)
        coefficients = Poly(polynomial, variable)
    except PolynomialError:
        raise NoClosedForm(f"{polynomial}*exp({power}) in {variable}") from None
    if quadratic.degree() > 2 or any(entry.has(variable) for entry in [*coefficients.coeffs(), *quadratic.coeffs()]):
        raise NoClosedForm(f"{polynomial}*exp({power}) in {variable}")
    constant, slope, curvature = (quadratic.coeff_monomial(variable**k) for k in range(3))
    precision = 1 - 2 * curvature
    if precision.is_nonpositive:
        raise ValueError(f"the Gaussian mean of exp({power}) is infinite")
    scale, centre = 1 / sqrt(precision), slope / precision
    if not (lower == -oo and upper == oo) and centre.is_real is False:
        raise NoClosedForm(f"exp({power}) on an interval")
    low, high = ((bound - centre) / scale if bound.is_finite is not False else bound for bound in (lower, upper))
    shifted = Poly(coefficients.as_expr().subs(variable, centre + scale * variable), variable)
    moments = [c * (antiderivative(k, high) - antiderivative(k, low)) for (k,), c in shifted.terms()]
    return exp(constant + slope**2 * Rational(1, 2) / precision) * scale * Add(*moments)
