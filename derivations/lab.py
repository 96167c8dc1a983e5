"""What an experiment may use: arrays, linear algebra, special functions and seeded streams, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Protocol, TypeAlias

Array: TypeAlias = Any


class Lab(Protocol):
    """One draw's laboratory, on NumPy or CuPy; random numbers come from the draw's own stream."""

    @property
    def xp(self) -> Any:
        """The array namespace (array API standard)."""

    def normal(self, *shape: int) -> Array:
        """Independent standard normals, array of the given shape."""

    def uniform(self, *shape: int) -> Array:
        """Independent uniforms on [0, 1), array of the given shape."""

    def sphere(self, n: int, d: int, /) -> Array:
        """(n, d) array of independent points, uniform on the unit sphere of R^d."""

    def asarray(self, values: Any, /) -> Array:
        """The values as an array on the lab's device."""

    def eigvalsh(self, matrix: Array, /) -> Array:
        """(n,) array of the eigenvalues of a symmetric (n, n) matrix, ascending."""

    def cholesky(self, matrix: Array, /) -> Array:
        """(n, n) lower Cholesky factor of a symmetric positive definite matrix."""

    def solve(self, matrix: Array, right: Array, /) -> Array:
        """Solution of a square linear system."""

    def erf(self, values: Array, /) -> Array:
        """The error function, entrywise."""

    def norm(self, values: Array, /) -> float:
        """Euclidean norm of all entries."""

    def mean(self, values: Array, /) -> float:
        """Mean of all entries."""


Experiment: TypeAlias = Callable[[Lab, SimpleNamespace, int], Mapping[str, float]]
"""experiment(lab, at, size): the observables of one finite-size draw; `at` holds floats under the parameters' names."""
