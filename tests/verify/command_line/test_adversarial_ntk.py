"""`adversarial-ntk`: a small run and its files, Ctrl-C, and one line for everything that cannot be."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from numerics.adversarial_ntk import Training

ROOT = Path(__file__).resolve().parents[3]
SMALL = [
    "--classes",
    "0",
    "1",
    "--train",
    "60",
    "--validation",
    "30",
    "--test",
    "40",
    "--steps",
    "4",
    "--device",
    "cpu",
]
Call = Callable[..., Result]


@pytest.fixture(scope="module")
def small_report(call: Call, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The JSON of one small run, and the folder it wrote."""
    folder = tmp_path_factory.mktemp("run") / "out"
    result = call("adversarial-ntk", *SMALL, "--radius", "0.2", "--out", str(folder), "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout), folder


def test_a_small_run_reports_three_models_with_errors(small_report: tuple[dict[str, Any], Path]) -> None:
    report, _ = small_report
    assert [row["name"] for row in report["models"]] == ["NTK interpolator", "Adv-NTK", "gradient flow"]
    for row in report["models"]:
        for kind in ("clean", "robust"):
            share, count = row[kind]["value"], row[kind]["count"]
            assert count == 40
            assert row[kind]["standard_error"] == pytest.approx((share * (1 - share) / count) ** 0.5)
        assert row["robust"]["value"] <= row["clean"]["value"]
    assert report["models"][0]["clean"]["value"] > 0.9
    assert len(report["losses"]) == 4
    assert report["attack"]["radius"] == 0.2
    assert report["curve"][-1]["time"] is None


def test_a_small_run_writes_its_files(small_report: tuple[dict[str, Any], Path]) -> None:
    report, folder = small_report
    assert sorted(path.name for path in folder.iterdir()) == [
        "report.json",
        "robust_accuracy.svg",
        "times.npz",
        "times.svg",
    ]
    assert json.loads((folder / "report.json").read_text(encoding="utf-8")) == report
    with np.load(folder / "times.npz") as kept:
        assert kept["times"].shape == (60,)
        assert kept["times"].max() == pytest.approx(report["times"]["max"])
        assert kept["points"].shape == (60, 64)
    for name in ("robust_accuracy.svg", "times.svg"):
        assert "<svg" in (folder / name).read_text(encoding="utf-8")[:1000]


def test_the_table_names_the_models_and_the_chosen_time(call: Call) -> None:
    first, second = (call("adversarial-ntk", *SMALL, "--seed", "5") for _ in range(2))
    assert first.exit_code == 0, first.output
    for words in (
        "NTK interpolator",
        "Adv-NTK, 4 steps",
        "gradient flow, time",
        "±",
        "radius 0.03137",
        "stopping times",
    ):
        assert words in first.stdout
    assert first.stdout == second.stdout
    assert first.stderr == ""


def test_the_attack_of_the_released_code_is_named(call: Call) -> None:
    result = call("adversarial-ntk", *SMALL, "--attack", "one-gradient", "--json")
    assert json.loads(result.stdout)["attack"]["kind"] == "one-gradient"


def test_a_fraction_is_read_and_never_evaluated(call: Call) -> None:
    result = call("adversarial-ntk", *SMALL, "--radius", "16/255", "--json")
    assert json.loads(result.stdout)["attack"]["radius"] == 16 / 255


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--radius", "0"], "--radius: '0' is out of range; allowed is a number above 0 up to 1"),
        (["--radius", "-8/255"], "out of range"),
        (["--radius", "nan"], "'nan' is not a number"),
        (["--radius", "8/0"], "divides by 0"),
        (["--radius", "8/255/2"], "is not a number"),
        (["--radius", "__import__('os').getcwd()"], "is not a number"),
        (["--radius", "300/255"], "out of range"),
        (["--rate", "0"], "--rate: '0' is out of range"),
        (["--rate", "1e300", "--steps", "2"], "--rate: the training times grew too long"),
        (["--classes", "3"], "--classes: only 3 is left; at least two"),
        (["--classes", "3,77"], "--classes: 77 is the label of no image"),
        (["--classes", "cat"], "--classes: 'cat' is no label"),
        (["--train", "5000"], "images are asked for; 1797 are there"),
        (["--train", "2"], "--train: class"),
        (["--train", "0"], "0 is not in the range"),
        (["--depth", "0"], "--depth"),
        (["--attack", "fgsm"], "'fgsm' is not one of 'pgd', 'one-gradient'"),
        (["--data", "no/such/file.npz"], "--data: no/such/file.npz: there is no such file"),
        (["--data", "README.md"], "cannot be read as .npz"),
        (["--data", "docs"], "it has no data_batch_1"),
        (["--out", "README.md"], "--out: 'README.md' is no folder"),
        (["--out", ""], "--out: '' is no folder"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, words: list[str], expected: str
) -> None:
    monkeypatch.chdir(ROOT)
    assert expected in refused("adversarial-ntk", *words)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"images": np.full((9, 4), np.nan), "labels": np.arange(9) % 2}, "NaN"),
        ({"images": np.zeros((9, 4)), "labels": np.arange(9) - 1}, "labels has -1"),
        ({"images": np.zeros((9, 4)), "labels": np.zeros(9, dtype=int)}, "only 0 is left"),
        ({"images": np.zeros(9), "labels": np.zeros(9, dtype=int)}, "images has shape (9,)"),
        ({"pictures": np.zeros((9, 4))}, "no array 'images', only pictures"),
    ],
)
def test_bad_files_are_refused_in_one_line(
    refused: Callable[..., str], tmp_path: Path, arrays: dict[str, Any], expected: str
) -> None:
    path = tmp_path / "set.npz"
    np.savez(path, **arrays)
    assert expected in refused("adversarial-ntk", "--data", str(path))


def test_ctrl_c_keeps_what_was_learned(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    step = Training.step

    def interrupted_step(self: Training) -> float:
        if len(self.losses) == 2:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Training, "step", interrupted_step)
    result = call("adversarial-ntk", *SMALL, "--out", str(tmp_path / "kept"), "--json")
    assert result.exit_code == 130
    assert "comparing what was learned" in result.stderr
    report = json.loads(result.stdout)
    assert report["notes"][-1] == "Ctrl-C after step 2 of 4"
    assert len(report["losses"]) == 2
    with np.load(tmp_path / "kept" / "times.npz") as kept:
        assert kept["times"].max() > 0


def test_ctrl_c_among_the_baselines_keeps_those_measured(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import numerics.adversarial_ntk as module

    whole = module.degeneration_curve

    def interrupted_curve(*given: Any) -> Any:
        for place, one in enumerate(whole(*given)):
            if place == 3:
                raise KeyboardInterrupt
            yield one

    monkeypatch.setattr(module, "degeneration_curve", interrupted_curve)
    result = call("adversarial-ntk", *SMALL, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 130
    assert len(report["curve"]) == 3
    assert "Ctrl-C after 3 of" in report["notes"][-1]


def test_ctrl_c_before_the_first_step_just_ends(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: Training) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(Training, "step", interrupt)
    result = call("adversarial-ntk", *SMALL)
    assert result.exit_code == 130
    assert result.stderr.strip() == "robust-limits: interrupted"
    assert result.stdout == ""


def _listen_to_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.standard
def test_a_real_interrupt_leaves_the_report(tmp_path: Path) -> None:
    words = ["adversarial-ntk", "--steps", "100000", "--out", str(tmp_path), "--test", "50", "--json"]
    # a shell's background jobs ignore interrupts, and so would this child of one
    streams: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": _listen_to_interrupts}
    process = subprocess.Popen([sys.executable, "-m", "verify", *words], cwd=ROOT, text=True, **streams)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=15)
    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=120)
    assert process.returncode == 130
    assert json.loads(text)["notes"][-1].startswith("Ctrl-C after step")
    assert (tmp_path / "times.npz").is_file()


def test_a_refusal_loads_no_scipy(loaded_modules: Callable[..., set[str]]) -> None:
    assert "scipy" not in loaded_modules("adversarial-ntk", "--radius", "0")
