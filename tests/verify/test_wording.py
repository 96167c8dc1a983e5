"""How findings are told: where a simulation was tested, within what, and nothing twice."""

from __future__ import annotations

from types import SimpleNamespace

from sympy import Rational, Symbol

from derivations.core import Derivation, Lab, Level, Sampled, Simulation, Source
from derivations.relations import equal, tends_to
from verify.kernel import Context, judge
from verify.verdict import Verdict

SOURCE = Source("nobody", ("Nobody, N.",), "Planted", 2000)
lam = Symbol("lam", positive=True)


def energies(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The energy of noise of variance lam, and its excess over lam/2."""
    energy = at.lam * lab.mean(lab.normal(size) ** 2)
    return {"energy": energy, "excess": energy - at.lam / 2}


def verdict_on(*evidence: Simulation) -> Verdict:
    theorem = Derivation("planted", title="Planted", source=SOURCE)

    def law() -> object:
        """A law of large numbers."""
        return tends_to({"energy": lam, "excess": lam / 2})

    return judge(theorem.step(*evidence)(law), Context())  # type: ignore[arg-type]


def simulation(at: object, level: Level = Level.quick) -> Simulation:
    return Simulation(
        energies,
        at={lam: at},  # type: ignore[dict-item]
        bias="1/d",
        tolerance=0.1,
        scale={"excess": lam},
        sizes=(100, 200, 400),
        level=level,
    )


def test_a_simulation_says_where_it_was_tested_and_within_what() -> None:
    detail = verdict_on(simulation(Rational(2))).detail
    assert detail.startswith("lam=2; energy ")
    assert "vs 2 ±10%" in detail
    assert "vs 1 ±0.2;" in detail


def test_two_simulations_of_a_step_are_told_apart_by_their_points() -> None:
    detail = verdict_on(simulation(Rational(2)), simulation(Rational(1, 2))).detail
    assert "simulation: lam=2; " in detail
    assert "simulation: lam=0.5; " in detail


def test_equal_findings_are_told_once_with_their_number() -> None:
    later = [simulation(Rational(value), Level.standard) for value in (1, 2, 3)]
    assert verdict_on(*later).detail == "simulation: belongs to the standard level (3 times)"


def test_one_root_is_one_root() -> None:
    theorem = Derivation("planted", title="Planted", source=SOURCE)

    def identity() -> object:
        """Expand."""
        return equal((lam + 1) ** 2, lam**2 + 2 * lam + 1)

    verdict = judge(theorem.step(Sampled(points=1))(identity), Context())  # type: ignore[arg-type]
    assert verdict.detail.startswith("agrees at 1 point,")
