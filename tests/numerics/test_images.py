"""Labelled images: the digits of the repository, .npz archives, CIFAR-10 batches, and files that are neither."""

import hashlib
import os
import pickle

import numpy as np
import pytest

from numerics.image_tasks import make_task
from numerics.images import ImageError, Images, read_images
from verify.commands.adversarial_ntk import DIGITS


def write(folder, **arrays):
    path = folder / "set.npz"
    np.savez_compressed(path, **arrays)
    return path


def write_batches(folder, *, labels=None, data=None, names=("data_batch_1", "data_batch_2", "test_batch")):
    draw = np.random.default_rng(0)
    for name in names:
        pixels = draw.integers(0, 256, (6, 3072), dtype=np.uint8) if data is None else data
        batch = {
            b"data": pixels,
            b"labels": [0, 1, 2, 3, 4, 9] if labels is None else labels,
            b"batch_label": b"a batch",
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def good(count=6):
    return {"images": np.arange(count * 4, dtype=np.uint8).reshape(count, 2, 2), "labels": np.arange(count) % 2}


def test_the_digits_are_those_of_the_source():
    images, apart = read_images(DIGITS)
    assert apart is None
    assert images.pixels.shape == (1797, 64)
    assert images.shape == (8, 8)
    assert np.bincount(images.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    levels = np.rint(16 * images.pixels).astype(np.uint8)
    assert np.array_equal(levels / 16, images.pixels)
    assert hashlib.sha256(levels.tobytes()).hexdigest().startswith("8f26b2bd9d135c25")
    assert DIGITS.stat().st_size < 100_000


def test_whole_numbers_are_levels_and_floats_are_shares(tmp_path):
    values = np.asarray([[[0, 51]], [[102, 255]]])
    for images, extra in (
        (values.astype(np.uint8), {}),
        (values / 255, {}),
        (values // 51, {"largest": np.asarray(5)}),
    ):
        read, _ = read_images(write(tmp_path, images=images, labels=[0, 1], **extra))
        np.testing.assert_allclose(read.pixels, values.reshape(2, 2) / 255, rtol=1e-6)
        assert read.pixels.dtype == np.float32
    points, _ = read_images(write(tmp_path, points=values[:, 0] / 255, labels=[3, 1]))
    assert points.labels.tolist() == [3, 1]


def test_a_file_may_keep_test_images_apart(tmp_path):
    arrays = {f"{part}_{name}": value for part in ("train", "test") for name, value in good().items()}
    images, apart = read_images(write(tmp_path, **arrays))
    assert images.pixels.shape == apart.pixels.shape == (6, 4)


def test_cifar_batches_are_read_in_order(tmp_path):
    images, apart = read_images(write_batches(tmp_path))
    assert images.pixels.shape == (12, 3072)
    assert images.shape == (3, 32, 32)
    assert apart.labels.tolist() == [0, 1, 2, 3, 4, 9]
    first = pickle.loads((tmp_path / "data_batch_1").read_bytes())[b"data"]
    np.testing.assert_allclose(images.pixels[:6], first / 255, rtol=1e-6)


class Harmful:
    """A pickle that would run a command."""

    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_a_pickle_that_asks_for_more_than_arrays_is_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for payload in (Harmful(), {b"data": Harmful()}, [os.getcwd], np.asarray([Harmful()], dtype=object)):
        write_batches(tmp_path)
        (tmp_path / "data_batch_1").write_bytes(pickle.dumps(payload))
        with pytest.raises(ImageError, match="more than arrays and lists; nothing of it was run"):
            read_images(tmp_path)
    path = tmp_path / "set.npz"
    np.savez(path, images=np.asarray([Harmful()], dtype=object), labels=[0])
    with pytest.raises(ImageError, match="cannot be read as"):
        read_images(path)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros(6)}, "images has shape \\(6,\\)"),
        ({"images": np.zeros((0, 2))}, "images has shape \\(0, 2\\)"),
        ({"labels": np.zeros(5, dtype=int)}, "labels has shape \\(5,\\); allowed is \\(6,\\)"),
        ({"labels": np.zeros(6)}, "labels has dtype float64"),
        ({"labels": np.full(6, -1)}, "labels has -1"),
        ({"labels": np.full(6, 10**7)}, "labels has 10000000"),
        ({"images": np.full((6, 2), np.nan)}, "pixels that are NaN"),
        ({"images": np.full((6, 2), 1.5)}, "a pixel of 1.5; allowed are levels from 0 to 1"),
        ({"images": np.full((6, 2), -1)}, "a pixel of -1; allowed are levels from 0 to 255"),
        ({"images": np.full((6, 2), "a")}, "images has dtype"),
        ({"largest": np.asarray(0)}, "largest is"),
        ({"largest": np.asarray([2, 3])}, "largest is"),
    ],
)
def test_arrays_that_are_no_images_are_named(tmp_path, change, message):
    with pytest.raises(ImageError, match=message) as caught:
        read_images(write(tmp_path, **{**good(), **change}))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_files_that_are_no_sets_are_named(tmp_path):
    text, single, empty = tmp_path / "a.npz", tmp_path / "b.npy", tmp_path / "empty"
    text.write_text("not an archive", encoding="utf-8")
    np.save(single, np.zeros(3))
    empty.mkdir()
    for path, message in (
        (tmp_path / "none.npz", "there is no such file"),
        (text, "cannot be read as .npz"),
        (single, "one array without names"),
        (empty, "no data_batch_1"),
        (write(tmp_path, images=np.zeros((2, 2))), "no array 'labels', only images"),
    ):
        with pytest.raises(ImageError, match=message):
            read_images(path)
    truncated = write_batches(empty) / "data_batch_1"
    truncated.write_bytes(truncated.read_bytes()[:40])
    with pytest.raises(ImageError, match="data_batch_1: it"):
        read_images(empty)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1]}, "labels has shape"),
        ({"data": np.zeros((6, 12), dtype=np.uint8)}, "no uint8 array of shape \\(n, 3072\\)"),
        ({"data": np.zeros((6, 3072))}, "no uint8 array"),
        ({"data": [1, 2]}, "no uint8 array"),
    ],
)
def test_batches_of_another_form_are_named(tmp_path, change, message):
    with pytest.raises(ImageError, match=message):
        read_images(write_batches(tmp_path, **change))


def set_of(count, classes=4):
    draw = np.random.default_rng(0)
    pixels = draw.random((count, 3)).astype(np.float32)
    return Images(pixels, np.arange(count) % classes * 2, (3,))


def test_a_task_takes_every_image_at_most_once_and_centres_it():
    images = set_of(120)
    task = make_task(images, classes=(4, 0), seed=1)
    parts = [task.training, task.validation, task.test]
    rows = np.vstack([part.points for part in parts]) + 0.5
    assert [len(part.labels) for part in parts] == [30, 10, 20]
    assert len({tuple(row) for row in rows}) == 60
    assert task.classes == (0, 4)
    originals = {tuple(np.round(row, 5)): label for row, label in zip(images.pixels, images.labels, strict=True)}
    for part in parts:
        for row, label in zip(part.points + 0.5, part.labels, strict=True):
            assert originals[tuple(np.round(row, 5))] == task.classes[label]


def test_a_task_is_decided_by_its_seed_and_keeps_the_order_without_one():
    images, apart = set_of(100), set_of(40)
    one, same, other = (make_task(images, seed=seed).training.points for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    task = make_task(images, apart, seed=None, counts=(50, 20, 30))
    np.testing.assert_allclose(task.training.points, images.pixels[:50] - 0.5)
    np.testing.assert_allclose(task.validation.points, images.pixels[50:70] - 0.5)
    np.testing.assert_allclose(task.test.points, apart.pixels[:30] - 0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"classes": (0, 3)}, "classes: 3 is the label of no image; allowed are 0, 2, 4, 6"),
        ({"classes": (2,)}, "classes: only 2 is left; at least two"),
        (
            {"counts": (100, 10, 20)},
            "train/validation/test: 100 train \\+ 10 validation \\+ 20 test images are asked for; 100",
        ),
        ({"counts": (3, 10, 20)}, "train: class . has no image among the 3 training images"),
        ({"counts": (0, 10, 20)}, "train: 0 images are not enough"),
    ],
)
def test_tasks_that_cannot_be_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        make_task(set_of(100), **given)


def test_a_task_of_one_class_is_refused():
    with pytest.raises(ValueError, match="classes: only 0 is left"):
        make_task(set_of(20, classes=1))
