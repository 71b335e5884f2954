"""Ctrl-C cancels a computation through its token; a second Ctrl-C does not wait for it.

SIGTERM cancels as well: nothing is left behind.
"""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Protocol


class Cancellable(Protocol):
    def cancel(self) -> None: ...


@contextlib.contextmanager
def termination_interrupts() -> Iterator[None]:
    """While the block runs, the first SIGTERM raises KeyboardInterrupt; a second one ends this process at once.

    So what the command has started and what it has begun to write goes with it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_termination(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, on_termination)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextlib.contextmanager
def interrupt_cancels(token: Cancellable) -> Iterator[None]:
    """While the block runs, the first SIGINT calls `token.cancel()` and any further one raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():  # Python delivers signals to the main thread only
        yield
        return

    def on_interrupt(_number: int, _frame: FrameType | None) -> None:
        token.cancel()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    previous = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
