"""What a certificate says: its status, the balls that are known, and what is not known and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from flint import arb, ctx

from derivations.model import Model
from numerics.enclosures.known_digits import has_digits
from numerics.proofs.isolated_root import IsolatedRoot
from numerics.proofs.krawczyk import RootStatus


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
    """What is known at `bits` of precision: the balls that are finite, and a line for each that is not.

    `found` are the observables and reported values, `missing` has the reason of those that balls lack.
    """
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


__all__ = ["Certificate", "CertificateStatus", "gather"]
