r"""Standard generalisation of overfitted regressors: the teacher's rate, plus what the bumps cost.

Labels y_i = f*(x_i) + eps_i, E eps = 0, Var eps = s2, independent of the design; gate D with disjoint supports,
2 delta + 2 tau <= q, and any teacher. Averaged over the noise,

    E ||f - f*||^2 <= E ||g - f*||^2 + p_max (s2 + omega(delta + tau)^2) n V_d(delta, tau),

omega the modulus of f* in l_inf. For separated samples with delta ~ kappa n^(-1/d) the last term is of the order of
s2 (2 kappa)^d for ever; for independent ones it is negligible (`overfitted_networks.separation`). The teacher's rate is
in `overfitted_networks.learning_rates`, the size (6d + 3) n + P_g + K in `overfitted_networks.zero_error`.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from sympy import Expr, Integer, Max, Min, Piecewise, Rational, S, log, symbols

from derivations.core import Certified, Derivation, Domain, Exact, Model, Sampled, Symbolic, parameter
from derivations.evidence import Instance
from derivations.overfitted_networks import blocks, gates, partition_of_unity, settings, zero_error
from derivations.overfitted_networks.bump_volume import BumpVolume
from derivations.overfitted_networks.gate_networks import gate_d
from derivations.overfitted_networks.line_students import Task, squared_error, student_curve, teacher_curve
from derivations.overfitted_networks.settings import dimension, nodes, noise, radius, ramp, samples
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, at_most, decreasing, equal, statement

theorem = Derivation(
    __name__,
    title="Standard generalisation of regressors with zero adversarial training error",
    source=SHI_LIU_CAO_SUYKENS,
)

smoothness = parameter(
    "smoothness",
    "order r of the Hoelder class",
    positive=True,
    domain=Domain(Integer(0), Integer(2), upper_open=False),
    convention="l_2 form: derivatives of the order below r are Hoelder with the remaining exponent",
)
lipschitz = parameter(
    "lipschitz", "Hoelder constant L", positive=True, default=1, convention="for r > 1 it bounds the slope too"
)


def modulus(distance: Expr, /) -> Expr:
    """omega(t) for the l_inf distance t: L (sqrt(d) t)^min(r, 1)."""
    return lipschitz * (dimension ** Rational(1, 2) * distance) ** Min(smoothness, 1)


def oracle_error() -> Expr:
    """sup |f* - I_h f*|: the teacher that knows the nodal values."""
    return lipschitz / Max(1, smoothness) * (dimension ** Rational(1, 2) / (2 * nodes)) ** smoothness


def least_squares_error() -> Expr:
    """The mean squared error at the samples: oracle error squared, and s2 for each node over n."""
    return oracle_error() ** 2 + noise * (nodes + 1) ** dimension / samples


def bump_error() -> Expr:
    """(s2 + omega(delta + tau)^2) n V_d(delta, tau), density 1, for 2 radius + 2 ramp <= separation."""
    return (noise + modulus(radius + ramp) ** 2) * samples * BumpVolume(dimension, radius, ramp)


def robust_bump_error() -> Expr:
    """(2 s2 + omega(2 delta + tau)^2) n V_d(2 delta, tau), density 1."""
    return (2 * noise + modulus(2 * radius + ramp) ** 2) * samples * BumpVolume(dimension, 2 * radius, ramp)


def robust_error_bound() -> Expr:
    """E R_delta of gate D around the oracle teacher (see `overfitted_networks.gap`), density 1."""
    teacher = (noise ** Rational(1, 2) + modulus(radius) + oracle_error()) ** 2
    return teacher + robust_bump_error()


def robust_error_lower_bound() -> Expr:
    """s2 (1 + n (4 delta)^d): every interpolant of the balls, samples 4 delta apart and 2 delta inside the cube.

    Where there is no such design, s2: the balls of radius 2 delta are disjoint and inside, so n (4 delta)^d <= 1.
    """
    excess = samples * (4 * radius) ** dimension
    return noise * (1 + Piecewise((excess, excess <= 1), (S.Zero, True)))


def size() -> Expr:
    """Nonzeros of gate D: (6d + 3) n + P_g + K."""
    constant = settings.by_dimension(15, 2 * dimension + 12)
    return (6 * dimension + 3) * samples + settings.teacher_size() + constant


@theorem.solvable
def model() -> Model:
    """Closed forms for uniform inputs on the cube; no unknowns.

    Both bounds are for the oracle teacher: the error of least squares is that at the samples, which bounds the error at
    fresh points only for truncated estimators and up to a logarithm.
    """
    return Model(
        parameters=(samples, dimension, smoothness, lipschitz, noise, radius, ramp, nodes),
        unknowns=(),
        program=(),
        equations=(),
        observables={
            "oracle_error": oracle_error(),
            "least_squares_error": least_squares_error(),
            "bump_error": bump_error(),
            "standard_error_bound": oracle_error() ** 2 + bump_error(),
            "robust_error_bound": robust_error_bound(),
            "robust_error_lower_bound": robust_error_lower_bound(),
            "size": size(),
            "largest_admissible_radius": settings.largest_separation() / 2,
            "typical_admissible_radius": settings.typical_separation() / 2,
        },
        start={},
        refusals=(
            *settings.whole_numbers(samples, dimension, nodes),
            settings.no_room(),
        ),
    )


def reported(name: str, /) -> Expr:
    """An observable as the model has it."""
    return theorem.model.observables[name]


def _counted() -> Iterator[Instance]:
    for d, cells in ((1, 2), (2, 1), (3, 1)):
        design = gates.spread_out(d, cells)
        at = {dimension: d, nodes: cells, samples: len(design.labels)}
        # nodes on the face x_1 = 0 spare the teacher two biases each
        spared = 0 if d == 1 else 2 * (cells + 1) ** (d - 1)
        yield f"nonzeros, d = {d}", gate_d(design).nonzeros + spared, reported("size").subs(at)
        lattice = {dimension: d, samples: (cells + 1) ** d}
        yield f"lattice, d = {d}", reported("largest_admissible_radius").subs(lattice), Rational(1, 2 * cells)


@theorem.step(Exact(_counted), uses=[zero_error.linear_size])
def size_and_room() -> Claim:
    """Gate D built neuron by neuron, and the lattice of mesh 1/N, whose balls touch at the radius 1/(2N)."""
    return statement("the model's size is that of gate D, and lattices reach its largest admissible radius")


a, b, target, weight = symbols("g y f_star share", real=True)


@theorem.step(Symbolic(), uses=[gates.median_is_between])
def between_is_convex() -> Claim:
    """f = (1 - share) g + share y: its squared error is the average of theirs less share (1 - share)(g - y)^2,

    so at most their sum; g may depend on the same noise.
    """
    student = (1 - weight) * a + weight * b
    average = (1 - weight) * (a - target) ** 2 + weight * (b - target) ** 2
    return equal((student - target) ** 2, average - weight * (1 - weight) * (a - b) ** 2)


at_sample, deviation = symbols("f_i sigma", real=True)


@theorem.step(Symbolic(), uses=[between_is_convex])
def label_error() -> Claim:
    """E (y_i - f*(x))^2 = s2 + (f*(x_i) - f*(x))^2, and |x - x_i| <= delta + tau on the support."""
    by_signs = sum((at_sample + sign * deviation - target) ** 2 for sign in (1, -1)) / 2
    return equal(by_signs, deviation**2 + (at_sample - target) ** 2)


def list_tasks() -> list[Task]:
    """Small tasks on the line with a steep and a kinked target, 2 delta + 2 tau <= q."""
    quarter, eighth = Fraction(1, 4), Fraction(1, 8)
    steep = Task((quarter, 3 * quarter), lambda x: 2 * x - 1, (), quarter, eighth, eighth)
    kinked = Task(
        (eighth, 3 * eighth, 7 * eighth),
        lambda x: abs(x - 2 * quarter),
        (2 * quarter,),
        quarter,
        eighth / 2,
        eighth / 4,
    )
    return [steep, kinked]


def slope(task: Task, /) -> Fraction:
    """The Lipschitz constant of the task's target."""
    values, knots = task.curve.values, task.curve.knots
    return max(abs(v - u) / (q - p) for u, v, p, q in zip(values, values[1:], knots, knots[1:], strict=False))


def on_the_line(task: Task, /) -> dict[Expr, Expr]:
    """The task's values of the parameters."""
    given = {dimension: 1, smoothness: 1, samples: len(task.places), lipschitz: slope(task), noise: task.noise**2}
    return {name: Rational(str(value)) for name, value in (given | {radius: task.radius, ramp: task.ramp}).items()}


def _on_the_line() -> Iterator[Instance]:
    for number, task in enumerate(list_tasks()):
        students, teachers = zip(
            *(
                (squared_error(student_curve(design), task.curve), squared_error(teacher_curve(design), task.curve))
                for design in task.list_designs()
            ),
            strict=True,
        )
        volume = 2 * task.radius + 2 * task.ramp
        moved = (slope(task) * (task.radius + task.ramp)) ** 2
        bumps = (task.noise**2 + moved) * len(task.places) * volume
        yield f"task {number}: what the model says", reported("bump_error").subs(on_the_line(task)), bumps
        allowed = sum(teachers) / len(teachers) + bumps
        yield f"task {number}: below the bound", sum(students) / len(students) <= allowed, True
        core = (2 * task.radius) * task.noise**2 * len(task.places)
        yield f"task {number}: the bumps do cost", sum(students) / len(students) > core, True


@theorem.step(Exact(_on_the_line), uses=[label_error, blocks.volume])
def bump_inequality() -> Claim:
    """All label vectors, a teacher that follows them, and piecewise linear functions integrated exactly, d = 1."""
    return statement("E ||f - f*||^2 <= E ||g - f*||^2 + (s2 + omega(delta + tau)^2) n V_1(delta, tau)")


def _moduli() -> Iterator[Instance]:
    for d, cells in ((1, 3), (2, 2), (3, 1)):
        at = {dimension: d, nodes: cells, smoothness: 2, lipschitz: 5}
        yield (
            f"oracle, d = {d}, N = {cells}",
            reported("oracle_error").subs(at),
            partition_of_unity.error_at_centre(d, cells),
        )
    # 3 (x_1 + ... + x_4)/2 is 3-Lipschitz in l_2 and moves by 3 * 4 t/2 along the diagonal
    at = {dimension: 4, smoothness: 1, lipschitz: 3}
    yield "modulus of a linear function", modulus(Rational(1, 8)).subs(at), Fraction(3 * 4, 2 * 8)


@theorem.step(Exact(_moduli), uses=[partition_of_unity.sharp_at_two])
def attained_moduli() -> Claim:
    """f = 5 |x|_2^2/2 at a cube's centre, and a linear function with equal slopes along the diagonal."""
    return statement("the oracle error and the modulus of the model are attained, r = 2 and r = 1")


accuracy = symbols("eps", positive=True)
MODERATE = {
    dimension: (1, 4),
    smoothness: (Rational(1, 2), 2),
    lipschitz: (Rational(1, 2), 2),
    accuracy: (Rational(1, 4), 1),
}


def _needed() -> Expr:
    """(sqrt(d)/2)(L/(eps max(1, r)))^(1/r)."""
    scale = lipschitz / (accuracy * Max(1, smoothness))
    return dimension ** Rational(1, 2) / 2 * scale ** (1 / smoothness)


@theorem.step(Symbolic(domain={**MODERATE, nodes: (1, 40)}, digits=15), uses=[partition_of_unity.interpolation_error])
def accuracy_attained() -> Claim:
    """With a multiple of the cells needed the bound is eps over its power r: eps at the cells needed,"""
    return equal(reported("oracle_error"), accuracy * (_needed() / nodes) ** smoothness)


@theorem.step(
    Certified(
        {
            dimension: (1, 100),
            smoothness: (Rational(1, 20), 2),
            lipschitz: (Rational(1, 100), 100),
            nodes: (1, 10),
        }
    ),
    uses=[partition_of_unity.interpolation_error],
)
def more_cells_help() -> Claim:
    """and more have a smaller one."""
    return decreasing(oracle_error(), nodes)


@theorem.step(
    Sampled(domain={**MODERATE, nodes: (1, 40)}, points=120),
    uses=[accuracy_attained, more_cells_help],
)
def nodes_for_an_accuracy() -> Claim:
    """N >= (sqrt(d)/2)(L/(eps max(1, r)))^(1/r) cells an axis give the sup error eps."""
    return at_most(oracle_error(), accuracy, given=[at_most(_needed(), nodes)])


@theorem.step(
    Symbolic(domain={samples: (2, 99), dimension: (1, 9)}), uses=[nodes_for_an_accuracy, zero_error.linear_size]
)
def smooth_enough() -> Claim:
    """N^d ~ n, a teacher no larger than the bumps, has the accuracy n^(-r/d): linear size suffices iff r/d is at least

    log(1/eps)/log n.
    """
    reached = (samples ** (1 / dimension)) ** (-smoothness)
    return equal(log(1 / reached) / log(samples), smoothness / dimension)
