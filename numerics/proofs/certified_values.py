"""What a certificate says: its status, the balls that are known, and what is not known and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from flint import arb, ctx

from derivations.model import Model, Phase
from numerics.enclosures.known_digits import has_digits
from numerics.proofs.isolated_root import IsolatedRoot
from numerics.proofs.krawczyk import RootStatus

MOST_DIGITS = 1000
GUARD_BITS = 64
"""A proof starts a little above the digits; a certificate of a point then takes more, at most doubled each time."""


class CertificateStatus(Enum):
    """What is proved at a point; the value is the advice."""

    unique = "Exactly one root lies in the box; where there are no unknowns, the closed form is evaluated."
    exists = "A root lies in the box; it may hold further ones."
    none = "No value is given at these parameters: the phase lies outside the theorem's domain."
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


def require_digits(digits: int, /) -> None:
    """Raise ValueError unless so many digits can be asked for."""
    if not 1 <= digits <= MOST_DIGITS:
        raise ValueError(f"digits is {digits}; allowed are 1 to {MOST_DIGITS}")


def first_precision(digits: int, /) -> int:
    """The bits that a proof to so many digits starts with."""
    return GUARD_BITS + (10 * digits + 2) // 3


def name_infinite(phase: Phase, /) -> tuple[str, ...]:
    """A line for each observable that has no finite value in a phase."""
    return tuple(f"{name}: infinite or undefined here" for name, v in phase.observables.items() if v is None)


@dataclass(frozen=True)
class KnownValues:
    """The finite balls among what was found, and a line for each value that is `lost`."""

    roots: dict[str, arb]
    finite: dict[str, arb]
    unknowns: dict[str, arb]
    observables: dict[str, arb | None]
    lost: tuple[str, ...]

    @property
    def status(self) -> CertificateStatus:
        """Unique with a proved root; a closed form has to have all of its values."""
        return CertificateStatus.unique if self.roots or not self.lost else CertificateStatus.undecided

    @property
    def reason(self) -> str:
        """The first loss where it leaves the status undecided."""
        return self.lost[0] if self.status is CertificateStatus.undecided else ""


def collect(
    model: Model, found: Mapping[str, arb], missing: Mapping[str, str], /, *, roots: Sequence[arb] = ()
) -> KnownValues:
    """What is known of the observables and reported values `found`, and the proved `roots` if there are unknowns.

    `missing` has the reason of those that balls lack.
    """
    named = {unknown.name: root for unknown, root in zip(model.unknowns, roots, strict=bool(roots))}
    finite = {name: ball for name, ball in found.items() if ball.is_finite()}
    lost = [f"{name}: {why}" for name, why in missing.items()]
    lost += [f"{name}: undefined, or not enclosed" for name in found if name not in finite]
    unknowns = {**named, **{name: finite[name] for name in model.reported if name in finite}}
    return KnownValues(named, finite, unknowns, {name: finite.get(name) for name in model.observables}, tuple(lost))


def gather(
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
    """The certificate of what is known at `bits` of precision: the finite balls, and a line for each that is not."""
    known = collect(model, found, missing, roots=isolated.root if isolated is not None else ())
    box = dict(zip(known.roots, isolated.box, strict=True)) if isolated is not None else {}
    exists = isolated is not None and isolated.status is RootStatus.exists
    status = CertificateStatus.exists if exists else known.status
    with ctx.workprec(bits):
        wanted = (*known.roots.values(), *known.finite.values())
        reached = not known.lost and all(has_digits(ball, digits) for ball in wanted)
    lines = (*notes, *known.lost)
    return Certificate(status, phase, known.unknowns, known.observables, box, known.reason, lines, reached, bits)


__all__ = [
    "MOST_DIGITS",
    "Certificate",
    "CertificateStatus",
    "KnownValues",
    "collect",
    "first_precision",
    "gather",
    "name_infinite",
    "require_digits",
]
