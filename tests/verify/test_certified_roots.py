"""Inequalities at a model's root, for every parameter of a box: proved, refuted with a witness, or undecided."""

from collections.abc import Callable
from typing import Any

import pytest
from sympy import Piecewise, Rational, Symbol, sqrt

from derivations.core import Certified, Derivation, Model, Phase, Sampled, Step, parameter, unknown
from derivations.model import Refusal
from derivations.random_features import attack_strength, curse
from derivations.random_features.symbols import HASSANI_JAVANMARD, epsilon, noise, psi1, psi2
from derivations.relations import Claim, at_most, below, equal, refuted
from derivations.sensitivity import decreasing_along, differentiated, increasing_along, slope
from numerics.precise import evaluate
from numerics.precise_root import solve_root
from numerics.proofs.inequalities_at_roots import prove_at_roots
from numerics.proofs.inequalities_on_boxes import ProofStatus
from numerics.proofs.root_claims import RootClaim
from numerics.proofs.root_tubes import Tube
from verify.kernel import Context, judge
from verify.mutation_effect import Effect, measure_effect
from verify.report.wording import evidence_words

p, r = parameter("p", "moves the roots", positive=True), parameter("r", "another", positive=True)
x = unknown("x", "a root of x^2 + p = 2 x", positive=True)
square = Symbol("square", positive=True)


def two_roots(start: object, **options: Any) -> Model:
    """x = 1 - sqrt(1 - p) or x = 1 + sqrt(1 - p), a fold at p = 1; the start chooses."""
    return Model(
        parameters=(p,),
        unknowns=(x,),
        program=((square, x**2),),
        equations=(equal(square + p, 2 * x),),
        observables={"x": x},
        start={x: start},
        **options,
    )


def lower() -> Model:
    return two_roots(p / 2)


def upper() -> Model:
    return two_roots(2 - p / 2)


def surface() -> Model:
    """x = sqrt(p + r), in two parameters."""
    return Model((p, r), (x,), ((square, x**2),), (equal(square, p + r),), {"x": x}, {x: (1 + p + r) / 2})


SAFE = {p: (Rational(1, 4), Rational(3, 4))}
PLANE = {p: (Rational(1, 2), 2), r: (1, 3)}


def step_of(claim: Claim, *evidence: Any) -> Step:
    def planted() -> Claim:
        """Planted."""
        return claim

    return Derivation(__name__, title="planted", source=HASSANI_JAVANMARD).step(*evidence)(planted)


def outcome(claim: Claim, box: Any, model: Callable[[], Model]) -> str:
    return judge(step_of(claim, Certified(box, roots_of=model)), Context()).outcome.value


def test_an_inequality_is_proved_up_to_its_sharp_constant_and_not_beyond() -> None:
    assert outcome(below(x, Rational(501, 1000)), SAFE, lower) == "holds"
    verdict = judge(step_of(below(x, Rational(49, 100)), Certified(SAFE, roots_of=lower)), Context())
    assert verdict.outcome.value == "fails"
    witness = Rational(verdict.findings[0].counterexample["p"])
    assert 1 - sqrt(1 - witness) > Rational(49, 100)


def test_the_branch_is_the_one_that_the_model_selects() -> None:
    assert outcome(below(x, 1), SAFE, lower) == "holds"
    assert outcome(below(x, 1), SAFE, upper) == "fails"
    assert outcome(below(1, x), SAFE, upper) == "holds"
    assert outcome(increasing_along("x", p), SAFE, lambda: differentiated(lower(), p)) == "holds"
    assert outcome(increasing_along("x", p), SAFE, lambda: differentiated(upper(), p)) == "fails"
    assert outcome(decreasing_along("x", p), SAFE, lambda: differentiated(upper(), p)) == "holds"


@pytest.mark.parametrize("model", [lower, upper])
@pytest.mark.parametrize("box", [(Rational(1, 2), 1), (Rational(1, 2), Rational(3, 2)), (1, 1), (2, 3)])
def test_a_box_that_reaches_a_fold_or_lies_beyond_is_undecided(model: Callable[[], Model], box: Any) -> None:
    proof = prove_at_roots(model(), below(0, x), {p: box}, budget=300)
    assert proof.status is ProofStatus.undecided
    assert proof.reason
    assert proof.smallest_left is not None


def test_a_box_that_reaches_into_a_phase_is_undecided_and_says_which() -> None:
    phase = Phase("solid", "collapsed", (at_most(Rational(1, 2), p),), {"x": x * 0}, "frozen")
    proof = prove_at_roots(two_roots(p / 2, phases=(phase,)), below(0, x), SAFE, budget=300)
    assert proof.status is ProofStatus.undecided
    assert "solid" in proof.reason
    clear = prove_at_roots(two_roots(p / 2, phases=(phase,)), below(0, x), {p: (Rational(1, 4), Rational(49, 100))})
    assert clear.status is ProofStatus.proved


def test_conditions_restrict_the_box_and_the_root() -> None:
    box = {p: (Rational(1, 4), 2)}
    assert outcome(below(x, Rational(3, 4)), box, lower) == "fails"
    assert prove_at_roots(lower(), below(x, 2), box, budget=300).status is ProofStatus.undecided
    assert outcome(below(x, Rational(3, 4), given=[at_most(p, Rational(3, 4))]), box, lower) == "holds"
    assert outcome(below(x, Rational(1, 4)), SAFE, lower) == "fails"
    assert outcome(below(x, Rational(1, 4), given=[at_most(x, Rational(1, 5))]), SAFE, lower) == "holds"
    assert outcome(below(x, Rational(1, 4), given=[at_most(5, p)]), SAFE, lower) == "open"


def test_two_parameters_chain_to_one_branch() -> None:
    proof = prove_at_roots(surface(), below(square * x, Rational(56, 5)), PLANE)
    assert proof.status is ProofStatus.proved
    assert proof.boxes > 1
    assert outcome(below(0, slope("x", r)), PLANE, lambda: differentiated(surface(), r)) == "holds"
    refuted_there = prove_at_roots(surface(), below(square * x, 11), PLANE)
    assert refuted_there.status is ProofStatus.violated
    assert refuted_there.witness is not None
    assert (refuted_there.witness[p] + refuted_there.witness[r]) ** 3 >= 121


def test_a_root_that_changes_branch_inside_the_box_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A solver that jumps: each half of the box has a tube of its own, and nothing joins them."""
    true = RootClaim.find_roots
    jumping = two_roots(Piecewise((p / 2, p < Rational(1, 2)), (2 - p / 2, True)))
    wide = {p: (Rational(1, 10), Rational(9, 10))}
    assert prove_at_roots(jumping, below(x, 2), wide).status is not ProofStatus.proved
    assert prove_at_roots(lower(), below(x, 2), wide).status is ProofStatus.proved
    calls = []

    def mistaken(self: RootClaim, points: Any, /) -> Any:
        calls.append(points)
        other = RootClaim(upper(), below(x, 2), wide)
        return true(other if len(calls) == 1 else self, points)

    monkeypatch.setattr(RootClaim, "find_roots", mistaken)
    narrow = {p: (Rational(1, 2), Rational(51, 100))}
    assert prove_at_roots(lower(), below(x, 2), narrow).reason == "the solver does not find this root"


def test_tubes_that_do_not_hold_each_others_roots_are_not_one_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tube, "surrounds", lambda *_: False)
    proof = prove_at_roots(surface(), below(square * x, Rational(56, 5)), PLANE)
    assert proof.status is ProofStatus.undecided
    assert "one branch" in proof.reason


def test_a_jump_in_the_equations_is_not_overlooked() -> None:
    jump = Piecewise((p, p < Rational(1, 2)), (2 * p, True))
    model = Model((p,), (x,), ((square, jump),), (equal(x, square),), {"x": x}, {x: p})
    assert prove_at_roots(model, below(x, 2), SAFE, budget=100).status is ProofStatus.undecided


def test_bad_use_is_open_with_a_reason() -> None:
    with pytest.raises(ValueError, match="no bounds for r"):
        prove_at_roots(surface(), below(0, x), {p: (1, 2)})
    with pytest.raises(ValueError, match="low <= high"):
        prove_at_roots(lower(), below(0, x), {p: (2, 1)})
    with pytest.raises(ValueError, match="against the sign"):
        prove_at_roots(lower(), below(0, x), {p: (0, 1)})
    with pytest.raises(ValueError, match="cannot be proved"):
        prove_at_roots(lower(), equal(x, p), SAFE)
    with pytest.raises(ValueError, match="a parameter of a model"):
        differentiated(lower(), r)
    assert outcome(equal(square, 2 * x - p), SAFE, lower) == "open"


def test_a_published_relation_is_refuted_at_a_root() -> None:
    at = {p: Rational(3, 4)}
    assert outcome(refuted(below(x, Rational(49, 100)), at), {}, lower) == "holds"
    assert outcome(refuted(below(x, Rational(3, 5)), at), {}, lower) == "fails"
    assert outcome(refuted(below(x, Rational(1, 2)), {p: 2}), {}, lower) == "open"


def test_slopes_of_the_robust_model_are_those_of_its_roots() -> None:
    point = {psi1: Rational(3, 2), psi2: Rational(2), epsilon: Rational(2, 5), noise: Rational(1, 3)}
    step = Rational(1, 10**10)
    ends = [{**point, epsilon: point[epsilon] + sign * step} for sign in (1, -1)]
    roots = [solve_root(attack_strength.relu_model(), end, digits=40) for end in ends]
    found = solve_root(attack_strength.slopes(), point, digits=40)
    for name, observable in attack_strength.relu_model().observables.items():
        after, before = (
            evaluate(observable, {**end, **root}, digits=35) for end, root in zip(ends, roots, strict=True)
        )
        assert abs((after - before) / (2 * step) / found[slope(name, epsilon)] - 1) < 1e-15


@pytest.mark.parametrize(
    ("low", "high", "claim", "expected"),
    [
        ("2", "3", increasing_along("robust_risk", psi1), "holds"),
        ("2", "3", decreasing_along("robust_risk", psi1), "fails"),
        ("3.6", "3.7", increasing_along("robust_risk", psi1), "fails"),
        ("5", "6", decreasing_along("robust_risk", psi1), "holds"),
    ],
)
def test_the_sign_of_the_slope_of_the_curse(low: str, high: str, claim: Claim, expected: str) -> None:
    assert outcome(claim, {psi1: (Rational(low), Rational(high))}, curse.slopes) == expected


def test_a_box_into_the_collapse_is_never_proved() -> None:
    proof = prove_at_roots(curse.curve(), below(0, x * 0 + 1), {psi1: (Rational(1, 5), Rational(3, 10))}, budget=60)
    assert proof.status is ProofStatus.undecided


def test_the_report_and_the_mutants_know_roots() -> None:
    evidence = Certified(SAFE, roots_of=lower)
    assert evidence_words(evidence) == "certified: ball arithmetic on the model's root for every p in [1/4, 3/4]"
    claim = below(x, Rational(3, 4))
    assert measure_effect(claim, below(x, Rational(1, 4)), evidence, 0) is Effect.counted
    assert measure_effect(claim, below(x, Rational(4, 5)), evidence, 0) is Effect.equivalent


def test_samples_and_balls_judge_the_same_claim() -> None:
    claim = increasing_along("x", p)

    def model() -> Model:
        return differentiated(lower(), p)

    step = step_of(claim, Certified(SAFE, roots_of=model), Sampled(SAFE, points=3, roots_of=model))
    assert judge(step, Context()).outcome.value == "holds"


def test_what_is_refused_at_exact_parameters_only_is_not_proved() -> None:
    gap = (p - Rational(1, 3)) ** 2
    edge = Refusal("edge", (below(gap, 0),), "nothing is stated at 1/3", exactly=(at_most(gap, 0),))
    proof = prove_at_roots(two_roots(p / 2, refusals=(edge,)), below(x, 1), SAFE, budget=100)
    assert proof.status is ProofStatus.undecided
    assert prove_at_roots(lower(), below(x, 1), SAFE).status is ProofStatus.proved
