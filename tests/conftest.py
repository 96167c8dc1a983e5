"""What several tests share: one quick run of every derivation."""

from __future__ import annotations

import pytest

from derivations.core import Level
from derivations.discover import load_all
from verify.runner import Report, run


@pytest.fixture(scope="session")
def quick_run() -> Report:
    """The report of `./run run --level quick`, made once for the whole test session."""
    return run(load_all(), level=Level.quick, seed=0, workers=2)
