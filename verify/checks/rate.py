"""Rate: the fitted exponent of a positive quantity against the size, whose interval lies in the claim's interval."""

from __future__ import annotations

from typing import Any

import numpy as np

from derivations.core import Step
from derivations.evidence import Rate
from derivations.relations import Exponent
from verify.context import Context
from verify.draws import build_draw, build_setting
from verify.measured import write_measured
from verify.statistics import fit_rate, judge_rate
from verify.verdict import Finding, Outcome


def check(step: Step, evidence: Rate, context: Context, /) -> Finding:
    """Holds when the exponent's whole interval lies inside the claimed one, fails when it lies clearly outside."""
    claim = step.claim
    if not isinstance(claim, Exponent):
        raise TypeError(f"a rate is claimed as an exponent; the claim is a {type(claim).__name__}")
    draw = build_draw(
        step, evidence, build_setting(step, evidence.at, evidence.defaults_of and evidence.defaults_of()), context
    )
    values: dict[int, Any] = {}
    for size in evidence.sizes:
        rows = [draw(size, trial) for trial in range(evidence.draws)]
        if any(claim.quantity not in row for row in rows):
            raise ValueError(f"the experiment returns {', '.join(sorted(rows[0]))}, not {claim.quantity}")
        values[size] = np.array([float(row[claim.quantity]) for row in rows])
    return confront(claim, evidence, values, keep_draws=context.keep_draws)


def confront(claim: Exponent, evidence: Rate, values: dict[int, Any], /, *, keep_draws: bool = False) -> Finding:
    """The finding on the claimed interval, from {size: (draws,) array} of the quantity."""
    fit = fit_rate(values)
    judgement = judge_rate(fit, claim.low, claim.high)
    seen = f"{claim.quantity} ~ d^{write_measured(fit.exponent, fit.standard_error)} in [{claim.low:g}, {claim.high:g}]"
    sizes = f"d={','.join(map(str, evidence.sizes))}, {evidence.draws} draws each"
    detail = "; ".join(part for part in (seen, sizes, judgement.reason) if part)
    kept = {f"draws_{size}": column for size, column in values.items()} if keep_draws else {}
    if kept:
        kept["names"] = [claim.quantity]
    return Finding(Outcome(judgement.decision.value), "rate", detail, draws=kept)
