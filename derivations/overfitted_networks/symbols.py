r"""The symbols of this paper, and a table of its letters.

Data (x_i, y_i), i <= n, x_i in [0, 1]^d, pairwise distinct; balls are closed and l_inf unless said otherwise, and may
stick out of the cube. max(t, 0) is written relu.

| letter          | here          | meaning                                                             |
| --------------- | ------------- | ------------------------------------------------------------------- |
| n, n_bad        | samples, bad_samples | all samples; those whose ball the teacher gets wrong somewhere |
| d               | dimension     | input dimension                                                     |
| delta           | radius        | radius of the attack                                                |
| tau             | ramp          | width of the ramp of a bump outside its ball                        |
| q               | separation    | min over i != j of |x_i - x_j|_inf, the FULL distance               |
| M               | height        | labels lie in [-M, M]                                               |
| eta             | label_noise   | P(Y differs from the Bayes label)                                   |
| p, p_max        | density       | density of the inputs, its supremum                                 |
| s2              | noise         | variance of the label noise in regression                           |
| r, L            | smoothness, lipschitz | Hoelder class of the regression function                    |
| N               | nodes         | cells of the teacher's grid along each axis                         |
| P               | size          | number of nonzero weights and biases                                |

Only the paper's abstract was at hand: gates, constants, the matching theorem and the gap bounds are derived here, in
the spirit of its statements, and are not attributed to it.
"""

from __future__ import annotations

from derivations.core import Source

SHI_LIU_CAO_SUYKENS = Source(
    key="shi2024overfitted",
    authors=("Shi, Zhongjie", "Liu, Fanghui", "Cao, Yuan", "Suykens, Johan A. K."),
    title="Can overfitted deep neural networks in adversarial training generalize? - An approximation viewpoint",
    year=2024,
    arxiv="2401.13624",
)

YAROTSKY = Source(
    key="yarotsky2017error",
    authors=("Yarotsky, Dmitry",),
    title="Error bounds for approximations with deep ReLU networks",
    year=2017,
    venue="Neural Networks 94, 103-114",
    arxiv="1610.01145",
    doi="10.1016/j.neunet.2017.07.002",
)

__all__ = ["SHI_LIU_CAO_SUYKENS", "YAROTSKY"]
