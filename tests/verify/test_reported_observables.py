"""Whatever these models report is looked at: by a simulation at its phase, or by a step that is built from it."""

from __future__ import annotations

import pytest

from derivations.core import Level
from derivations.discover import load
from verify.context import Context
from verify.mutated_sources import _list_neighbours, find_witnesses, list_origins

QUICK = Context(level=Level.quick, seed=0, device="cpu")
REPORTING = (
    "overfitted_networks.classification",
    "overfitted_networks.margin",
    "overfitted_networks.regression",
    "random_features.limits",
    "random_features.linear_regression",
    "random_features.printed_theorem",
    "random_features.ridge_regression",
    "random_features.robust_risk",
)


@pytest.mark.parametrize("name", REPORTING)
def test_every_reported_observable_is_looked_at_by_a_quick_step(name: str) -> None:
    derivation = load(name)
    witnesses = find_witnesses(list_origins(derivation, QUICK), _list_neighbours(derivation), derivation)
    assert [origin for origin, steps in witnesses.items() if not steps] == []
