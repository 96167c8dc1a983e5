r"""The adversarial regularisation kernel (ARK) at initialisation: its mean, its fluctuation, its drift in training.

J(x) = grad_x f_0(x) of an infinitely wide network is Gaussian at every input dimension d, Cov(J(x), J(x')) =
d_x d_x'^T K. With F = K(q, p, r), q = x.x'/d, p = |x|^2/d, r = |x'|^2/d,

    E J(x).J(x') = K_q + (q K_qq + 2 r K_qr + 2 p K_pq + 4 q K_pr)/d,    Var J(x).J(x') = tr S S' + tr C^2

for the covariances S, S' of J(x), J(x') and C between them; so Var |J|^2 = 2 tr S^2. For ReLU S = gbar I/d with gbar =
W_std^2 (W_std^2/2)^depth for every input and every bias: |J|^2 has the relative standard deviation sqrt(2/d). The
kernel is deterministic only if d grows too, and in training it moves by O(1/d) even without an attack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sympy import (
    Derivative,
    Expr,
    Integer,
    Matrix,
    Poly,
    Rational,
    S,
    Symbol,
    diff,
    erf,
    exp,
    expand,
    oo,
    sqrt,
    symbols,
)

from derivations.core import Assumed, Derivation, Exact, Level, Rate, Sampled, Symbolic
from derivations.evidence import Instance
from derivations.gaussian_integrals import gaussian_mean
from derivations.lemmas.dual_activations import partial
from derivations.relations import Claim, equal, exponent, limit_of, statement
from derivations.robust_overfitting import kernels
from derivations.robust_overfitting import network_kernels as network
from derivations.robust_overfitting.network_kernels import (
    DEEPEST,
    Program,
    W_std,
    b_std,
    cosine,
    d,
    depth,
    input_norm2,
    other_norm2,
    p,
    q,
    r,
    t,
)
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(
    __name__,
    title="The adversarial regularisation kernel at initialisation",
    source=FU_WANG,
    simulations={"drift": "robust_overfitting_kernels:ark_drift"},
)

x, y, alpha, beta, gamma = symbols("x y alpha beta gamma", real=True)
slack = Symbol("slack", real=True)
entries = ("K_q", "K_qq", "K_qr", "K_pq", "K_pr")
UNIT = dict.fromkeys((x, y, q, alpha, beta, gamma, slack), (-1, 1))


def generating_kernel() -> Expr:
    """exp(alpha q + beta p + gamma r): the span of these is dense in the smooth kernels."""
    return exp(alpha * q + beta * p + gamma * r)


@theorem.step(Assumed(), uses=[kernels.wide_layers])
def wide_gradients() -> Claim:
    """Differentiation is linear; that the limit may be exchanged with it is assumed, and seen in the draws."""
    return statement("as all hidden widths grow, f_0 and grad f_0 are jointly Gaussian, with the derivatives of K")


@theorem.step(Symbolic(domain=UNIT), uses=[wide_gradients])
def mean() -> Claim:
    """The trace of d_x d_x'^T K: one coordinate is (x, y), and x^2, y^2, x y sum to d p, d r, d q over coordinates.

    Shown for a dense family of kernels K, at every d.
    """
    kernel = generating_kernel()
    moving = {p: p + x**2 / d, r: r + y**2 / d, q: q + x * y / d}
    entry = (diff(kernel.xreplace(moving), x, y) / kernel.xreplace(moving)).expand()
    sums = {(0, 0): d, (2, 0): d * p, (1, 1): d * q, (0, 2): d * r}
    trace = sum((value * sums[powers] for powers, value in Poly(entry, x, y).terms()), S.Zero)
    letters = {"p": p, "q": q, "r": r}
    layer = {name: Derivative(kernel, *(letters[each] for each in name[2:])) for name in entries}
    return equal(trace * kernel, network.ark_mean(layer))


@theorem.step(Symbolic(), uses=[mean])
def high_dimension() -> Claim:
    """At fixed p, q, r the mean ARK tends to K_q, W_std^2 times W_std^2 T_c of every layer; here one layer of erf."""
    layer = network.pair_kernels("erf", 1)
    slope = partial("erf", "c", *(network.first_layer(p, q, r)[name] for name in ("a", "b", "K")))
    named = {name: Symbol(name, real=True) for name in entries[1:]}
    return limit_of(network.ark_mean({**named, "K_q": layer["K_q"]}), d, oo, W_std**4 * slope)


def _behind_two_layers(name: str, program: Program, observables: Mapping[str, Expr | None]) -> Expr:
    """A model's observable, in the parameters."""
    value = (observables[name] or S.Zero).xreplace({depth: Integer(2)}).doit()
    for each, definition in reversed(program):
        value = value.xreplace({each: definition})
    return value


def _slope_of_the_kernel(program: Program, observables: Mapping[str, Expr | None]) -> Claim:
    kernel, limit = (_behind_two_layers(name, program, observables) for name in ("nngp", "ark_mean_high_dimension"))
    return equal(diff(kernel, cosine) / sqrt(input_norm2 * other_norm2), limit)


@theorem.step(Sampled({cosine: (Rational(-4, 5), Rational(4, 5))}, points=4), uses=[mean, high_dimension])
def limit_of_relu() -> Claim:
    """K_q, at fixed norms the slope of the whole kernel in q: no layer's slope is used."""
    return _slope_of_the_kernel(kernels.theorem.model.program, kernels.theorem.model.observables)


@theorem.step(Sampled({cosine: (Rational(-4, 5), Rational(4, 5))}, points=4), uses=[mean, high_dimension])
def limit_of_erf() -> Claim:
    """The same for erf."""
    branch = kernels.theorem.model.branches[0].model
    return _slope_of_the_kernel(branch.program, branch.observables)


a, spread, cross = Symbol("a", positive=True), Symbol("spread", positive=True), Symbol("h", real=True)


def _squared_gradient(kind: str) -> Expr:
    """E[(phi'(z) g)^2] for z of variance a, g of variance spread + h^2/a and covariance h with z: g given z, then z."""
    slope, lower = (S.One, S.Zero) if kind == "relu" else (diff(erf(t), t), -oo)
    gradient2 = cross**2 * t**2 / a + spread
    return gaussian_mean(expand(slope.subs(t, sqrt(a) * t) ** 2 * gradient2, power_exp=False), t, lower)


@theorem.step(Symbolic(), uses=[wide_gradients])
def relu_layer() -> Claim:
    """phi' is 0 or 1 with probability 1/2, independently of z^2: a layer of ReLU multiplies S by W_std^2/2."""
    return equal(W_std**2 * _squared_gradient("relu"), W_std**2 / 2 * (spread + cross**2 / a))


@theorem.step(Symbolic(), uses=[wide_gradients])
def erf_layer() -> Claim:
    """S' = W_std^2 (4/pi) (1 + 4a)^(-1/2) (S - 4 h h^T/(1 + 4a)): erf shrinks the direction of h = Cov(z, grad z)."""
    variance = spread + cross**2 / a
    square, _ = network.slope_moments("erf", a)
    return equal(_squared_gradient("erf"), square * (variance - 4 * cross**2 / (1 + 4 * a)))


def _relu_products() -> Iterator[Instance]:
    layer = network.first_diagonal(p)
    for hidden in range(1, DEEPEST + 1):
        layer = network.next_diagonal("relu", layer)
        own_mean, own_variance = network.own_ark(layer)
        gbar = W_std**2 * (W_std**2 / 2) ** hidden
        at = {W_std: Rational(7, 4), b_std: Rational(1, 3), p: Rational(5, 2), d: Integer(11)}
        where = f"{hidden} hidden layers"
        yield f"mean behind {where}", own_mean.xreplace(at), gbar.xreplace(at)
        yield f"variance behind {where}", own_variance.xreplace(at), (2 * gbar**2 / d).xreplace(at)


@theorem.step(Exact(_relu_products), uses=[relu_layer])
def relu_mean() -> Claim:
    """By induction over layers: neither the input's length, nor the bias, nor d enters."""
    return statement("E|J|^2 = W_std^2 (W_std^2/2)^depth for ReLU, and Var|J|^2 = (2/d) (E|J|^2)^2, depth 1 to 9")


@theorem.step(
    Sampled({b_std: (Rational(1, 10), 1), W_std: (1, 2), p: (1, 2), slack: (1, 2)}, points=1, digits=12),
    uses=[mean, erf_layer],
)
def diagonal() -> Claim:
    """At x' = x the pair's formulas and the recursion of one input agree, for two layers of erf.

    Mean and variance of the ARK, NTK and NNGP.
    """
    layer = network.first_layer(p, p, p)
    for _ in range(2):
        layer = network.next_layer("erf", layer)
    own = network.own_kernels("erf", 2)
    from_pair = network.ark_mean(layer) + slack * network.ark_variance(layer, own, own)
    own_mean, own_variance = network.own_ark(own)
    kernels_of_pair = slack**2 * layer["Theta"] + slack**3 * layer["K"]
    kernels_of_one = slack**2 * own["Theta"] + slack**3 * own["a"]
    return equal((from_pair + kernels_of_pair).xreplace({q: p, r: p}), own_mean + slack * own_variance + kernels_of_one)


def _isserlis() -> Iterator[Instance]:
    """Fourth moments of a Gaussian vector (J, J') in two dimensions from its moment generating function."""
    covariance = Matrix([[4, 1, 2, -1], [1, 3, 0, 1], [2, 0, 5, 1], [-1, 1, 1, 6]])
    s = symbols("s0:4")
    quadratic = expand((Matrix([s]) * covariance * Matrix(s))[0] / 2)
    fourth, second = Poly(expand(quadratic**2 / 2), *s), Poly(quadratic, *s)

    def moment(polynomial: Poly, *letters: Symbol) -> Expr:
        return diff(polynomial.as_expr(), *letters).subs(dict.fromkeys(s, 0))

    products = [(s[0], s[2]), (s[1], s[3])]
    centre = sum((moment(second, *pair) for pair in products), S.Zero)
    square = sum((moment(fourth, *one, *other) for one in products for other in products), S.Zero)
    own, cross_block = covariance[:2, :2] * covariance[2:, 2:], covariance[:2, 2:]
    yield "Var J.J'", square - centre**2, own.trace() + (cross_block * cross_block).trace()


def _explicit_covariances() -> Iterator[Instance]:
    """The variance in the layer's entries against the matrices themselves, for two vectors of three dimensions."""
    one, other = Matrix([1, 2, -1]), Matrix([3, 0, 1])
    grams = {p: one.dot(one) / Integer(3), r: other.dot(other) / Integer(3), q: one.dot(other) / Integer(3)}
    grams[d] = Integer(3)
    layer = {name: Integer(value) for name, value in zip(entries, (5, -2, 1, 3, 7), strict=True)}
    sides = Matrix.hstack(one, other)
    block = (layer["K_q"] * Matrix.eye(3) + sides * network.mixing(layer) * sides.T / 3) / 3
    first, second = {"spread": Integer(2), "along": -Integer(1)}, {"spread": Integer(5), "along": Rational(1, 3)}
    owns = [(k["spread"] * Matrix.eye(3) + k["along"] * v * v.T / 3) / 3 for k, v in ((first, one), (second, other))]
    yield "mean", network.ark_mean(layer).subs(grams), block.trace()
    found = network.ark_variance(layer, first, second).subs(grams)
    yield "variance", found, (owns[0] * owns[1]).trace() + (block * block).trace()
    yield "variance at one input", network.own_ark(first)[1].subs(grams), 2 * (owns[0] ** 2).trace()


@theorem.step(Exact(_isserlis), uses=[wide_gradients])
def variance() -> Claim:
    """Isserlis: E J_i J'_i J_j J'_j has three pairings; one is the square of the mean."""
    return statement("Var J.J' = tr S S' + tr C^2 for a Gaussian pair of gradients, 2 tr S^2 for one input")


@theorem.step(Exact(_explicit_covariances), uses=[variance, mean])
def covariances() -> Claim:
    """The matrices d_x d_x'^T K have rank two beyond a multiple of the identity: their traces in p, q, r."""
    return statement(
        "the mean and the variance that `solve robust_overfitting.kernels` gives are those of the matrices"
    )


@theorem.step(
    Symbolic(),
    uses=[relu_mean, variance],
    source="recalled: the ARK converges to a deterministic kernel as all widths grow",
)
def deterministic_limit() -> Claim:
    """Of ReLU the relative variance 2/d vanishes only as the input dimension grows with the hidden widths.

    At fixed d the ARK of an infinitely wide network is random. The paper's statement lets the input's width grow too.
    """
    own_mean, own_variance = network.own_ark(network.own_kernels("relu", 1))
    return limit_of(own_variance / own_mean**2, d, oo, 0)


DRIFT: dict[Symbol | str, Expr] = {W_std: Rational(3, 2), b_std: Rational(1, 10), "time": Integer(1)}


@theorem.step(
    Rate("robust_overfitting_kernels:ark_drift", at=DRIFT, sizes=(10, 20, 40, 80), draws=24),
    Rate(
        "robust_overfitting_kernels:ark_drift", at=DRIFT, sizes=(20, 40, 80, 160, 320), draws=160, level=Level.standard
    ),
    uses=[mean],
)
def drift() -> Claim:
    """J_t(x) = J_0(x) - sum_j d_x Theta(x, x_j) a_j with d_x Theta = O(d^(-1/2)).

    So |J|^2 moves relatively by O(1/d), here by about 3/d, in plain training of an infinitely wide network: the ARK is
    not constant at any fixed d, with or without an attack.
    """
    return exponent("drift", -1.25, -0.75)
