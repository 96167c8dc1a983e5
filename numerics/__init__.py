"""How to compute it: arrays, solvers and simulations; no verdicts.

Rigorous numerics have packages of their own: `enclosures` (where a value lies) and `proofs` (what holds of a model).

`from numerics import solve` is the public way in; it is resolved on first use, so that importing this package loads no
array library.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numerics.solution import Solution
    from numerics.solver import Solver, solve

__all__ = ["Solution", "Solver", "solve"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from numerics import solution, solver

        return getattr(solution if name == "Solution" else solver, name)
    raise AttributeError(f"module 'numerics' has no attribute {name!r}")
