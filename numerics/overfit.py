"""Overfitting on purpose: a ReLU network whose adversarial training error is exactly 0, with its certificate.

Source: derived here, in the spirit of Shi, Liu, Cao & Suykens (2024), of which only the abstract was at hand: networks
of size linear in the number of samples, which equal the label on the whole ball of every data point. Classification
takes gate C and needs radius < q/2 for the l_inf distance q between points of opposite labels, which is sharp: beyond,
no function at all has adversarial training error 0, and the least one is nu/n for the matching number nu of the
conflict graph. Regression takes gate D and needs it for all points. Attacks in l_2 are covered by l_inf balls of the
same radius.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from typing import Any

import numpy as np

from numerics.bump_networks import BumpNetwork, Certificate
from numerics.conflict_matching import least_cover, pairing_bound
from numerics.gates import Gate
from numerics.kuhn_teacher import Teacher, choose_teacher
from numerics.labelled_points import LARGEST, distinct_points
from numerics.separation import Neighbours, TooManyPairs

Numbers = np.ndarray[Any, Any]

NORMS, TASKS = ("inf", "2"), ("classification", "regression")
NO_PAIRS: Numbers = np.zeros((0, 2), dtype=np.int64)
VISIBLE = 1e-6
"""Rounding errors on the balls, over the largest label, that are told."""
STAGES = ("separation", "conflicts", "teacher", "network", "certificate")


class Status(Enum):
    """How it ended; the value is a line of advice, which `Overfitted.advice` words for the task."""

    CERTIFIED = "the adversarial training error is exactly 0, certified"
    LEAST_ERROR = (
        "l_inf balls of opposite labels meet, so no function is right on all; this network errs least, certified"
    )
    NOT_SEPARATED = "balls that have to be apart meet: no network here is certified; give a smaller radius"
    NOT_CERTIFIED = "the ramp or the height given does not fit; leave them out to have them chosen"


@dataclass(frozen=True, eq=False)
class Overfitted:
    """What `overfit` found. Positions of points are rows of the data that were given.

    `samples`: all rows, of which `repeated` hold a point that stands further up; all of them count in `least_error`.
    `separation`: the least l_inf distance of two points; `opposite_separation`: of opposite labels (classification);
    `largest_radius`: every radius below it is admissible, itself not; None where there is no such pair. `conflicts` (k,
    2): the pairs whose balls meet, or if too many the closest. `least_error`: the least adversarial training error,
    exact for 0-1 loss in classification, a lower bound on the MSE in regression, None if unknown. `left_out`: the
    points that the network of least error gives up.
    """

    status: Status
    task: str
    norm: str
    radius: float
    samples: int
    dimension: int
    repeated: int
    separation: Fraction | None
    opposite_separation: Fraction | None
    conflicts: Numbers
    conflicts_complete: bool
    least_error: Fraction | None
    left_out: Numbers
    function: BumpNetwork | None
    certificate: Certificate | None

    @property
    def deciding_separation(self) -> Fraction | None:
        """The separation that the radius has to stay below twice."""
        return self.opposite_separation if self.task == "classification" else self.separation

    @property
    def largest_radius(self) -> Fraction | None:
        """Half the deciding separation: every radius below is admissible; None if every radius is."""
        return None if self.deciding_separation is None else self.deciding_separation / 2

    @property
    def certified(self) -> bool:
        """Whether the network is certified to have adversarial training error 0."""
        return self.status is Status.CERTIFIED

    @property
    def advice(self) -> str:
        """The status in a line, naming the points whose balls have to be apart."""
        apart = "of points with opposite labels" if self.task == "classification" else "of different points"
        return self.status.value.replace("that have to be apart", apart)

    @property
    def notes(self) -> list[str]:
        """What else a reader has to know, a line each."""
        found = []
        if self.norm == "2":
            found.append(
                "l_2 balls are covered by l_inf balls of the same radius: separations and errors are those of l_inf"
            )
        if self.repeated:
            found.append(
                f"{self.repeated} repeated rows share a bump with the first of their kind, listed for them all"
            )
        function = self.function
        if function is not None and function.rounding > VISIBLE * float(np.abs(function.labels).max()):
            narrow = function.rounding > VISIBLE * function.height
            cause = "the ramp is so narrow" if narrow else "the height is so large"
            found.append(f"{cause} that floats may be off by {function.rounding:.1g} on the balls")
        return found


def overfit(
    points: Any,
    labels: Any,
    radius: float,
    /,
    *,
    norm: str = "inf",
    task: str | None = None,
    ramp: float | None = None,
    height: float | None = None,
    teacher: Teacher | None = None,
    best: bool = False,
    watch: Callable[[str], None] = lambda _: None,
) -> Overfitted:
    """The network that equals y_i on the closed ball of this radius about each of the points (n, d) with labels (n,).

    `task`: "classification" if all labels are -1 or 1, unless said otherwise; `ramp`: the largest power of two that
    keeps bumps that matter apart; `height` (regression): the least power of two that no label exceeds; `teacher`: least
    squares, see `choose_teacher`. With `best`, classification beyond the largest radius gives the network of least
    error. `watch` is told the name of each of the five STAGES. ValueError in one line for bad data or options.
    """
    places, given, values, copies = distinct_points(points, labels)
    size = _positive("radius", radius)
    kind = _read_task(task, values)
    ball = _read_norm(norm)
    watch("separation")
    classes = values if kind == "classification" else None
    neighbours = Neighbours(given, classes)
    every = Neighbours(given).least_distance
    deciding = every if classes is None else neighbours.least_distance
    watch("conflicts")
    meeting = deciding is not None and deciding <= 2 * Fraction(size)
    pairs, complete = _list_conflicts(neighbours, size, best=best) if meeting else (NO_PAIRS, True)
    error, cover = _least_error(pairs, values, copies, classes is not None) if complete else (None, NO_PAIRS[:, 0])
    result = Overfitted(
        status=Status.NOT_SEPARATED,
        task=kind,
        norm=ball,
        radius=size,
        samples=int(copies.sum()),
        dimension=given.shape[1],
        repeated=int((copies - 1).sum()),
        separation=every,
        opposite_separation=None if classes is None else deciding,
        conflicts=places[pairs[np.lexsort((pairs.max(axis=1), pairs.min(axis=1)))]],
        conflicts_complete=complete,
        least_error=error,
        left_out=places[cover] if best else cover[:0],
        function=None,
        certificate=None,
    )
    if meeting and not (best and classes is not None):
        return result
    kept = np.setdiff1d(np.arange(len(values)), cover)
    function = _build(given[kept], values[kept], size, kind, (ramp, height, teacher), watch)
    watch("certificate")
    certificate = function.certify()
    reached = Status.LEAST_ERROR if meeting else Status.CERTIFIED
    status = reached if certificate.holds else Status.NOT_CERTIFIED
    return replace(result, status=status, function=function, certificate=certificate)


def _build(
    points: Numbers,
    labels: Numbers,
    radius: float,
    task: str,
    chosen: tuple[float | None, float | None, Teacher | None],
    watch: Callable[[str], None],
) -> BumpNetwork:
    ramp, height, teacher = chosen
    gate = Gate.C if task == "classification" else Gate.D
    if ramp is None:
        least = Neighbours(points, labels if gate is Gate.C else None).least_distance
        ramp = widest_ramp(least, radius)
    largest = float(np.abs(labels).max())
    if height is None or gate is Gate.C:
        height = 1.0 if largest == 0 else power_above(largest)
    watch("teacher")
    if teacher is None:
        teacher = choose_teacher(points, labels, bound=min(largest, float(height)))
    watch("network")
    function = BumpNetwork(points, labels, radius, _positive("ramp", ramp), _positive("height", height), teacher, gate)
    if teacher(points[:1]).shape != (1,) or function.network.size < 1:
        raise ValueError("teacher: it must map (B, d) points to (B,) values")
    return function


def power_above(value: float, /) -> float:
    """The least power of two that is at least the positive value."""
    mantissa, exponent = math.frexp(value)
    return math.ldexp(1.0, exponent - (mantissa == 0.5))


def widest_ramp(separation: Fraction | None, radius: float, /) -> float:
    """The largest power of two with 2 radius + 2 ramp <= separation, and at most the radius if there is no separation.

    ValueError if that is below 2^-1000, where floats end.
    """
    room = 2 * Fraction(radius) if separation is None else separation - 2 * Fraction(radius)
    half = room / 2
    power = half.numerator.bit_length() - half.denominator.bit_length()
    power -= Fraction(2) ** power > half
    if power < -1000:
        raise ValueError(
            f"radius: {radius!r} leaves a ramp below 2^-1000 no room; give a smaller radius, or points in larger units"
        )
    return 2.0**power


def _list_conflicts(neighbours: Neighbours, radius: float, *, best: bool) -> tuple[Numbers, bool]:
    """The pairs whose balls meet, and whether these are all: where there are too many, only the closest are listed."""
    try:
        return neighbours.conflicts(radius), True
    except TooManyPairs:
        if best:
            raise
    try:
        return neighbours.conflicts(math.nextafter(float(neighbours.least_distance or 0), math.inf) / 2), False
    except TooManyPairs:
        return NO_PAIRS, False


def _least_error(pairs: Numbers, labels: Numbers, copies: Numbers, classes: bool) -> tuple[Fraction, Numbers]:
    samples = int(copies.sum())
    if classes:
        count, cover = least_cover(pairs, copies)
        return Fraction(count, samples), cover
    return pairing_bound(pairs, labels, samples), np.zeros(0, dtype=np.int64)


def _read_norm(norm: str) -> str:
    if str(norm) not in NORMS:
        raise ValueError(f"norm: {norm!r} is unknown; allowed are 'inf' and '2'")
    return str(norm)


def _read_task(task: str | None, labels: Numbers) -> str:
    signs = bool(np.isin(labels, (-1.0, 1.0)).all())
    if task is None:
        return TASKS[0] if signs else TASKS[1]
    if task not in TASKS:
        raise ValueError(f"task: {task!r} is unknown; allowed are {TASKS[0]!r} and {TASKS[1]!r}")
    if task == TASKS[0] and not signs:
        other = labels[~np.isin(labels, (-1.0, 1.0))][0]
        raise ValueError(f"labels: {other:g} is no class; classification needs labels -1 and 1")
    return task


def _positive(name: str, value: Any) -> float:
    if isinstance(value, bool | np.bool):
        raise ValueError(f"{name}: {value!r} is a truth value, not a number")
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name}: {value!r} is not a number") from error
    if not 0 < number <= LARGEST:
        raise ValueError(f"{name}: {value!r} is not allowed; it must be a number above 0, at most {LARGEST:g}")
    return number
