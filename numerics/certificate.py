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

from flint import arb, ctx, fmpq
from sympy import oo

from derivations.model import Branch, Model, Phase, Refusal
from numerics.enclosure import BallProgram, compile_balls
from numerics.exact_parameters import ExactValues, NotExact
from numerics.exact_points import PointReader
from numerics.isolated_root import IsolatedRoot, isolate_near
from numerics.known_digits import count_missing_bits, has_digits
from numerics.krawczyk import RootStatus
from numerics.model_balls import MOST_DOUBLINGS, ModelBalls
from numerics.parameters import ParameterError
from numerics.solution import REGULAR
from numerics.start_points import StartFinder, find_starts, read_guess

MOST_DIGITS = 1000
GUARD_BITS = 40
"""The precision starts a little above the digits and is raised MOST_DOUBLINGS times, at most doubled each time."""


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
    supported: then `notes` has a line); `box` holds, by unknown, the ball in which the root is unique, or has one
    at least, as the status says. `reached` says whether every ball has the digits that were asked for. `precision` is
    in bits.
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


@dataclass(frozen=True)
class _RootWanted:
    """A point whose regions are decided: the equations that are left, and its parameters as balls."""

    compiled: ModelBalls
    exact: ExactValues
    parameters: list[arb]
    phase: str = REGULAR


class Certifier:
    """Certificates of a model's points; what is compiled is kept for further points with the same laws."""

    def __init__(self, model: Model, /) -> None:
        self.model = model
        self._read = PointReader(model)
        self._compiled: dict[Any, ModelBalls] = {}

    def __call__(
        self, given: Mapping[str, object], /, *, digits: int = 30, guess: Mapping[str, float] | None = None
    ) -> Certificate:
        """The certificate at exact parameters by name (decimal text, int, Fraction, Rational; a float is a dyadic).

        `guess` may give the unknowns roughly; without it they are looked for in double precision. Raises ParameterError
        for inadmissible parameters and ValueError for digits outside 1 to 1000.
        """
        _require_digits(digits)
        begun = time.perf_counter()
        found = self._locate(given, digits)
        if isinstance(found, _RootWanted):
            found = self._certify_root(found, digits, read_guess(found.compiled.model, guess) if guess else None)
        return replace(found, seconds=time.perf_counter() - begun)

    def certify_many(
        self,
        points: Sequence[Mapping[str, object]],
        /,
        *,
        digits: int = 30,
        guesses: Sequence[Mapping[str, float] | None] = (),
    ) -> list[Certificate]:
        """The certificate of each point, in order; the double-precision solver is asked once for all of them.

        `guesses`, if any, are as many as the points. Raises as for one point, at the first that is not admissible.
        """
        _require_digits(digits)
        if guesses and len(guesses) != len(points):
            raise ValueError(f"{len(guesses)} guesses are given for {len(points)} points; allowed are none or as many")
        begun = time.perf_counter()
        located = [self._locate(given, digits) for given in points]
        wanted = [found if isinstance(found, _RootWanted) else None for found in located]
        starts = find_starts(
            [None if each is None else (each.compiled, each.exact) for each in wanted], guesses or [None] * len(points)
        )
        shared = (time.perf_counter() - begun) / max(1, len(points))
        certificates = []
        for point, start in zip(located, starts, strict=True):
            begun = time.perf_counter()
            found = self._certify_root(point, digits, start) if isinstance(point, _RootWanted) else point
            certificates.append(replace(found, seconds=shared + time.perf_counter() - begun))
        return certificates

    def _undecided(self, reason: str, phase: str = "") -> Certificate:
        return Certificate(CertificateStatus.undecided, phase, {}, dict.fromkeys(self.model.observables), reason=reason)

    def _balls(self, model: Model, exact: ExactValues) -> ModelBalls:
        key = (id(model), tuple(exact.laws.values()))
        if key not in self._compiled:
            self._compiled[key] = ModelBalls(model, exact.laws)
        return self._compiled[key]

    def _locate(self, given: Mapping[str, object], digits: int) -> Certificate | _RootWanted:
        try:
            exact = self._read(given)
        except NotExact as error:
            return self._undecided(str(error))
        return self._decide_regions(self.model, exact, digits)

    def _decide_regions(self, model: Model, exact: ExactValues, digits: int) -> Certificate | _RootWanted:
        """The certificate where a region or a closed form settles the point, else what is left to solve."""
        compiled, bits = self._balls(model, exact), _first_precision(digits)
        with ctx.workprec(bits):
            parameters = _inputs(compiled, exact)
        regions: list[Refusal | Phase | Branch] = [*model.refusals, *model.phases, *model.branches]
        for region in regions:
            conditions = compiled.region(region)
            inside = conditions.decide(parameters, exact.numbers, bits, lambda: _inputs(compiled, exact))
            if inside is None:
                why = conditions.reason or "its boundary is too close for the precision"
                return self._undecided(f"whether the point lies in {region.name} is not decided: {why}")
            if inside and isinstance(region, Phase):
                return self._evaluate_phase(compiled, region, exact, digits)
            if inside and isinstance(region, Branch):
                found = self._decide_regions(region.model, exact, digits)
                return replace(found, phase=region.name if found.phase == REGULAR else found.phase)
            if inside and isinstance(region, Refusal):
                raise ParameterError(region.reason)
            if isinstance(region, Refusal) and region.exactly:
                # what doubles cannot tell apart, a certificate must
                strict = compiled.exactly(region)
                if strict.decide(parameters, exact.numbers, bits, lambda: _inputs(compiled, exact)) is not False:
                    return self._undecided(f"at the exact parameters: {region.reason}")
        if not model.unknowns:
            return self._evaluate(compiled.values, compiled, exact, digits, REGULAR, ())
        return _RootWanted(compiled, exact, parameters)

    def _evaluate_phase(self, compiled: ModelBalls, phase: Phase, exact: ExactValues, digits: int) -> Certificate:
        if phase.status == "outside_domain":
            return replace(self._undecided(phase.note, phase.name), status=CertificateStatus.none)
        closed = compiled.phase(phase)
        infinite = tuple(f"{name}: infinite or undefined here" for name, v in phase.observables.items() if v is None)
        return self._evaluate(closed, compiled, exact, digits, phase.name, infinite)

    def _evaluate(
        self, named: Any, compiled: ModelBalls, exact: ExactValues, digits: int, phase: str, infinite: tuple[str, ...]
    ) -> Certificate:
        """Closed forms, with precision doubled until they have the digits."""
        bits = _first_precision(digits)
        for _ in range(MOST_DOUBLINGS):
            with ctx.workprec(bits):
                found = named.on_narrow(_inputs(compiled, exact))
                reached = all(has_digits(ball, digits) for ball in found.values())
            if reached:
                break
            bits *= 2
        return self._finish(compiled.model, found, named.missing, digits, bits, phase=phase, notes=infinite)

    def _certify_root(self, wanted: _RootWanted, digits: int, start: list[arb] | None) -> Certificate:
        compiled, exact, bits = wanted.compiled, wanted.exact, _first_precision(digits)
        if compiled.system is None:
            return self._undecided(compiled.reason, wanted.phase)
        start = start or StartFinder(compiled)(exact, wanted.parameters)
        if start is None:
            return self._undecided("no root to start from was found in double precision", wanted.phase)
        best: Certificate | None = None
        isolated: IsolatedRoot | None = None
        parameters = wanted.parameters
        for _ in range(MOST_DOUBLINGS):
            with ctx.workprec(bits):
                if isolated is None or isolated.status is not RootStatus.unique:
                    isolated = isolate_near(compiled.system, start, parameters)
                inputs = [*isolated.sharpen(compiled.system, parameters), *parameters]
                proved = isolated.status in (RootStatus.unique, RootStatus.exists)
                if proved and compiled.admissible.on_narrow(inputs):
                    found, missing = compiled.values.on_narrow(inputs), compiled.values.missing
                    best = self._finish(
                        compiled.model, found, missing, digits, bits, phase=wanted.phase, isolated=isolated
                    )
                if best is not None and best.reached:
                    return best
                bits += min(bits, _missing_bits(best, digits)) if best is not None else bits
            with ctx.workprec(bits):
                parameters = _inputs(compiled, exact)
        return best or self._undecided(
            "the Krawczyk operator does not contract, or a sign is not certain", wanted.phase
        )

    def _finish(
        self,
        model: Model,
        found: Mapping[str, arb],
        missing: Mapping[str, str],
        digits: int,
        bits: int,
        /,
        *,
        phase: str,
        notes: tuple[str, ...] = (),
        isolated: IsolatedRoot | None = None,
    ) -> Certificate:
        names = [unknown.name for unknown in model.unknowns] if isolated is not None else []
        box = dict(zip(names, isolated.box, strict=True)) if isolated is not None else {}
        roots = dict(zip(names, isolated.root, strict=True)) if isolated is not None else {}
        finite = {name: ball for name, ball in found.items() if ball.is_finite()}
        lost = [f"{name}: {why}" for name, why in missing.items()]
        lost += [f"{name}: undefined, or not enclosed" for name in found if name not in finite]
        unknowns = {**roots, **{name: finite[name] for name in model.reported if name in finite}}
        observables = {name: finite.get(name) for name in model.observables}
        status = CertificateStatus.unique if roots or not lost else CertificateStatus.undecided
        if isolated is not None and isolated.status is RootStatus.exists:
            status = CertificateStatus.exists
        with ctx.workprec(bits):
            reached = not lost and all(has_digits(ball, digits) for ball in (*roots.values(), *finite.values()))
        reason = "" if status is not CertificateStatus.undecided else lost[0]
        return Certificate(status, phase, unknowns, observables, box, reason, (*notes, *lost), reached, bits)


def _missing_bits(found: Certificate, digits: int) -> int:
    return count_missing_bits((*found.unknowns.values(), *found.observables.values()), digits)


def _require_digits(digits: int) -> None:
    if not 1 <= digits <= MOST_DIGITS:
        raise ValueError(f"digits is {digits}; allowed are 1 to {MOST_DIGITS}")


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


def certify(model: Model, given: Mapping[str, object], /, *, digits: int = 30) -> Certificate:
    """The certificate of one point; see `Certifier`."""
    return Certifier(model)(given, digits=digits)


__all__: Sequence[str] = ("Certificate", "CertificateStatus", "Certifier", "certify", "has_digits")
