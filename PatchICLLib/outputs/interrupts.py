"""Ctrl-C and SIGTERM while files take their places wait until all of them have."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_WAITING = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def interrupt_waits() -> Iterator[None]:
    """While the block runs, SIGINT and SIGTERM are remembered; afterwards they do what they would have done."""
    if threading.current_thread() is not threading.main_thread():  # Python delivers signals to the main thread only
        yield
        return
    came: list[int] = []

    def remember(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    previous = {number: signal.signal(number, remember) for number in _WAITING}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    for one in dict.fromkeys(came):
        signal.raise_signal(one)
