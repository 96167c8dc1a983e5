r"""Both errors of an overfitted regressor for a flat target, exactly: bumps of separated samples never become benign.

Target and teacher 0, labels +-sigma, gate D with the bound M, supports fattened by the ball disjoint and inside the
cube, uniform inputs. Around a sample f = sigma - (M + sigma) V/tau until it is 0, times the label's sign, so that both
errors are integrals over the shells of Steiner's formula. With a steep ramp the standard error is
n sigma^2 (2 delta)^d and the robust excess 3/2 n sigma^2 (4 delta)^d: the interpolation bound has 1, gate D has 2.
At delta = kappa n^(-1/d) neither depends on n: zero adversarial training error, and an error that does not vanish.

Derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sympy import Expr, Integral, Rational, S, Symbol, diff, expand, sqrt

from derivations.core import Certified, Derivation, Exact, Level, Simulation, Symbolic, parameter
from derivations.evidence import Instance
from derivations.overfitted_networks import gates
from derivations.overfitted_networks.bump_volume import BumpVolume, steiner_polynomial
from derivations.overfitted_networks.gap import bounds_in_order, list_tasks, sigma
from derivations.overfitted_networks.line_students import ZERO, robust_error, squared_error, student_curve
from derivations.overfitted_networks.settings import dimension, noise, radius, ramp, samples
from derivations.overfitted_networks.symbols import SHI_LIU_CAO_SUYKENS
from derivations.relations import Claim, below, limit_of, statement, tends_to

theorem = Derivation(
    __name__,
    title="Overfitting a flat target: the bumps' errors exactly",
    source=SHI_LIU_CAO_SUYKENS,
    simulations={"flat_target": "overfitted_networks:flat_target"},
)

height = parameter("height", "bound M on labels and teacher", positive=True)


def flat_standard_error(d: int, /) -> Expr:
    """E (f - f*)^2 / n for f* = g = 0, labels +-sigma, one bump: sigma^2 (2 delta)^d and its ramp."""
    return _over_ramp(d, radius, lambda value: value**2)


def flat_robust_error(d: int, /) -> Expr:
    """(E sup (f - Y)^2 - s2)/n, Y = +-sigma: the ball reaches up to v, and down to v' only if it is inside the ramp."""
    reached = _over_ramp(d, 2 * radius, lambda value: (value**2 + 2 * value * sigma) / 2)
    inside = _over_ramp(d, S.Zero, lambda value: ((sigma - value) ** 2 - sigma**2) / 2)
    return expand(reached + inside)


def _over_ramp(d: int, reach: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """int function(f) over the bump of plateau `reach`: f = sigma - (M + sigma) u where V = tau u, until it is 0."""
    share = Symbol("u", positive=True)
    shells = diff(steiner_polynomial(d, reach, ramp * share), share)
    value = sigma - (height + sigma) * share
    core = function(sigma) * (2 * reach) ** d
    ramped = Integral(expand(function(value) * shells), (share, 0, sigma / (height + sigma)))
    return expand(core + ramped.doit())


def _flat() -> Iterator[Instance]:
    task = list_tasks()[0]
    at = {radius: Rational(1, 16), ramp: Rational(1, 32), sigma: Rational(1, 4), height: task.height}
    for design in list(task.list_designs())[:2]:
        student = student_curve(replace(design, nodes=dict.fromkeys(design.nodes, ZERO)))
        excess = robust_error(student, task) - task.noise**2
        standard = squared_error(student, task.curve)
        yield f"standard, labels {design.labels}", standard / 2, flat_standard_error(1).subs(at)
        yield f"robust, labels {design.labels}", excess / 2, flat_robust_error(1).subs(at)


@theorem.step(Exact(_flat), uses=[bounds_in_order, gates.median_is_between])
def one_bump() -> Claim:
    """A bump's shells are those of Steiner's formula; X is near one sample at most. Integrated exactly, d = 1."""
    return statement("for f* = g = 0 both errors are sums over samples of one integral over the ramp")


@theorem.step(Symbolic(), uses=[one_bump])
def above_the_interpolation_bound() -> Claim:
    """The excess s2 (4 delta)^d of the interpolation bound is exceeded by half: the label is missed by 2 sigma or 0."""
    return limit_of(flat_robust_error(2), ramp, 0, Rational(3, 2) * sigma**2 * (4 * radius) ** 2)


@theorem.step(Symbolic(), uses=[one_bump])
def below_the_bound_of_the_gate() -> Claim:
    """Gate D's bound has 2 s2 n V_d(2 delta, tau): as tau -> 0 within a factor 2 of the interpolation bound."""
    return limit_of(2 * sigma**2 * BumpVolume(2, 2 * radius, ramp), ramp, 0, 2 * sigma**2 * (4 * radius) ** 2)


EVERY_RAMP = Certified(
    {
        **dict.fromkeys((radius, ramp, sigma), (Rational(1, 1000), 1)),
        height: (1, 1000),
    }
)


@theorem.step(EVERY_RAMP, uses=[above_the_interpolation_bound])
def above_it_at_every_ramp() -> Claim:
    """Not in the limit alone: the network obeys the bound that holds for every interpolant of the balls, strictly."""
    return below(sigma**2 * (4 * radius) ** 2, flat_robust_error(2))


@theorem.step(EVERY_RAMP, uses=[below_the_bound_of_the_gate])
def below_it_at_every_ramp() -> Claim:
    """And gate D's bound, at every ramp and every height of the labels' range."""
    return below(flat_robust_error(2), 2 * sigma**2 * BumpVolume(2, 2 * radius, ramp))


def _law(d: int, count: int, reach: Rational, level: Level = Level.quick) -> Simulation:
    return Simulation(
        "overfitted_networks:flat_target",
        at={samples: count, dimension: d, radius: reach, ramp: reach / 2, noise: Rational(1, 4), height: 1},
        bias="none",
        tolerance=0.05 if level is Level.quick else 0.01,
        sizes=(8192,) if level is Level.quick else (65536,),
        level=level,
    )


def _of_samples(d: int) -> dict[str, Expr]:
    at = {sigma: sqrt(noise)}
    return {
        "standard_error": samples * flat_standard_error(d).subs(at),
        "robust_error": noise + samples * flat_robust_error(d).subs(at),
    }


@theorem.step(_law(1, 8, Rational(1, 64)), _law(1, 64, Rational(1, 512), Level.standard), uses=[one_bump])
def law_on_the_line() -> Claim:
    """The built network at separated samples: with delta = kappa/n the error stays, whatever n is."""
    return tends_to(_of_samples(1))


@theorem.step(_law(2, 16, Rational(1, 32)), _law(2, 256, Rational(1, 128), Level.standard), uses=[one_bump])
def law_in_the_plane() -> Claim:
    """The same in the plane, delta = kappa n^(-1/2)."""
    return tends_to(_of_samples(2))
