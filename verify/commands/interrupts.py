"""Ctrl-C that cannot get lost: raised where it is heard, and again where something swallowed it."""

from __future__ import annotations

import _thread
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

from verify.time_limit import unheard

AGAIN = 0.3
"""Seconds until an interrupt that nothing came of is raised once more."""


@contextlib.contextmanager
def heard_interrupts() -> Iterator[None]:
    """Raise KeyboardInterrupt in the block at Ctrl-C, and again until the block ends.

    Finalizers, callbacks of the garbage collector and some libraries while they are imported swallow an exception. A
    block that is already cleaning up is left in peace, unless the user asks a second time. Does nothing outside the
    main thread, or where interrupts are ignored or handled by somebody else.
    """
    alone = threading.current_thread() is threading.main_thread()
    if not alone or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    lock = threading.Lock()
    leaving = repeated = False

    def interrupt(_number: int, frame: FrameType | None) -> None:
        nonlocal repeated
        again, repeated = repeated, False
        if leaving:
            return
        # threading.Thread takes locks that the interrupted code may hold
        _thread.start_new_thread(repeat, ())
        if not unheard(frame) and not (again and _is_cleaning_up()):
            raise KeyboardInterrupt

    def repeat() -> None:
        nonlocal repeated
        time.sleep(AGAIN)
        with lock:
            if not leaving:
                repeated = True
                _wake_main_thread()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        leaving = True
        # a repetition under way ends here, and its signal is taken by the handler above, which is silent by now
        with lock:
            pass
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _wake_main_thread() -> None:
    """A signal to this thread would not end a wait of the main thread."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


def _is_cleaning_up() -> bool:
    error = sys.exc_info()[1]
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


__all__ = ["AGAIN", "heard_interrupts"]
