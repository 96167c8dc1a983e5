"""The limit on the time of a check: it nests, it works in any thread, and nothing in the block can swallow it."""

from __future__ import annotations

import gc
import signal
import threading
import time
from typing import Any

import pytest

from verify.time_limit import TimedOut, run_within, time_limit


def spin() -> Any:
    while True:
        pass


def wait_in_processor_time(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_time_limits_nest_and_each_knows_its_own() -> None:
    with pytest.raises(TimedOut), time_limit(0.1):
        run_within(50, spin)
    assert run_within(0.1, spin) is None
    assert run_within(10, lambda: run_within(0.05, spin) or "went on") == "went on"
    assert signal.getitimer(signal.ITIMER_PROF)[0] == 0


def test_time_limits_work_outside_the_main_thread() -> None:
    seen: list[object] = []

    def swallow() -> None:
        seen.append(run_within(0.1, lambda: [time.sleep(0.001) for _ in range(10**6)]))

    thread = threading.Thread(target=swallow)
    thread.start()
    thread.join(30)
    assert seen == [None]


def test_a_finalizer_does_not_swallow_the_end_of_the_time() -> None:
    class Slow:
        def __del__(self) -> None:
            wait_in_processor_time(0.1)

    def drop_and_go_on() -> Any:
        thing = Slow()
        del thing
        spin()

    assert run_within(0.05, drop_and_go_on) is None


def test_a_callback_of_the_collector_does_not_swallow_the_end_of_the_time() -> None:
    def callback(phase: str, _info: dict[str, int]) -> None:
        wait_in_processor_time(0.1 if phase == "stop" else 0.0)

    def collect_and_go_on() -> Any:
        gc.collect()
        spin()

    gc.callbacks.append(callback)
    try:
        assert run_within(0.05, collect_and_go_on) is None
    finally:
        gc.callbacks.remove(callback)


def test_code_that_swallows_the_end_of_the_time_once_meets_it_again() -> None:
    def swallow_and_go_on() -> Any:
        try:
            spin()
        except BaseException:
            spin()

    assert run_within(0.05, swallow_and_go_on) is None
