"""A time by which rigorous integrals stop: without one, a precision that is too high would run unbounded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_DEADLINE: ContextVar[float] = ContextVar("deadline", default=float("inf"))


class TimeSpent(RuntimeError):
    """The time given to `within` is spent; what was being computed is not known."""


@contextmanager
def within(seconds: float, /) -> Iterator[None]:
    """Let `require_time` raise TimeSpent from `seconds` on; an earlier deadline that is in force stays."""
    token = _DEADLINE.set(min(_DEADLINE.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def require_time() -> None:
    """Raises TimeSpent where the time is spent."""
    if time.monotonic() > _DEADLINE.get():
        raise TimeSpent


__all__ = ["TimeSpent", "require_time", "within"]
