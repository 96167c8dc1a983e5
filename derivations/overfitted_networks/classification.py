r"""Robust generalisation of overfitted classifiers: what the bumps cost, exactly, and what they must cost.

Bad samples are those in whose ball the teacher has the wrong sign somewhere; only they need a bump. Elsewhere the
network is the teacher, so R_delta(f) exceeds R_delta(g) by at most p_max n_bad V_d(2 delta, tau), and
V_d(2 delta, tau) <= (4 delta + 2 tau)^d. For a saturated teacher (|g| = 1 near the bad samples, of the Bayes sign),
label noise eta, density p there, and bumps whose supports fattened by the ball are disjoint and inside the domain,

    R_0(f)     = eta + p n_bad (1 - 2 eta) V_d(delta, tau/2),
    R_delta(f) = eta + p n_bad [(1 - eta) V_d(2 delta, tau/2) - eta tau^d/d!]        (gates C and D).

Every function with zero adversarial training error has R_delta >= eta + (1 - 2 eta) p n_bad (4 delta)^d; if the sets
of the wrong sign are cubes around the bad samples the sharp excess is p n_bad (1 - eta)(4 delta)^d, reached as
tau -> 0: the robust gap is inevitable, 2^d (1 - eta)/(1 - 2 eta) times the standard one, and vanishes iff
n_bad delta^d -> 0.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import partial

from sympy import Expr, Integer, Rational, S, Symbol, factorial

from derivations.core import Certified, Derivation, Exact, Level, Model, Phase, Refusal, Simulation, Symbolic
from derivations.evidence import Instance
from derivations.lemmas.piecewise_linear import axes, on_rays
from derivations.overfitted_networks import blocks, gates, settings, zero_error
from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.overfitted_networks.classification_errors import (
    lower_bound,
    robust_error,
    robust_error_bound,
    sharp_lower_bound,
    size_without_teacher,
    standard_error,
)
from derivations.overfitted_networks.gate_networks import gate_c
from derivations.overfitted_networks.settings import (
    bad_samples,
    bump_mass,
    density,
    dimension,
    label_noise,
    radius,
    ramp,
    samples,
)
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.piecewise_linear_functions import PiecewiseLinear
from derivations.relations import Claim, at_most, below, equal, follows, increasing, limit_of, statement

theorem = Derivation(
    __name__,
    title="Robust generalisation of classifiers with zero adversarial training error",
    source=SHI_LIU_CAO_SUYKENS,
    simulations={"robust_error": "overfitted_networks:robust_error"},
)

BOX = {
    label_noise: (Rational(1, 50), Rational(2, 5)),
    radius: (Rational(1, 50), Rational(1, 4)),
    ramp: (Rational(1, 50), Rational(1, 4)),
    density: (Rational(1, 2), 2),
    bad_samples: (1, 20),
}


NAMES = ("standard_error", "robust_error", "robust_error_bound", "lower_bound", "sharp_lower_bound")


@theorem.solvable
def model() -> Model:
    """Closed forms; no unknowns."""
    crowded = below(1, bad_samples * bump_mass(2 * radius, ramp))
    typical = settings.typical_separation()
    return Model(
        parameters=(samples, bad_samples, dimension, radius, ramp, label_noise, density),
        unknowns=(),
        program=(),
        equations=(),
        observables={
            "standard_error": standard_error(),
            "robust_error": robust_error(),
            "robust_error_bound": robust_error_bound(),
            "lower_bound": lower_bound(),
            "sharp_lower_bound": sharp_lower_bound(),
            "size_without_teacher": size_without_teacher(),
            "typical_admissible_radius": typical / 2,
        },
        start={},
        refusals=(
            *settings.whole_numbers(samples, bad_samples, dimension),
            Refusal("more_bad_than_samples", (below(samples, bad_samples),), "bad_samples must be at most samples"),
        ),
        phases=(
            Phase(
                "overlapping_bumps",
                "outside_domain",
                (crowded,),
                {
                    **dict.fromkeys(NAMES),
                    "robust_error_bound": Integer(1),
                    "size_without_teacher": size_without_teacher(),
                    "typical_admissible_radius": typical / 2,
                },
                "density * bad_samples * V_d(2 radius, ramp) is above 1: the fattened bumps cannot be disjoint",
            ),
        ),
    )


def reported(name: str, /) -> tuple[Expr, ...]:
    """An observable as the model has it: regular, then in the phase if it has a value there."""
    found = (theorem.model.observables[name], *(phase.observables[name] for phase in theorem.model.phases))
    return tuple(each for each in found if each is not None)


def _flip_set() -> Iterator[Instance]:
    # coordinates phi and 1 of a bad sample labelled -1 under the teacher g = 1, 0 <= phi <= 1
    cone, forms = ((1, 0), (-1, 1)), ((-2, 1), (1, -1), *axes(2))
    yield from on_rays("gate C", lambda p, o: gates.clipped(-2 * p, o, o), lambda p, o: o - 2 * p, forms, cone)
    yield from on_rays(
        "gate D", lambda p, o: gates.median(0, 2 * o, 2 * (o - p)) - o, lambda p, o: o - 2 * p, forms, cone
    )


@theorem.step(Exact(_flip_set), uses=[gates.clipped_gate, gates.median_gate])
def flip_set() -> Claim:
    """Under a saturated teacher both gates are 1 - 2 phi times its sign: the sign flips where V < tau/2."""
    return statement("gates C and D are g (1 - 2 phi) around a bad sample when |g| = 1")


def length_where_negative(line: PiecewiseLinear, /) -> Fraction:
    """The length of {f < 0}."""
    total = Fraction(0)
    for a, b, u, v in zip(line.knots, line.knots[1:], line.values, line.values[1:], strict=False):
        low, high = min(u, v), max(u, v, Fraction(0))
        total += (b - a) * low / (low - high) if low < 0 else 0
    return total


def _flipped(reach: Fraction, width: Fraction, z: Fraction) -> Fraction:
    return 1 - 2 * blocks.bump((z,), reach, width)


def _on_the_line() -> Iterator[Instance]:
    for reach, width in ((Fraction(1, 8), Fraction(1, 16)), (Fraction(1, 16), Fraction(1, 8))):
        kinks = [Fraction(0), *(s * k for s in (1, -1) for k in (reach, reach + width, Fraction(1)))]
        student = PiecewiseLinear.of(partial(_flipped, reach, width), kinks)
        low, high = student.window_minimum(reach), student.window_maximum(reach)
        where = f"delta = {reach}, tau = {width}"
        yield f"the sign is wrong, {where}", length_where_negative(student), BumpVolume(Integer(1), reach, width / 2)
        touched = BumpVolume(Integer(1), 2 * reach, width / 2)
        yield f"the ball meets it, {where}", length_where_negative(low), touched
        inside = BumpVolume(Integer(1), S.Zero, width / 2)
        yield f"the ball is inside it, {where}", length_where_negative(high), inside
        yield "which is tau^d/d!", BumpVolume(Integer(3), S.Zero, width / 2), width**3 / Rational(6)


@theorem.step(Exact(_on_the_line), uses=[flip_set, blocks.volume, blocks.fattened_support])
def three_volumes() -> Claim:
    """V is smallest on B(x, delta) at the projection of the centre, with delta doubled, and largest at the far corner.

    There it is sum_j |z_j|, so the ball lies in the flip set where |z|_1 < tau/2: a cross-polytope.
    """
    return statement("{f < 0}, and the x whose ball meets it or lies in it, have the volumes of the exact formulas")


mass, touched, inside = (Symbol(name, positive=True) for name in ("mass", "touched", "inside"))


@theorem.step(Symbolic(), uses=[three_volumes])
def standard_error_formula() -> Claim:
    """A wrong sign errs with probability 1 - eta instead of eta. Here d = 3."""
    flipped = density * bad_samples * BumpVolume(3, radius, ramp / 2)
    return equal((1 - flipped) * label_noise + flipped * (1 - label_noise), standard_error().subs(dimension, 3))


@theorem.step(Symbolic(), uses=[three_volumes])
def robust_error_formula() -> Claim:
    """Balls with both signs err surely, those inside the flip set with probability 1 - eta. Here d = 3."""
    meets = density * bad_samples * BumpVolume(3, 2 * radius, ramp / 2)
    within = density * bad_samples * ramp**3 / factorial(3)
    by_cases = (1 - meets) * label_noise + (meets - within) + within * (1 - label_noise)
    return equal(by_cases, robust_error().subs(dimension, 3))


@theorem.step(Symbolic(), Certified(BOX), uses=[blocks.volume_bound, blocks.fattened_support])
def volume_of_the_bound() -> Claim:
    """The support fattened by the ball is in the cube of radius 2 delta + tau. Here d = 4."""
    return at_most(BumpVolume(4, 2 * radius, ramp), (4 * radius + 2 * ramp) ** 4)


@theorem.step(Symbolic(domain=BOX), Certified(BOX), uses=[robust_error_formula])
def below_the_bound() -> Claim:
    """The exact value is below R_delta(g) + p n_bad V_d(2 delta, tau). Here d = 2."""
    bound = label_noise + bad_samples * density * BumpVolume(2, 2 * radius, ramp)
    return at_most(robust_error().subs(dimension, 2), bound)


@theorem.step(Symbolic(domain=BOX), Certified(BOX), uses=[robust_error_formula])
def above_the_lower_bound() -> Claim:
    """V_d(2 delta, tau/2) is the cube, the cross-polytope and more, so this network obeys the bound. Here d = 2."""
    half = Rational(1, 2)
    return at_most(
        lower_bound().subs(dimension, 2), robust_error().subs(dimension, 2), given=[below(label_noise, half)]
    )


@theorem.step(Symbolic(), uses=[zero_error.exact_condition])
def every_function() -> Claim:
    """A ball that meets B(x_i, delta) sees the wrong sign: error at least 1 - eta on a mass p n_bad (4 delta)^d."""
    reached = density * bad_samples * (4 * radius) ** dimension
    return equal((1 - reached) * label_noise + reached * (1 - label_noise), reported("lower_bound")[0])


side, share = Symbol("side", positive=True), Symbol("share", positive=True)


@theorem.step(
    Symbolic(domain=BOX),
    Certified({**BOX, side: (Rational(1, 1000), 1), share: (Rational(1, 1000), 1000)}),
    uses=[every_function],
)
def larger_is_worse() -> Claim:
    """A cube A of side 2 delta + side where the sign is wrong: (1 - eta)|A + B| - eta |A - B| grows with the side.

    For general A Brunn and Minkowski's inequality controls both volumes. Here d = 2, eta = share/(2 + 2 share).
    """
    eta, length = share / (2 + 2 * share), 2 * radius + side
    return increasing((1 - eta) * (length + 2 * radius) ** 2 - eta * (length - 2 * radius) ** 2, side)


@theorem.step(Symbolic(domain=BOX), uses=[robust_error_formula, larger_is_worse])
def sharp_as_the_ramp_vanishes() -> Claim:
    """The smallest such cube is the ball itself, excess p n_bad (1 - eta)(4 delta)^d; steep ramps come as close as one
    likes. Here d = 3."""
    return limit_of(robust_error().subs(dimension, 3), ramp, 0, reported("sharp_lower_bound")[0].subs(dimension, 3))


@theorem.step(Symbolic(domain=BOX), uses=[sharp_as_the_ramp_vanishes, standard_error_formula])
def ratio_of_excesses() -> Claim:
    """With steep ramps the robust excess is 2^d (1 - eta)/(1 - 2 eta) times the standard one. Here d = 3."""
    ratio = (robust_error() - label_noise) / (standard_error() - label_noise)
    return limit_of(ratio.subs(dimension, 3), ramp, 0, 8 * (1 - label_noise) / (1 - 2 * label_noise))


def _counted() -> Iterator[Instance]:
    for d in (1, 2, 3):
        design = gates.spread_out(d)
        network, teacher = gate_c(design), gates.count_teacher(design)
        for found in reported("size_without_teacher"):
            counted = found.subs({dimension: d, bad_samples: len(design.labels)})
            yield f"d = {d}", network.nonzeros - teacher, counted


@theorem.step(Exact(_counted), uses=[zero_error.linear_size])
def size() -> Claim:
    """One gate C around the teacher: 6d + 2 nonzeros a bad sample and a constant; sublinear in n for clean data."""
    return statement("(6d + 2) n_bad + 9 (d = 1) or (6d + 2) n_bad + 2d + 6 besides the teacher's nonzeros")


def _law(d: int, bad: int, reach: Rational, width: Rational, level: Level = Level.quick) -> Simulation:
    tolerance, sizes = (0.02, (8192,)) if level is Level.quick else (0.005, (65536,))
    return Simulation(
        "overfitted_networks:robust_error",
        at={
            samples: 10 * bad,
            bad_samples: bad,
            dimension: d,
            radius: reach,
            ramp: width,
            label_noise: Rational(1, 10),
            density: 1,
        },
        bias="none",
        tolerance=tolerance,
        sizes=sizes,
        scale=dict.fromkeys(("standard_error", "robust_error"), 1),
        level=level,
    )


@theorem.step(
    _law(1, 8, Rational(1, 64), Rational(1, 64)),
    _law(2, 16, Rational(1, 32), Rational(1, 32)),
    _law(3, 27, Rational(1, 32), Rational(1, 32)),
    _law(2, 16, Rational(1, 32), Rational(1, 32), Level.standard),
    _law(3, 64, Rational(1, 32), Rational(1, 32), Level.standard),
    uses=[standard_error_formula, robust_error_formula],
)
def law() -> Claim:
    """The network on random bad samples, attacked exactly at fresh points."""
    return follows(model(), "standard_error", "robust_error")
