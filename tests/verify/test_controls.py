"""Control variates: they take out scatter they explain, never shift the mean, and keep intervals honest."""

from __future__ import annotations

import numpy as np

from verify.controls import adjust


def _draws(rng: np.random.Generator, count: int, slope: float) -> dict[int, np.ndarray]:
    blocks = {}
    for size in (50, 100, 200):
        control = 2 + rng.normal(size=count) / np.sqrt(size)
        observable = 1 + slope * (control - 2) + 0.1 * rng.normal(size=count) / np.sqrt(size)
        blocks[size] = np.stack([observable, control], axis=1)
    return blocks


def test_explained_scatter_is_removed() -> None:
    draws = _draws(np.random.default_rng(1), 40, 3.0)
    calm = adjust(draws, {"control": 2.0})
    for size, block in calm.items():
        assert block.shape == (40, 1)
        assert block.std() < 0.2 * draws[size][:, 0].std()


def test_the_corrected_mean_is_unbiased() -> None:
    rng = np.random.default_rng(2)
    means = [adjust(_draws(rng, 8, 3.0), {"control": 2.0})[100].mean() for _ in range(400)]
    assert abs(np.mean(means) - 1) < 4 * np.std(means) / np.sqrt(len(means))


def test_a_useless_control_does_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(3)
    ratios = []
    for _ in range(400):
        draws = _draws(rng, 5, 0.0)
        ratios.append(adjust(draws, {"control": 2.0})[100].var() / draws[100][:, 0].var())
    assert 0.9 < np.mean(ratios) < 1.2


def test_a_wrong_control_mean_shifts_the_result() -> None:
    draws = _draws(np.random.default_rng(4), 40, 3.0)
    assert abs(adjust(draws, {"control": 2.5})[100].mean() - 1) > 1


def test_without_controls_or_with_too_few_draws_nothing_changes() -> None:
    draws = _draws(np.random.default_rng(5), 2, 3.0)
    assert np.array_equal(adjust(draws, {})[50], draws[50])
    few = {50: draws[50]}
    assert np.array_equal(adjust(few, {"control": 2.0})[50], draws[50][:, :1])
