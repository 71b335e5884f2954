"""A way to say stop from anywhere."""

import threading

from PatchICLLib.errors import Cancelled


class CancelToken:
    """Set from any thread; the engine looks at it between batches of a few slices."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def raise_if_cancelled(self) -> None:
        """Raises Cancelled if ``cancel`` was called."""
        if self._event.is_set():
            raise Cancelled
