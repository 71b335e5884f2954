"""What the two kinds of worker have in common: the interface, and the blocking ``run`` on top of it."""

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from PatchICLLib.errors import Cancelled, WorkerError
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.worker.events import WorkerEvent

logger = logging.getLogger("PatchICLLib.worker")
BUSY_MESSAGE = "The worker is still busy with another propagation; cancel it or wait for its end."


class Worker(ABC):
    """Propagates one volume at a time. Use it from one thread; only ``cancel`` may be called from any.

    As a context manager it is started at the beginning and shut down at the end.
    """

    @abstractmethod
    def launch(self) -> None:
        """Begin to start and return at once; nothing if it runs already.

        Raises:
            WorkerError: the interpreter cannot be started. What fails later comes as an event.
        """

    @abstractmethod
    def start(self, timeout: float = 60.0) -> None:
        """Load the network and wait until it is ready, at most ``timeout`` seconds; nothing if it runs already.

        Raises:
            WorkerError: it did not start; the sentence has the reason.
            InputError: device or weights are not to be had.
        """

    @property
    @abstractmethod
    def is_alive(self) -> bool:
        """Whether it runs, be it still loading."""

    @abstractmethod
    def health(self, timeout: float = 5.0) -> dict[str, Any]:
        """What it says of itself: state ("starting", "idle", "busy"), device, weights, versions, memory, pid.

        Raises:
            WorkerError: it does not run, or gave no answer for ``timeout`` seconds.
        """

    @abstractmethod
    def propagate(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        **options: Any,
    ) -> int:
        """Begin a propagation and return at once; a worker that does not run is started for it.

        Args:
            image, painted, spacing, options: as of ``Propagator.propagate``; the arrays, also ``evidence`` among the
                options, are copied. With the option ``follow`` ("painted" or "next") it is a frame of a sequence
                instead, as of ``FrameFollower.take``, which takes no other option. With the option ``adapt``, a
                library's folder, and ``minutes``, the weights learn from it instead, as of ``adapt_in_worker``,
                whose report is that of the result.

        Returns:
            the number of the job, which its events carry.

        Raises:
            WorkerError: another propagation has not ended yet, or the worker cannot be started.
            InputError: an argument is of a kind that cannot be sent. All else that is wrong with the arguments comes
                as an "error" event.
        """

    @abstractmethod
    def poll(self, timeout: float = 0.0) -> list[WorkerEvent]:
        """What has happened since; waits for something to happen at most ``timeout`` seconds."""

    @abstractmethod
    def cancel(self) -> None:
        """Ask the running propagation, if there is one, to stop; it ends with a "cancelled" event."""

    @abstractmethod
    def restart(self) -> None:
        """End the worker, whatever it does, and begin to start another; a running propagation is cancelled."""

    @abstractmethod
    def shutdown(self, timeout: float = 5.0) -> None:
        """End the worker; by force if it takes longer than ``timeout`` seconds."""

    def run(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        progress: Callable[[Progress], None] | None = None,
        cancel: CancelToken | None = None,
        **options: Any,
    ) -> PropagationResult:
        """Propagate and wait for the result; the same arguments and result as ``Propagator.propagate``.

        Raises:
            InputError: as from ``Propagator.propagate``.
            Cancelled: ``cancel`` was used; with what was finished until then.
            WorkerError: the worker died or failed.
        """
        job = self.propagate(image, painted, spacing, **options)
        last_event: WorkerEvent | None = None
        asked = False
        try:
            while last_event is None:
                if cancel is not None and cancel.cancelled and not asked:
                    self.cancel()
                    asked = True
                for event in self.poll(0.05):
                    if event.kind == "log":
                        logger.info("%s", event.message)
                    elif event.job == job and event.ends_job:
                        last_event = event
                    elif event.progress is not None and progress is not None:
                        progress(event.progress)
        except BaseException:  # of the caller's progress function, or Ctrl+C: leave no job behind
            self._abandon(job)
            raise
        return _outcome(last_event)

    def _abandon(self, job: int) -> None:
        self.cancel()
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            if any(event.job == job and event.ends_job for event in self.poll(0.05)):
                return
        self.restart()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()


def _outcome(event: WorkerEvent) -> PropagationResult:
    if event.kind == "cancelled":
        raise Cancelled(event.message, event.result)
    if event.error is not None:
        raise event.error
    if event.result is None:
        raise WorkerError("The worker ended the propagation without a result.")
    return event.result
