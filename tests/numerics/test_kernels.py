"""Gram matrices of infinitely wide networks: laws, the symbolic recursion to many digits, sampled networks, devices."""

import itertools
import math

import array_api_strict
import numpy as np
import pytest
from sympy import Float

from derivations.robust_overfitting import network_kernels as symbolic
from numerics import lab
from numerics.kernel_layers import ACTIVATIONS
from numerics.kernels import contracted_gradient, mean_ark, nngp, nngp_and_ntk, ntk, ntk_with_partials
from numerics.lab import Device, select_device, to_numpy
from numerics.sampling import stream
from verify.equivalence import Decision, judge

WIDE = {"w_std": 1.76, "b_std": 0.18}
STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("device1"))
GPU = pytest.param("gpu", marks=[pytest.mark.gpu, pytest.mark.skipif(not lab.gpu_available(), reason="no GPU")])
activations = pytest.mark.parametrize("activation", ACTIVATIONS)


@pytest.fixture(params=[STRICT, GPU], ids=lambda value: getattr(value, "name", value))
def device(request):
    return select_device("gpu") if request.param == "gpu" else request.param


def draw(rows, dimension, trial=0):
    return stream(0, "kernels", trial).standard_normal((rows, dimension))


def exact_layers(activation, depth, x, y, digits=60):
    """The entries of derivations.robust_overfitting at one pair of inputs, in `digits` digits."""
    x, y = ([Float(float(entry), digits) for entry in point] for point in (x, y))
    values = {symbolic.W_std: Float(WIDE["w_std"], digits), symbolic.b_std: Float(WIDE["b_std"], digits)}
    values[symbolic.d] = len(x)
    pairs = {symbolic.p: (x, x), symbolic.q: (x, y), symbolic.r: (y, y)}
    values |= {name: sum(s * t for s, t in zip(*pair, strict=True)) / len(x) for name, pair in pairs.items()}
    layer = symbolic.first_layer(symbolic.p, symbolic.q, symbolic.r)
    for hidden in range(depth + 1):
        layer = symbolic.next_layer(activation, layer) if hidden else layer
        layer = real_parts(layer, values, digits)
    return layer, symbolic.ark_mean(layer).xreplace(values).evalf(digits)


def real_parts(layer, values, digits):
    """The entries as numbers; a rounding under a root at equal inputs leaves imaginary parts of half the digits."""
    return {name: entry.xreplace(values).evalf(digits).as_real_imag()[0] for name, entry in layer.items()}


def pairs_of_every_kind():
    """Rows x and y: far apart, close, very close, nearly opposite, of other length, orthogonal."""
    x = draw(6, 7)
    y = draw(6, 7, 1)
    y[1] = x[1] + 1e-3 * y[1]
    y[2] = x[2] + 1e-8 * y[2]
    y[3] = -x[3] + 1e-7 * y[3]
    y[4] = 3 * x[4] + 1e-5 * y[4]
    y[5] -= x[5] * (x[5] @ y[5]) / (x[5] @ x[5])
    return x, y


@activations
@pytest.mark.parametrize("depth", [1, 4])
def test_every_array_is_that_of_the_symbolic_recursion(activation, depth):
    x, y = pairs_of_every_kind()
    options = {"depth": depth, "activation": activation, **WIDE}
    K, theta = nngp_and_ntk(x, y, **options)
    again, theta_q, theta_p = ntk_with_partials(x, y, **options)
    ark = mean_ark(x, y, **options)
    for i in range(6):
        layer, mean = exact_layers(activation, depth, x[i], y[i])
        gap = float(np.linalg.norm(x[i] - y[i]) / np.linalg.norm(x[i]))
        for found, name in ((K, "K"), (theta, "Theta"), (again, "Theta")):
            near = 4e-15 * (1 + depth)
            np.testing.assert_allclose(
                found[i, i], float(layer[name]), rtol=near, atol=near, err_msg=f"{name}, pair {i}"
            )
        slack = 1e-13 * max(1.0, gap**-2 if activation == "relu" else 1.0)
        if slack < 1e-6:
            np.testing.assert_allclose(theta_q[i, i], float(layer["Theta_q"]), rtol=slack, atol=slack)
            np.testing.assert_allclose(theta_p[i, i], float(layer["Theta_p"]), rtol=slack, atol=slack)
        np.testing.assert_allclose(ark[i, i], float(mean), rtol=1e-13 * max(1.0, 1 / gap))


@activations
def test_the_gram_matrix_is_symmetric_and_positive_definite(activation):
    x = draw(150, 9)
    for matrix in (
        *nngp_and_ntk(x, depth=3, activation=activation, **WIDE),
        mean_ark(x, depth=3, activation=activation, **WIDE),
    ):
        assert np.array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix)[0] > 1e-12 * np.linalg.eigvalsh(matrix)[-1]


@activations
def test_permuting_the_inputs_permutes_the_matrix(activation):
    x, order = draw(40, 6), stream(0, "order", 0).permutation(40)
    options = {"depth": 2, "activation": activation, "block": 64, **WIDE}
    matrix = ntk(x, **options)
    np.testing.assert_allclose(ntk(x[order], **options), matrix[order][:, order], rtol=1e-13)
    np.testing.assert_allclose(ntk(x, x[order], **options), matrix[:, order], rtol=1e-13)


@activations
def test_tiles_of_every_size_give_the_same_matrices(activation):
    x, y = draw(37, 5), draw(23, 5, 1)
    options = {"depth": 2, "activation": activation, **WIDE}
    for block in (1, 50, 10**6):
        for one, other in zip(nngp_and_ntk(x, block=block, **options), nngp_and_ntk(x, **options), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
        parts = ntk_with_partials(x, y, block=block, **options)
        for one, other in zip(parts, ntk_with_partials(x, y, **options), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


@activations
@pytest.mark.parametrize(("dtype", "digits"), [("float64", 1e-14), ("float32", 5e-6)])
def test_the_diagonal_is_exact(activation, dtype, digits):
    x = draw(60, 300).astype(dtype)
    K, theta = nngp_and_ntk(x, depth=5, activation=activation, **WIDE)
    copied = ntk(x, x.copy(), depth=5, activation=activation, **WIDE)
    for i in range(0, 60, 12):
        layer = symbolic.first_diagonal(symbolic.p)
        p = sum(Float(float(entry), 40) ** 2 for entry in x[i]) / 300
        values = {symbolic.p: p, symbolic.W_std: Float(WIDE["w_std"], 40), symbolic.b_std: Float(WIDE["b_std"], 40)}
        for hidden in range(6):
            layer = symbolic.next_diagonal(activation, layer) if hidden else layer
            layer = real_parts(layer, values, 40)
        np.testing.assert_allclose(float(K[i, i]), float(layer["a"]), rtol=digits)
        np.testing.assert_allclose(float(theta[i, i]), float(layer["Theta"]), rtol=digits)
        np.testing.assert_allclose(float(copied[i, i]), float(layer["Theta"]), rtol=digits)


def test_opposite_inputs_do_not_interact_through_a_relu_layer_without_bias():
    x = draw(4, 50)
    K, theta = nngp_and_ntk(x, -x, depth=1, w_std=1.5, b_std=0.0)
    assert np.max(np.abs(np.diagonal(K))) < 1e-15
    assert np.max(np.abs(np.diagonal(theta))) < 1e-15


def test_black_images_without_bias_have_a_kernel_of_zero():
    x = np.vstack([np.zeros(5), draw(2, 5)])
    for matrix in (
        *nngp_and_ntk(x, depth=2, w_std=1.5, b_std=0.0),
        *ntk_with_partials(x, x, depth=2, w_std=1.5, b_std=0.0),
    ):
        assert np.all(np.isfinite(matrix))
    assert np.all(ntk(x, depth=2, w_std=1.5, b_std=0.0)[0] == 0)


@activations
def test_contracted_gradients_are_finite_differences(activation):
    x, y, contract = draw(4, 6), draw(9, 6, 1), draw(4, 9, 2)
    options = {"depth": 3, "activation": activation, **WIDE}
    _, theta_q, theta_p = ntk_with_partials(x, y, **options)
    gradient = contracted_gradient(contract, theta_q, theta_p, x, y)
    step = 1e-5
    for k in range(6):
        move = step * np.eye(6)[k]
        change = ntk(x + move, y, **options) - ntk(x - move, y, **options)
        np.testing.assert_allclose(gradient[:, k], np.sum(contract * change, axis=1) / (2 * step), atol=2e-8)


def test_the_gradient_at_the_kink_is_the_mean_of_the_one_sided_ones():
    x = draw(3, 6)
    options = {"depth": 2, **WIDE}
    _, theta_q, theta_p = ntk_with_partials(x, x.copy(), **options)
    found = contracted_gradient(np.eye(3), theta_q, theta_p, x, x)
    step = 1e-5
    for k in range(6):
        move = step * np.eye(6)[k]
        change = np.diagonal(ntk(x + move, x, **options) - ntk(x - move, x, **options))
        np.testing.assert_allclose(found[:, k], change / (2 * step), atol=1e-4)


def test_the_mean_kernel_of_input_gradients_is_the_same_at_every_input_for_relu():
    x = draw(5, 8)
    ark = mean_ark(x, depth=3, **WIDE)
    np.testing.assert_allclose(np.diagonal(ark), 1.76**2 * (1.76**2 / 2) ** 3, rtol=1e-13)


@activations
@pytest.mark.parametrize("depth", [1, 2])
def test_wide_sampled_networks_have_these_kernels(activation, depth):
    x = np.asarray([[0.9, -0.4, 0.3, 1.1, 0.2], [0.1, 0.8, -0.6, 0.7, 1.0]])
    theory = [*(matrix[0, 1] for matrix in nngp_and_ntk(x, depth=depth, activation=activation, w_std=1.5, b_std=0.2))]
    theory.append(mean_ark(x, depth=depth, activation=activation, w_std=1.5, b_std=0.2)[0, 1])
    source = stream(3, "networks", depth)
    samples = np.asarray([sampled_kernels(x, depth, activation, 1.5, 0.2, 300, source) for _ in range(1500)])
    for k, name in enumerate(("nngp", "ntk", "ark")):
        error = samples[:, k].std(ddof=1) / math.sqrt(len(samples))
        judged = judge(samples[:, k].mean(), error, len(samples) - 1, theory[k], 0.1 * abs(theory[k]))
        assert judged.decision is Decision.HOLDS, (name, judged)


def sampled_kernels(x, depth, activation, w_std, b_std, width, source):
    """Covariance of the output given the layers before, tangent kernel and inner product of the input gradients.

    Of one network of finite width at two inputs.
    """
    phi, slope = {
        "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0).astype(float)),
        "erf": (lab.erf, lambda z: 2 / math.sqrt(math.pi) * np.exp(-(z**2))),
    }[activation]
    sizes = [x.shape[1], *[width] * depth, 1]
    h, layers = x, []
    for fan_in, fan_out in itertools.pairwise(sizes):
        weights = w_std / math.sqrt(fan_in) * source.standard_normal((fan_out, fan_in))
        z = h @ weights.T + b_std * source.standard_normal(fan_out)
        layers.append((h, z, weights, fan_in))
        h = phi(z)
    last = layers[-1][0]
    given = w_std**2 / last.shape[1] * (last[0] @ last[1]) + b_std**2
    back, tangent = np.ones((2, 1)), 0.0
    for place, (inside, _, weights, fan_in) in reversed(list(enumerate(layers))):
        tangent += (back[0] @ back[1]) * (w_std**2 / fan_in * (inside[0] @ inside[1]) + b_std**2)
        back = back @ weights
        if place:
            back = back * slope(layers[place - 1][1])
    return given, tangent, float(back[0] @ back[1])


@activations
def test_other_devices_give_the_same_arrays(activation, device):
    x, y = pairs_of_every_kind()
    there = [device.asarray(part) for part in (x, y)]
    options = {"depth": 2, "activation": activation, **WIDE}
    for call in (nngp_and_ntk, ntk_with_partials, lambda *given, **named: (mean_ark(*given, **named),)):
        for found, expected in zip(call(*there, **options), call(x, y, **options), strict=True):
            np.testing.assert_allclose(to_numpy(found), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(to_numpy(ntk(there[0], **options)), ntk(x, **options), rtol=1e-13)


@activations
def test_single_precision_stays_single_and_is_close(activation):
    x, y = draw(30, 20), draw(20, 20, 1)
    options = {"depth": 4, "activation": activation, **WIDE}
    for single, double in zip(
        ntk_with_partials(x.astype("float32"), y.astype("float32"), **options),
        ntk_with_partials(x, y, **options),
        strict=True,
    ):
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-4)
    assert nngp(x.astype("float32"), **options).dtype == np.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": 0}, "depth: 0 is not allowed"),
        ({"activation": "tanh"}, "activation: 'tanh' is unknown; allowed are relu, erf"),
        ({"w_std": 0.0}, "w_std: 0.0"),
        ({"b_std": math.nan}, "b_std: nan"),
    ],
)
def test_options_that_mean_nothing_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ntk(draw(2, 3), **{"depth": 1, **WIDE, **change})


@pytest.mark.parametrize(
    ("x1", "x2", "message"),
    [
        (np.zeros(3), None, "x1: an array of shape \\(3,\\)"),
        (np.zeros((0, 3)), None, "x1: an array of shape \\(0, 3\\)"),
        (np.zeros((2, 3), dtype=int), None, "x1: its dtype is int64"),
        (np.full((2, 3), np.nan), None, "x1: some entries are NaN"),
        (np.ones((2, 3)), np.ones((2, 4)), "x2: float64 inputs of dimension 4"),
        (np.ones((2, 3)), np.ones((2, 3), dtype="float32"), "x2: float32 inputs of dimension 3"),
    ],
)
def test_inputs_that_mean_nothing_are_refused(x1, x2, message):
    with pytest.raises(ValueError, match=message):
        ntk(x1, x2, depth=1, **WIDE)


@pytest.mark.parametrize("kernel", [ntk, mean_ark, lambda x, **options: ntk_with_partials(x, x, **options)])
def test_a_kernel_out_of_the_range_of_its_dtype_is_refused_in_one_line(kernel):
    inputs = np.asarray([[1.0, 2.0], [-0.5, 1.0]], dtype=np.float32)
    with pytest.raises(ValueError, match=r"depth: 3000 hidden layers with w_std 1.5 .* range of float32"):
        kernel(inputs, depth=3000, w_std=1.5, b_std=0.2)
