"""The kernels of an infinitely wide fully connected network as straight-line programs, layer by layer.

Layers z = W_std/sqrt(fan_in) W h + b_std bias, standard normal W and bias; depth counts hidden layers. For a pair of
inputs p = |x|^2/d, r = |x'|^2/d, q = x.x'/d; after each layer `a` and `b` are the variances at x and x', `K` the
covariance (the NNGP kernel), `Theta` the NTK, and a letter after an underscore a partial derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from sympy import Expr, Integer, Matrix, Rational, S, Symbol, diff, erf, oo, sqrt

from derivations.core import ChoiceParameter, Domain, Refusal, parameter
from derivations.gaussian_integrals import gaussian_mean
from derivations.lemmas.dual_activations import closed_form, diagonal, diagonal_slope, partial
from derivations.relations import below, equal

Layer: TypeAlias = dict[str, Expr]
Program: TypeAlias = tuple[tuple[Symbol, Expr], ...]
Dual: TypeAlias = Callable[[str, str, Expr, Expr, Expr], Expr]

DEEPEST = 9
W_std = parameter("W_std", "standard deviation of the weights", positive=True, default=Rational(44, 25))
b_std = parameter("b_std", "standard deviation of the biases", nonnegative=True, default=Rational(9, 50))
d = parameter("dimension", "dimension of the inputs", positive=True, default=Integer(3072))
depth = parameter(
    "depth",
    "number of hidden layers",
    domain=Domain(Integer(1), Integer(DEEPEST), lower_open=False, upper_open=False),
    default=Integer(2),
    convention="MLP-k of Fu & Wang has k - 1 hidden layers",
)
input_norm2 = parameter("input_norm2", "|x|^2/d of the first input", positive=True, default=Integer(1))
other_norm2 = parameter("other_norm2", "|x'|^2/d of the second input", positive=True, default=Integer(1))
cosine = parameter(
    "cosine",
    "cosine of the angle between the inputs",
    domain=Domain(Integer(-1), Integer(1), lower_open=False, upper_open=False),
    default=Rational(1, 2),
    convention="1 with equal norms is one input; the random kernel is then |grad f_0|^2",
)
activation = ChoiceParameter(
    "activation",
    "activation of the hidden layers",
    {"relu": 1, "erf": 2},
    default="relu",
    symbol=Symbol("activation_number", positive=True),
    convention="relu is max(t, 0), erf is erf(t)",
)
p, r = Symbol("p", positive=True), Symbol("r", positive=True)
q = Symbol("q", real=True)
t = Symbol("t", real=True)

PAIR = ("a", "b", "K", "Theta", "a_p", "b_r", "K_p", "K_q", "K_r", "K_qq", "K_pq", "K_qr", "K_pr", "Theta_p", "Theta_q")
SECOND = ("qq", "pq", "qr", "pr")


def first_layer(p: Expr, q: Expr, r: Expr, /) -> Layer:
    """The kernels before the first activation: linear in p, q, r."""
    layer: Layer = dict.fromkeys(PAIR, S.Zero)
    inputs = {"a": p, "b": r, "K": q, "Theta": q}
    layer.update({name: b_std**2 + W_std**2 * value for name, value in inputs.items()})
    layer.update(dict.fromkeys(("a_p", "b_r", "K_q", "Theta_q"), W_std**2))
    return layer


def next_layer(kind: str, layer: Mapping[str, Expr], /, *, dual: Dual = closed_form) -> Layer:
    """The kernels behind one more hidden layer of activation `kind`, every partial by the chain rule."""
    a, b, c = (layer[name] for name in ("a", "b", "K"))
    first = {letters: dual(kind, letters, a, b, c) for letters in ("c", "a", "cc", "ac", "ab")}
    first |= {"b": dual(kind, "a", b, a, c), "bc": dual(kind, "ac", b, a, c)}
    slope = {
        "a": {"p": layer["a_p"]},
        "b": {"r": layer["b_r"]},
        "c": {letter: layer[f"K_{letter}"] for letter in "pqr"},
    }

    def along(source: str, letter: str) -> Expr:
        return slope[source].get(letter, S.Zero)

    def once(outer: Mapping[str, Expr], letter: str) -> Expr:
        return sum((outer[source] * along(source, letter) for source in outer), S.Zero)

    def twice(i: str, j: str) -> Expr:
        mixed = (
            first[x + y] * (along(x, i) * along(y, j) + along(y, i) * along(x, j))
            for x, y in (("a", "c"), ("b", "c"), ("a", "b"))
        )
        return sum(mixed, first["cc"] * along("c", i) * along("c", j)) + first["c"] * layer[f"K_{i}{j}"]

    weight = W_std**2
    kernel = b_std**2 + weight * dual(kind, "", a, b, c)
    new: Layer = {name: b_std**2 + weight * diagonal(kind, layer[name]) for name in ("a", "b")}
    new |= {"K": kernel, "Theta": kernel + weight * first["c"] * layer["Theta"]}
    new |= {
        f"{n}_{x}": weight * diagonal_slope(kind, layer[n]) * layer[f"{n}_{x}"] for n, x in (("a", "p"), ("b", "r"))
    }
    new |= {f"K_{letter}": weight * once({s: first[s] for s in "abc"}, letter) for letter in "pqr"}
    new |= {f"K_{letters}": weight * twice(letters[0], letters[1]) for letters in SECOND}
    for letter in "pq":
        bend = once({"a": first["ac"], "b": first["bc"], "c": first["cc"]}, letter)
        old = bend * layer["Theta"] + first["c"] * layer[f"Theta_{letter}"]
        new[f"Theta_{letter}"] = new[f"K_{letter}"] + weight * old
    return new


def slope_moments(kind: str, a: Expr, /) -> tuple[Expr, Expr]:
    """(E phi'(z)^2, E phi'(z)^2 z^2) for z ~ N(0, a), by Gaussian integration."""
    slope, lower = (S.One, S.Zero) if kind == "relu" else (diff(erf(t), t).subs(t, sqrt(a) * t), -oo)
    return gaussian_mean(slope**2, t, lower), gaussian_mean(a * t**2 * slope**2, t, lower)


def first_diagonal(p: Expr, /) -> Layer:
    """One input: variance, NTK, and the gradient's covariance (spread I + along x x^T/d)/d, before any activation."""
    variance = b_std**2 + W_std**2 * p
    return {"a": variance, "Theta": variance, "a_p": W_std**2, "spread": W_std**2, "along": S.Zero}


def next_diagonal(kind: str, layer: Mapping[str, Expr], /) -> Layer:
    """The same behind one more hidden layer; the gradient is phi'(z) grad z with (z, grad z) Gaussian."""
    a, slope = layer["a"], layer["a_p"]
    square, weighted = slope_moments(kind, a)
    variance = b_std**2 + W_std**2 * diagonal(kind, a)
    return {
        "a": variance,
        "Theta": variance + W_std**2 * square * layer["Theta"],
        "a_p": W_std**2 * diagonal_slope(kind, a) * slope,
        "spread": W_std**2 * square * layer["spread"],
        "along": W_std**2 * (square * layer["along"] + (weighted / a - square) * slope**2 / a),
    }


def pair_kernels(kind: str, hidden: int, /, *, dual: Dual = partial) -> Layer:
    """The kernels of `hidden` layers as expressions in p, q, r, everything substituted."""
    layer = first_layer(p, q, r)
    for _ in range(hidden):
        layer = next_layer(kind, layer, dual=dual)
    return layer


def own_kernels(kind: str, hidden: int, /) -> Layer:
    """The kernels of one input as expressions in p."""
    layer = first_diagonal(p)
    for _ in range(hidden):
        layer = next_diagonal(kind, layer)
    return layer


def ark_mean(layer: Mapping[str, Expr], /) -> Expr:
    """The trace of d_x d_x'^T K, in the layer's entries and p, q, r."""
    return layer["K_q"] + (mixing(layer) * gram()).trace() / d


def mixing(layer: Mapping[str, Expr], /) -> Matrix:
    """M in d_x d_x'^T K = (K_q I + U M U^T/d)/d, U = (x, x')."""
    return Matrix([[2 * layer["K_pq"], 4 * layer["K_pr"]], [layer["K_qq"], 2 * layer["K_qr"]]])


def gram() -> Matrix:
    """U^T U/d."""
    return Matrix([[p, q], [q, r]])


def ark_variance(layer: Mapping[str, Expr], one: Mapping[str, Expr], other: Mapping[str, Expr], /) -> Expr:
    """The variance of J(x).J(x') for Gaussian gradients: tr S S' + tr C^2, `one` and `other` being the two inputs'."""
    turned = mixing(layer) * gram()
    cross = d * layer["K_q"] ** 2 + 2 * layer["K_q"] * turned.trace() + (turned * turned).trace()
    own = d * one["spread"] * other["spread"] + one["spread"] * other["along"] * r
    own += other["spread"] * one["along"] * p + one["along"] * other["along"] * q**2
    return (cross + own) / d**2


def own_ark(layer: Mapping[str, Expr], /) -> tuple[Expr, Expr]:
    """Mean and variance of |grad f_0(x)|^2: tr S and 2 tr S^2 for the covariance S = (spread I + along x x^T/d)/d."""
    spread, along = layer["spread"], layer["along"]
    mean = spread + along * p / d
    return mean, 2 * (d * spread**2 + 2 * spread * along * p + along**2 * p**2) / d**2


PARALLEL = equal(cosine**2, 1)


def refusals() -> tuple[Refusal, ...]:
    """Depths between whole numbers, and the one place where the formulas of ReLU have no value."""
    whole = S.One
    for k in range(1, DEEPEST + 1):
        whole *= (depth - k) ** 2
    apart = below(0, (cosine - 1) ** 2 + (input_norm2 - other_norm2) ** 2)
    return (
        Refusal("broken_depth", (below(0, whole),), f"depth is a whole number of hidden layers from 1 to {DEEPEST}"),
        Refusal(
            "parallel_inputs",
            (activation.chosen("relu"), equal(b_std, 0), PARALLEL, apart),
            "without biases the ARK of ReLU is singular between different parallel inputs: move cosine off +-1",
        ),
    )
