"""Every certificate of the registry can fail: turned around on its own box, the claim is refuted at an exact point."""

import pytest
from sympy import Rational, Symbol

from derivations.discover import load, load_all
from derivations.evidence import Certified, Level
from derivations.relations import Refuted, Relation
from numerics.proofs.inequalities_at_roots import prove_at_roots
from numerics.proofs.inequalities_on_boxes import ProofStatus, prove_on_box, refute_at


def _level(evidence):
    return [pytest.mark.standard] if evidence.roots_of and evidence.level > Level.quick else []


CERTIFIED = [
    pytest.param(step, evidence, id=f"{step.id}-{number}", marks=_level(evidence))
    for derivation in load_all()
    for step in derivation.steps.values()
    for number, evidence in enumerate(step.evidence)
    if isinstance(evidence, Certified)
]


def _judged(claim, box, roots_of=None):
    if roots_of is not None:
        return prove_at_roots(roots_of(), claim, box, budget=8)
    plain = claim.expanded()
    return prove_on_box(plain.kind, plain.lhs, plain.rhs, box, given=plain.given, budget=4000)


@pytest.mark.parametrize(("step", "evidence"), CERTIFIED)
def test_the_reversed_inequality_is_violated_on_the_same_box(step, evidence):
    claim = step.claim
    if isinstance(claim, Refuted):
        plain = claim.claim.expanded()
        other = plain.lhs if plain.kind == "=" else plain.rhs
        assert refute_at(plain.kind, other, plain.lhs, claim.witness) is not True
        return
    reversed_claim = Relation(claim.kind, claim.rhs, claim.lhs, claim.given)
    proof = _judged(reversed_claim, evidence.box, evidence.roots_of)
    assert proof.status is ProofStatus.violated
    for symbol, value in proof.witness.items():
        low, high = evidence.box[symbol]
        assert low <= value <= high
    if evidence.roots_of is not None:
        return
    plain = reversed_claim.expanded()
    assert refute_at(plain.kind, plain.lhs, plain.rhs, proof.witness) is True
    for condition in plain.given:
        assert refute_at(condition.kind, condition.lhs, condition.rhs, proof.witness) is False


def _planted():
    """A smaller constant where it is attained, and a law taken beyond the place where it ends."""
    sharp = Rational(999, 1000)
    for name in ("squares:largest_error", "products:nowhere_above"):
        step = load(f"overfitted_networks.{name.partition(':')[0]}").steps[name.partition(":")[2]]
        claim = step.claim
        yield pytest.param(Relation("<=", claim.lhs, sharp * claim.rhs), step.evidence[0].box, id=name)
    nowhere = load("overfitted_networks.products").steps["nowhere_below"]
    yield pytest.param(
        Relation("<=", sharp * nowhere.claim.lhs, nowhere.claim.rhs), nowhere.evidence[0].box, id="nowhere_below"
    )
    regimes = load("learning_regimes.tradeoffs").steps["energy_grows_if_smooth"]
    box = next(evidence.box for evidence in regimes.evidence if isinstance(evidence, Certified))
    rough = {**box, Symbol("h", positive=True): (1, 4)}
    yield pytest.param(Relation("<", regimes.claim.lhs, regimes.claim.rhs), rough, id="rough activations")
    ordering = load("learning_regimes.tradeoffs_ordering").steps["trained_before_tangent_for_shifted_wigner"]
    less = Relation("<", ordering.claim.lhs, Rational(9, 10) * ordering.claim.rhs, ordering.claim.given)
    yield pytest.param(less, ordering.evidence[1].box, id="a tenth less than the tangent model")


@pytest.mark.parametrize(("claim", "box"), [*_planted()])
def test_a_planted_constant_or_a_box_that_reaches_too_far_is_seen(claim, box):
    assert _judged(claim, box).status is ProofStatus.violated


def test_the_registry_has_certificates_at_quick():
    assert sum(param.values[1].level is Level.quick for param in CERTIFIED) > 50
