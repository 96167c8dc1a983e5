"""The standard streams as this program needs them: writable whatever the shell has done to them."""

from __future__ import annotations

import codecs
import io
import json
import os
import sys


def prepare_streams() -> None:
    """Make both streams safe to write: a closed one takes everything, what an encoding lacks is escaped as in JSON."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (it lives as long as the process)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    codecs.register_error("json_escape", _escape_unencodable)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="json_escape")


def _escape_unencodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def output_is_lost() -> bool:
    """Whether what is still buffered can no longer be written (the reader has left, the disk is full)."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False
