r"""The symbols of this paper, and a table from the letters of Dohmatob & Bietti (2022) to names.

Inputs x ~ N(0, I_d); target x'Bx - tr B, ||B||_F = 1 (centred); network sum_j v_j sigma(w_j'x), m rows w_j, m/d -> rho.

| letter                | here                                    | meaning                                          |
| --------------------- | --------------------------------------- | ------------------------------------------------ |
| rho                   | rho                                     | lim m/d                                          |
| tau                   | trace_alignment                         | tr B / (sqrt(d) ||B||_F), in [-1, 1]             |
| mu_0, mu_1, mu_k      | mean, linear_coefficient, hermite_k     | E[sigma(G) He_k(G)]/sqrt(k!)                     |
| nu = sum_(k>=2) mu_k^2   | nonlinear_energy                     | E sigma^2 - mu_0^2 - mu_1^2                      |
| nu' = sum_(k>=2) k mu_k^2 | derivative_energy                   | E sigma'^2 - mu_1^2                              |
| h = nu'/(2 nu)        | roughness                               | mean Hermite degree, from 2 on, over 2           |
| beta_k, eta_k         |                                         | E[sigma' h_k], E[G sigma'(G) h_k(G)]             |
| c_b, c_a              | tangent_energy, radial_tangent_energy   | sum_(k>=2) beta_k^2, sum_(k>=3) eta_k^2          |
| c_b', c_a'            | tangent_derivative_energy, radial_...   | sum_(k>=2) (k+1) beta_k^2, sum_(k>=3) k eta_k^2  |
| y_3                   | radial_overlap                          | sum_(k>=3) mu_k eta_k                            |
|                       | radial_derivative_overlap               | sum_(k>=3) k mu_k eta_k                          |
| alpha                 | init_scale                              | v ~ N(0, alpha^2 I/m) at initialisation          |
| lambda                | ridge                                   | penalty, in the units of ||f - f*||^2            |
| psi1, psi2, kappa     | psi1, psi2, kappa                       | resolvent traces of W W', see random_features    |
| Gamma = diag(g)/d     | covariance, g                           | covariance of the rows, tr Gamma = 1             |
| c = c_b/beta_1^2      | stiffness                               | ridge that the higher degrees act as             |
"""

from __future__ import annotations

from sympy import Integer, Rational, Symbol, oo

from derivations.core import ChoiceParameter, Domain, FunctionParameter, LawParameter, Parameter, Source, parameter
from derivations.spectral_formulas import EIGENVALUE

DOHMATOB_BIETTI = Source(
    key="dohmatob2022robustness",
    authors=("Dohmatob, Elvis", "Bietti, Alberto"),
    title="On the (non-)robustness of two-layer neural networks in different learning regimes",
    year=2022,
    arxiv="2203.11864",
)
GHORBANI = Source(
    key="ghorbani2019limitations",
    authors=("Ghorbani, Behrooz", "Mei, Song", "Misiakiewicz, Theodor", "Montanari, Andrea"),
    title="Limitations of lazy training of two-layers neural networks",
    year=2019,
    venue="Advances in Neural Information Processing Systems 32",
    arxiv="1906.08899",
)

OBSERVABLES = ("test_error", "dirichlet_energy")
"""||f - f*||^2/||f*||^2 and E||grad f||^2/E||grad f*||^2: with ||B||_F = 1 the units are 2 and 4."""

rho = parameter("rho", "neurons per input dimension", positive=True, convention="rho = lim m/d")
trace_alignment = parameter(
    "trace_alignment",
    "alignment tau of the target with the identity",
    domain=Domain(Integer(-1), Integer(1), lower_open=False, upper_open=False),
    default=Rational(1, 2),
    convention="tau = tr B/(sqrt(d) ||B||_F), ||B||_F = 1; the traceless part of B is in general position",
)
UNITS = "||.||^2 the mean square over inputs, ||f*||^2 = 2 as ||B||_F = 1"


def ridge_penalty(convention: str, /) -> Parameter:
    """The ridge, with what the regime adds to the loss; every regime's is the same symbol."""
    return parameter("ridge", "ridge penalty lambda", nonnegative=True, default=0, convention=convention)


ridge = ridge_penalty(f"||f - f*||^2 + lambda sum |a_j|^2, a_j the weights of the tangent features; {UNITS}")
time = parameter(
    "time",
    "time of the gradient flow",
    positive=True,
    default=oo,
    convention="v' is minus half the gradient of the loss, penalty included; not given: the flow has converged",
)


def init_scale(default: int, /) -> Parameter:
    """The scale alpha of the output weights at initialisation, with the regime's own default."""
    return parameter(
        "init_scale",
        "scale alpha of the output weights at initialisation",
        nonnegative=True,
        default=default,
        convention="v_j ~ N(0, alpha^2/m), ||B||_F = 1",
    )


offset = ChoiceParameter(
    "offset",
    "whether an additive constant is trained",
    {"yes": 1, "no": 0},
    default="yes",
    symbol=Symbol("has_offset", nonnegative=True),
    convention="yes: every feature may be replaced by its centred version; the target is centred",
)


def covariance_of_rows(remark: str = "", /) -> LawParameter:
    """The law of the rows' covariance, with what a regime has to remark on it."""
    return LawParameter(
        "covariance",
        "law of the eigenvalues g of d times the covariance of the rows",
        default="1@1",
        symbol=Symbol("covariance_law"),
        domain=Domain(Integer(0), oo),
        mean=Integer(1),
        convention=f"the values average to 1, so that E|w|^2 = 1{remark and f'; {remark}'}",
    )


covariance = covariance_of_rows()
g = EIGENVALUE
"""An eigenvalue of d times the covariance of the rows."""

mean = Symbol("mean", real=True)
linear_coefficient = Symbol("linear_coefficient", real=True)
hermite_2, hermite_3, hermite_4 = (Symbol(f"hermite_{k}", real=True) for k in (2, 3, 4))
nonlinear_energy = Symbol("nonlinear_energy", nonnegative=True)
derivative_energy = Symbol("derivative_energy", nonnegative=True)
tangent_energy = Symbol("tangent_energy", nonnegative=True)
radial_tangent_energy = Symbol("radial_tangent_energy", nonnegative=True)
tangent_derivative_energy = Symbol("tangent_derivative_energy", nonnegative=True)
radial_tangent_derivative_energy = Symbol("radial_tangent_derivative_energy", nonnegative=True)
radial_overlap = Symbol("radial_overlap", real=True)
radial_derivative_overlap = Symbol("radial_derivative_overlap", real=True)

SYMBOL_OF = {
    "mean": mean,
    "linear_coefficient": linear_coefficient,
    "hermite(2)": hermite_2,
    "hermite(3)": hermite_3,
    "hermite(4)": hermite_4,
    "nonlinear_energy": nonlinear_energy,
    "derivative_energy": derivative_energy,
    "tangent_energy": tangent_energy,
    "radial_tangent_energy": radial_tangent_energy,
    "tangent_derivative_energy": tangent_derivative_energy,
    "radial_tangent_derivative_energy": radial_tangent_derivative_energy,
    "radial_overlap": radial_overlap,
    "radial_derivative_overlap": radial_derivative_overlap,
}
"""The symbol of each worded constant of an activation (derivations.activations)."""


def activation(*words: str, default: str = "relu", where: str = "") -> FunctionParameter:
    """The activation, seen through the constants named by `words` only; `where` says which ones a regime takes."""
    return FunctionParameter(
        "activation",
        "activation sigma",
        default=default,
        constants={word: SYMBOL_OF[word] for word in words},
        convention=f"as written, not centred: relu is max(t, 0){where and f'; {where}'}",
    )
