"""An interrupt is never lost, does not disturb a block that is cleaning up, and leaves no handler behind."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from verify.commands.interrupts import AGAIN, heard_interrupts

LONG = 20 * AGAIN


@pytest.fixture(autouse=True)
def hears_interrupts() -> Iterator[None]:
    """What a shell starts in the background ignores them."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_soon() -> None:
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()


def is_interrupted(work: Callable[[], object]) -> bool:
    interrupt_soon()
    try:
        with heard_interrupts():
            work()
    except KeyboardInterrupt:
        return True
    return False


def test_an_interrupt_ends_the_block_and_the_handler_is_put_back() -> None:
    assert is_interrupted(lambda: time.sleep(LONG))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_that_was_swallowed_comes_again() -> None:
    swallowed = []

    def swallow() -> None:
        try:
            time.sleep(LONG)
        except KeyboardInterrupt:
            swallowed.append(True)
        time.sleep(LONG)

    assert is_interrupted(swallow)
    assert swallowed == [True]


def test_a_finalizer_does_not_swallow_an_interrupt() -> None:
    class Slow:
        def __del__(self) -> None:
            time.sleep(0.2)

    def finalize() -> None:
        thing = Slow()
        del thing
        time.sleep(LONG)

    assert is_interrupted(finalize)


def test_a_block_that_cleans_up_is_left_in_peace() -> None:
    cleaned = []

    def clean_up() -> None:
        try:
            time.sleep(LONG)
        finally:
            time.sleep(4 * AGAIN)
            cleaned.append(True)

    assert is_interrupted(clean_up)
    assert cleaned == [True]


def test_no_interrupt_arrives_after_the_block() -> None:
    assert is_interrupted(lambda: time.sleep(LONG))
    time.sleep(2 * AGAIN)


def test_other_handlers_are_left_alone() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with heard_interrupts():
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
