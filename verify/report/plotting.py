"""The look of every figure, and files that are either whole or not there."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("svg", "png", "pdf")
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
"""Okabe and Ito's palette, which readers of every colour vision can tell apart."""

MARKERS = ("x", "o", "s", "^", "D", "v")
STYLE: Any = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "robust-limits",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "mathtext.fontset": "cm",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "errorbar.capsize": 2,
    "lines.markersize": 4,
    "lines.markeredgewidth": 1.1,
    "lines.markerfacecolor": "white",
}


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in our style, whatever the user's own matplotlibrc says."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def save_figure(figure: Figure, path: Path, /, *, title: str = "", description: str = "") -> None:
    """Write the figure in the format of the path's suffix, replacing a file of that name only by a whole one.

    Equal figures give equal bytes: no date, no version and no random name is written. Raises OSError, and leaves what
    was there, when the folder cannot be written to.
    """
    kind = path.suffix[1:].lower()
    written = io.BytesIO()
    figure.savefig(written, format=kind, dpi=160, metadata=_metadata(kind, title, description))
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(written.getvalue())
        if target.exists():
            shutil.copymode(target, partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _metadata(kind: str, title: str, description: str) -> dict[str, str | None]:
    """What each format calls its title, description and maker; None drops matplotlib's own entry."""
    if kind == "pdf":
        words = {"Title": title, "Subject": description}
        fixed: dict[str, str | None] = {"Creator": "robust-limits", "Producer": None, "CreationDate": None}
    else:
        words = {"Title": title, "Description": description}
        fixed = {"Creator": "robust-limits", "Date": None} if kind == "svg" else {"Software": "robust-limits"}
    return {**{name: text for name, text in words.items() if text}, **fixed}
