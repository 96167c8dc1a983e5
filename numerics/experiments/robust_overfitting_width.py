"""Finite networks trained under attack against what wide-network theory says of them, in the width and the
dimension.

A draw: TRAIN training and TEST test points, uniform on |x|^2 = d, labels +-1, and at.networks networks on them.
Every gap is a root mean square over times and points, and its geometric mean over networks (a few have large input
gradients, and an attack grows like their exponential). A share is a gap over what the attack changes in the closed
form with the network's own kernel: networks differ less in it. `at` holds dimension, width (unless it is the size),
depth, activation, W_std, b_std, strength = eta S, time, and data: "one" set for all draws of a dimension, or "new"
in each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from numerics.finite_networks import Network, Pass, evaluate, tangent_kernel
from numerics.kernel_flows import CorrectedFlow, frozen_outputs, interpolator
from numerics.kernels import Architecture, mean_ark, ntk
from numerics.lab import Array, ArrayLab
from numerics.network_attacks import Attack, GradientFlow, TangentFlow
from numerics.network_training import LinearisedFlow, NetworkFlow, follow
from numerics.sampling import stream

TRAIN, TEST, LOOKS = 6, 4, 5
"""Points, and times at which the gaps are taken."""
SHARE, FINE = 0.3, 0.2
"""Shares of the stable step: the error of the integration, about 2e-4 and 4e-5, stays far under every gap."""
ATTACK_STEPS = 2


@dataclass(frozen=True)
class Trial:
    """One draw: networks and data, and each model's outputs (T, B, K) at the times, trained when first asked for."""

    lab: ArrayLab
    network: Network
    strength: float
    time: float
    points: Array
    labels: Array
    parameters: Array
    attack_steps: int = ATTACK_STEPS
    share: float = SHARE

    @property
    def times(self) -> list[float]:
        """The times at which outputs are taken."""
        return [self.time * (k + 1) / LOOKS for k in range(LOOKS)]

    @property
    def inputs(self) -> Array:
        """(m, d) training points, the first of all points."""
        return self.points[:TRAIN, :]

    @property
    def attack(self) -> Attack | None:
        """The gradient-flow attack."""
        return GradientFlow(self.strength, self.attack_steps) if self.strength else None

    @cached_property
    def initial(self) -> Pass:
        """The networks at initialisation, at all points."""
        return evaluate(self.network, self.parameters, self.points)

    @property
    def gradients(self) -> Array:
        """(B, m, d) input gradients at initialisation at the training points."""
        return self.initial.gradients[:, :TRAIN, :]

    @cached_property
    def kernel(self) -> Array:
        """(B, K, m) empirical tangent kernel."""
        return tangent_kernel(self.network, self.initial, self.initial)[:, :, :TRAIN]

    @cached_property
    def limits(self) -> dict[str, Any]:
        """The architecture as keywords of the infinite-width kernels."""
        net = self.network
        return {"depth": net.depth, "activation": net.activation, "w_std": net.w_std, "b_std": net.b_std}

    @cached_property
    def trained(self) -> tuple[Array, Array]:
        """The networks themselves: outputs (T, B, K) and squared input gradients (T, B, m) at the training points."""
        return self._follow(NetworkFlow(self.network, self.inputs, self.labels, self.attack), self.parameters)

    def linearised(self, attack: Attack | None, features: str = "attacked") -> Array:
        """(T, B, K) outputs of the networks linearised in the parameters."""
        flow = LinearisedFlow(self.network, self.parameters, self.inputs, self.labels, attack, features)
        return self._follow(flow, 0 * self.parameters)[0]

    def _follow(self, flow: NetworkFlow | LinearisedFlow, start: Array) -> tuple[Array, Array]:
        xp = self.lab.xp

        def observe(state: Array) -> tuple[Array, Array]:
            outputs, gradients = flow.predict(state, self.points)
            return outputs, xp.sum(gradients[:, :TRAIN, :] ** 2, axis=-1)

        seen = follow(flow, start, self.times, observe, share=self.share).observed
        return xp.stack([outputs for outputs, _ in seen]), xp.stack([square for _, square in seen])

    def frozen(self, *, attacked: bool = True, infinite: bool = False) -> Array:
        """(T, B, K) outputs of the closed form, with empirical kernels or those of infinite width."""
        xp = self.lab.xp
        square = xp.sum(self.gradients**2, axis=-1)
        if infinite:
            square = xp.linalg.diagonal(mean_ark(self.inputs, **self.limits))
        kernel = ntk(self.points, self.inputs, **self.limits) if infinite else self.kernel
        growth = xp.exp((self.strength if attacked else 0.0) * square)
        return frozen_outputs(kernel, growth, self.initial.outputs, self.labels, self.times)

    @cached_property
    def attacked_change(self) -> Array:
        """(T, B, K) what the attack changes in the closed form, with empirical kernels: the unit of shares."""
        return self.frozen() - self.frozen(attacked=False)

    def corrected(self) -> Array:
        """(T, B, K) outputs of the corrected system at infinite width, from each network's initial function."""
        flow = CorrectedFlow(Architecture(**self.limits), self.points, self.labels, TangentFlow(self.strength))
        start = flow.start(self.initial.outputs, self.gradients)
        path = follow(flow, start, self.times, lambda state: flow.read(state)[0], share=self.share)
        return self.lab.xp.stack(path.observed)


def draw_trial(lab: ArrayLab, at: SimpleNamespace, /, **changed: float) -> Trial:
    """Networks and data for `at`, with the changed entries."""
    set_ = SimpleNamespace(**{**vars(at), **changed})
    dimension = round(set_.dimension)
    network = Network(dimension, round(set_.width), round(set_.depth), set_.activation, set_.W_std, set_.b_std)
    source = lab if set_.data == "new" else ArrayLab(stream(0, f"data in dimension {dimension}", 0), device=lab.device)
    points = math.sqrt(dimension) * source.sphere(TRAIN + TEST, dimension)
    labels = lab.xp.where(source.uniform(TRAIN) < 0.5, lab.asarray(-1.0), lab.asarray(1.0))
    return Trial(lab, network, set_.strength, set_.time, points, labels, network.draw(lab, round(set_.networks)))


def sizes(values: Array, lab: ArrayLab, /) -> Array:
    """(B,) root mean squares over times and points of (T, B, K) values, or over the points of (B, K)."""
    square = lab.xp.mean(values**2, axis=-1)
    return lab.xp.sqrt(square if square.ndim == 1 else lab.xp.mean(square, axis=0))


def size_of(values: Array, lab: ArrayLab, /) -> float:
    """The geometric mean over networks of `sizes`."""
    return math.exp(lab.mean(lab.xp.log(sizes(values, lab))))


def share_of(values: Array, unit: Array, lab: ArrayLab, /) -> float:
    """`size_of` for values over `size_of` for the unit, both (T, B, K): a mean of ratios on the same networks."""
    return size_of(values, lab) / size_of(unit, lab)


def linearisation(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Gap of networks of width `size` to their linearisations, both under one Runge-Kutta step of the attack's flow."""
    trial = replace(draw_trial(lab, at, width=size), attack_steps=1)
    gaps = trial.trained[0] - trial.linearised(trial.attack)
    return {"gap": size_of(gaps, lab), "share": share_of(gaps, trial.attacked_change, lab)}


def closed_form_by_width(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """See `closed_form_gaps`; the size is the width."""
    return closed_form_gaps(lab, draw_trial(lab, at, width=size))


def closed_form_by_dimension(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """See `closed_form_gaps`; the size is the input dimension."""
    return closed_form_gaps(lab, draw_trial(lab, at, dimension=size))


def closed_form_gaps(lab: ArrayLab, trial: Trial, /) -> dict[str, float]:
    """Gaps of the networks to the closed form with `empirical` and with `infinite`-width kernels, and to the flow
    without attack (`unattacked`, empirical kernels); `share`, the first as a share; the relative `drift` of |grad
    f|^2 on training points; how far f `moved`.
    """
    outputs, squares = trial.trained
    gap = outputs - trial.frozen()
    first = lab.xp.sum(trial.gradients**2, axis=-1)
    return {
        "empirical": size_of(gap, lab),
        "share": share_of(gap, trial.attacked_change, lab),
        "infinite": size_of(outputs - trial.frozen(infinite=True), lab),
        "unattacked": size_of(outputs - trial.frozen(attacked=False), lab),
        "drift": size_of(squares / first - 1, lab),
        "moved": size_of(outputs - trial.initial.outputs, lab),
    }


def corrected_by_width(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Gap of networks of width `size` to the corrected system at infinite width, and over that to the closed form
    there."""
    trial = draw_trial(lab, at, width=size)
    outputs = trial.trained[0]
    gap = outputs - trial.corrected()
    return {
        "gap": size_of(gap, lab),
        "share": share_of(gap, trial.attacked_change, lab),
        "of_closed_form": share_of(gap, outputs - trial.frozen(infinite=True), lab),
    }


def strength_law(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """`exponent` in eta S, from at.strength and its double, of the gap of linearised networks to the closed form."""
    trial = replace(draw_trial(lab, at, width=size), attack_steps=1)
    gaps = []
    for strength in (trial.strength, 2 * trial.strength):
        stronger = replace(trial, strength=strength)
        gaps.append(size_of(stronger.linearised(stronger.attack) - stronger.frozen(), lab))
    return {"exponent": math.log2(gaps[1] / gaps[0])}


def decomposition(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Gaps of models between linearised networks of width `size` under the exact attack and the closed form.

    `clean`: features at clean points; `tangent`: the attack on the current tangent, features at attacked points;
    `frozen_gradient`: the same with the initial input gradient; `clean_tangent`: the current tangent, clean features.
    All as shares of the closed form's gap, `closed_form`.
    """
    trial = draw_trial(lab, at, width=size)
    exact = trial.linearised(trial.attack)
    current, first = TangentFlow(trial.strength), TangentFlow(trial.strength, trial.gradients)
    gap = exact - trial.frozen()
    models = {
        "clean": trial.linearised(trial.attack, "clean"),
        "tangent": trial.linearised(current),
        "frozen_gradient": trial.linearised(first),
        "clean_tangent": trial.linearised(current, "clean"),
    }
    shares = {name: share_of(exact - model, gap, lab) for name, model in models.items()}
    return {"closed_form": size_of(gap, lab), **shares}


def long_training_by_width(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """See `long_training`; the size is the width."""
    return long_training(lab, draw_trial(lab, at, width=size))


def long_training_by_dimension(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """See `long_training`; the size is the input dimension."""
    return long_training(lab, draw_trial(lab, at, dimension=size))


def long_training(lab: ArrayLab, trial: Trial, /) -> dict[str, float]:
    """Linearised networks at the last time: clean `residual` on training points, `gap` on test points to the end of
    training without attack, how far f `moved` there, the `share` of the first in that, and `gradient_share`, mean
    |grad f|^2 on training points over its value without attack.
    """
    flow = LinearisedFlow(trial.network, trial.parameters, trial.inputs, trial.labels, trial.attack)
    plain = LinearisedFlow(trial.network, trial.parameters, trial.inputs, trial.labels)
    ends = [_end(trial, each) for each in (flow, plain)]
    outputs, goal = ends[0][0], interpolator(trial.kernel, trial.initial.outputs, trial.labels)
    gap, moved = ((outputs - other)[:, TRAIN:] for other in (goal, trial.initial.outputs))
    return {
        "residual": size_of(outputs[:, :TRAIN] - trial.labels, lab),
        "gap": size_of(gap, lab),
        "share": share_of(gap, moved, lab),
        "moved": size_of(moved, lab),
        "gradient_share": lab.mean(ends[0][1][:, :TRAIN, :] ** 2) / lab.mean(ends[1][1][:, :TRAIN, :] ** 2),
    }


def _end(trial: Trial, flow: LinearisedFlow) -> tuple[Array, Array]:
    (seen,) = follow(
        flow, 0 * trial.parameters, [trial.time], lambda state: flow.predict(state, trial.points), share=trial.share
    ).observed
    return seen


def without_attack(lab: ArrayLab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """Gaps of networks of width `size`, trained without attack, to the flow of `empirical` and `infinite`-width
    kernels."""
    trial = replace(draw_trial(lab, at, width=size, strength=0.0), share=FINE)
    outputs = trial.trained[0]
    return {
        "empirical": size_of(outputs - trial.frozen(), lab),
        "infinite": size_of(outputs - trial.frozen(infinite=True), lab),
    }
