"""Blocking calls on top of a logic that is polled, for scripts."""

import time

from .Errors import SceneError
from .State import State

_INTERVAL_SECONDS = 0.02


class Waiting:
    """For a class with `state`, `failed`, `startPropagation` and `poll`."""

    def propagate(self, interval: float = _INTERVAL_SECONDS) -> None:
        """Starts to propagate and waits for the end; errors of the worker are raised as SceneError."""
        problems: list[str] = []
        self.failed.connect(problems.append)
        try:
            self.startPropagation()
            while self.state.isBusy:
                self.poll()
                time.sleep(interval)
        finally:
            self.failed.disconnect(problems.append)
        if problems:
            raise SceneError(problems[0])

    def waitForTheRest(self) -> None:
        """Until the worker has handed over what belongs to a preview that was kept."""
        while self.state is State.KEEPING:
            self.poll()
            time.sleep(_INTERVAL_SECONDS)
