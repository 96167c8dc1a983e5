"""The experiments on finite networks: what they return, on any array library, and that they see what they should."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import array_api_strict
import numpy as np
import pytest

from numerics.experiments import robust_overfitting_line as line
from numerics.experiments import robust_overfitting_width as width
from numerics.lab import ArrayLab, Device, to_numpy

STRICT = Device("other", "strict", array_api_strict, array_api_strict.Device("device1"))


def setting(**changed: object) -> SimpleNamespace:
    values = {
        "dimension": 6.0,
        "width": 12.0,
        "depth": 1.0,
        "activation": "erf",
        "W_std": 1.5,
        "b_std": 0.1,
        "strength": 0.1,
        "time": 0.1,
        "networks": 2.0,
        "data": "new",
    }
    return SimpleNamespace(**{**values, **changed})


def lab(seed: int = 0, device: Device | None = None) -> ArrayLab:
    stream = np.random.default_rng(seed)
    return ArrayLab(stream) if device is None else ArrayLab(stream, device=device)


EXPERIMENTS = [
    (width.linearisation, 12),
    (width.closed_form_by_width, 12),
    (width.corrected_by_width, 12),
    (width.strength_law, 12),
    (width.decomposition, 12),
    (width.long_training_by_width, 12),
    (width.without_attack, 12),
    (line.half_line, 12),
]


@pytest.mark.parametrize(("experiment", "size"), EXPERIMENTS, ids=lambda value: getattr(value, "__name__", str(value)))
def test_an_experiment_is_the_same_on_another_array_library(experiment, size):
    ours = experiment(lab(), setting(), size)
    theirs = experiment(lab(0, STRICT), setting(), size)
    assert ours == pytest.approx(theirs, rel=1e-7)
    assert all(isinstance(value, float) and value > 0 for value in ours.values())


def test_one_data_set_serves_all_draws_of_a_dimension_and_new_data_do_not():
    same = [width.draw_trial(lab(seed), setting(data="one")) for seed in (1, 2)]
    np.testing.assert_array_equal(same[0].points, same[1].points)
    assert not np.array_equal(same[0].parameters, same[1].parameters)
    new = [width.draw_trial(lab(seed), setting()) for seed in (1, 2)]
    assert not np.array_equal(new[0].points, new[1].points)
    np.testing.assert_allclose(np.sum(new[0].points ** 2, axis=1), 6)


def test_two_hidden_layers_linearise_too():
    found = {n: width.linearisation(lab(3), setting(depth=2.0, networks=6.0), n)["gap"] for n in (16, 128)}
    assert found[128] < found[16] / 3


def test_the_networks_on_the_line_start_where_they_are_told():
    flow, parameters = line._on_the_line(lab(), setting(W_std=1.0), 50, start=0.7, label=0.0, steps=2)
    np.testing.assert_allclose(to_numpy(flow.predict(parameters, flow.inputs)[0]), 0.7)


def test_the_closed_form_has_no_gap_without_attack_and_with_linear_networks():
    trial = width.draw_trial(lab(), setting(strength=0.0))
    np.testing.assert_allclose(trial.linearised(None), trial.frozen(), atol=2e-3)
    trial = replace(trial, share=width.FINE)
    np.testing.assert_allclose(trial.linearised(None), trial.frozen(), atol=4e-4)
