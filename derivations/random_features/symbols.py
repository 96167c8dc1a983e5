r"""The symbols of this paper, and a table from the letters of Hassani & Javanmard (2022) to the names used here.

| paper            | here                 | meaning                                              |
| ---------------- | -------------------- | ---------------------------------------------------- |
| psi_1, psi_2     | psi1, psi2           | lim N/d, lim n/d                                     |
| epsilon          | epsilon              | l2 radius of the attack in training                  |
| tau, sigma_z     | noise                | standard deviation of the label noise                |
| 1 (norm of beta) | signal               | norm of the linear target                            |
| 0                | ridge                | (ridge/2) ||theta||^2 added to the loss              |
| mu_1             | linear_coefficient   | E[G sigma(G)]                                        |
| mu_2^2           | nonlinear_energy     | E sigma(G)^2 - mu_1^2 for the centred activation     |
| nu^2             | derivative_energy    | E sigma'(G)^2 - mu_1^2                               |
| nu = step A eps/s| s, A, p, q, step     | scalars of the limit, see scalar_reduction           |
"""

from __future__ import annotations

from sympy import Rational

from derivations import scalar_problem, sources
from derivations.core import FunctionParameter, parameter

HASSANI_JAVANMARD = sources.HASSANI_JAVANMARD

psi1 = parameter("psi1", "features per input dimension", positive=True, convention="psi1 = lim N/d")
psi2 = parameter("psi2", "samples per input dimension", positive=True, convention="psi2 = lim n/d")
epsilon = parameter(
    "epsilon",
    "l2 radius of the attack during training",
    nonnegative=True,
    convention="in the units of an input coordinate; inputs have norm about sqrt(d)",
)
epsilon_test = parameter(
    "epsilon_test",
    "l2 radius of the attack at test time",
    nonnegative=True,
    default=epsilon,
    convention="as epsilon, which is its default",
)
noise = parameter(
    "noise",
    "label noise tau",
    nonnegative=True,
    default=Rational(1, 2),
    convention="standard deviation, y = <beta, x> + tau z",
)
signal = parameter(
    "signal", "signal strength b", nonnegative=True, default=1, convention="b = ||beta||, inputs N(0, I_d)"
)
ridge = parameter(
    "ridge", "ridge penalty zeta", nonnegative=True, default=0, convention="(1/2n) sum of losses + (zeta/2)||theta||^2"
)
linear_coefficient = parameter("linear_coefficient", "mu_1 = E[G sigma(G)]")
nonlinear_energy = parameter("nonlinear_energy", "mu_2^2 = E sigma^2 - mu_1^2, sigma centred", nonnegative=True)
derivative_energy = parameter("derivative_energy", "nu^2 = E sigma'^2 - mu_1^2", nonnegative=True)

activation = FunctionParameter(
    name="activation",
    meaning="activation sigma, as an expression in t or a name",
    default="relu",
    constants={
        "linear_coefficient": linear_coefficient,
        "nonlinear_energy": nonlinear_energy,
        "derivative_energy": derivative_energy,
    },
    convention="centred here: E sigma(G) is removed; relu is max(t, 0)",
)

s, A, p, q = scalar_problem.S, scalar_problem.A, scalar_problem.P, scalar_problem.Q
step, ratio = scalar_problem.STEP, scalar_problem.RATIO
