"""`adversarial-ntk`: adversarial training of an infinitely wide network on images, beside its two baselines."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from verify.commands.values import LONGEST, NUMBER, WordsCommand

if TYPE_CHECKING:
    from numerics.adversarial_ntk import Problem, Schedule, Stopped, Training
    from numerics.image_tasks import Task

INTERRUPTED = 130
DIGITS = Path(__file__).parents[2] / "data" / "digits.npz"
DEPTH = 2
WEIGHTS, BIASES = 1.76, 0.18
MOST_IMAGES = 10**6


class _Words(WordsCommand):
    many: Mapping[str, str] = {"--classes": ""}


@click.command("adversarial-ntk", cls=_Words, short_help="Adversarial training at infinite width, on images.")
@click.option("--data", metavar="FILE|DIR", help="An .npz file or the CIFAR-10 python batches; default: 8x8 digits.")
@click.option("--classes", "words", metavar="LABEL ...", multiple=True, help="The labels to tell; default: all.")
@click.option("--depth", type=click.IntRange(1, 100), default=DEPTH, show_default=True, help="Hidden ReLU layers.")
@click.option("--radius", default="8/255", show_default=True, help="Of the l_inf ball; pixels run from 0 to 1.")
@click.option("--train", type=click.IntRange(1, MOST_IMAGES), help="Training images.")
@click.option("--validation", type=click.IntRange(1, MOST_IMAGES), help="Images that the times are learned on.")
@click.option("--test", type=click.IntRange(1, MOST_IMAGES), help="Images that the accuracies are measured on.")
@click.option("--steps", type=click.IntRange(1, 10**6), default=50, show_default=True, help="Training steps.")
@click.option("--rate", default="0.1", show_default=True, help="Length of a training step.")
@click.option(
    "--attack",
    type=click.Choice(["pgd", "one-gradient"]),
    default="pgd",
    show_default=True,
    help="True projected gradient descent, or the one sign step of the released code.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--device", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True)
@click.option("--out", metavar="DIR", help="Write report.json, times.npz and two figures there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    *,
    data: str | None,
    words: tuple[str, ...],
    depth: int,
    radius: str,
    train: int | None,
    validation: int | None,
    test: int | None,
    steps: int,
    rate: str,
    attack: str,
    seed: int,
    device: str,
    out: str | None,
    as_json: bool,
) -> int:
    """Learn a training time for each image (Adv-NTK, Fu & Wang 2024), and compare with the NTK interpolator and with
    gradient flow stopped at the best time on the validation images. Ctrl-C ends the training and keeps what was
    learned.

    \b
    Example: adversarial-ntk --radius 0.2 --classes 3 5 8 --out digits
    """
    size, length = _read_size("--radius", radius, most=1.0), _read_size("--rate", rate)
    labels = _read_labels(words)
    folder = writable_folder(out)
    task = read_task(data, labels, (train, validation, test), seed)
    from numerics.adversarial_ntk import Problem, Schedule
    from numerics.kernel_predictor import Attack
    from numerics.kernels import Architecture
    from verify.commands.simulate import chosen_device

    where = chosen_device(device)
    network, opponent = Architecture(depth, "relu", WEIGHTS, BIASES), Attack(size, attack)
    begun = time.perf_counter()
    try:
        problem = Problem(task.training, task.validation, len(task.classes), network, opponent, seed, where)
        report, interrupted = learn_and_compare(problem, Schedule(steps, length), task, folder)
    except MemoryError as error:
        count = len(task.training.labels)
        raise click.UsageError(f"--train: {count} images need more memory than there is; give fewer") from error
    report |= {"seconds": time.perf_counter() - begun, "data": Path(data).name if data else DIGITS.name}
    _save_report(report, folder)
    _print(report, as_json)
    return INTERRUPTED if interrupted else 0


def _read_size(option: str, text: str, /, *, most: float = math.inf) -> float:
    """The positive number that `text` writes, in decimal or as a fraction a/b; click.UsageError for anything else."""
    limit = f" up to {most:g}" if math.isfinite(most) else ""
    allowed = f"allowed is a number above 0{limit}, such as 0.03 or 8/255"
    parts = text.split("/")
    if len(text) > LONGEST or len(parts) > 2 or not all(NUMBER.fullmatch(part.strip()) for part in parts):
        shown = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
        raise click.UsageError(f"{option}: {shown!r} is not a number; {allowed}")
    numbers = [float(part) for part in parts]
    if len(numbers) == 2 and numbers[1] == 0:
        raise click.UsageError(f"{option}: {text!r} divides by 0; {allowed}")
    value = numbers[0] / numbers[1] if len(numbers) == 2 else numbers[0]
    if not 0 < value <= most or not math.isfinite(value):
        raise click.UsageError(f"{option}: {text!r} is out of range; {allowed}")
    return value


def _read_labels(words: tuple[str, ...], /) -> tuple[int, ...]:
    """The labels of `0 1` or `0,1`; click.UsageError for anything else."""
    texts = [text.strip() for word in words for text in word.split(",")]
    for text in texts:
        if not re.fullmatch(r"[0-9]{1,6}", text):
            raise click.UsageError(f"--classes: {text!r} is no label; allowed are whole numbers, such as 0 1 or 0,1")
    return tuple(int(text) for text in texts)


def writable_folder(out: str | None, /) -> Path | None:
    """The folder to write to, made now; click.UsageError in one line where it cannot be."""
    if out is None:
        return None
    folder = Path(out)
    if not out or folder.is_file():
        raise click.UsageError(f"--out: {out!r} is no folder; allowed is a folder, which is made if need be")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".writable").touch()
        (folder / ".writable").unlink()
    except OSError as error:
        raise click.UsageError(f"--out: {out!r} cannot be written to ({error.strerror})") from error
    return folder


def read_task(
    data: str | None, labels: tuple[int, ...], counts: tuple[int | None, int | None, int | None], seed: int, /
) -> Task:
    """The images of the task; click.UsageError in one line for a bad file, bad labels or too many images."""
    from numerics.image_tasks import make_task
    from numerics.images import ImageError, read_images

    if data is None and not DIGITS.is_file():
        raise click.UsageError("--data is missing: this installation comes without the digits; give a file or a folder")
    try:
        images, apart = read_images(DIGITS if data is None else Path(data))
    except (ImageError, OSError) as error:
        raise click.UsageError(f"--data: {error}") from error
    try:
        return make_task(images, apart, classes=labels, counts=counts, seed=seed)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from error


def learn_and_compare(
    problem: Problem, schedule: Schedule, task: Task, folder: Path | None, /
) -> tuple[dict[str, Any], bool]:
    """The report, and whether Ctrl-C ended something early: then it holds what was done until then."""
    from numerics.adversarial_ntk import Training, degeneration_curve
    from verify.report.learning import LEARNED, model_data

    training = Training(problem, schedule)
    interrupted = _learn(training, schedule)
    _save_times(training, task, folder)
    notes = [f"Ctrl-C after step {len(training.losses)} of {schedule.steps}"] if interrupted else []
    predictor = training.predictor()
    robust = problem.accuracies(predictor, task.validation, "validation")[1]
    measured = problem.accuracies(predictor, task.test, "test")
    learned = model_data(LEARNED, f"{len(training.losses)} steps", measured, robust)
    curve: list[Stopped] = []
    times = problem.stopping_times()
    try:
        with _progress("baselines", len(times) + 1) as bar:
            for one in degeneration_curve(problem, task.test, times):
                curve.append(one)
                bar.advance()
    except KeyboardInterrupt:
        notes.append(f"Ctrl-C after {len(curve)} of {len(times) + 1} stopping times")
    return _report(training, task, [learned], curve, notes), bool(notes)


def _progress(words: str, total: int) -> Any:
    from verify.report.learning_progress import LearningProgress

    return LearningProgress(words, total)


def _learn(training: Training, schedule: Schedule) -> bool:
    """Train; whether Ctrl-C ended it after at least one step. Before that it ends the command."""
    try:
        with _progress("training", schedule.steps) as bar:
            for _ in range(schedule.steps):
                bar.advance(f"loss {training.step():.4f}")
    except KeyboardInterrupt:
        if not training.losses:
            raise
        click.echo("interrupted: comparing what was learned; Ctrl-C again ends that too", err=True)
        return True
    except ValueError as error:
        raise click.UsageError(f"--rate: the training times grew too long ({error}); give a smaller one") from error
    return False


def _report(
    training: Training, task: Task, models: list[dict[str, Any]], curve: list[Stopped], notes: list[str]
) -> dict[str, Any]:
    from dataclasses import asdict

    from numerics.adversarial_ntk import best_stopping
    from numerics.provenance import provenance
    from verify.report.learning import INTERPOLATOR, STOPPED, curve_data, model_data

    problem, best = training.problem, best_stopping(curve)
    finite = sum(math.isfinite(one.time) for one in curve)
    for one in (one for one in curve if math.isinf(one.time)):
        models.insert(0, model_data(INTERPOLATOR, "time infinite", one.test, one.validation[1]))
    if best is not None:
        note = f"time {best.time:g}"
        models.append(model_data(STOPPED, note, best.test, best.validation[1]))
        notes = [f"the best of {finite} stopping times on the attacked validation images is {best.time:g}", *notes]
    return {
        "schema_version": 1,
        "classes": list(task.classes),
        "images": {name: len(getattr(task, name).labels) for name in ("training", "validation", "test")},
        "image_shape": list(task.shape),
        "network": asdict(problem.network),
        "attack": asdict(problem.attack) | {"step": problem.attack.radius / 5},
        "schedule": asdict(training.schedule),
        "seed": problem.seed,
        "models": models,
        "curve": curve_data(curve),
        "losses": training.losses,
        "times": {name: float(getattr(training.learned_times(), name)()) for name in ("min", "mean", "max")},
        "notes": notes,
        "provenance": provenance(problem.device, precision=problem.precision),
    }


def _save_times(training: Training, task: Task, folder: Path | None) -> None:
    """The learned times are kept as soon as there are any, whatever happens later."""
    if folder is None:
        return
    import numpy as np

    from verify.report.learning import draw_times
    from verify.report.plotting import house_style, save_figure

    times, labels = training.learned_times(), task.training.labels
    names = {"times": times, "points": task.training.points, "labels": labels, "classes": np.asarray(task.classes)}
    np.savez_compressed(folder / "times.npz", allow_pickle=False, **names)
    report = {"classes": list(task.classes), "losses": training.losses}
    with house_style():
        save_figure(draw_times(report, times.tolist(), labels.tolist()), folder / "times.svg", title="adversarial-ntk")


def _save_report(report: Mapping[str, Any], folder: Path | None) -> None:
    if folder is None:
        return
    from verify.report.learning import draw_degeneration
    from verify.report.plotting import house_style, save_figure

    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / "report.json").write_text(f"{text}\n", encoding="utf-8")
    if any(row["time"] is not None for row in report["curve"]):
        with house_style():
            save_figure(draw_degeneration(report), folder / "robust_accuracy.svg", title="adversarial-ntk")


def _print(report: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False))
        return
    from verify.report.learning import model_table
    from verify.report.trimmed import trimmed_console

    with trimmed_console() as console:
        console.print(model_table(report))
        for note in report["notes"]:
            console.print(f"  {note}", markup=False)
