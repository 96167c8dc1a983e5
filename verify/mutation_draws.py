"""Draws that `run --out DIR` kept, read again: of the right step, level and shape, or refused in one line."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from derivations.core import Step
from derivations.evidence import Level, Rate, Simulation
from derivations.relations import Convergence, Exponent
from verify.mutated_theory import Kept


class DrawsError(ValueError):
    """A folder whose draws are missing, damaged, or of something else; the message is one line."""


@dataclass(frozen=True)
class KeptRun:
    """Where the draws of a run lie, and the seed and the commits (with + where the checkout had changes) it had."""

    folder: str
    seed: int
    commits: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The seed and the commits as JSON data."""
        return {"seed": self.seed, "commits": list(self.commits)}


def needs_draws(step: Step, level: Level, /) -> bool:
    """Whether something random speaks for the step at the level."""
    return any(isinstance(each, (Simulation, Rate)) and each.level <= level for each in step.evidence)


def open_run(folder: str, steps: Iterable[Step], level: Level, /) -> KeptRun:
    """The run whose draws lie in `folder`, after a look at those of every step that needs some.

    Raises DrawsError where draws are missing or damaged, of another level or step, have other observables or sizes than
    the step declares, or were not all made with one seed.
    """
    place = Path(folder) / "draws"
    if not place.is_dir():
        raise DrawsError(f"{folder!r} has no folder draws; allowed is a DIR of `run --level {level.name} --out DIR`")
    seeds, commits = dict[int, str](), dict[str, None]()
    for step in steps:
        if not needs_draws(step, level):
            continue
        for kept in read_draws(folder, step, level):
            origin = json.loads(str(kept["provenance"]))
            seeds.setdefault(int(origin["seed"]), step.id)
            commits[f"{str(origin.get('commit') or 'unknown')[:12]}{'+' if origin.get('dirty') else ''}"] = None
    if len(seeds) > 1:
        told = ", ".join(f"{seed} for {step}" for seed, step in seeds.items())
        raise DrawsError(f"{folder!r} has draws of several seeds ({told}); allowed are those of one run")
    return KeptRun(folder, next(iter(seeds), 0), tuple(commits))


def read_draws(folder: str, step: Step, level: Level, /) -> list[Kept]:
    """The kept draws of the step's evidence that belongs to the level, in order. Raises DrawsError as `open_run`."""
    wanted = [(k, each) for k, each in enumerate(step.evidence) if each.level <= level]
    stem = step.id.replace(":", ".")
    found = []
    for k, evidence in wanted:
        path = Path(folder) / "draws" / (f"{stem}.{k}.npz" if len(wanted) > 1 else f"{stem}.npz")
        kept = _read(path, step)
        _require(kept, step, evidence, level, path)
        found.append(kept)
    return found


def _read(path: Path, step: Step) -> Kept:
    if not path.is_file():
        raise DrawsError(f"{str(path.parent.parent)!r} has no draws of {step.id}; `run {step.id} --out DIR` makes them")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            kept = {name: stored[name] for name in stored.files}
        json.loads(str(kept["provenance"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DrawsError(f"{path.name} holds no draws that can be read ({type(error).__name__})") from error
    return kept


def _require(kept: Kept, step: Step, evidence: Any, level: Level, path: Path) -> None:
    """What was drawn must be what the step declares now."""
    origin = json.loads(str(kept["provenance"]))
    if origin.get("level") != level.name:
        raise DrawsError(f"{path.name} has draws of level {origin.get('level')}; allowed is {level.name}")
    names, sizes = [str(name) for name in kept.get("names", ())], _sizes(kept)
    if origin.get("step") != step.id or names != _names(step, evidence) or sizes != sorted(evidence.sizes):
        raise DrawsError(
            f"{path.name} has draws of {', '.join(names)} at sizes {sizes}, which is not what {step.id} declares now"
        )


def _names(step: Step, evidence: Any) -> Sequence[str]:
    claim = step.claim
    if isinstance(claim, Convergence):
        return [*claim.limits, *evidence.controls]
    return [claim.quantity] if isinstance(claim, Exponent) else []


def _sizes(kept: Kept) -> list[int]:
    return sorted(int(key.partition("_")[2]) for key in kept if key.startswith("draws_"))


__all__ = ["DrawsError", "KeptRun", "needs_draws", "open_run", "read_draws"]
