"""Points with labels from files: a CSV table with a header, the label in its last column, or .npz with points and
labels.

What is read is data only: nothing in a file is run.
"""

from __future__ import annotations

import csv
import math
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from numerics.lab import to_numpy

Numbers = np.ndarray[Any, Any]

LARGEST = 1e150
"""Of coordinates, labels and radius, so that nothing overflows."""
FORM = "allowed are .csv with a header and the label in the last column, or .npz with points and labels"


class TableError(ValueError):
    """A file that is not a table of labelled points; one line that names it and says what is allowed."""


def read_labelled_points(path: Path, /) -> tuple[Numbers, Numbers]:
    """Points (n, d) and labels (n,) as they stand in the file, float64. TableError in one line for anything else."""
    if not path.is_file():
        raise TableError(f"{path}: there is no such file; {FORM}")
    if zipfile.is_zipfile(path):
        return _read_archive(path)
    table = _read_table(path)
    return table[:, :-1], table[:, -1]


def _read_archive(path: Path) -> tuple[Numbers, Numbers]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = [name for name in ("points", "labels") if name not in archive.files]
            if missing:
                there = ", ".join(archive.files) or "nothing"
                raise TableError(f"{path}: no array {missing[0]!r}, only {there}; {FORM}")
            points, labels = archive["points"], archive["labels"]
    except TableError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise TableError(f"{path}: it cannot be read as .npz; {FORM}") from error
    for name, array in (("points", points), ("labels", labels)):
        if array.dtype.kind not in "fiub":
            raise TableError(f"{path}: {name} holds {array.dtype}, not numbers; {FORM}")
    return points.astype(np.float64), labels.astype(np.float64)


def _read_table(path: Path) -> Numbers:
    try:
        with path.open(encoding="utf-8-sig") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = next(csv.reader([file.readline()]), [])
            table = np.loadtxt(file, delimiter=",", ndmin=2, comments=None)
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: it is not text; {FORM}") from error
    except ValueError as error:
        words = " ".join(str(error).split(";")[0].split()).rstrip(".")
        raise TableError(f"{path}: {words} (rows after the header, from 0); {FORM}") from error
    if header and all(_is_number(word) for word in header):
        raise TableError(f"{path}: its first line holds numbers; a header with the columns' names is needed")
    if table.shape[0] == 0 or table.shape[1] < 2:
        raise TableError(f"{path}: {table.shape[0]} rows of {table.shape[1]} numbers after the header; {FORM}")
    if len(header) != table.shape[1]:
        raise TableError(f"{path}: {len(header)} names in the header, {table.shape[1]} columns of numbers; {FORM}")
    return table


def _is_number(word: str) -> bool:
    try:
        return not math.isnan(float(word))
    except ValueError:
        return False


def distinct_points(points: Any, labels: Any, /) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """First rows of the distinct points, these points (n, d), their labels (n,), how often each is there (n,).

    ValueError in one line for bad data.
    """
    arrays = []
    for name, values, axes in (("points", points, 2), ("labels", labels, 1)):
        try:
            raw = np.asarray(to_numpy(values))
            if raw.dtype.kind == "c":
                raise ValueError("complex numbers have no order")
            array = raw.astype(np.float64) + 0.0  # no negative zeros
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name}: not an array of numbers ({' '.join(str(error).split())})") from error
        if array.ndim != axes or 0 in array.shape:
            wanted = "(n, d)" if axes == 2 else "(n,)"
            raise ValueError(f"{name}: shape {array.shape} is not allowed; it must be {wanted}, not empty")
        if not np.isfinite(array).all():
            row = int(np.argwhere(~np.isfinite(array))[0][0])
            raise ValueError(f"{name}: row {row} is not finite; NaN and infinity are not allowed")
        if np.abs(array).max() > LARGEST:
            raise ValueError(f"{name}: {np.abs(array).max():g} is too large; at most {LARGEST:g} is allowed")
        arrays.append(array)
    given, values = arrays
    if len(given) != len(values):
        raise ValueError(f"labels: {len(values)} labels for {len(given)} points; one for each is needed")
    _, first, inverse, counts = np.unique(given, axis=0, return_index=True, return_inverse=True, return_counts=True)
    clashes = np.flatnonzero(values != values[first[inverse.reshape(-1)]])
    if len(clashes):
        row = int(clashes[0])
        other = int(first[inverse.reshape(-1)[row]])
        pair = f"rows {other} and {row} are the same point with labels {values[other]:g} and {values[row]:g}"
        raise ValueError(f"points: {pair}; a point has one label")
    order = np.argsort(first)
    places = first[order]
    return places, given[places], values[places], counts[order]
