"""Keeps one worker alive between runs, one job at a time."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from PatchICLLib.errors import PatchICLError

from .Job import Job
from .Protocols import Worker, WorkerFactory

_LAST_EVENTS = ("result", "cancelled", "error", "died")


class WorkerSession:
    """Submits jobs to a worker made on demand; nothing here waits for anything.

    A worker is kept as long as device and weights stay the same: its model stays loaded and its context cached.
    """

    def __init__(self, makeWorker: WorkerFactory):
        self._makeWorker = makeWorker
        self._worker: Worker | None = None
        self._key: tuple[str, str] | None = None
        self._waiting: tuple[Job, str, str] | None = None
        self._running: Any = None  # what the worker is busy with, wanted or not
        self._wanted: Any = None  # the job whose events are of interest

    def submit(self, job: Job, device: str, weights: str) -> None:
        """Hands over a job as soon as the worker is free; `poll` does that and reports what becomes of it."""
        self._waiting = (job, device, weights)
        self._wanted = None

    def poll(self) -> list[Any]:
        """Events of the submitted job since the last call; those of earlier jobs are dropped."""
        events = []
        if self._worker is not None:
            for event in self._worker.poll(0.0):
                if event.job is not None and event.job == self._wanted:
                    events.append(event)
                if event.kind in _LAST_EVENTS and event.job == self._running:
                    self._running = None
        if self._waiting is not None and self._running is None:
            events += self._handOver(*self._waiting)
        return events

    def cancel(self) -> bool:
        """Asks the worker to stop. False where the job had not reached the worker and is simply forgotten."""
        if self._waiting is not None:
            self._waiting = None
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
        worker, self._worker, self._key = self._worker, None, None
        self._running = None
        self.forgetJob()
        if worker is not None:
            worker.shutdown()

    def _handOver(self, job: Job, device: str, weights: str) -> list[Any]:
        try:
            if self._key != (device, weights):
                self.shutdown()
                self._worker = self._makeWorker(device, weights)
                self._key = (device, weights)
            self._waiting = None
            self._running = self._worker.propagate(job.image, job.painted, job.grid.spacing, **job.options)
        except PatchICLError as error:
            self._waiting = None
            return [SimpleNamespace(kind="error", job=None, progress=None, result=None, message=str(error))]
        self._wanted = self._running
        return []


def defaultWorker(device: str, weights: str) -> Worker:
    """The worker process of PatchICLLib."""
    from PatchICLLib.worker import WorkerClient

    return WorkerClient(device=device, weights=weights or None)
