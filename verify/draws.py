"""Seeded draws of a step's experiment: a draw depends on the seed, the step, its setting, the size and the trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace

from sympy import Expr, Symbol

from derivations.core import Step
from derivations.evidence import Number, Rate, Simulation
from derivations.model import Model
from derivations.symbols import expand_definitions
from numerics.experiments import experiment_name, resolve
from numerics.lab import ArrayLab, select_device
from numerics.parameters import namespace
from numerics.precise import evaluate
from numerics.sampling import stream
from verify.context import Context

Draw = Callable[[int, int], Mapping[str, float]]


def build_setting(step: Step, at: Mapping[Symbol | str, Number | str], model: Model | None, /) -> SimpleNamespace:
    """What the experiment sees: floats and texts under the parameters' names, defaults and constants filled in.

    Without a model of the claim, the derivation's own fills in, if it knows every name in `at`.
    """
    if model is None and step.derivation.has_model:
        own = step.derivation.model
        if {str(key) for key in at} <= {item.name for item in own.parameters}:
            model = own
    if model is not None:
        return namespace(model, at)
    return SimpleNamespace(**{str(key): value if isinstance(value, str) else float(value) for key, value in at.items()})


def build_draw(step: Step, evidence: Simulation | Rate, setting: SimpleNamespace, context: Context, /) -> Draw:
    """draw(size, trial): the observables of one finite-size draw, from a stream of its own."""
    experiment = resolve(evidence.experiment)
    device = select_device(context.device)
    values = " ".join(f"{name}={value!r}" for name, value in sorted(vars(setting).items()))
    key = f"{step.id} {experiment_name(evidence.experiment)} {values}"

    def draw(size: int, trial: int, /) -> Mapping[str, float]:
        lab = ArrayLab(stream(context.seed, f"{key} size={size}", trial), device=device)
        return experiment(lab, setting, size)

    return draw


def evaluate_at(expression: Number, at: Mapping[Symbol | str, Number | str], setting: SimpleNamespace, /) -> float:
    """A closed form at the setting, as a float: exact values where `at` has them, floats for what was filled in."""
    if not isinstance(expression, Expr):
        return float(expression)
    plain = expand_definitions(expression)
    exact = {str(key): value for key, value in at.items() if isinstance(value, Expr)}
    values = {}
    for symbol in plain.free_symbols:
        if not hasattr(setting, symbol.name) and symbol.name not in exact:
            raise ValueError(f"the closed form needs {symbol}, which `at` does not give")
        values[symbol] = exact.get(symbol.name, getattr(setting, symbol.name, None))
    return float(evaluate(plain, values, digits=17))
