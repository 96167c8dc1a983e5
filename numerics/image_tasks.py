"""Which images train, validate and test a task: classes chosen, shuffled by a seed, pixels moved to [-1/2, 1/2]."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from numerics.adversarial_ntk import Samples
from numerics.images import Images
from numerics.sampling import stream

TYPICAL = (2000, 400, 1000)
"""At most so many training, validation and test images where nothing else is asked for."""
SHARES = (6, 2, 4)
"""How a set without test images of its own is divided among the three."""
CENTRE = 0.5


@dataclass(frozen=True, eq=False)
class Task:
    """Three disjoint sets of images, labels 0 to len(classes) - 1; `classes` are the labels as the file has them."""

    training: Samples
    validation: Samples
    test: Samples
    classes: tuple[int, ...]
    shape: tuple[int, ...]


def make_task(
    images: Images,
    test: Images | None = None,
    /,
    *,
    classes: Sequence[int] = (),
    counts: tuple[int | None, int | None, int | None] = (None, None, None),
    seed: int | None = 0,
) -> Task:
    """The task of telling `classes` (all when empty), with so many training, validation and test images.

    Test images come from `test` where that is given. Without a seed the order of the file is kept. Raises ValueError
    for classes that are not there, fewer than two, more images than there are, or a class without a training image.
    """
    known = sorted(set(images.labels.tolist()))
    for label in classes:
        if label not in known:
            raise ValueError(f"classes: {label} is the label of no image; allowed are {_listed(known)}")
    chosen = tuple(sorted(set(classes))) if classes else tuple(known)
    if len(chosen) < 2:
        raise ValueError(f"classes: only {_listed(chosen)} is left; at least two classes are needed")
    pools = [_places(one, chosen, name, seed) for one, name in ((images, "first"), (test, "second")) if one is not None]
    sizes = _sizes(counts, [len(pool) for pool in pools])
    first = pools[0][: sizes[0]], pools[0][sizes[0] : sizes[0] + sizes[1]]
    last = pools[1][: sizes[2]] if test is not None else pools[0][sizes[0] + sizes[1] : sum(sizes)]
    training, validation = (_samples(images, places, chosen) for places in first)
    for position, label in enumerate(chosen):
        if not np.any(training.labels == position):
            raise ValueError(
                f"train: class {label} has no image among the {sizes[0]} training images; take more of them"
            )
    measured = _samples(images if test is None else test, last, chosen)
    return Task(training, validation, measured, chosen, images.shape)


def _places(images: Images, classes: Sequence[int], name: str, seed: int | None) -> np.ndarray[Any, Any]:
    places = np.flatnonzero(np.isin(images.labels, classes))
    return places if seed is None else stream(seed, f"image_tasks {name}", 0).permutation(places)


def _sizes(counts: tuple[int | None, int | None, int | None], pools: Sequence[int]) -> list[int]:
    apart = len(pools) == 2
    shared = SHARES[:2] if apart else SHARES
    sizes = [
        asked if asked is not None else min(most, pools[0] * part // sum(shared))
        for asked, most, part in zip(counts[: len(shared)], TYPICAL, shared, strict=False)
    ]
    if apart:
        sizes.append(counts[2] if counts[2] is not None else min(TYPICAL[2], pools[1]))
    words = ["train", "validation", "test"]
    for name, size in zip(words, sizes, strict=True):
        if size < 1:
            raise ValueError(f"{name}: {size} images are not enough; at least 1 is needed")
    if sum(sizes[: len(shared)]) > pools[0]:
        asked_for = " + ".join(f"{size} {word}" for size, word in zip(sizes, words[: len(shared)], strict=False))
        raise ValueError(f"{'/'.join(words[: len(shared)])}: {asked_for} images are asked for; {pools[0]} are there")
    if apart and sizes[2] > pools[1]:
        raise ValueError(f"test: {sizes[2]} images are asked for; {pools[1]} are there")
    return sizes


def _samples(images: Images, places: np.ndarray[Any, Any], classes: Sequence[int]) -> Samples:
    return Samples(images.pixels[places] - np.float32(CENTRE), np.searchsorted(classes, images.labels[places]))


def _listed(labels: Sequence[int]) -> str:
    shown = ", ".join(map(str, labels[:12]))
    return shown if len(labels) <= 12 else f"{shown}, ..."
