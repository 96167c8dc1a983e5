"""The array seam: the same results on NumPy, on both devices of the strict array API, and on a GPU if there is one."""

import subprocess
import sys
import types

import array_api_strict
import numpy as np
import pytest
import scipy.special

from numerics import lab
from numerics.lab import CPU, ArrayLab, Device, LinAlgError, device_of, namespace, select_device, to_numpy
from numerics.sampling import stream

STRICT = Device("strict", "array-api-strict", array_api_strict, array_api_strict.Device("CPU_DEVICE"))
SECOND = Device("second", "array-api-strict, second device", array_api_strict, array_api_strict.Device("device1"))
GPU = pytest.param("gpu", marks=[pytest.mark.gpu, pytest.mark.skipif(not lab.gpu_available(), reason="no GPU")])


@pytest.fixture(params=[CPU, STRICT, SECOND, GPU], ids=lambda value: getattr(value, "name", value))
def device(request):
    return select_device("gpu") if request.param == "gpu" else request.param


@pytest.fixture
def matrices():
    draw = np.random.default_rng(5)
    tall = draw.standard_normal((6, 9))
    return tall @ tall.T + np.eye(6), draw.standard_normal((6, 3))


def test_linear_algebra_agrees_with_numpy_on_every_device(device, matrices):
    matrix, right = matrices
    there, against = device.asarray(matrix), device.asarray(right)
    factor = lab.cholesky(there)
    close = {"rtol": 1e-11, "atol": 1e-12}
    np.testing.assert_allclose(to_numpy(factor), np.linalg.cholesky(matrix), **close)
    np.testing.assert_allclose(to_numpy(lab.gram(against)), right @ right.T, **close)
    np.testing.assert_allclose(to_numpy(lab.eigvalsh(there)), np.linalg.eigvalsh(matrix), **close)
    for answer in (lab.solve(there, against), lab.cholesky_solve(factor, against)):
        np.testing.assert_allclose(to_numpy(answer), np.linalg.solve(matrix, right), **close)
    for transposed in (False, True):
        lower = np.linalg.cholesky(matrix)
        expected = np.linalg.solve(lower.T if transposed else lower, right)
        found = lab.solve_triangular(factor, against, transposed=transposed)
        np.testing.assert_allclose(to_numpy(found), expected, **close)


def test_right_hand_sides_may_be_vectors(device, matrices):
    matrix, right = matrices
    there, vector = device.asarray(matrix), device.asarray(right[:, 0])
    expected = np.linalg.solve(matrix, right[:, 0])
    for answer in (lab.solve(there, vector), lab.cholesky_solve(lab.cholesky(there), vector)):
        np.testing.assert_allclose(to_numpy(answer), expected, rtol=1e-11)


def test_triangular_solves_read_the_lower_triangle_only(device, matrices):
    matrix, right = matrices
    full, lower = device.asarray(matrix), device.asarray(np.tril(matrix))
    for transposed in (False, True):
        first = lab.solve_triangular(full, device.asarray(right), transposed=transposed)
        second = lab.solve_triangular(lower, device.asarray(right), transposed=transposed)
        np.testing.assert_allclose(to_numpy(first), to_numpy(second), rtol=1e-12)


def test_inputs_are_not_overwritten(device, matrices):
    matrix, right = matrices
    there, against = device.asarray(matrix.copy()), device.asarray(right.copy())
    lab.cholesky_solve(lab.cholesky(there), against)
    lab.solve(there, against)
    lab.eigvalsh(there)
    np.testing.assert_array_equal(to_numpy(there), matrix)
    np.testing.assert_array_equal(to_numpy(against), right)


def test_singular_matrices_raise_one_error_everywhere(device):
    zero, right = device.asarray(np.zeros((3, 3))), device.asarray(np.ones(3))
    with pytest.raises(LinAlgError):
        lab.cholesky(device.asarray(-np.eye(3)))
    with pytest.raises(LinAlgError):
        lab.solve(zero, right)
    with pytest.raises(LinAlgError):
        lab.solve_triangular(zero, right)


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "ndtri"])
def test_special_functions_agree_with_scipy_on_every_device(device, name):
    points = np.linspace(0.01, 0.99, 7)
    found = getattr(lab, name)(device.asarray(points))
    assert device_of(found).native == device_of(device.asarray(points)).native
    np.testing.assert_allclose(to_numpy(found), getattr(scipy.special, name)(points), rtol=1e-14)


def test_arrays_come_back_from_every_device(device):
    values = np.arange(6.0).reshape(2, 3)
    there = device.asarray(values)
    assert namespace(there, there) is not None
    assert isinstance(to_numpy(there), np.ndarray)
    np.testing.assert_array_equal(to_numpy(there), values)
    np.testing.assert_array_equal(to_numpy(device.asarray([1.0, 2.0])), [1.0, 2.0])
    assert to_numpy(device.asarray(np.array([1, 2]))).dtype == np.int64


def test_a_namespace_is_refused_to_what_is_not_an_array():
    with pytest.raises(TypeError, match="got \\(list, float\\)"):
        namespace([1.0], 2.0)


def test_a_lab_draws_the_same_numbers_on_every_device(device):
    here, there = ArrayLab(stream(0, "k", 3)), ArrayLab(stream(0, "k", 3), device=device)
    for draw in (lambda one: one.normal(4, 3), lambda one: one.uniform(5), lambda one: one.sphere(3, 7)):
        np.testing.assert_allclose(to_numpy(draw(here)), to_numpy(draw(there)), rtol=1e-15)


def test_points_on_the_sphere_have_norm_one_and_mean_zero(device):
    one = ArrayLab(stream(1, "sphere", 0), device=device)
    points = one.sphere(4000, 5)
    np.testing.assert_allclose(np.linalg.norm(to_numpy(points), axis=1), 1.0, rtol=1e-14)
    assert np.linalg.norm(to_numpy(points).mean(axis=0)) < 5.0 / np.sqrt(4000)
    np.testing.assert_allclose(np.cov(to_numpy(points).T), np.eye(5) / 5, atol=0.02)


def test_a_lab_gives_floats_and_elementwise_functions(device):
    one = ArrayLab(stream(1, "k", 0), device=device)
    array = one.asarray([[3.0, 0.0], [0.0, -4.0]])
    assert one.norm(array) == 5.0
    assert isinstance(one.norm(array), float)
    assert one.mean(array) == -0.25
    assert one.mean(one.where(one.abs(array) > 3.5, one.exp(0.0 * array), 0.0 * array)) == 0.25


def test_a_lab_refuses_what_it_has_not():
    with pytest.raises(ValueError, match="dtype: 'int8'"):
        ArrayLab(stream(0, "k", 0), dtype="int8")
    with pytest.raises(AttributeError):
        _ = ArrayLab(stream(0, "k", 0)).no_such_function


def test_single_precision_is_kept():
    one = ArrayLab(stream(0, "k", 0), dtype="float32")
    assert one.sphere(3, 4).dtype == np.float32


def test_devices_are_selected_by_name():
    assert select_device("cpu") is CPU
    assert select_device("auto").name == ("gpu" if lab.gpu_available() else "cpu")
    with pytest.raises(ValueError, match="device: 'tpu' is unknown; allowed are 'auto', 'cpu' and 'gpu'"):
        select_device("tpu")


@pytest.mark.skipif(lab.gpu_available(), reason="there is a GPU")
def test_asking_for_a_missing_gpu_says_so_in_one_line():
    with pytest.raises(ValueError, match="device: 'gpu' was asked for, but CuPy") as caught:
        select_device("gpu")
    assert "\n" not in str(caught.value)


def test_an_installed_cupy_without_a_device_is_not_a_gpu(monkeypatch):
    class Error(RuntimeError):
        pass

    runtime = types.SimpleNamespace(CUDARuntimeError=Error)
    cuda = types.SimpleNamespace(is_available=lambda: False, runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(cuda=cuda))
    lab._gpu.cache_clear()
    try:
        assert select_device("auto") is CPU
        with pytest.raises(ValueError, match="finds no CUDA device"):
            select_device("gpu")
    finally:
        lab._gpu.cache_clear()


def test_threads_are_pinned_before_numpy_loads():
    code = (
        "import sys; from numerics.threads import blas_threads_pinned, pin_blas_threads;"
        "print('numpy' in sys.modules, blas_threads_pinned(), pin_blas_threads(), blas_threads_pinned());"
        "import numpy; print(pin_blas_threads())"
    )
    environment = {"PATH": "/usr/bin", "PYTHONPATH": "."}
    answer = subprocess.run([sys.executable, "-c", code], check=True, env=environment, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False", "True", "True", "False"]


def test_the_lab_imports_no_cupy():
    code = "import sys, numerics.lab; print(*(name for name in sys.modules if name.startswith('cupy')))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == []
