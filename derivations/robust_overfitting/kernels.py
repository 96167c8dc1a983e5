r"""The kernels of infinitely wide fully connected networks, their derivatives in the inputs, and the random ARK.

Layers z = W_std/sqrt(fan_in) W h + b_std bias with standard normal W and bias, hidden widths -> infinity at a fixed
input dimension d. With p = |x|^2/d, r = |x'|^2/d, q = x.x'/d and T of `lemmas.dual_activations`, the NNGP K and the NTK
Theta start at b_std^2 + W_std^2 q, and behind a hidden layer

    K' = b_std^2 + W_std^2 T(a, b, K),   Theta' = K' + W_std^2 T_c(a, b, K) Theta,   a' = b_std^2 + W_std^2 T(a, a, a);

their partials in p, q, r follow by the chain rule and give input derivatives, d_x F = (F_q x' + 2 F_p x)/d. The
adversarial regularisation kernel (ARK) J(x) J(x')^T of the initial input gradients J is random at every d: `solve`
gives its mean and variance (`robust_overfitting.ark`). Convolutions are outside what is stated here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sympy import Derivative, Eq, Expr, Integer, Piecewise, Rational, S, Symbol, diff, erf, sqrt, symbols

from derivations.core import (
    Branch,
    Cited,
    Derivation,
    Exact,
    Level,
    Model,
    Phase,
    Sampled,
    Simulation,
    Symbolic,
)
from derivations.evidence import Instance
from derivations.lemmas import dual_activations
from derivations.relations import Claim, Relation, equal, follows, statement
from derivations.robust_overfitting import network_kernels as network
from derivations.robust_overfitting.network_kernels import (
    DEEPEST,
    Layer,
    Program,
    W_std,
    activation,
    b_std,
    cosine,
    d,
    depth,
    input_norm2,
    other_norm2,
    p,
    q,
    r,
)
from derivations.robust_overfitting.symbols import FU_WANG

theorem = Derivation(
    __name__,
    title="Kernels of wide networks and their input derivatives",
    source=FU_WANG,
    simulations={"networks": "robust_overfitting_kernels:sampled_networks"},
)

OBSERVABLES = ("nngp", "ntk", "ark_mean", "ark_variance", "ark_mean_high_dimension")
PARAMETERS = (activation, depth, W_std, b_std, d, input_norm2, other_norm2, cosine)
INPUTS: Program = ((p, input_norm2), (r, other_norm2), (q, cosine * sqrt(p * r)))
slack = Symbol("slack", real=True)


def _name(layer: Layer, tag: str, program: list[tuple[Symbol, Expr]]) -> Layer:
    """The layer with every entry that is not a number named, its definitions appended to the program."""
    named: Layer = {}
    for name, value in layer.items():
        symbol = Symbol(f"{name}_{tag}", positive=True) if name in ("a", "b") else Symbol(f"{name}_{tag}", real=True)
        named[name] = value if value.is_number else symbol
        if not value.is_number:
            program.append((symbol, value))
    return named


def _pick(values: list[Expr]) -> Expr:
    """The value of the chosen depth."""
    return Piecewise(*((value, Eq(depth, k)) for k, value in enumerate(values[:-1], start=1)), (values[-1], True))


def _own_layers(kind: str, norm2: Symbol, tag: str, program: list[tuple[Symbol, Expr]]) -> list[Layer]:
    layer, layers = _name(network.first_diagonal(norm2), f"{tag}0", program), []
    for k in range(1, DEEPEST + 1):
        layer = _name(network.next_diagonal(kind, layer), f"{tag}{k}", program)
        layers.append(layer)
    return layers


def pair_formula(kind: str, /) -> tuple[Program, dict[str, Expr]]:
    """A program, and the observables of a pair of inputs at every depth, picked by `depth`."""
    program = list(INPUTS)
    own = [_own_layers(kind, norm2, tag, program) for norm2, tag in ((p, "x"), (r, "y"))]
    layer, layers = _name(network.first_layer(p, q, r), "0", program), []
    for k in range(1, DEEPEST + 1):
        layer = _name(network.next_layer(kind, layer), str(k), program)
        layers.append(layer)
    columns = (
        [layer["K"] for layer in layers],
        [layer["Theta"] for layer in layers],
        [network.ark_mean(layer) for layer in layers],
        [network.ark_variance(*each) for each in zip(layers, *own, strict=True)],
        [layer["K_q"] for layer in layers],
    )
    return tuple(program), {name: _pick(column) for name, column in zip(OBSERVABLES, columns, strict=True)}


def own_formula(kind: str, /) -> tuple[Program, dict[str, Expr]]:
    """The same for one input: no singular limits of the second partials."""
    program: list[tuple[Symbol, Expr]] = []
    layers = _own_layers(kind, p, "own", program)
    moments = [network.own_ark(layer) for layer in layers]
    columns = (
        [layer["a"] for layer in layers],
        [layer["Theta"] for layer in layers],
        [mean for mean, _ in moments],
        [variance for _, variance in moments],
        [layer["spread"] for layer in layers],
    )
    return tuple(program), {name: _pick(column) for name, column in zip(OBSERVABLES, columns, strict=True)}


SAME: tuple[Relation, ...] = (equal(cosine, 1), equal(input_norm2, other_norm2))


def _closed(program: Program, observables: dict[str, Expr]) -> Model:
    return Model(parameters=PARAMETERS, unknowns=(), program=program, equations=(), observables=observables, start={})


@theorem.solvable
def model() -> Model:
    """ReLU, with one input as a phase, and erf as a branch; no unknowns."""
    program, observables = pair_formula("relu")
    own_program, own = own_formula("relu")
    note = "one input: the kernels on the diagonal"
    return Model(
        parameters=PARAMETERS,
        unknowns=(),
        program=program,
        equations=(),
        observables=observables,
        start={},
        phases=(Phase("one_input", "converged", (activation.chosen("relu"), *SAME), own, note, own_program),),
        branches=(Branch("erf", (activation.chosen("erf"),), _closed(*pair_formula("erf"))),),
        refusals=network.refusals(),
    )


@theorem.step(
    Cited("Lee et al. (2018), Deep neural networks as Gaussian processes; Jacot, Gabriel & Hongler (2018), Theorem 1")
)
def wide_layers() -> Claim:
    """By the law of large numbers in each hidden layer, one after another: the preactivations become Gaussian."""
    return statement("as all hidden widths grow, f_0 is Gaussian with covariance K, and Theta is deterministic")


@theorem.step(Symbolic(), uses=[wide_layers])
def tangent_kernel_of_a_neuron() -> Claim:
    """The products of the parameter derivatives of one hidden neuron in two dimensions, at output weight 1.

    Those of the output make K', those of the hidden layer W_std^2 phi' phi' Theta; their mean over neurons follows.
    """
    parameters = output, bias, first, second, inner = symbols("output bias first second inner", real=True)
    points = symbols("x1 x2", real=True), symbols("y1 y2", real=True)

    def preactivation(x: tuple[Symbol, ...]) -> Expr:
        return W_std * (first * x[0] + second * x[1]) / sqrt(2) + b_std * inner

    def network_output(x: tuple[Symbol, ...]) -> Expr:
        return W_std * output * erf(preactivation(x)) + b_std * bias

    one, other = (network_output(x) for x in points)
    product = sum((Derivative(one, w) * Derivative(other, w) for w in parameters), S.Zero)
    below_it = b_std**2 + W_std**2 * (points[0][0] * points[1][0] + points[0][1] * points[1][1]) / 2
    z, slope = [preactivation(x) for x in points], diff(erf(slack), slack)
    carried = slope.subs(slack, z[0]) * slope.subs(slack, z[1]) * below_it
    kernel = b_std**2 + W_std**2 * erf(z[0]) * erf(z[1])
    return equal(product.subs(output, 1), kernel + W_std**2 * carried)


def _differentiated(kind: str, hidden: int, names: tuple[str, ...]) -> Claim:
    """The partials of the whole kernel against the recursion's, as one identity in powers of `slack`."""
    layer = network.pair_kernels(kind, hidden)
    variables = {"p": p, "q": q, "r": r}
    left, right = S.Zero, S.Zero
    for k, name in enumerate(names):
        kernel, letters = name.split("_")
        left += slack**k * diff(layer[kernel], *(variables[letter] for letter in letters))
        right += slack**k * layer[name]
    return equal(left, right)


ALL = ("K_p", "K_q", "K_r", "K_qq", "K_pq", "K_qr", "K_pr", "Theta_p", "Theta_q")
BOX = {
    p: (1, 2),
    r: (Rational(1, 2), 1),
    q: (-Rational(1, 2), Rational(1, 2)),
    W_std: (1, 2),
    b_std: (Rational(1, 10), 1),
    slack: (Rational(1, 2), 2),
}


@theorem.step(Sampled(BOX, points=3, digits=12), uses=[dual_activations.relu_partials_printed])
def relu_derivatives() -> Claim:
    """One hidden layer of ReLU: the chain rule of the recursion against the derivatives of the whole kernel."""
    return _differentiated("relu", 1, ALL)


@theorem.step(Sampled(BOX, points=3, digits=12), uses=[dual_activations.erf_printed])
def erf_derivatives() -> Claim:
    """The same with erf: the recursion is the same, its T is not."""
    return _differentiated("erf", 1, ALL)


@theorem.step(Sampled(BOX, points=1, digits=12), uses=[erf_derivatives, dual_activations.erf_second_partials])
def derivatives_of_two_layers() -> Claim:
    """Two hidden layers, where every term of the chain rule is at work: one second derivative, and one of the NTK."""
    return _differentiated("erf", 2, ("K_pr", "Theta_p"))


SEEN = OBSERVABLES[:4]
WIDTHS = {Level.quick: (16, 32, 64), Level.standard: (32, 64, 128)}
TOLERANCE = {Level.quick: 0.05, Level.standard: 0.015}
MOST = {Level.quick: 160, Level.standard: 600}
AT: dict[Symbol | str, Expr | str] = {
    W_std: Rational(3, 2),
    b_std: Rational(1, 5),
    d: Integer(10),
    input_norm2: Rational(7, 5),
    other_norm2: Rational(4, 5),
    cosine: Rational(3, 10),
}


def _law(level: Level, kind: str, hidden: int, **changed: Expr) -> Simulation:
    at: dict[Symbol | str, Expr | str] = {"activation": kind, depth: Integer(hidden), **AT}
    at.update({key: changed[str(key)] for key in at if str(key) in changed})
    return Simulation(
        "robust_overfitting_kernels:sampled_networks",
        at=at,
        bias="1/d",
        tolerance={**dict.fromkeys(SEEN, TOLERANCE[level]), "ark_variance": 3 * TOLERANCE[level]},
        sizes=WIDTHS[level],
        controls={"variance_1": 1, "variance_2": 1},
        most=MOST[level],
        level=level,
    )


def _laws(kind: str, hidden: int, **changed: Expr) -> tuple[Simulation, ...]:
    return tuple(_law(level, kind, hidden, **changed) for level in WIDTHS)


@theorem.step(*_laws("relu", 1), uses=[relu_derivatives, tangent_kernel_of_a_neuron])
def relu_networks() -> Claim:
    """Sampled ReLU networks with one hidden layer, extrapolated in the width."""
    return follows(theorem.model, *SEEN)


@theorem.step(*_laws("erf", 1), uses=[erf_derivatives, tangent_kernel_of_a_neuron])
def erf_networks() -> Claim:
    """The same with erf; at d = 10 the 1/d terms of the mean ARK are seen."""
    return follows(theorem.model, *SEEN)


@theorem.step(*_laws("erf", 2), uses=[derivatives_of_two_layers, tangent_kernel_of_a_neuron])
def deep_networks() -> Claim:
    """Two hidden layers; the variance of the ARK has 1/width^2 terms here and is compared with one layer only."""
    return follows(theorem.model, *OBSERVABLES[:3])


@theorem.step(*_laws("relu", 1, cosine=Integer(1), other_norm2=Rational(7, 5)), uses=[tangent_kernel_of_a_neuron])
def one_input() -> Claim:
    """The diagonal, where the ARK is |grad f_0|^2."""
    return follows(theorem.model, *SEEN)


def _on_the_diagonal() -> Iterator[Instance]:
    phase = theorem.model.phases[0]
    at = {W_std: Rational(7, 4), b_std: Rational(1, 3), input_norm2: Rational(5, 2)}
    for hidden in range(1, DEEPEST + 1):
        found = (phase.observables["ark_mean_high_dimension"] or S.Zero).xreplace({depth: Integer(hidden)}).doit()
        for name, definition in reversed(phase.program):
            found = found.xreplace({name: definition})
        yield f"behind {hidden} hidden layers", found.xreplace(at), Rational(49, 16) * Rational(49, 32) ** hidden


@theorem.step(Exact(_on_the_diagonal), uses=[wide_layers])
def slope_on_the_diagonal() -> Claim:
    """A layer of ReLU passes W_std^2/2 of the squared slope, whatever the norm and the bias."""
    return statement("at one input K_q = W_std^2 (W_std^2/2)^depth, the mean ARK of high dimension")
