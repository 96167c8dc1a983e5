"""Control variates: they take out scatter they explain, never shift the mean, and keep intervals honest."""

from __future__ import annotations

import numpy as np

from verify.controls import adjust
from verify.statistics import Decision, run_test


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
        draws = _draws(rng, 12, 0.0)
        ratios.append(adjust(draws, {"control": 2.0})[100].var() / draws[100][:, 0].var())
    assert 0.99 < np.mean(ratios) < 1.25


def test_a_wrong_control_mean_shifts_the_result() -> None:
    draws = _draws(np.random.default_rng(4), 40, 3.0)
    assert abs(adjust(draws, {"control": 2.5})[100].mean() - 1) > 1


def test_without_controls_or_with_too_few_draws_nothing_changes() -> None:
    draws = _draws(np.random.default_rng(5), 2, 3.0)
    assert np.array_equal(adjust(draws, {})[50], draws[50])
    few = {50: draws[50]}
    assert np.array_equal(adjust(few, {"control": 2.0})[50], draws[50][:, :1])


def test_a_theory_off_by_the_tolerance_is_rarely_confirmed_with_controls() -> None:
    held = 0
    for seed in range(150):

        def draw(size: int, trial: int, seed: int = seed) -> dict[str, float]:
            rng = np.random.default_rng([seed, size, trial % 2**32])
            control, rest = rng.normal(size=2) / np.sqrt(size)
            return {"observable": 1.03 + 0.5 / size + 0.3 * control + 0.25 * rest, "control": control}

        test = run_test(
            draw,
            (40, 80, 160),
            {"observable": 1.0},
            {"observable": 0.03},
            bias="1/d",
            largest=400,
            controls={"control": 0},
        )
        held += test.decision is Decision.HOLDS
    assert held <= 15
