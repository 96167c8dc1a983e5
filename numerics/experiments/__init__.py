"""Finite-size experiments with heavy machinery, one file per paper; a derivation names one by a string."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from derivations.lab import Experiment


def resolve(experiment: Experiment | str, /) -> Experiment:
    """The experiment itself: `"paper:name"` is the function `name` of numerics/experiments/paper.py.

    Raises ValueError, in one line with what there is, for a name that does not exist; TypeError for something else.
    """
    if callable(experiment):
        return experiment
    if not isinstance(experiment, str):
        raise TypeError(
            f"an experiment is a function or a name such as 'random_features:first_order', not {experiment!r}"
        )
    paper, separator, name = experiment.partition(":")
    if not separator or not paper.isidentifier() or not name.isidentifier():
        raise ValueError(f"an experiment's name reads 'paper:function', got {experiment!r}")
    if paper not in _papers():
        raise ValueError(f"no file numerics/experiments/{paper}.py; there are {', '.join(_papers()) or 'none'}")
    module = importlib.import_module(f"{__name__}.{paper}")
    found = getattr(module, name, None)
    if name.startswith("_") or not callable(found) or getattr(found, "__module__", None) != module.__name__:
        known = sorted(_functions(module.__name__, vars(module)))
        raise ValueError(f"experiment {name!r} does not exist in {paper}; there are {', '.join(known)}")
    return found  # type: ignore[no-any-return]


def experiment_name(experiment: Experiment | str, /) -> str:
    """The experiment's name, the same in every process: what its random numbers are keyed by."""
    if isinstance(experiment, str):
        return experiment
    return str(getattr(experiment, "__name__", type(experiment).__name__))


def _papers() -> list[str]:
    folder = Path(__file__).parent
    return sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))


def _functions(module: str, names: dict[str, object]) -> list[str]:
    return [
        name
        for name, value in names.items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module
    ]
