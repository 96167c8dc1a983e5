"""A proof that a model's unknowns exist at given exact parameters, unique in a stated box, and to how many digits.

Regions are tested in the solver's order (refusals, phases, branches), each decided by balls or by exact arithmetic. A
double-precision root is only a guess: Newton refines it, and the Krawczyk operator then proves or does not prove. What
is not proved is undecided, with the reason. Uniqueness is local: it is about the box, not about all positive numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flint import arb, ctx

from derivations.model import Branch, Model, Phase, Refusal
from numerics.enclosures.deadline import TimeSpent, within
from numerics.enclosures.known_digits import count_missing_bits, has_digits
from numerics.parameters import ParameterError
from numerics.proofs.certified_values import (
    MOST_DIGITS,
    Certificate,
    CertificateStatus,
    first_precision,
    gather,
    name_infinite,
    require_digits,
)
from numerics.proofs.exact_balls import exact_inputs
from numerics.proofs.exact_parameters import ExactValues, NotExact
from numerics.proofs.exact_points import PointReader
from numerics.proofs.isolated_root import IsolatedRoot, isolate_near
from numerics.proofs.krawczyk import RootStatus
from numerics.proofs.model_balls import MOST_DOUBLINGS, ModelBalls
from numerics.proofs.start_points import StartFinder, find_starts, read_guess
from numerics.solution import REGULAR

MOST_SECONDS = 20.0
_TOO_SLOW = "the integrals take more than {:g} s; give more seconds (--seconds), or fewer digits"


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
        self,
        given: Mapping[str, object],
        /,
        *,
        digits: int = 30,
        guess: Mapping[str, float] | None = None,
        seconds: float = MOST_SECONDS,
    ) -> Certificate:
        """The certificate at exact parameters by name (decimal text, int, Fraction, Rational; a float is a dyadic).

        `guess` may give the unknowns roughly; without it they are looked for in double precision. Integrals stop after
        `seconds`: what was found with fewer digits by then is returned with a note, else the answer is undecided.
        Raises ParameterError for inadmissible parameters and ValueError for digits outside 1 to 1000, or seconds that
        are not positive.
        """
        _require(digits, seconds)
        begun = time.perf_counter()
        with within(seconds):
            located = self._locate(given, digits, seconds)
            start = read_guess(located.compiled.model, guess) if guess and isinstance(located, _RootWanted) else None
            found = self._prove(located, digits, start, seconds)
        return replace(found, seconds=time.perf_counter() - begun)

    def certify_many(
        self,
        points: Sequence[Mapping[str, object]],
        /,
        *,
        digits: int = 30,
        guesses: Sequence[Mapping[str, float] | None] = (),
        seconds: float = MOST_SECONDS,
    ) -> list[Certificate]:
        """The certificate of each point, in order; the double-precision solver is asked once for all of them.

        `guesses`, if any, are as many as the points; `seconds` are for each. Raises as for one point, at the first that
        is not admissible.
        """
        _require(digits, seconds)
        if guesses and len(guesses) != len(points):
            raise ValueError(f"{len(guesses)} guesses are given for {len(points)} points; allowed are none or as many")
        begun = time.perf_counter()
        located = [self._locate(given, digits, seconds) for given in points]
        wanted = [found if isinstance(found, _RootWanted) else None for found in located]
        starts = find_starts(
            [None if each is None else (each.compiled, each.exact) for each in wanted], guesses or [None] * len(points)
        )
        shared = (time.perf_counter() - begun) / max(1, len(points))
        certificates = []
        for point, start in zip(located, starts, strict=True):
            begun = time.perf_counter()
            found = self._prove(point, digits, start, seconds)
            certificates.append(replace(found, seconds=shared + time.perf_counter() - begun))
        return certificates

    def _undecided(self, reason: str, phase: str = "") -> Certificate:
        return Certificate(CertificateStatus.undecided, phase, {}, dict.fromkeys(self.model.observables), reason=reason)

    def _balls(self, model: Model, exact: ExactValues) -> ModelBalls:
        key = (id(model), tuple(exact.laws.values()))
        if key not in self._compiled:
            self._compiled[key] = ModelBalls(model, exact.laws)
        return self._compiled[key]

    def _locate(self, given: Mapping[str, object], digits: int, seconds: float) -> Certificate | _RootWanted:
        try:
            with within(seconds):
                return self._decide_regions(self.model, self._read(given), digits)
        except NotExact as error:
            return self._undecided(str(error))
        except TimeSpent:
            return self._undecided(_TOO_SLOW.format(seconds))

    def _prove(
        self, located: Certificate | _RootWanted, digits: int, start: list[arb] | None, seconds: float
    ) -> Certificate:
        if isinstance(located, Certificate):
            return located
        try:
            with within(seconds):
                return self._certify_root(located, digits, start)
        except TimeSpent:
            return self._undecided(_TOO_SLOW.format(seconds), located.phase)

    def _decide_regions(self, model: Model, exact: ExactValues, digits: int) -> Certificate | _RootWanted:
        """The certificate where a region or a closed form settles the point, else what is left to solve."""
        compiled, bits = self._balls(model, exact), first_precision(digits)
        with ctx.workprec(bits):
            parameters = exact_inputs(compiled, exact)
        for region in model.regions:
            conditions = compiled.region(region)
            inside = conditions.decide(parameters, exact.numbers, bits, lambda: exact_inputs(compiled, exact))
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
                if strict.decide(parameters, exact.numbers, bits, lambda: exact_inputs(compiled, exact)) is not False:
                    return self._undecided(f"at the exact parameters: {region.reason}")
        if not model.unknowns:
            return self._evaluate(compiled.values, compiled, exact, digits, REGULAR, ())
        return _RootWanted(compiled, exact, parameters)

    def _evaluate_phase(self, compiled: ModelBalls, phase: Phase, exact: ExactValues, digits: int) -> Certificate:
        if phase.status == "outside_domain":
            return replace(self._undecided(phase.note, phase.name), status=CertificateStatus.none)
        closed = compiled.phase(phase)
        return self._evaluate(closed, compiled, exact, digits, phase.name, name_infinite(phase))

    def _evaluate(
        self, named: Any, compiled: ModelBalls, exact: ExactValues, digits: int, phase: str, infinite: tuple[str, ...]
    ) -> Certificate:
        """Closed forms, with precision doubled until they have the digits."""
        bits = first_precision(digits)
        best: Certificate | None = None
        for _ in range(MOST_DOUBLINGS):
            try:
                with ctx.workprec(bits):
                    found = named.on_narrow(exact_inputs(compiled, exact))
                    reached = all(has_digits(ball, digits) for ball in found.values())
            except TimeSpent:
                return _stopped(best)
            best = gather(compiled.model, found, named.missing, digits, bits, phase=phase, notes=infinite)
            if reached:
                break
            bits *= 2
        return best or self._undecided("no precision was tried", phase)

    def _certify_root(self, wanted: _RootWanted, digits: int, start: list[arb] | None) -> Certificate:
        compiled, exact, bits = wanted.compiled, wanted.exact, first_precision(digits)
        if compiled.system is None:
            return self._undecided(compiled.reason, wanted.phase)
        start = start or StartFinder(compiled)(exact, wanted.parameters)
        if start is None:
            return self._undecided("no root to start from was found in double precision", wanted.phase)
        best: Certificate | None = None
        isolated: IsolatedRoot | None = None
        for attempt in range(MOST_DOUBLINGS):
            with ctx.workprec(bits):
                try:
                    parameters = exact_inputs(compiled, exact) if attempt else wanted.parameters
                    if isolated is None or isolated.status is not RootStatus.unique:
                        isolated = isolate_near(compiled.system, start, parameters)
                    inputs = [*isolated.sharpen(compiled.system, parameters), *parameters]
                    proved = isolated.status in (RootStatus.unique, RootStatus.exists)
                    proved = proved and bool(compiled.admissible.on_narrow(inputs))
                    found = compiled.values.on_narrow(inputs) if proved else {}
                except TimeSpent:
                    return _stopped(best)
                if proved:
                    missing = compiled.values.missing
                    best = gather(compiled.model, found, missing, digits, bits, phase=wanted.phase, isolated=isolated)
                if best is not None and best.reached:
                    return best
                bits += min(bits, _missing_bits(best, digits)) if best is not None else bits
        return best or self._undecided(
            "the Krawczyk operator does not contract, or a sign is not certain", wanted.phase
        )


def _stopped(best: Certificate | None) -> Certificate:
    """What was found before the time was spent. Raises TimeSpent where that is nothing."""
    if best is None:
        raise TimeSpent
    return replace(best, notes=(*best.notes, "stopped before the digits were reached: give more seconds (--seconds)"))


def _missing_bits(found: Certificate, digits: int) -> int:
    return count_missing_bits((*found.unknowns.values(), *found.observables.values()), digits)


def _require(digits: int, seconds: float) -> None:
    require_digits(digits)
    if not seconds > 0:
        raise ValueError(f"seconds is {seconds}; allowed is a positive number")


def certify(
    model: Model, given: Mapping[str, object], /, *, digits: int = 30, seconds: float = MOST_SECONDS
) -> Certificate:
    """The certificate of one point; see `Certifier`."""
    return Certifier(model)(given, digits=digits, seconds=seconds)


__all__ = ["MOST_DIGITS", "Certificate", "CertificateStatus", "Certifier", "certify"]
