"""The same worker in a thread of this process, for debugging: breakpoints and profilers see the engine."""

import queue
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from PatchICLLib.errors import PatchICLError, WorkerError
from PatchICLLib.worker.base import BUSY_MESSAGE, Worker
from PatchICLLib.worker.events import WorkerEvent
from PatchICLLib.worker.failures import load_error_of
from PatchICLLib.worker.health import describe_worker
from PatchICLLib.worker.jobs import CANCELLED_MESSAGE, DEFAULT_ENGINE, Engine, Job, JobRunner, load_engine
from PatchICLLib.worker.messages import VOLUME_OPTIONS


class InProcessWorker(Worker):
    """Same interface and same events as ``WorkerClient``; but a crash of the network takes this process with it.

    A propagation that does not stop on ``cancel`` cannot be ended by force: its thread runs on, unheard.

    Args:
        device, weights, engine: as of ``WorkerClient``.
    """

    def __init__(
        self, device: str = "auto", weights: str | Path | None = None, *, engine: str = DEFAULT_ENGINE
    ) -> None:
        self._device = device
        self._load = partial(load_engine, engine, None if weights is None else str(weights), device)
        self._thread: _WorkerThread | None = None
        self._unheard: list[WorkerEvent] = []
        self._jobs_begun = 0
        self._job: int | None = None

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def launch(self) -> None:
        if not self.is_alive:
            self._thread = _WorkerThread(self._load)
            self._thread.start()

    def start(self, timeout: float = 60.0) -> None:
        self.launch()
        assert self._thread is not None
        if not self._thread.loaded.wait(timeout):
            self._give_up()
            raise WorkerError(f"The worker did not start within {timeout:g} seconds.")
        if self._thread.failure is not None:
            failure = self._thread.failure
            if self._job is None:  # otherwise it is also the end of the job
                self._thread = None
            raise failure

    def health(self, timeout: float = 5.0) -> dict[str, Any]:
        thread = self._thread
        if thread is None or not thread.is_alive():
            raise WorkerError("The worker is not running.")
        return describe_worker(thread.engine, thread.runner.busy, self._device)

    def propagate(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        **options: Any,
    ) -> int:
        if self._job is not None:
            raise WorkerError(BUSY_MESSAGE)
        self.launch()
        assert self._thread is not None
        options |= {name: np.array(options[name]) for name in VOLUME_OPTIONS if options.get(name) is not None}
        self._jobs_begun += 1
        self._job = self._jobs_begun
        self._thread.runner.submit(Job(self._job, np.array(image), np.array(painted), spacing, options))
        return self._job

    def poll(self, timeout: float = 0.0) -> list[WorkerEvent]:
        events, self._unheard = self._unheard, []
        deadline = time.monotonic() + timeout
        while self._thread is not None:
            try:
                event = self._thread.events.get(timeout=0 if events else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            if event.job is None:
                event = replace(event, job=self._job)  # the end of the thread is the end of its job
                self._thread = None
            if event.ends_job:
                self._job = None
                if isinstance(event.error, WorkerError):
                    self._thread = None  # it ends with this
            events.append(event)
        return events

    def cancel(self) -> None:
        if self._thread is not None and self._job is not None:
            self._thread.runner.cancel(self._job)

    def restart(self) -> None:
        self._give_up()
        self.launch()

    def shutdown(self, timeout: float = 5.0) -> None:
        if self._thread is not None:
            self._thread.runner.stop()
            self._thread.join(timeout)
            self._unheard = self.poll()
            self._give_up()

    def _give_up(self) -> None:
        """Ask the thread to end and no longer listen to it; a job that it still has is cancelled."""
        if self._thread is not None:
            self._thread.runner.stop()
            self._thread = None
        if self._job is not None:
            self._unheard.append(WorkerEvent("cancelled", self._job, message=CANCELLED_MESSAGE))
            self._job = None


class _WorkerThread(threading.Thread):
    """Runs a ``JobRunner``; an event without a job is its last."""

    def __init__(self, load: Callable[[], Engine]) -> None:
        super().__init__(name="PatchICL worker", daemon=True)
        self.events: queue.SimpleQueue[WorkerEvent] = queue.SimpleQueue()
        self.runner = JobRunner(load, self._emit)
        self.loaded = threading.Event()
        self.engine: Engine | None = None
        self.failure: PatchICLError | None = None

    def run(self) -> None:
        try:
            self.runner.run(self._ready)
        except Exception as exception:  # of loading the engine
            self.failure = load_error_of(exception, sys.executable)
            self.events.put(WorkerEvent("error", message=str(self.failure), error=self.failure))
        except BaseException as exception:  # SystemExit: what ends a worker process
            self.failure = WorkerError(f"The worker ended ({type(exception).__name__}: {exception}).")
            self.events.put(WorkerEvent("died", message=str(self.failure), error=self.failure))
        finally:
            self.loaded.set()

    def _ready(self, engine: Engine) -> None:
        self.engine = engine
        self.loaded.set()

    def _emit(self, event: WorkerEvent) -> None:
        progress = event.progress
        if progress is not None and progress.slice_labels is not None:
            # The engine goes on writing into its slices.
            event = replace(event, progress=replace(progress, slice_labels=progress.slice_labels.copy()))
        self.events.put(event)
