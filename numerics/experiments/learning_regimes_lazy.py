"""Finite-size experiments of lazy training from an initial function alpha f0, f0 = sum_j v_j sigma(w_j.x).

v_j = +-1/sqrt(m) at random, rows w_j uniform on the sphere, alpha = at.init_scale; target, sizes and units are those
of `learning_regimes_tangent`. What is returned is averaged over the two signs of v: no terms linear in alpha.
P is the projection on the tangent functions; at.variant says what training does:

    zero_output   P f*: the initial function is 0, by pairs of neurons of opposite sign or by subtraction
    residual      alpha f0 + P (f* - alpha f0): gradient flow to convergence
    unfitted      alpha f0 + P f*: the initial function stays in the predictor, but is not part of what is fitted
    ridge         alpha f0 + f_A, A minimising ||alpha f0 + f_A - f*||^2 + ridge sum_j |a_j|^2
    flow          gradient flow on A for at.time, in the units m/(4 alpha_v^2) of output weights +-alpha_v/sqrt(m)

The first three take at.ridge (0 if absent) in the place of the projection; `ridge` is `residual` with a penalty.
"""

from __future__ import annotations

import math
from types import SimpleNamespace

from derivations.lab import Array, Lab
from numerics.activations import compile_activation
from numerics.conjugate_gradients import LinearSolution, conjugate_gradients
from numerics.experiments.learning_regimes_tangent import draw_rows, row_controls, tangent_system
from numerics.lab import namespace
from numerics.population_regression import eye_like
from numerics.runge_kutta import solve_autonomous
from numerics.tangent_duals import derivative_duals, initial_energies, tangent_duals
from numerics.tangent_kernel import TangentGram, initial_correlation, off_diagonal, tangent_gram

VARIANTS = ("zero_output", "residual", "unfitted", "ridge", "flow")

OUTPUT_SCALE = 1000.0
"""The output weights of the network that `lazy_training` trains are +-OUTPUT_SCALE/sqrt(m): lazy to about 1/1000."""

STEPS_PER_RATE = 4
"""Runge-Kutta steps per unit of time times the largest decay rate: an error of about 1e-5 a step."""


def lazy(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """One draw of at.variant, on the exact population problem; the Dirichlet energy is left out where it is infinite.

    Also returns the controls `square_overlap` and `target_overlap` (mean 0), and `init_energy` (mean 1, ||f0||^2 over
    its mean). Raises ValueError for an unknown variant, and for a flow of an activation other than a t^2 + c.
    """
    if at.variant not in VARIANTS:
        raise ValueError(f"variant: {at.variant!r} is unknown; allowed are {', '.join(VARIANTS)}")
    rows, target = draw_rows(lab, at, size)
    output = draw_output(lab, rows.shape[0])
    controls = {**row_controls(rows, target, at), "init_energy": _relative_energy(rows, output, at)}
    if at.variant == "flow" and math.isfinite(at.time):
        return {**quadratic_flow(rows, target, output, at), **controls}
    gram, right = tangent_system(rows, target, at)
    fitted = _solve(gram, right, at)
    found = _fit_risks(rows, fitted, right, at)
    if at.variant != "zero_output" and at.init_scale != 0:
        kept = _init_risks(rows, output, gram, at)
        found = {name: value + at.init_scale**2 * kept[name] for name, value in found.items()}
    return {**found, **controls}


def lazy_training(lab: Lab, at: SimpleNamespace, size: int) -> dict[str, float]:
    """The network itself, sum_j v_j (w_j.x)^2, trained by gradient flow on all rows, at a large output scale.

    With v_j = +-beta/sqrt(m) the function trained is alpha f0 + (f_W - f_W(0)), and in the time unit m/(4 beta^2) the
    rows follow w_j' = -(sqrt(m)/beta) sign_j E w_j, E the matrix of the residual. Fourth-order Runge-Kutta. The limit
    at large beta is the variant `flow` of `lazy`, with the same controls. Activation a t^2 + c; at.time must be finite.
    """
    if not math.isfinite(at.time):
        raise ValueError("time: lazy_training follows the flow for a finite time")
    rows, target = draw_rows(lab, at, size)
    output = draw_output(lab, rows.shape[0])
    controls = {**row_controls(rows, target, at), "init_energy": _relative_energy(rows, output, at)}
    both = [_train(rows, target, sign * output, at) for sign in (1.0, -1.0)]
    return {**{name: (both[0][name] + both[1][name]) / 2 for name in both[0]}, **controls}


def draw_output(lab: Lab, neurons: int, /) -> Array:
    """(m,) output weights +-1/sqrt(m), the signs independent."""
    coins = lab.uniform(neurons)
    one = namespace(coins).ones_like(coins)
    return namespace(coins).where(coins < 0.5, -one, one) / math.sqrt(neurons)


def quadratic_flow(rows: Array, target: Array, output: Array, at: SimpleNamespace, /) -> dict[str, float]:
    """The flow of A for sigma(t) = a t^2 + c in closed form: the residual's matrix is e^(-tS)(alpha M0 - B)e^(-tS).

    S = a^2 W'W, M0 = a W' diag(v) W; `target` (d,) is the diagonal of B. Averaged over the signs of v.
    """
    scale, xp = quadratic_coefficient(at), namespace(rows)
    rates, basis = xp.linalg.eigh(scale**2 * (rows.T @ rows))
    decay = xp.exp(-at.time * (rates[:, None] + rates[None, :]))
    aim = basis.T @ (target[:, None] * basis)
    view = rows @ basis
    initial = at.init_scale * scale * decay * (view.T @ (output[:, None] * view))
    kept = float(xp.sum(initial**2))
    return {
        "test_error": float(xp.sum((decay * aim) ** 2)) + kept,
        "dirichlet_energy": float(xp.sum(((1 - decay) * aim) ** 2)) + kept,
    }


def quadratic_coefficient(at: SimpleNamespace, /) -> float:
    """a for sigma(t) = a t^2 + c with a trained offset; ValueError for another activation, or without an offset."""
    if not getattr(at, "has_offset", 1.0):
        raise ValueError("offset: the flow is known in closed form with a trained offset only")
    activation = compile_activation(at.activation)
    duals = tangent_duals(activation, centred=True)
    beyond = duals.tangent_energy - duals.slope_coefficient**2
    if abs(beyond) > 1e-9 * duals.tangent_energy:
        raise ValueError(f"activation: the flow is known for a*t**2 + c only, got {at.activation}")
    return duals.slope_coefficient / 2


def _train(rows: Array, target: Array, output: Array, at: SimpleNamespace) -> dict[str, float]:
    xp, scale = namespace(rows), quadratic_coefficient(at)
    neurons, size = rows.shape
    beta = getattr(at, "output_scale", OUTPUT_SCALE)
    start = scale * (rows.T @ (output[:, None] * rows))
    diagonal = eye_like(start) * target

    def residual(now: Array) -> Array:
        moved = scale * (now.T @ (output[:, None] * now)) - start
        return at.init_scale * start + beta * moved - diagonal

    def velocity(now: Array) -> Array:
        return -(scale * neurons / beta) * output[:, None] * (now @ residual(now))

    fastest = 2 * (scale * (1 + math.sqrt(neurons / size))) ** 2
    steps = max(8, math.ceil(STEPS_PER_RATE * at.time * fastest))
    left = residual(solve_autonomous(velocity, rows, at.time, steps=steps))
    return {"test_error": float(xp.sum(left**2)), "dirichlet_energy": float(xp.sum((left + diagonal) ** 2))}


def _solve(gram: TangentGram, right: Array, at: SimpleNamespace) -> LinearSolution:
    ridge = getattr(at, "ridge", 0.0)
    return conjugate_gradients(lambda a: gram.product(a) + ridge * a, right)


def _fit_risks(rows: Array, fitted: LinearSolution, right: Array, at: SimpleNamespace) -> dict[str, float]:
    """Those of the function fitted to f*."""
    xp, weights = namespace(rows), fitted.values
    image = right - fitted.residual - getattr(at, "ridge", 0.0) * weights
    found = {"test_error": 1 + float(xp.sum(weights * (image - 2 * right))) / 2}
    duals = derivative_duals(compile_activation(at.activation))
    if duals is not None:
        found["dirichlet_energy"] = float(xp.sum(weights * tangent_gram(rows, duals).product(weights))) / 4
    return found


def _init_risks(rows: Array, output: Array, gram: TangentGram, at: SimpleNamespace) -> dict[str, float]:
    """||g||^2/2 and E||grad g||^2/4 of what remains of f0: all of it, or what is left when it is fitted too."""
    xp, activation = namespace(rows), compile_activation(at.activation)
    overlaps = off_diagonal(rows @ rows.T)
    slope_gram = (off_diagonal(overlaps * gram.tangent) @ output) + activation.slope_energy * output
    energy, slope_energy = _init_energy(rows, output, at), float(output @ slope_gram)
    duals = derivative_duals(activation)
    if at.variant != "unfitted":
        right = initial_correlation(gram, tangent_duals(activation, centred=_has_offset(at)), output)
        fitted = _solve(gram, right, at)
        weights = fitted.values
        image = right - fitted.residual - getattr(at, "ridge", 0.0) * weights
        energy += float(xp.sum(weights * (image - 2 * right)))
        if duals is not None:
            derivative = tangent_gram(rows, duals)
            drop = derivative.product(weights) - 2 * initial_correlation(derivative, duals, output)
            slope_energy += float(xp.sum(weights * drop))
    return {"test_error": energy / 2, "dirichlet_energy": slope_energy / 4}


def _init_energy(rows: Array, output: Array, at: SimpleNamespace) -> float:
    """||f0||^2, its mean removed where an offset is trained."""
    activation = compile_activation(at.activation)
    diagonal, _ = initial_energies(activation, centred=_has_offset(at))
    shift = 0.0 if _has_offset(at) else activation.mean**2
    kernel = off_diagonal(activation.dual(off_diagonal(rows @ rows.T)) + shift)
    return float(output @ (kernel @ output)) + diagonal * float(output @ output)


def _relative_energy(rows: Array, output: Array, at: SimpleNamespace) -> float:
    diagonal, _ = initial_energies(compile_activation(at.activation), centred=_has_offset(at))
    return _init_energy(rows, output, at) / diagonal


def _has_offset(at: SimpleNamespace) -> bool:
    return bool(getattr(at, "has_offset", 1.0))
