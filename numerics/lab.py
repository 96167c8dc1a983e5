"""Arrays, linear algebra, special functions and seeded draws on NumPy or CuPy: the seam to the array libraries.

Code above this file is written once and runs where its arrays live. Three paths stand behind every function: NumPy with
SciPy's LAPACK, CuPy with cupyx, and the plain array API standard for any other library (array-api-strict in the tests).
This is the only file that imports CuPy, and only after one has asked for it. A singular matrix, or one that is not
positive definite, raises `numpy.linalg.LinAlgError` on all of them.
"""

import functools
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import array_api_compat
import array_api_compat.numpy as numpy_namespace
import numpy as np
import scipy.linalg
import scipy.special

Array: TypeAlias = Any
LinAlgError = np.linalg.LinAlgError


@dataclass(frozen=True)
class Device:
    """Where arrays live: its short name, a description for the provenance, the namespace, the library's own device."""

    name: str
    description: str
    namespace: Any
    native: Any = None

    def asarray(self, values: Any, /, *, dtype: Any = None) -> Array:
        """`values` as an array on this device; lists and NumPy arrays of any shape are moved, dtypes kept."""
        if not array_api_compat.is_array_api_obj(values):
            values = np.asarray(values)
        if array_api_compat.is_cupy_namespace(self.namespace):
            return self.namespace.asarray(values, dtype=dtype)
        if self.namespace is not numpy_namespace and array_api_compat.is_numpy_array(values):
            dtype = dtype or getattr(self.namespace, values.dtype.name)
        return self.namespace.asarray(values, dtype=dtype, device=self.native)


CPU = Device("cpu", "NumPy", numpy_namespace, "cpu")


@functools.cache
def _gpu() -> Device | str:
    """The GPU, or in one line why there is none."""
    try:
        cupy = importlib.import_module("cupy")
    except ImportError:
        return "CuPy is not installed (pip install 'robust-limits[gpu12]' or '[gpu13]')"
    try:
        if not cupy.cuda.is_available():
            return "CuPy finds no CUDA device"
        properties = cupy.cuda.runtime.getDeviceProperties(0)
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CUDA does not start ({error})"
    name = properties["name"].decode()
    return Device("gpu", f"CuPy {cupy.__version__} on {name}", importlib.import_module("array_api_compat.cupy"))


def gpu_available() -> bool:
    """Whether CuPy can be imported and finds a device."""
    return isinstance(_gpu(), Device)


def select_device(name: str = "auto", /) -> Device:
    """The device called `name`: "cpu", "gpu", or "auto" (the GPU if there is one); ValueError if it is not there."""
    if name not in ("auto", "cpu", "gpu"):
        raise ValueError(f"device: {name!r} is unknown; allowed are 'auto', 'cpu' and 'gpu'")
    if name == "cpu":
        return CPU
    gpu = _gpu()
    if isinstance(gpu, Device):
        return gpu
    if name == "gpu":
        raise ValueError(f"device: 'gpu' was asked for, but {gpu}; use 'cpu' or 'auto'")
    return CPU


def device_of(array: Array, /) -> Device:
    """The device on which `array` lives, so that new arrays can be put beside it."""
    if array_api_compat.is_numpy_array(array):
        return CPU
    if array_api_compat.is_cupy_array(array):
        gpu = _gpu()
        if isinstance(gpu, Device):
            return gpu
    xp = namespace(array)
    return Device("other", xp.__name__, xp, array_api_compat.device(array))


def namespace(*arrays: Array) -> Any:
    """The array API namespace that all `arrays` share; TypeError if they are none, or of different libraries."""
    if not any(array_api_compat.is_array_api_obj(array) for array in arrays):
        names = ", ".join(type(array).__name__ for array in arrays)
        raise TypeError(f"namespace: expected arrays of one library, got ({names})")
    return array_api_compat.array_namespace(*arrays)


def to_numpy(array: Array, /) -> np.ndarray[Any, Any]:
    """`array` as a NumPy array of the same shape (moved to the host if need be; shared memory where possible)."""
    if array_api_compat.is_cupy_array(array):
        return np.asarray(array.get())
    if not array_api_compat.is_numpy_array(array) and array_api_compat.is_array_api_obj(array):
        default = namespace(array).__array_namespace_info__().default_device()
        array = array_api_compat.to_device(array, default)
    return np.asarray(array)


def _library(array: Array, part: str) -> Any:
    """scipy.PART for NumPy, cupyx.scipy.PART for CuPy where it can be imported, else None."""
    if array_api_compat.is_numpy_array(array):
        return getattr(scipy, part)
    if array_api_compat.is_cupy_array(array):
        try:
            return importlib.import_module(f"cupyx.scipy.{part}")
        except ImportError:
            return None
    return None


def _raising(compute: Callable[[], Array], array: Array) -> Array:
    """Run `compute`; CuPy returns NaN for a singular matrix unless it is told to raise."""
    if array_api_compat.is_cupy_array(array):
        with importlib.import_module("cupyx").errstate(linalg="raise"):
            return compute()
    return compute()


def gram(matrix: Array, /) -> Array:
    """(n, n) array V V^T of an (n, k) array V (NumPy sees the equal factors and does half the work)."""
    return matrix @ matrix.T


def cholesky(matrix: Array, /) -> Array:
    """(n, n) lower triangular L with L L^T = `matrix`; LinAlgError if that is not positive definite."""
    if array_api_compat.is_numpy_array(matrix):
        # The transpose of a symmetric matrix in C order is the same matrix in LAPACK's order: no copy is reordered.
        return scipy.linalg.cholesky(matrix.T, lower=True, check_finite=False)
    factor = _raising(lambda: namespace(matrix).linalg.cholesky(matrix), matrix)
    if not bool(namespace(matrix).all(namespace(matrix).isfinite(factor))):
        raise LinAlgError("the matrix is not positive definite")
    return factor


def solve_triangular(lower: Array, right: Array, /, *, transposed: bool = False) -> Array:
    """x with L x = `right` (L^T x = `right` if transposed), L the lower triangle of `lower`; (n,) or (n, k) arrays."""
    diagonal = namespace(lower).linalg.diagonal(lower)
    if not bool(namespace(lower).all(diagonal != 0)):
        raise LinAlgError("the triangular matrix has a zero on its diagonal")
    library = _library(lower, "linalg")
    if library is None:
        triangle = namespace(lower).tril(lower)
        return solve(triangle.T if transposed else triangle, right)
    return library.solve_triangular(lower, right, lower=True, trans=1 if transposed else 0, check_finite=False)


def cholesky_solve(factor: Array, right: Array, /) -> Array:
    """x with L L^T x = `right` for L = `factor` as `cholesky` returns it; (n,) or (n, k) arrays."""
    if array_api_compat.is_numpy_array(factor):
        return scipy.linalg.cho_solve((factor, True), right, check_finite=False)
    return solve_triangular(factor, solve_triangular(factor, right), transposed=True)


def solve(matrix: Array, right: Array, /) -> Array:
    """x with `matrix` x = `right`, (n, n) against (n,) or (n, k); LinAlgError if `matrix` is singular."""
    xp = namespace(matrix, right)
    solution = _raising(lambda: xp.linalg.solve(matrix, right), matrix)
    if not bool(xp.all(xp.isfinite(solution))):
        raise LinAlgError("the matrix is singular")
    return solution


def eigvalsh(matrix: Array, /) -> Array:
    """(n,) eigenvalues of a symmetric (n, n) array in ascending order."""
    if array_api_compat.is_numpy_array(matrix) and matrix.ndim == 2:
        return scipy.linalg.eigvalsh(matrix, check_finite=False)
    return _raising(lambda: namespace(matrix).linalg.eigvalsh(matrix), matrix)


def _special(name: str, *arguments: Any) -> Array:
    array = arguments[-1]
    library = _library(array, "special")
    if library is not None:
        return getattr(library, name)(*arguments)
    return device_of(array).asarray(getattr(scipy.special, name)(*arguments[:-1], to_numpy(array)))


def erf(array: Array, /) -> Array:
    """The error function, entry by entry."""
    return _special("erf", array)


def erfc(array: Array, /) -> Array:
    """1 - erf without cancellation, entry by entry."""
    return _special("erfc", array)


def erfinv(array: Array, /) -> Array:
    """The inverse of the error function, entry by entry; NaN outside [-1, 1]."""
    return _special("erfinv", array)


def ndtri(array: Array, /) -> Array:
    """The quantile function of the standard normal law, entry by entry."""
    return _special("ndtri", array)


class ArrayLab:
    """What an experiment receives: arrays on one device, linear algebra, special functions, one stream of numbers.

    Random numbers are drawn on the host by NumPy's Philox generator and moved to the device once, so that the draws are
    the same on every device. The elementwise functions are those of `lab.xp`, also as `lab.exp`, `lab.where`, `lab.pi`.
    """

    gram = staticmethod(gram)
    cholesky = staticmethod(cholesky)
    solve_triangular = staticmethod(solve_triangular)
    cholesky_solve = staticmethod(cholesky_solve)
    solve = staticmethod(solve)
    eigvalsh = staticmethod(eigvalsh)
    erf = staticmethod(erf)
    erfc = staticmethod(erfc)
    ndtri = staticmethod(ndtri)

    def __init__(self, stream: np.random.Generator, /, *, device: Device = CPU, dtype: str = "float64") -> None:
        if dtype not in ("float64", "float32"):
            raise ValueError(f"dtype: {dtype!r} is not offered; allowed are 'float64' and 'float32'")
        self.stream = stream
        self.device = device
        self.xp = device.namespace
        self.dtype = getattr(self.xp, dtype)

    def __getattr__(self, name: str) -> Any:
        """Elementwise functions and constants of the namespace: lab.exp, lab.where, lab.pi."""
        if name.startswith("_") or name in ("xp", "device", "stream", "dtype"):
            raise AttributeError(name)
        return getattr(self.xp, name)

    def asarray(self, values: Any, /) -> Array:
        """`values` on this lab's device in its dtype."""
        return self.device.asarray(values, dtype=self.dtype)

    def normal(self, *shape: int) -> Array:
        """Independent standard normal entries of the given shape."""
        return self.asarray(self.stream.standard_normal(shape))

    def uniform(self, *shape: int) -> Array:
        """Independent entries, uniform on [0, 1)."""
        return self.asarray(self.stream.random(shape))

    def sphere(self, rows: int, dimension: int, /) -> Array:
        """(rows, dimension) array whose rows are independent and uniform on the unit sphere."""
        normal = self.normal(rows, dimension)
        return normal / self.xp.linalg.vector_norm(normal, axis=1, keepdims=True)

    def mean(self, array: Array, /) -> float:
        """The average of all entries, as a Python float."""
        return float(self.xp.mean(array))

    def norm(self, array: Array, /) -> float:
        """The Euclidean norm of all entries, as a Python float."""
        return float(self.xp.linalg.vector_norm(self.xp.reshape(array, (-1,))))
