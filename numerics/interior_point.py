"""A primal-dual interior-point method for robust regression with an l2 attack.

The problem, with a gradient map A whose m rows are shared by the samples (m = 1) or owned by one each (m = n), is

    minimise (1/2) sum_i (a_i + c_i)^2 + ridge(theta)  subject to  a_i >= |y_i - f_i.theta|, c_k >= e ||(A theta)_k||.

Slacks: a - r and a + r (orthant), (c, e A theta) (second-order cones). Multipliers: upper, lower, dual. theta = 0 is
strictly feasible together with multipliers that satisfy every dual equation, so each iterate is feasible on both sides
and the complementarity products add up to the duality gap.

Method: Nesterov-Todd scaling, predictor and corrector (Mehrotra 1992), one centrality correction (Gondzio 1996). The
elimination to one symmetric matrix is derived here.
"""

from dataclasses import dataclass

from numerics.lab import Array, LinAlgError, namespace
from numerics.newton_systems import Attack, Coefficients
from numerics.second_order_cone import (
    Point,
    Scaling,
    clip_correction,
    inner,
    jordan_divide,
    jordan_product,
    largest_step,
    norms,
    towards_interval,
)

STEP_FRACTION = 0.99
MOST_ITERATIONS = 60


@dataclass(frozen=True)
class Iterate:
    """Slacks and multipliers: (n,) arrays above and below, points of the m cones, and the weights theta (N,)."""

    theta: Array
    above: Array
    below: Array
    cone: Point
    upper: Array
    lower: Array
    dual: Point

    @property
    def complementarity(self) -> Array:
        """The sum of all slack times multiplier products: the duality gap of a feasible iterate."""
        xp = namespace(self.theta)
        orthant = xp.sum(self.above * self.upper) + xp.sum(self.below * self.lower)
        return orthant + xp.sum(self.cone[0] * self.dual[0] + inner(self.cone[1], self.dual[1]))

    @property
    def degree(self) -> int:
        """The number of complementarity products."""
        return 2 * int(self.above.shape[0]) + int(self.cone[0].shape[0])

    def moved(self, step: float, direction: "Iterate", /) -> "Iterate":
        """This iterate plus a step along a direction."""
        return Iterate(
            self.theta + step * direction.theta,
            self.above + step * direction.above,
            self.below + step * direction.below,
            (self.cone[0] + step * direction.cone[0], self.cone[1] + step * direction.cone[1]),
            self.upper + step * direction.upper,
            self.lower + step * direction.lower,
            (self.dual[0] + step * direction.dual[0], self.dual[1] + step * direction.dual[1]),
        )

    def longest_step(self, direction: "Iterate", /) -> float:
        """The largest step, at most 1, that leaves a fraction of every slack and multiplier."""
        xp, rate = namespace(self.theta), STEP_FRACTION
        for inside, along in (
            (self.above, direction.above),
            (self.below, direction.below),
            (self.upper, direction.upper),
            (self.lower, direction.lower),
        ):
            rate = max(rate, float(xp.max(-along / inside)))
        cones = min(largest_step(self.cone, direction.cone), largest_step(self.dual, direction.dual))
        return STEP_FRACTION * min(1.0 / rate, cones)


def start(attack: Attack, labels: Array, /) -> Iterate:
    """theta = 0 with slacks of the labels' size: strictly feasible on both sides."""
    xp, theta = namespace(labels), 0.0 * attack.features[0, :]
    rows = attack.rows(theta)
    margin = xp.sqrt(xp.mean(labels**2))
    excess, strengths = xp.abs(labels) + margin, 0.0 * rows[:, 0] + margin
    half = (excess + strengths) / 2.0
    dual = (attack.pool(excess + strengths), 0.0 * rows)
    return Iterate(theta, excess - labels, excess + labels, (strengths, rows), half, half, dual)


def start_near(attack: Attack, shared: Iterate, theta: Array, /) -> Iterate:
    """A start for one gradient row per sample from an iterate for one shared row, with theta in our coordinates.

    The samples' slacks are kept; each cone gets the multiplier opposite to its gradient, moved inside until its product
    is twice the shared average. Only the equation of theta is then violated, and the steps repair it.
    """
    xp = namespace(theta)
    rows = attack.epsilon * attack.rows(theta)
    total = shared.upper + shared.lower
    inside = shared.complementarity / shared.degree / total
    length = norms(rows)
    strengths = length + inside
    scale = total * (1.0 - inside / strengths) / xp.where(length > 0, length, 1.0 + length)
    cone, dual = (strengths, rows), (total, -scale[:, None] * rows)
    return Iterate(theta, shared.above, shared.below, cone, shared.upper, shared.lower, dual)


class NewtonStep:
    """The Newton equations at one iterate, factorised once and solved for several right-hand sides."""

    def __init__(self, attack: Attack, iterate: Iterate, /) -> None:
        self.attack, self.iterate = attack, iterate
        self.up, self.down = iterate.upper / iterate.above, iterate.lower / iterate.below
        total = self.up + self.down
        self.weight = 1.0 + total
        self.scaling = Scaling.between(iterate.cone, iterate.dual)
        self.scaled = self.scaling.apply(iterate.dual)
        self.coefficients = Coefficients(
            (total + 4.0 * self.up * self.down) / self.weight,
            (self.up - self.down) / self.weight,
            attack.pool(total / self.weight),
            self.scaling,
        )
        self._solve = attack.factorise(self.coefficients)

    def affine(self) -> Iterate:
        """The direction to complementarity zero; the multipliers cancel, it is the Newton step of the objective."""
        attack, iterate = self.attack, self.iterate
        slope = (iterate.above + iterate.below) / 2.0 + iterate.cone[0]
        right = attack.features.T @ (self.coefficients.tilt * slope) - attack.ridge(iterate.theta)
        theta, strengths = self._solve(right, attack.pool(slope / self.weight - slope))
        tail = (-iterate.dual[0], -iterate.dual[1])
        return self._unfold(theta, strengths, -slope, -iterate.upper, -iterate.lower, tail)

    def response(self, above: Array, below: Array, cone: Point, /) -> Iterate:
        """The direction that changes the products by these amounts (those of the cones scaled) and no equation."""
        attack, iterate = self.attack, self.iterate
        upper, lower = above / iterate.above, below / iterate.below
        tail = self.scaling.invert(jordan_divide(self.scaled, cone))
        slope = upper + lower
        right = attack.features.T @ (upper - lower - self.coefficients.tilt * slope)
        right = right + attack.epsilon * attack.adjoint(tail[1])
        theta, strengths = self._solve(right, tail[0] - attack.pool(slope / self.weight))
        return self._unfold(theta, strengths, slope, upper, lower, tail)

    def _unfold(self, theta: Array, strengths: Array, slope: Array, upper: Array, lower: Array, tail: Point) -> Iterate:
        """All other parts of the direction from those of theta and the strengths."""
        image = self.attack.features @ theta
        excess = (slope - strengths - (self.up - self.down) * image) / self.weight
        cone = (strengths, self.attack.epsilon * self.attack.rows(theta))
        back = self.scaling.invert_twice(cone)
        above, below = excess + image, excess - image
        dual = (tail[0] - back[0], tail[1] - back[1])
        return Iterate(theta, above, below, cone, upper - self.up * above, lower - self.down * below, dual)

    def direction(self) -> tuple[Iterate, float]:
        """Mehrotra's direction, corrected once towards products of one size where the step is short; and its length."""
        iterate, gap = self.iterate, self.iterate.complementarity
        affine = self.affine()
        after = iterate.moved(min(1.0, iterate.longest_step(affine) / STEP_FRACTION), affine).complementarity
        target = gap / iterate.degree * (after / gap) ** 3
        second = jordan_product(self.scaling.invert(affine.cone), self.scaling.apply(affine.dual))
        centred = affine.moved(
            1.0,
            self.response(
                target - affine.above * affine.upper,
                target - affine.below * affine.lower,
                (target - second[0], -second[1]),
            ),
        )
        length = iterate.longest_step(centred)
        if length < 0.95:
            corrected = centred.moved(1.0, self._centrality(centred, min(1.0, 1.1 * length + 0.2), target))
            if (longer := iterate.longest_step(corrected)) > length:
                return corrected, longer
        return centred, length

    def _centrality(self, direction: Iterate, step: float, target: Array) -> Iterate:
        """The response that brings the products at a longer step back to within a factor of ten of the target."""
        trial, low, high = self.iterate.moved(step, direction), 0.1 * target, 10.0 * target
        slack, multiplier = self.scaling.invert(trial.cone), self.scaling.apply(trial.dual)
        return self.response(
            clip_correction(trial.above * trial.upper, low, high),
            clip_correction(trial.below * trial.lower, low, high),
            towards_interval(jordan_product(slack, multiplier), low, high),
        )


def minimise(attack: Attack, labels: Array, first: Iterate, /, *, tolerance: float) -> tuple[Iterate, int]:
    """The iterate at which complementarity falls below `tolerance` times the objective, and the number of steps.

    Where rounding ends progress earlier, the last sound iterate is returned: its gap has to be certified anyway.
    """
    xp, iterate = namespace(labels), first
    for count in range(MOST_ITERATIONS):
        slope = (iterate.above + iterate.below) / 2.0 + iterate.cone[0]
        objective = float(xp.sum(slope**2) + xp.sum(iterate.theta * attack.ridge(iterate.theta))) / 2.0
        if float(iterate.complementarity) <= tolerance * objective:
            return iterate, count
        try:
            direction, step = NewtonStep(attack, iterate).direction()
        except LinAlgError:
            return iterate, count
        moved = iterate.moved(step, direction)
        if not 0.0 < float(moved.complementarity) < float("inf") or step < 1e-6:
            return iterate, count
        iterate = moved
    return iterate, MOST_ITERATIONS
