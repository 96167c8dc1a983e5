"""A proof that a model's unknowns exist at given exact parameters, unique in a stated box, and to how many digits.

Regions are tested in the solver's order (refusals, phases, branches), each decided by balls or by exact arithmetic. A
double-precision root is only a guess: Newton refines it, and the Krawczyk operator then proves or does not prove. What
is not proved is undecided, with the reason. Uniqueness is local: it is about the box, not about all positive numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq
from sympy import oo

from derivations.model import Branch, Model, Phase, Refusal
from numerics.enclosure import BallProgram, compile_balls
from numerics.exact_parameters import ExactValues, NotExact, read_exact
from numerics.krawczyk import RootStatus
from numerics.model_balls import Conditions, ModelBalls
from numerics.parameters import ParameterError, complete, constants
from numerics.solution import REGULAR

MOST_DIGITS = 1000
GUARD_BITS = 40
MOST_DOUBLINGS = 5
"""The precision starts a little above the digits and is doubled at most this often."""


class CertificateStatus(Enum):
    """What is proved at a point; the value is the advice."""

    unique = "Exactly one root lies in the box; where there are no unknowns, the closed form is evaluated."
    exists = "A root lies in the box; it may hold further ones."
    none = "No limit exists at these parameters: the phase lies outside the theorem's domain."
    undecided = "Nothing is proved; the reason says what stands in the way."


@dataclass(frozen=True)
class Certificate:
    """What is proved at a point.

    `unknowns` and `observables` are balls that contain the true values (None where undefined, infinite or not
    supported: then `notes` has a line); `box` holds, by unknown, the ball in which the root is unique. `reached` says
    whether every ball has the digits that were asked for. `precision` is in bits.
    """

    status: CertificateStatus
    phase: str
    unknowns: dict[str, arb]
    observables: dict[str, arb | None]
    box: dict[str, arb] = field(default_factory=dict)
    reason: str = ""
    notes: tuple[str, ...] = ()
    reached: bool = False
    precision: int = 0
    seconds: float = 0.0


class Certifier:
    """Certificates of a model's points; what is compiled is kept for further points with the same laws."""

    def __init__(self, model: Model, /) -> None:
        self.model = model
        self._compiled: dict[Any, ModelBalls] = {}

    def __call__(
        self, given: Mapping[str, object], /, *, digits: int = 30, guess: Mapping[str, float] | None = None
    ) -> Certificate:
        """The certificate at exact parameters by name (decimal text, int, Fraction, Rational; a float is a dyadic).

        `guess` may give the unknowns roughly; without it the double-precision solver does. Raises ParameterError for
        inadmissible parameters and ValueError for digits outside 1 to 1000.
        """
        if not 1 <= digits <= MOST_DIGITS:
            raise ValueError(f"digits is {digits}; allowed are 1 to {MOST_DIGITS}")
        begun = time.perf_counter()
        try:
            exact = read_exact(self.model, given)
        except NotExact as error:
            found = self._undecided(str(error))
        else:
            found = self._certify(self.model, exact, digits, guess)
        return replace(found, seconds=time.perf_counter() - begun)

    def _undecided(self, reason: str, phase: str = "") -> Certificate:
        return Certificate(CertificateStatus.undecided, phase, {}, dict.fromkeys(self.model.observables), reason=reason)

    def _balls(self, model: Model, exact: ExactValues) -> ModelBalls:
        key = (id(model), tuple(exact.laws.values()))
        if key not in self._compiled:
            self._compiled[key] = ModelBalls(model, exact.laws)
        return self._compiled[key]

    def _certify(self, model: Model, exact: ExactValues, digits: int, guess: Mapping[str, float] | None) -> Certificate:
        compiled = self._balls(model, exact)
        bits = _first_precision(digits)
        regions: list[Refusal | Phase | Branch] = [*model.refusals, *model.phases, *model.branches]
        for region in regions:
            inside = _decide(compiled.region(region), compiled, exact, bits)
            if inside is None:
                why = compiled.region(region).reason or "its boundary is too close for the precision"
                return self._undecided(f"whether the point lies in {region.name} is not decided: {why}")
            if inside and isinstance(region, Phase):
                return self._evaluate_phase(compiled, region, exact, digits)
            if inside and isinstance(region, Branch):
                found = self._certify(region.model, exact, digits, guess)
                return replace(found, phase=region.name if found.phase == REGULAR else found.phase)
            if inside and isinstance(region, Refusal):
                raise ParameterError(region.reason)
        if not model.unknowns:
            return self._evaluate_formula(compiled, exact, digits)
        return self._certify_root(compiled, exact, digits, guess)

    def _evaluate_phase(self, compiled: ModelBalls, phase: Phase, exact: ExactValues, digits: int) -> Certificate:
        if phase.status == "outside_domain":
            return replace(self._undecided(phase.note, phase.name), status=CertificateStatus.none)
        closed = compiled.phase(phase)
        infinite = tuple(f"{name}: infinite or undefined here" for name, v in phase.observables.items() if v is None)
        return self._evaluate(closed, compiled, exact, digits, phase.name, infinite)

    def _evaluate_formula(self, compiled: ModelBalls, exact: ExactValues, digits: int) -> Certificate:
        return self._evaluate(compiled.values, compiled, exact, digits, REGULAR, ())

    def _evaluate(
        self, named: Any, compiled: ModelBalls, exact: ExactValues, digits: int, phase: str, infinite: tuple[str, ...]
    ) -> Certificate:
        """Closed forms, with precision doubled until they have the digits."""
        bits = _first_precision(digits)
        for _ in range(MOST_DOUBLINGS):
            with ctx.workprec(bits):
                found = named(_inputs(compiled, exact))
                reached = all(has_digits(ball, digits) for ball in found.values())
            if reached:
                break
            bits *= 2
        return self._finish(compiled.model, {}, {}, found, named.missing, phase, infinite, digits, bits)

    def _certify_root(
        self, compiled: ModelBalls, exact: ExactValues, digits: int, guess: Mapping[str, float] | None
    ) -> Certificate:
        if compiled.system is None:
            return self._undecided(compiled.reason, REGULAR)
        start = _read_guess(compiled.model, guess) if guess else _find_start(compiled, exact)
        if start is None:
            return self._undecided("no root to start from was found in double precision", REGULAR)
        unknowns, bits = compiled.model.unknowns, _first_precision(digits)
        best: Certificate | None = None
        for _ in range(MOST_DOUBLINGS):
            with ctx.workprec(bits):
                parameters = _inputs(compiled, exact)
                status, box, root = compiled.system.prove_near(start, parameters)
                if status is RootStatus.unique and compiled.admissible([*root, *parameters]):
                    found = compiled.values([*root, *parameters])
                    names = [str(unknown) for unknown in unknowns]
                    boxes, roots = dict(zip(names, box, strict=True)), dict(zip(names, root, strict=True))
                    missing = compiled.values.missing
                    best = self._finish(compiled.model, boxes, roots, found, missing, REGULAR, (), digits, bits)
                    start = [ball.mid() for ball in root]
                if best is not None and best.reached:
                    return best
            bits *= 2
        return best or self._undecided("the Krawczyk operator does not contract, or a sign is not certain", REGULAR)

    def _finish(
        self,
        model: Model,
        box: dict[str, arb],
        roots: dict[str, arb],
        found: Mapping[str, arb],
        missing: Mapping[str, str],
        phase: str,
        notes: tuple[str, ...],
        digits: int,
        bits: int,
    ) -> Certificate:
        finite = {name: ball for name, ball in found.items() if ball.is_finite()}
        lost = [f"{name}: {why}" for name, why in missing.items()]
        lost += [f"{name}: undefined, or not enclosed" for name in found if name not in finite]
        unknowns = {**roots, **{name: finite[name] for name in model.reported if name in finite}}
        observables = {name: finite.get(name) for name in model.observables}
        settled = bool(roots) or not lost
        status = CertificateStatus.unique if settled else CertificateStatus.undecided
        with ctx.workprec(bits):
            reached = not lost and all(has_digits(ball, digits) for ball in (*roots.values(), *finite.values()))
        reason = "" if settled else lost[0]
        return Certificate(status, phase, unknowns, observables, box, reason, (*notes, *lost), reached, bits)


def has_digits(ball: arb, digits: int, /) -> bool:
    """Whether the radius is far below half a unit of the last of `digits` significant digits; an exact 0 has all."""
    if not ball.is_finite():
        return False
    return bool(ball.rad() * arb(10) ** (digits + 2) <= ball.abs_lower())


def _first_precision(digits: int) -> int:
    return GUARD_BITS + 24 + (10 * digits + 2) // 3


def _inputs(compiled: ModelBalls, exact: ExactValues) -> list[arb]:
    return [_ball(exact.numbers[symbol]) for symbol in compiled.symbols]


def _ball(value: Any) -> arb:
    if value.is_Rational:
        return arb(fmpq(int(value.p), int(value.q)))
    return arb.pos_inf() if value == oo else _constant(value)([])[0]


@lru_cache(maxsize=256)
def _constant(value: Any) -> BallProgram:
    """An irrational constant as a program, compiled once; flint's precision counts when it is called."""
    return compile_balls([value], [])


def _decide(conditions: Conditions, compiled: ModelBalls, exact: ExactValues, bits: int) -> bool | None:
    """Whether all conditions hold: balls first, then exact arithmetic, then balls of more and more bits."""
    for attempt in range(MOST_DOUBLINGS):
        with ctx.workprec(bits):
            inside = conditions(_inputs(compiled, exact))
        if inside is None and not attempt:
            inside = conditions.decide_exactly(exact.numbers)
        if inside is not None or conditions.reason:
            return inside
        bits *= 2
    return None


def _read_guess(model: Model, guess: Mapping[str, float]) -> list[arb]:
    return [arb(float(guess[str(unknown)])) for unknown in model.unknowns]


def _find_start(compiled: ModelBalls, exact: ExactValues) -> list[arb] | None:
    """The unknowns in double precision, by the model's own equations alone: the regions are decided already."""
    model = compiled.model
    rounded = {n: v if isinstance(v, str) else float(v) for n, v in exact.given.items()}  # type: ignore[arg-type]
    values = constants(model, complete(model, rounded))
    flat = {name: value.reshape(1) if isinstance(value, np.ndarray) else value for name, value in values.items()}
    found = compiled.solver.solve_values(flat, 1)
    roots = [float(found.unknowns[str(unknown)][0]) for unknown in model.unknowns]
    return [arb(root) for root in roots] if np.all(np.isfinite(roots)) else None


def certify(model: Model, given: Mapping[str, object], /, *, digits: int = 30) -> Certificate:
    """The certificate of one point; see `Certifier`."""
    return Certifier(model)(given, digits=digits)


__all__: Sequence[str] = ("Certificate", "CertificateStatus", "Certifier", "certify", "has_digits")
