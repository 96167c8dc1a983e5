"""A derivation, a step or a model as JSON data: expressions as text and as LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sympy import Symbol, oo

from derivations.model import ChoiceParameter, FunctionParameter, LawParameter, Parameter
from verify.report.notation import latex_of
from verify.report.wording import claim_parts, condition_words, evidence_words, kinds_of

if TYPE_CHECKING:
    from sympy import Basic

    from derivations.core import Derivation, Step
    from derivations.model import AnyParameter, Model, Phase
    from derivations.relations import Relation

SCHEMA_VERSION = 1


def derivation_data(derivation: Derivation, /) -> dict[str, Any]:
    """Everything that `show` knows of a derivation; claims are built, nothing is evaluated."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": derivation.id,
        "title": derivation.title,
        "statement": derivation.statement,
        "source": asdict(derivation.source),
        "model": model_data(derivation.model) if derivation.has_model else None,
        "steps": [step_data(step) for step in derivation.steps.values()],
    }


def step_data(step: Step, /) -> dict[str, Any]:
    """A step: claim before and after, reason, parents, evidence, source and origin."""
    parts = claim_parts(step.claim)
    pairs = [{"before": _side(a), "sign": sign, "after": _side(b)} for a, sign, b in parts.pairs]
    return {
        "name": step.name,
        "id": step.id,
        "reason": step.reason,
        "claim": {
            "kind": parts.kind,
            "pairs": pairs,
            "given": [condition_words(condition) for condition in parts.given],
            "note": parts.note,
        },
        "evidence": kinds_of(step),
        "evidence_details": [evidence_words(item) for item in step.evidence],
        "granted": step.granted,
        "erratum": parts.kind == "refuted",
        "parents": [parent.id for parent in step.parents],
        "source": step.source,
        "origin": step.origin,
    }


def model_data(model: Model, /) -> dict[str, Any]:
    """A model: parameters, unknowns, program, equations, observables, phases, branches, refusals."""
    return {
        "parameters": [parameter_data(item) for item in model.parameters],
        "unknowns": [_symbol_data(item) for item in model.unknowns],
        "program": [{"name": str(name), **_side(value)} for name, value in model.program],
        "equations": [{"before": _side(e.lhs), "sign": "=", "after": _side(e.rhs)} for e in model.equations],
        "observables": {name: _side(value) for name, value in model.observables.items()},
        "phases": [_phase_data(phase, model) for phase in model.phases],
        "branches": [
            {"name": branch.name, "when": region_words(branch.when, model), **_without_parameters(branch.model)}
            for branch in model.branches
        ],
        "refusals": [{"when": region_words(item.when, model), "reason": item.reason} for item in model.refusals],
    }


def _without_parameters(model: Model) -> dict[str, Any]:
    return {name: value for name, value in model_data(model).items() if name != "parameters"}


def _phase_data(phase: Phase, model: Model) -> dict[str, Any]:
    return {
        "name": phase.name,
        "status": phase.status,
        "when": region_words(phase.when, model),
        "observables": {name: None if value is None else _side(value) for name, value in phase.observables.items()},
        "note": phase.note,
    }


def region_words(when: Iterable[Relation], model: Model, /) -> list[str]:
    """The conditions of a region in words; a choice by the word that was chosen."""
    choices = {item.symbol: item for item in model.parameters if isinstance(item, ChoiceParameter)}
    return [_choice_words(condition, choices) or condition_words(condition) for condition in when]


def _choice_words(condition: Relation, choices: Mapping[Symbol, ChoiceParameter]) -> str:
    item = choices.get(condition.lhs) if isinstance(condition.lhs, Symbol) else None
    words = [word for word, number in item.options.items() if condition.rhs == number] if item else []
    return f"{item.name} = {words[0]}" if item and words and condition.kind == "=" else ""


def parameter_data(item: AnyParameter, /) -> dict[str, Any]:
    """A parameter: name, meaning, domain, default (None when it has to be given), convention."""
    if isinstance(item, Parameter):
        return _symbol_data(item)
    data: dict[str, Any] = {
        "name": item.name,
        "meaning": item.meaning,
        "domain": allowed_text(item),
        "default": item.default,
        "convention": item.convention,
    }
    if isinstance(item, FunctionParameter):
        data["constants"] = {word: str(symbol) for word, symbol in item.constants.items()}
    return data


def allowed_text(item: AnyParameter, /) -> str:
    """What may be written for a parameter that is no number; empty for one that is."""
    if isinstance(item, FunctionParameter):
        return "a function of t, such as relu or max(t, 0)"
    if isinstance(item, ChoiceParameter):
        return " | ".join(item.options)
    if isinstance(item, LawParameter):
        form = f"value@weight,... with {item.domain.describe('value')} and weights that sum to 1"
        return " | ".join([*item.named, form])
    return ""


def _symbol_data(item: Parameter) -> dict[str, Any]:
    return {
        "name": str(item),
        "meaning": item.meaning,
        "domain": item.domain.describe(str(item)),
        "default": None if item.default is None else "not given" if item.default == oo else str(item.default),
        "convention": item.convention,
    }


def _side(value: Basic | str) -> dict[str, str]:
    return {"text": value} if isinstance(value, str) else {"text": str(value), "latex": latex_of(value)}
