"""A limit on the processor time of a block, with a backstop in wall time for a block that only waits."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import TypeVar

_WAITING = 10
"""A block that waits gets this multiple of its processor time on the clock."""

_AGAIN = 0.1
"""Seconds until the limit speaks again, where something in the block swallowed it."""


T = TypeVar("T")


class TimedOut(BaseException):
    """The block took too long. Not an Exception, so that the code in the block does not swallow it by accident."""

    limit: object = None


def run_within(seconds: float, function: Callable[[], T], /) -> T | None:
    """The function's value, or None when it took longer; the end of an outer limit is passed on."""
    limit = object()
    try:
        with time_limit(seconds, limit):
            return function()
    except TimedOut as error:
        if error.limit is not limit:
            raise
        return None


@contextlib.contextmanager
def time_limit(seconds: float, limit: object = None, /) -> Iterator[None]:
    """Raise TimedOut (marked `limit`) in the block after `seconds` of processor time; limits nest, the tighter wins.

    By signals in the main thread where the platform has them, else by an exception that a timer sets in this thread.
    """
    if not math.isfinite(seconds):
        yield
    elif hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():
        with _timer("PROF", seconds, limit), _timer("REAL", _WAITING * seconds, limit):
            yield
    else:
        with _watcher(seconds, limit):
            yield


@contextlib.contextmanager
def _timer(name: str, seconds: float, limit: object) -> Iterator[None]:
    which = getattr(signal, f"ITIMER_{name}")
    number = signal.SIGPROF if name == "PROF" else signal.SIGALRM
    clock = time.process_time if name == "PROF" else time.monotonic
    outer, _ = signal.getitimer(which)
    if 0 < outer <= seconds:
        yield
        return
    leaving = False

    def interrupt(_number: int, frame: FrameType | None) -> None:
        if leaving or unheard(frame):
            return
        error = TimedOut()
        error.limit = limit
        raise error

    started = clock()
    before = signal.signal(number, interrupt)
    signal.setitimer(which, max(seconds, 1e-3), _AGAIN)
    try:
        yield
    finally:
        leaving = True
        signal.setitimer(which, 0)
        signal.signal(number, before)
        if outer > 0:
            signal.setitimer(which, max(outer - (clock() - started), 1e-3), _AGAIN)


def unheard(frame: FrameType | None) -> bool:
    """Whether the interpreter only prints what is raised here: in a finalizer or a callback of the collector."""
    callbacks = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code in callbacks:
            return True
        frame = frame.f_back
    return False


@contextlib.contextmanager
def _watcher(seconds: float, limit: object) -> Iterator[None]:
    class Marked(TimedOut):
        """This watcher's own: the exception is made in the interrupted thread, from its class alone."""

    Marked.limit = limit
    thread = ctypes.c_ulong(threading.get_ident())
    lock, finished = threading.Lock(), False

    def interrupt() -> None:
        with lock:
            if not finished:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(Marked))

    watch = threading.Timer(seconds, interrupt)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        with lock:
            finished = True
        watch.cancel()
