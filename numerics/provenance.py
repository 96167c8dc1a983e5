"""What a number came from: versions, device, commit, lock."""

from __future__ import annotations

import functools
import hashlib
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from numerics.lab import Device
from numerics.threads import blas_threads_pinned

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("robust-limits", "sympy", "mpmath", "numpy", "scipy", "python-flint", "cupy-cuda12x", "cupy-cuda13x")


def provenance(device: Device, /, **rest: object) -> dict[str, object]:
    """Versions, platform, device, commit and whether the checkout is dirty, hash of the lock; `rest` is added.

    No host name and no path is recorded.
    """
    return {**_fixed(), "device": f"{device.name}: {device.description}", **rest}


@functools.cache
def _fixed() -> dict[str, object]:
    found: dict[str, object] = {"python": platform.python_version(), "platform": f"{sys.platform} {platform.machine()}"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    lock = ROOT / "requirements.lock"
    found["lock_hash"] = hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None
    found["commit"], found["dirty"] = _commit()
    found["blas"], found["blas_threads"] = _blas(), 1 if blas_threads_pinned() else None
    return found


def _blas() -> str | None:
    """Name and version of the BLAS that NumPy was built with."""
    built = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {}) if built else {}
    return f"{blas['name']} {blas.get('version', '')}".strip() if "name" in blas else None


def _commit() -> tuple[str | None, bool | None]:
    """The commit of this checkout and whether it has changes; (None, None) outside one."""
    if not (ROOT / ".git").exists():
        return None, None
    try:
        head, state = _git("rev-parse", "HEAD"), _git("status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return None, None
    return head, bool(state)


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=5)
    return done.stdout.strip()
