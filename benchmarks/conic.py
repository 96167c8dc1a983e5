"""Robust regression as a cone program, and the general solvers that may be installed beside this project.

    minimise (1/2) ||s||^2  over (theta, s, c)   with   s_i >= c_k(i) + |y_i - f_i.theta|,   c_k >= e ||A_k theta||

written once as min x'Px/2 subject to Ax + slack = b, slack in a product of cones, which is what these solvers take.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

Vector = np.ndarray[Any, Any]
SECONDS_AT_MOST = 300.0


@dataclass(frozen=True)
class ConeProgram:
    """P (upper triangle), A and b; 2n nonnegative slacks, then one second-order cone of each size in `cones`."""

    quadratic: sparse.csc_matrix
    matrix: sparse.csc_matrix
    offset: Vector
    cones: list[int]
    width: int

    @classmethod
    def of(cls, features: Vector, labels: Vector, maps: list[Vector], epsilon: float) -> ConeProgram:
        """For gradient maps A_k, each (rows, N): one for all samples, or one for each."""
        samples, width = features.shape
        shared = np.ones((samples, 1)) if len(maps) == 1 else np.eye(samples)
        signs = [
            sparse.hstack([sign * features, -sparse.eye(samples), sparse.csc_matrix(shared)]) for sign in (-1.0, 1.0)
        ]
        cones = []
        for k, gradient in enumerate(maps):
            rows = len(gradient)
            pick = sparse.csc_matrix(([-1.0], ([0], [k])), shape=(1, len(maps)))
            top = sparse.hstack([sparse.csc_matrix((1, width + samples)), pick])
            cones += [top, sparse.hstack([-epsilon * gradient, sparse.csc_matrix((rows, samples + len(maps)))])]
        diagonal = np.concatenate([np.zeros(width), np.ones(samples), np.zeros(len(maps))])
        matrix = sparse.vstack([*signs, *cones]).tocsc()
        offset = np.concatenate([-labels, labels, np.zeros(matrix.shape[0] - 2 * samples)])
        sizes = [1 + len(gradient) for gradient in maps]
        return cls(sparse.diags(diagonal).tocsc(), matrix, offset, sizes, width)


def clarabel(program: ConeProgram) -> Vector:
    """theta from Clarabel, an interior-point method, asked for 1e-9."""
    library = importlib.import_module("clarabel")
    settings = library.DefaultSettings()
    settings.verbose = False
    settings.time_limit = SECONDS_AT_MOST
    settings.tol_gap_rel = settings.tol_gap_abs = settings.tol_feas = 1e-9
    nonnegative = library.NonnegativeConeT(program.matrix.shape[0] - sum(program.cones))
    cones = [nonnegative, *(library.SecondOrderConeT(size) for size in program.cones)]
    cost = np.zeros(program.matrix.shape[1])
    solver = library.DefaultSolver(program.quadratic, cost, program.matrix, program.offset, cones, settings)
    return np.asarray(solver.solve().x)[: program.width]


def scs(program: ConeProgram) -> Vector:
    """theta from SCS, a first-order method, asked for 1e-8."""
    library = importlib.import_module("scs")
    cost = np.zeros(program.matrix.shape[1])
    data = {"P": program.quadratic, "A": program.matrix, "b": program.offset, "c": cost}
    cones = {"l": program.matrix.shape[0] - sum(program.cones), "q": program.cones}
    limits = {"eps_abs": 1e-8, "eps_rel": 1e-8, "max_iters": 100_000, "time_limit_secs": SECONDS_AT_MOST}
    return np.asarray(library.SCS(data, cones, verbose=False, **limits).solve()["x"])[: program.width]


SOLVERS: dict[str, Callable[[ConeProgram], Vector]] = {"clarabel": clarabel, "scs": scs}


def installed(name: str) -> bool:
    """Whether the solver of that name can be imported."""
    return importlib.util.find_spec(name) is not None
