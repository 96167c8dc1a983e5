"""When a run counts as a success."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TROUBLE = ("fails", "open")


def is_success(report: Mapping[str, Any], /) -> bool:
    """Whether no step and no derivation of the report's JSON data fails or is open (one without steps is open)."""
    steps = any(report["counts"].get(verdict, 0) for verdict in TROUBLE)
    return bool(report["derivations"]) and not steps and all(d["verdict"] not in TROUBLE for d in report["derivations"])
