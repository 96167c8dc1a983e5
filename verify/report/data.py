"""A derivation, a step or a model as JSON data: expressions as text and as LaTeX."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from derivations.model import FunctionParameter
from verify.report.notation import latex_of
from verify.report.wording import claim_parts, condition_words, evidence_words, kinds_of

if TYPE_CHECKING:
    from sympy import Basic

    from derivations.core import Derivation, Step
    from derivations.model import AnyParameter, Model, Parameter

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
    """A model: parameters, unknowns, program, equations, observables, phases."""
    return {
        "parameters": [parameter_data(item) for item in model.parameters],
        "unknowns": [_symbol_data(item) for item in model.unknowns],
        "program": [{"name": str(name), **_side(value)} for name, value in model.program],
        "equations": [{"before": _side(e.lhs), "sign": "=", "after": _side(e.rhs)} for e in model.equations],
        "observables": {name: _side(value) for name, value in model.observables.items()},
        "phases": [
            {
                "name": phase.name,
                "status": phase.status,
                "when": [condition_words(condition) for condition in phase.when],
                "observables": {
                    name: None if value is None else _side(value) for name, value in phase.observables.items()
                },
                "note": phase.note,
            }
            for phase in model.phases
        ],
    }


def parameter_data(item: AnyParameter, /) -> dict[str, Any]:
    """A parameter: name, meaning, domain, default (None when it has to be given), convention."""
    if not isinstance(item, FunctionParameter):
        return _symbol_data(item)
    return {
        "name": item.name,
        "meaning": item.meaning,
        "domain": "a function of t",
        "default": item.default,
        "convention": item.convention,
        "constants": {word: str(symbol) for word, symbol in item.constants.items()},
    }


def _symbol_data(item: Parameter) -> dict[str, Any]:
    return {
        "name": str(item),
        "meaning": item.meaning,
        "domain": item.domain.describe(str(item)),
        "default": None if item.default is None else str(item.default),
        "convention": item.convention,
    }


def _side(value: Basic | str) -> dict[str, str]:
    return {"text": value} if isinstance(value, str) else {"text": str(value), "latex": latex_of(value)}
