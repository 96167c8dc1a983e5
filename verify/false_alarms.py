"""How often a true theory is refuted: the test of a simulation or rate on many resamples of draws that a run kept.

Trials of one size are independent and alike, so that it is exact to permute them, pilots and judged ones together; but
permuted trials keep their mean, so that rows (observables and controls of one trial belong together) are drawn with
replacement. Truth is made by moving means: to theory plus the fitted bias of the declared order, and of controls to
what is known. Scatter about them grows by sqrt(n/(n - 1)), as a sample varies less than its law. That is exact for
mean and variance, to the order 1/n for what else the test sees; a bias of another form than declared is not in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from derivations.core import Step
from derivations.evidence import Level, Rate, Simulation
from derivations.relations import Convergence, Exponent
from numerics.sampling import stream
from verify.checks import simulation
from verify.draws import Draw, evaluate_at
from verify.equivalence import FAIL_LEVEL, Decision
from verify.extrapolation import POWERS, Array, build_design, extrapolate
from verify.mutated_theory import Kept, gather_blocks
from verify.mutation_draws import needs_draws, read_draws
from verify.rates import fit_rate, judge_rate
from verify.statistics import PILOT_TRIALS, run_test


@dataclass(frozen=True)
class Alarms:
    """Of `seeds` tests of a true claim, how many said what; `bound` is the declared probability of a false `fails`."""

    step: str
    seeds: int
    fails: int
    opens: int
    bound: float


def count_alarms(step: Step, evidence: Simulation | Rate, kept: Kept, /, *, seeds: int, first: int = 0) -> Alarms:
    """The tests of `seeds` resamples, numbered from `first` on, of the kept draws made true.

    Raises TypeError for a claim that neither a simulation nor a rate tests.
    """
    claim = step.claim
    if isinstance(evidence, Simulation) and isinstance(claim, Convergence):
        found = _count_simulation(step, claim, evidence, kept, range(first, first + seeds))
        bound = len(claim.limits) * (1 - FAIL_LEVEL)
    elif isinstance(evidence, Rate) and isinstance(claim, Exponent):
        found = _count_rate(step, claim, evidence, kept, range(first, first + seeds))
        bound = 1 - FAIL_LEVEL
    else:
        raise TypeError(f"{step.id} is tested by neither a simulation nor a rate")
    return Alarms(step.id, seeds, found[Decision.FAILS], found[Decision.OPEN], bound)


def survey(folder: str, steps: Iterable[Step], level: Level, /, *, seeds: int, first: int = 0) -> list[Alarms]:
    """The alarms of every simulation and rate of the level, from the draws of a `run --level LEVEL --out FOLDER`.

    Raises DrawsError where draws are missing or of something else.
    """
    found = []
    for step in steps:
        if needs_draws(step, level):
            evidence = [each for each in step.evidence if each.level <= level]
            for each, kept in zip(evidence, read_draws(folder, step, level), strict=True):
                if isinstance(each, (Simulation, Rate)):
                    found.append(count_alarms(step, each, kept, seeds=seeds, first=first))
    return found


def _count_simulation(
    step: Step, claim: Convergence, evidence: Simulation, kept: Kept, numbers: range
) -> Counter[Decision]:
    setting = simulation.find_setting(step, evidence)
    theory = simulation.predict(claim, evidence, setting)
    known = {name: evaluate_at(mean, evidence.at, setting) for name, mean in evidence.controls.items()}
    _, widths = simulation.find_widths(theory, evidence, setting)
    names = [str(name) for name in kept["names"]]
    blocks = make_true(gather_blocks(kept), names, theory, known, evidence)
    found = Counter[Decision]()
    for number in numbers:
        test = run_test(
            resample(blocks, names, f"{step.id} false alarms", number),
            evidence.sizes,
            theory,
            widths,
            bias=evidence.bias,
            largest=evidence.most,
            controls=known,
            plan=simulation.PLAN,
            cost=simulation.draw_cost,
        )
        found[test.decision] += 1
    return found


def make_true(
    blocks: Mapping[int, Array],
    names: list[str],
    theory: Mapping[str, float],
    controls: Mapping[str, float],
    evidence: Simulation,
    /,
) -> dict[int, Array]:
    """{size: (trials, names) array} whose means are theory with the fitted bias of the declared order."""
    sizes = np.array(sorted(blocks), dtype=float)
    means = {size: block.mean(axis=0) for size, block in blocks.items()}
    true = {size: mean.copy() for size, mean in means.items()}
    for k, name in enumerate(names):
        if name in controls:
            bias = np.zeros(len(sizes))
        else:
            fit = extrapolate({size: block[:, k] for size, block in blocks.items()}, bias=evidence.bias, orders=(1,))
            order = fit.order if POWERS[evidence.bias] else 0
            powers = build_design(sizes, evidence.bias, order)[:, 1:]
            seen = fit.summary.means - fit.estimate
            bias = powers @ np.linalg.lstsq(powers, seen, rcond=None)[0] if order else np.zeros(len(sizes))
        for size, shift in zip(sorted(blocks), bias, strict=True):
            true[size][k] = {**theory, **controls}[name] + shift
    return {
        size: true[size] + np.sqrt(len(block) / (len(block) - 1)) * (block - means[size])
        for size, block in blocks.items()
    }


def resample(blocks: Mapping[int, Array], names: list[str], key: str, number: int, /) -> Draw:
    """draw(size, trial) of rows drawn with replacement: pilots and judged trials are different ones."""
    chosen: dict[tuple[int, bool], Any] = {}

    def draw(size: int, trial: int, /) -> Mapping[str, float]:
        pilot = trial >= PILOT_TRIALS
        block = blocks[size]
        if (size, pilot) not in chosen:
            source = stream(number, f"{key} size={size} pilot={pilot}", 0)
            chosen[size, pilot] = source.integers(0, len(block), size=_MOST_TRIALS)
        row = block[chosen[size, pilot][trial - PILOT_TRIALS if pilot else trial]]
        return dict(zip(names, row.tolist(), strict=True))

    return draw


_MOST_TRIALS = 4096


def _count_rate(step: Step, claim: Exponent, evidence: Rate, kept: Kept, numbers: range) -> Counter[Decision]:
    """The means are put on a power law whose exponent is the fitted one, or the nearest that is claimed."""
    blocks = {size: block[:, 0] for size, block in gather_blocks(kept).items()}
    fitted = fit_rate(blocks).exponent
    exponent = min(max(fitted, claim.low), claim.high)
    base = min(blocks)
    scale = {size: blocks[base].mean() * (size / base) ** exponent / block.mean() for size, block in blocks.items()}
    found = Counter[Decision]()
    for number in numbers:
        values = {}
        for size in evidence.sizes:
            source = stream(number, f"{step.id} false alarms size={size}", 0)
            values[size] = scale[size] * source.choice(blocks[size], size=evidence.draws)
        found[judge_rate(fit_rate(values), claim.low, claim.high).decision] += 1
    return found


__all__ = ["Alarms", "count_alarms", "make_true", "resample", "survey"]
