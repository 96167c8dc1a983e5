"""What a run allows its checks: the level, the seed, the device, and seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from derivations.evidence import Level

TIME_LIMITS: Mapping[Level, float] = {Level.quick: 30.0, Level.standard: 1200.0, Level.deep: math.inf}
ALGEBRA_LIMITS: Mapping[Level, float] = {Level.quick: 10.0, Level.standard: 120.0, Level.deep: 600.0}


@dataclass(frozen=True)
class Context:
    """How to check: plain data, the same in every process.

    `time_limit` bounds each piece of evidence and `algebra_limit` what the computer algebra system may take of it, in
    seconds of processor time, so that a verdict does not depend on what else the machine does. `keep_draws` asks
    simulations for their raw numbers.
    """

    level: Level = Level.quick
    seed: int = 0
    device: str = "auto"
    keep_draws: bool = False
    time_limit: float = field(default=-1.0)
    algebra_limit: float = field(default=-1.0)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed was {self.seed}; a nonnegative integer is allowed")
        if self.time_limit < 0:
            object.__setattr__(self, "time_limit", TIME_LIMITS[self.level])
        if self.algebra_limit < 0:
            object.__setattr__(self, "algebra_limit", min(ALGEBRA_LIMITS[self.level], self.time_limit / 2))
