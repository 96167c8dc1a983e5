"""This user's cache: texts by key, sealed so that a torn or edited file is never used."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """The folder of this user's cache (XDG_CACHE_HOME, the macOS caches folder, or ~/.cache)."""
    if os.environ.get("XDG_CACHE_HOME"):
        base = Path(os.environ["XDG_CACHE_HOME"])
    else:
        base = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return base / "robust-limits"


def read_text(path: Path, key: str, /) -> str | None:
    """The text stored under `key`, if it is whole: its last line repeats the hash of the rest. None otherwise."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    body, _, seal = text.rpartition("# ")
    return body if seal.strip() == _seal(key, body) else None


def write_text(path: Path, key: str, text: str, /) -> None:
    """Store the text in one step; a cache that cannot be written is not an error."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{text}# {_seal(key, text)}\n")
        Path(name).replace(path)
    except OSError:
        return


def _seal(key: str, body: str) -> str:
    return hashlib.sha256((key + body).encode()).hexdigest()
