"""Jobs over worker processes: a worker that dies, or never comes back, loses its own job and nothing else."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from numerics.threads import pin_blas_threads

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Lost:
    """What comes back for a job whose worker died or was stopped."""

    reason: str


class _Worker(Generic[Job, Result]):
    def __init__(self, function: Callable[[Job], Result]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, function), daemon=True)
        self.process.start()
        self.since = time.monotonic()
        theirs.close()

    def give(self, job: Job) -> None:
        # A worker that died before it could read is noticed by `take`.
        self.since = time.monotonic()
        with contextlib.suppress(OSError):
            self.pipe.send(job)

    def take(self) -> Result | Lost:
        try:
            result: Result = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return Lost(f"the worker died (exit code {self.process.exitcode})")
        return result

    def stop(self) -> None:
        self.pipe.close()
        self.process.terminate()
        self.process.join()


def run_jobs(
    function: Callable[[Job], Result], jobs: Iterable[Job], /, *, workers: int, patience: float = math.inf
) -> Generator[tuple[Job, Result | Lost], None, None]:
    """(job, result) as they finish, jobs started in their order; Lost where a worker died (it is replaced).

    A worker that has not answered after `patience` seconds is stopped: inside a library call no limit of its own works.

    `function` is importable by name and does not raise. Leaving the iterator, by an interrupt too, ends the workers.
    """
    # Workers inherit the variables, and read them when they load their BLAS.
    pin_blas_threads()
    waiting, running = deque(jobs), dict[Any, tuple[_Worker[Job, Result], Job]]()
    idle: list[_Worker[Job, Result]] = []
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                worker = idle.pop() if idle else _Worker(function)
                job = waiting.popleft()
                running[worker.pipe] = worker, job
                worker.give(job)
            ready_now = wait(list(running), timeout=None if math.isinf(patience) else 1.0)
            for pipe in [pipe for pipe in running if pipe not in ready_now]:
                worker, job = running[pipe]
                if time.monotonic() - worker.since > patience:
                    del running[pipe]
                    worker.stop()
                    yield job, Lost(f"stopped after {patience:g} s")
            for ready in ready_now:
                worker, job = running.pop(ready)
                result = worker.take()
                idle += [] if isinstance(result, Lost) else [worker]
                yield job, result
    finally:
        for worker in [*idle, *(worker for worker, _ in running.values())]:
            worker.stop()


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """Answer jobs until the parent hangs up."""
    import signal

    # What a derivation prints is no part of the report that our parent writes.
    sys.stdout = sys.stderr
    # Ctrl-C reaches the whole group; the parent ends the workers, which have nothing to say about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(function(job))
