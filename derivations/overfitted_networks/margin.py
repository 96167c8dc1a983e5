r"""What a teacher costs in robust classification: oscillation inside the ball, however small |F| is there.

F(x) = 2 P(Y = 1 | x) - 1, Bayes sign sgn F, R* = E(1 - |F|)/2. If |g - F| <= eps and t = eps + omega_F(delta), then on
{|F| > t} the teacher has the Bayes sign throughout the ball, so

    R_delta(g) - R* <= (1 + t)/2 P(|F| <= t),

at most (1 + t)/2 C t^beta under Tsybakov's condition P(0 < |F| <= t) <= C t^beta: the exponent is beta, not beta + 1,
for both signs in one ball cost at least 1/2. For X uniform on [0, 1] and F = sgn(s)|s|^(1/beta), s = 2x - 1, where
P(|F| <= t) = t^beta, the teacher F itself has R_delta(F) - R* = delta + (2 delta)^(1 + 1/beta)/(2 (1 + 1/beta)).

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from sympy import Expr, Integer, Integral, Min, Rational, Symbol, symbols

from derivations.core import Certified, Derivation, Domain, Level, Model, Sampled, Symbolic, parameter
from derivations.overfitted_networks import classification
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, at_most, below, equal

theorem = Derivation(__name__, title="Robust error of a teacher under a margin condition", source=SHI_LIU_CAO_SUYKENS)

margin_exponent = parameter(
    "margin_exponent",
    "Tsybakov's exponent beta",
    positive=True,
    domain=Domain(Integer(1), lower_open=False),
    convention="P(|F| <= t) = t^beta; F has the modulus 2 delta^(1/beta)",
)
radius = parameter(
    "radius",
    "radius delta of the attack",
    positive=True,
    domain=Domain(Integer(0), Rational(1, 2), upper_open=False),
    convention="X uniform on [0, 1]",
)
teacher_error = parameter("teacher_error", "sup |g - F|", nonnegative=True, default=0)
BOX = {radius: (Rational(1, 100), Rational(1, 2)), margin_exponent: (1, 6), teacher_error: (0, Rational(1, 4))}
s = Symbol("s", positive=True)


def robust_excess() -> Expr:
    """R_delta(F) - R*."""
    power = 1 + 1 / margin_exponent
    return radius + (2 * radius) ** power / (2 * power)


def threshold() -> Expr:
    """t = eps + omega_F(delta), the modulus of F being largest across its zero."""
    return teacher_error + 2 * radius ** (1 / margin_exponent)


def robust_excess_bound() -> Expr:
    """(1 + t)/2 P(|F| <= t); beyond t = 1 the share (1 + |F|)/2 is at most 1."""
    t = threshold()
    return (1 + Min(t, 1)) / 2 * Min(t, 1) ** margin_exponent


@theorem.solvable
def model() -> Model:
    """Closed forms; no unknowns."""
    return Model(
        parameters=(margin_exponent, radius, teacher_error),
        unknowns=(),
        program=(),
        equations=(),
        observables={"robust_excess": robust_excess(), "robust_excess_bound": robust_excess_bound()},
        start={},
    )


bayes = Symbol("F", positive=True)


@theorem.step(Symbolic(), uses=[classification.flip_set])
def cost_of_a_flip() -> Claim:
    """Where both signs are in the ball the error is 1 instead of (1 - |F|)/2: at least 1/2 more, whatever |F| is."""
    return at_most(Rational(1, 2), 1 - (1 - bayes) / 2)


@theorem.step(Symbolic(domain=BOX, digits=15), uses=[cost_of_a_flip])
def exact_family() -> Claim:
    """The ball around x holds both signs iff |s| <= 2 delta; s is uniform on [-1, 1]."""
    exponent = 1 / margin_exponent
    return equal(Integral((1 + s**exponent) / 2, (s, 0, 2 * radius)), theorem.model.observables["robust_excess"])


@theorem.step(Symbolic(domain={margin_exponent: (1, 6)}, digits=15), uses=[exact_family])
def margin_condition() -> Claim:
    """P(|F| <= t) = P(|s| <= t^beta) = t^beta, Tsybakov's condition with C = 1 and equality: both give E|F|."""
    t = Symbol("t", positive=True)
    return equal(Integral(s ** (1 / margin_exponent), (s, 0, 1)), Integral(1 - t**margin_exponent, (t, 0, 1)))


start = symbols("start", positive=True)


@theorem.step(
    Sampled(domain=BOX, points=100),
    # at beta = 1 the two sides are the same
    Certified({**BOX, margin_exponent: (Rational(5, 4), 6), start: (Rational(1, 100), 1)}),
    Certified({**BOX, margin_exponent: (Rational(11, 10), 6), start: (Rational(1, 1000), 1)}, level=Level.standard),
    uses=[cost_of_a_flip],
)
def modulus() -> Claim:
    """The concave power |s|^(1/beta) moves most across its zero: by 2 delta^(1/beta), more than from 0 to 2 delta."""
    exponent = 1 / margin_exponent
    return at_most((start + 2 * radius) ** exponent - start**exponent, 2 * radius**exponent, given=[below(start, 1)])


@theorem.step(Sampled(BOX, digits=12, points=8), uses=[margin_condition, modulus])
def bound_of_the_model() -> Claim:
    """(1 + t)/2 for every s with |F| <= t, t the teacher's error and the rise of F from s = -delta to s = delta."""
    exponent = 1 / margin_exponent
    rise = Min(1, teacher_error + radius**exponent + radius**exponent)
    found = Integral((1 + rise) / 2, (s, 0, rise**margin_exponent))
    return equal(found, theorem.model.observables["robust_excess_bound"])


@theorem.step(
    Sampled(domain=BOX, points=120),
    Certified({**BOX, radius: (Rational(1, 20), Rational(1, 2))}),
    Certified(BOX, level=Level.standard),
    uses=[exact_family, margin_condition, modulus],
)
def below_the_bound() -> Claim:
    """The family obeys the bound with room to spare: only |s| <= 2 delta is hit, and |F| <= t is larger."""
    return at_most(robust_excess(), robust_excess_bound())
