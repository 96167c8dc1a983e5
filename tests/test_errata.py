"""The page of errata is what the derivations say, and nothing is left out."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from derivations.core import Derivation
from derivations.discover import load_all
from derivations.relations import Refuted

DOCS = Path(__file__).resolve().parent.parent / "docs"


@pytest.fixture(scope="module")
def page() -> ModuleType:
    spec = importlib.util.spec_from_file_location("update_errata", DOCS / "update_errata.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def derivations() -> list[Derivation]:
    return list(load_all())


def test_the_page_is_up_to_date(page, derivations):
    found = (DOCS / "errata.md").read_text(encoding="utf-8")
    assert found == page.render(derivations), "run .venv/bin/python docs/update_errata.py"


def test_every_refuted_step_is_listed_once(page, derivations):
    listed = re.findall(r"^- Evidence: `([\w.:]+)`", page.render(derivations), flags=re.MULTILINE)
    # the listing tells errata from the names in a step's code: building every claim that could be one finds the same
    built = [
        step.id
        for theorem in derivations
        for step in theorem.steps.values()
        if "refuted" in step.build.__code__.co_names and isinstance(step.claim, Refuted)
    ]
    assert sorted(listed) == sorted(built)
    assert len(set(listed)) == len(listed) >= 6


def test_what_was_not_at_hand_is_marked_recalled(page, derivations):
    ours = [step for step in page.collect(derivations) if step.derivation.source.key == "fu2024theoretical"]
    assert ours
    assert all("recalled" in step.source for step in ours)


def test_a_step_that_refutes_nothing_is_refused(page, derivations):
    step = next(step for theorem in derivations for step in theorem.steps.values() if not page.errata_of(theorem))
    with pytest.raises(TypeError, match="refutes nothing"):
        page.describe(step)
