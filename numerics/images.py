"""Labelled images from files: .npz archives and the folder of the CIFAR-10 python batches.

An .npz file holds `images` (or `points`), (n, ...), and `labels`, (n,); or `train_images`, `train_labels`,
`test_images`, `test_labels`. Whole numbers are levels from 0 to 255, or to `largest` where the file has that; floats
lie in [0, 1]. What is read is data only: nothing in a file is run.
"""

from __future__ import annotations

import pickle
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

LARGEST_LABEL = 10_000
TRAINING_BATCHES = tuple(f"data_batch_{k}" for k in range(1, 6))
FORM = "allowed are .npz with images and labels, or the folder of the CIFAR-10 python batches"
HARMLESS = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("_codecs", "encode"),
}
"""What a pickled NumPy array of numbers is rebuilt with."""


class ImageError(ValueError):
    """A file that is not a set of labelled images; one line that names it and says what is allowed."""


@dataclass(frozen=True, eq=False)
class Images:
    """Pixels (n, d) in [0, 1], float32, and labels (n,), whole numbers from 0; `shape` is that of one image."""

    pixels: np.ndarray[Any, Any]
    labels: np.ndarray[Any, Any]
    shape: tuple[int, ...]

    def chosen(self, places: np.ndarray[Any, Any], /) -> Images:
        """The images at these places."""
        return Images(self.pixels[places], self.labels[places], self.shape)


def read_images(path: Path, /) -> tuple[Images, Images | None]:
    """Training images and, where the file keeps them apart, test images. ImageError in one line for anything else."""
    if path.is_dir():
        return _read_batches(path)
    if not path.is_file():
        raise ImageError(f"{path}: there is no such file or folder; {FORM}")
    arrays = _read_archive(path)
    largest = arrays.get("largest")
    if "train_images" in arrays:
        parts = [_pick(arrays, f"{part}_images", f"{part}_labels", path, largest) for part in ("train", "test")]
        return _alike(parts[0], parts[1], path)
    name = "points" if "points" in arrays and "images" not in arrays else "images"
    return _pick(arrays, name, "labels", path, largest), None


def _read_archive(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    try:
        archive = np.load(path, allow_pickle=False)
        if isinstance(archive, np.lib.npyio.NpzFile):
            with archive:
                return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise ImageError(f"{path}: it cannot be read as .npz; {FORM}") from error
    raise ImageError(f"{path}: it holds one array without names; {FORM}")


def _pick(arrays: dict[str, Any], images: str, labels: str, path: Path, largest: Any) -> Images:
    for name in (images, labels):
        if name not in arrays:
            held = ", ".join(sorted(arrays)) or "nothing"
            raise ImageError(f"{path}: it has no array {name!r}, only {held}; {FORM}")
    return check_images(arrays[images], arrays[labels], path, images_name=images, labels_name=labels, largest=largest)


def check_images(
    images: np.ndarray[Any, Any],
    labels: np.ndarray[Any, Any],
    path: Path,
    /,
    *,
    images_name: str = "images",
    labels_name: str = "labels",
    largest: Any = None,
) -> Images:
    """Images (n, ...) and labels (n,) as `Images`. Raises ImageError for shapes, pixels or labels that mean nothing."""
    if images.ndim < 2 or 0 in images.shape:
        raise ImageError(f"{path}: {images_name} has shape {images.shape}; allowed is (n, ...), one image a row")
    if labels.shape != images.shape[:1]:
        raise ImageError(
            f"{path}: {labels_name} has shape {labels.shape}; allowed is ({images.shape[0]},), one an image"
        )
    if labels.dtype.kind not in "iu":
        raise ImageError(f"{path}: {labels_name} has dtype {labels.dtype}; allowed are whole numbers from 0")
    if int(labels.min()) < 0 or int(labels.max()) > LARGEST_LABEL:
        wrong = int(labels.min()) if int(labels.min()) < 0 else int(labels.max())
        raise ImageError(f"{path}: {labels_name} has {wrong}; allowed are whole numbers from 0 to {LARGEST_LABEL}")
    pixels = _scaled(images, path, images_name, largest)
    return Images(pixels.reshape(len(images), -1), labels.astype(np.int64), images.shape[1:])


def _scaled(images: np.ndarray[Any, Any], path: Path, name: str, largest: Any) -> np.ndarray[Any, Any]:
    """Pixels in [0, 1]."""
    if images.dtype.kind not in "iuf":
        raise ImageError(f"{path}: {name} has dtype {images.dtype}; allowed are numbers")
    if images.dtype.kind == "f" and not np.all(np.isfinite(images)):
        raise ImageError(f"{path}: {name} has pixels that are NaN or infinite; allowed are numbers from 0 to 1")
    top = 1.0 if images.dtype.kind == "f" else 255.0
    if largest is not None:
        if np.shape(largest) != () or largest.dtype.kind not in "iuf" or not 0 < float(largest) < np.inf:
            raise ImageError(f"{path}: largest is {largest!r}; allowed is one number above 0, the brightest level")
        top = float(largest)
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > top:
        wrong = low if low < 0 else high
        raise ImageError(f"{path}: {name} has a pixel of {wrong:g}; allowed are levels from 0 to {top:g}")
    return (images / top).astype(np.float32)


def _alike(first: Images, second: Images, path: Path) -> tuple[Images, Images]:
    if first.shape != second.shape:
        raise ImageError(
            f"{path}: training images of shape {first.shape} and test images of shape {second.shape} differ"
        )
    return first, second


class _Reader(pickle.Unpickler):
    """Reads containers, numbers, text and NumPy arrays; refuses every other class before it is made."""

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in HARMLESS:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _read_batches(folder: Path) -> tuple[Images, Images]:
    """The five training batches, those that are there, and the test batch of the CIFAR-10 python version."""
    names = [name for name in TRAINING_BATCHES if (folder / name).is_file()]
    if not names or not (folder / "test_batch").is_file():
        raise ImageError(f"{folder}: it has no data_batch_1 ... data_batch_5 with test_batch; {FORM}")
    parts = [_read_batch(folder / name) for name in names]
    pixels, labels = (np.concatenate([getattr(part, name) for part in parts]) for name in ("pixels", "labels"))
    return Images(pixels, labels, parts[0].shape), _read_batch(folder / "test_batch")


def _read_batch(path: Path) -> Images:
    try:
        with path.open("rb") as file:
            batch = _Reader(file, encoding="bytes").load()
    except pickle.UnpicklingError as error:
        raise ImageError(f"{path}: it asks for {error}, more than arrays and lists; nothing of it was run") from error
    except (EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ImageError(f"{path}: it cannot be read as a CIFAR-10 python batch") from error
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= set(batch):
        raise ImageError(f"{path}: it is no CIFAR-10 python batch, which holds data and labels")
    data, labels = batch[b"data"], np.asarray(batch[b"labels"])
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.shape[1] != 3072 or data.dtype != np.uint8:
        raise ImageError(f"{path}: data is no uint8 array of shape (n, 3072), which CIFAR-10 has")
    return check_images(data.reshape(-1, 3, 32, 32), labels, path, images_name="data")
