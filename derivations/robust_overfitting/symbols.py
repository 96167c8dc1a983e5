r"""The symbols of this paper, and a table from the letters of Fu & Wang (2024) to names.

Data (x_i, y_i), i = 1..M, x in R^d; loss sum_i |f(x_i) - y_i|^2/2; the attack follows dx_i/ds = eta_i(t) grad_x loss
for s in [0, S]; training is gradient flow on the attacked points. Layers z = W_std/sqrt(fan_in) W h + b_std b with
standard normal W and b (neural-tangents parametrisation).

| letter              | here               | meaning                                                        |
| ------------------- | ------------------ | -------------------------------------------------------------- |
| Theta               | theta, ntk         | neural tangent kernel, M x M on the training points            |
| Theta_x             | ark                | adversarial regularisation kernel J(x) J(x')^T                 |
| K                   | nngp               | covariance of the network at initialisation                    |
| D(t), Xi(t)         | D, Xi              | diag exp(eta_i(t) S g_i), and its integral over time           |
| g_i                 | g                  | |grad_x f_0(x_i)|^2, the diagonal of the ARK                   |
| u(t)                | u                  | clean residual f_t(X) - y                                      |
| p, r, q             | p, r, q            | |x|^2/d, |x'|^2/d, x.x'/d                                      |
| a, b, c             | a, b, c            | variances and covariance of a pair of preactivations           |
| sigma_w, sigma_b    | W_std, b_std       | standard deviations of weights and biases                      |

A statement marked "recalled" is the paper's from memory: its text was not at hand when this was written.
"""

from __future__ import annotations

from derivations.core import Source

FU_WANG = Source(
    key="fu2024theoretical",
    authors=("Fu, Shaopeng", "Wang, Di"),
    title="Theoretical analysis of robust overfitting for wide DNNs: an NTK approach",
    year=2024,
    venue="International Conference on Learning Representations",
    arxiv="2310.06112",
)

__all__ = ["FU_WANG"]
