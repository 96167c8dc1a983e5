"""Networks in one dimension: ReLU without biases, one training point, where the limit of infinite width is solved.

`at` holds W_std, strength = eta S, time and networks; the size is the width.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from numerics.finite_networks import Network, evaluate, tangent_kernel
from numerics.kernel_flows import frozen_outputs
from numerics.lab import Array, ArrayLab
from numerics.network_attacks import GradientFlow
from numerics.network_training import NetworkFlow, follow
from numerics.runge_kutta import runge_kutta

LOOKS = 5
"""Times at which outputs are compared."""
FINE = 0.1
"""Share of the stable step."""
ATTACK_STEPS, STALL_STEPS = 4, 32
"""Steps of the attack; at a stall it ends at x = 0 without crossing, which coarse steps do not respect."""


def half_line(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """ReLU without biases in one dimension from f(1) = 1, trained on x = 1 with label 0: gaps of a = f(1) over time.

    `solution`: to E_1(2 eta S a^2) - E_1(2 eta S) = 2 k t, k = W_std^4; `closed_form`: to exp(-k_n t e^(eta S))
    with the empirical kernels k_n.
    """
    flow, parameters = _on_the_line(lab, at, size, start=1.0, label=0.0, steps=ATTACK_STEPS)
    times, point = [at.time * (k + 1) / LOOKS for k in range(LOOKS)], flow.inputs
    seen = follow(flow, parameters, times, lambda state: flow.predict(state, point)[0], share=FINE)
    rate = at.W_std**4

    def velocity(_: float, slope: Array) -> Array:
        return -rate * slope * lab.xp.exp(2 * at.strength * slope**2)

    steps = math.ceil(10 + 5 * at.time * rate * math.exp(2 * at.strength))
    initial = evaluate(flow.network, parameters, point)
    solved = runge_kutta(velocity, initial.outputs, times, steps=steps)
    kernel, growth = tangent_kernel(flow.network, initial, initial), math.exp(at.strength) * initial.outputs**0
    printed = frozen_outputs(kernel, growth, initial.outputs, flow.labels, times)
    outputs = lab.xp.stack(seen.observed)
    return {
        "solution": math.sqrt(lab.mean((outputs - lab.xp.stack(solved)) ** 2)),
        "closed_form": math.sqrt(lab.mean((outputs - printed) ** 2)),
    }


def stall(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The same from f(1) = 1/2 with the label 2 at eta S = log 2: `output`, the mean of f(1) at the last time."""
    strong = SimpleNamespace(**{**vars(at), "strength": math.log(2)})
    flow, parameters = _on_the_line(lab, strong, size, start=0.5, label=2.0, steps=STALL_STEPS)
    path = follow(flow, parameters, [at.time], lambda state: flow.predict(state, flow.inputs)[0], share=FINE)
    return {"output": lab.mean(path.observed[-1])}


def _on_the_line(
    lab: ArrayLab, at: SimpleNamespace, width: int, *, start: float, label: float, steps: int
) -> tuple[NetworkFlow, Array]:
    """Training on one point x = 1, and parameters with f(1) = start: the output weights are moved along the
    features."""
    network = Network(1, width, 1, "relu", at.W_std, 0.0)
    point = lab.asarray([[1.0]])
    parameters = network.draw(lab, round(at.networks))
    features = evaluate(network, parameters, point).values[1][:, 0, :]
    output = parameters[:, 2 * width : 3 * width]
    wanted = start * math.sqrt(width) / at.W_std - lab.xp.sum(output * features, axis=-1, keepdims=True)
    output = output + features * (wanted / lab.xp.sum(features**2, axis=-1, keepdims=True))
    parameters = lab.xp.concat([parameters[:, : 2 * width], output, parameters[:, 3 * width :]], axis=1)
    attack = GradientFlow(at.strength, steps)
    return NetworkFlow(network, point, lab.asarray([label]), attack), parameters
