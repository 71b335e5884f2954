"""Keeps one worker alive between runs, one job at a time."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from PatchICLLib.errors import InputError, PatchICLError
from PatchICLLib.worker.events import WorkerEvent

from .Protocols import Worker, WorkerFactory, WorkerJob
from .Record import Record
from .Translation import ofLibrary

_LARGE_BYTES = 32e6  # copied in a tenth of a second at most
_LAST_EVENTS = ("result", "cancelled", "error", "died")


class WorkerSession:
    """Submits jobs to a worker made on demand; nothing here waits for anything.

    A worker is kept as long as device and weights stay the same: its model stays loaded and its context cached.
    What it prints goes into the record, and that it failed.
    """

    def __init__(self, makeWorker: WorkerFactory, record: Record):
        self._record = record
        self._makeWorker = makeWorker
        self._worker: Worker | None = None
        self._key: tuple[str, str] | None = None
        self._waiting: tuple[WorkerJob, str, str] | None = None
        self._running: Any = None  # what the worker is busy with, wanted or not
        self._wanted: Any = None  # the job whose events are of interest
        self._handOver: _HandOver | None = None

    @property
    def isBusy(self) -> bool:
        return self._waiting is not None or self._handOver is not None or self._running is not None

    def submit(self, job: WorkerJob, device: str, weights: str) -> None:
        """Hands over a job as soon as the worker is free; `poll` does that and reports what becomes of it."""
        self._waiting = (job, device, weights)
        self._wanted = None

    def poll(self) -> list[Any]:
        """Events of the submitted job since the last call, without what is printed; those of others are dropped."""
        if self._handOver is not None and not self._handOver.isDone:
            return []
        events = self._handedOver()
        if self._worker is not None:
            for event in self._worker.poll(0.0):
                if event.kind == "log":
                    self._record.addLine(event.message)
                elif event.job is not None and event.job == self._wanted:
                    events.append(self._told(event))
                if event.kind in _LAST_EVENTS and event.job == self._running:
                    self._running = None
        if self._waiting is not None and self._running is None:
            (job, device, weights), self._waiting = self._waiting, None
            if self._key != (device, weights):
                self.shutdown()
                self._key = (device, weights)
            self._handOver = _HandOver(self._worker, lambda: self._makeWorker(device, weights), job)
            events += self._handedOver()
        return events

    def cancel(self) -> bool:
        """Asks the worker to stop. False where the job had not reached the worker and is simply forgotten."""
        if self._waiting is not None:
            self._waiting = None
            return False
        if self._handOver is not None:
            self._handOver.isWanted = False
            return False
        if self._worker is not None and self._running is not None:
            self._worker.cancel()
        return True

    def forgetJob(self) -> None:
        """What the worker still says about its current job does not matter any more."""
        self._waiting = None
        self._wanted = None

    def health(self) -> Mapping[str, Any] | None:
        """Versions, device, memory and weights as the worker sees them; None while there is none, or it is busy."""
        if self._worker is None or self._running is not None or not self._worker.is_alive:
            return None
        return self._worker.health()

    def shutdown(self) -> None:
        if self._handOver is not None:
            self._handOver.finish()
            self._handedOver()
        worker, self._worker, self._key = self._worker, None, None
        self._running = None
        self.forgetJob()
        if worker is not None:
            worker.shutdown()

    def _handedOver(self) -> list[Any]:
        """Takes the result of a hand-over that is done; an event where it failed."""
        handOver = self._handOver
        if handOver is None or not handOver.isDone:
            return []
        self._handOver = None
        self._worker = handOver.worker
        if handOver.error is not None:
            error = handOver.error
            message = str(error) if isinstance(error, PatchICLError) else f"{type(error).__name__}: {error}"
            return [self._told(WorkerEvent("error", message=message, error=error))]
        self._running = handOver.number
        if handOver.isWanted:
            self._wanted = self._running
        else:
            self._worker.cancel()
        return []

    def _told(self, event: Any) -> Any:
        """The event with its message as a sentence. What nobody foresaw is worth a report."""
        if event.kind == "died" or event.kind == "error" and not isinstance(event.error, InputError):
            self._record.crashed.emit()
        return replace(event, message=ofLibrary(event.message))


class _HandOver:
    """Gives a job to a worker, which copies the arrays: it is not to hold up the application."""

    def __init__(self, worker: Worker | None, makeWorker: Callable[[], Worker], job: WorkerJob):
        self.worker, self._makeWorker, self._job = worker, makeWorker, job
        self.number: Any = None
        self.error: Exception | None = None
        self.isWanted = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if job.image.nbytes < _LARGE_BYTES:
            self.finish()

    @property
    def isDone(self) -> bool:
        return not self._thread.is_alive()

    def finish(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        job = self._job
        try:
            if self.worker is None:
                self.worker = self._makeWorker()
            options = dict(job.options) if job.evidence is None else {**job.options, "evidence": job.evidence}
            self.number = self.worker.propagate(job.image, job.painted, job.grid.spacing, **options)
        except Exception as error:  # In a thread nobody would see it; poll() tells the user.
            self.error = error


def defaultWorker(device: str, weights: str) -> Worker:
    """The worker process of PatchICLLib."""
    from PatchICLLib.worker import WorkerClient

    # Putting together the partial result of a large volume takes longer than the worker's usual grace.
    return WorkerClient(device=device, weights=weights or None, cancel_grace=30.0)
