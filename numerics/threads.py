"""One BLAS thread per process: several workers with many threads each slow one another down many times over.

The libraries read these variables once, when they load, so this module imports nothing outside the standard library.
"""

import os
import sys

VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def pin_blas_threads() -> bool:
    """Ask every BLAS for one thread; returns whether that can still take effect here (numpy is not loaded yet).

    The variables are set in either case, so that processes started from this one are pinned.
    """
    for name in VARIABLES:
        os.environ[name] = "1"
    return "numpy" not in sys.modules


def blas_threads_pinned() -> bool:
    """Whether every variable asks for one thread (for the provenance of a result)."""
    return all(os.environ.get(name) == "1" for name in VARIABLES)
