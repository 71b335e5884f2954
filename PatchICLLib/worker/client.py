"""The client of a worker process."""

import logging
import sys
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from PatchICLLib.errors import PatchICLError, WorkerError
from PatchICLLib.worker.base import BUSY_MESSAGE, Worker
from PatchICLLib.worker.events import WorkerEvent
from PatchICLLib.worker.jobs import CANCELLED_MESSAGE, DEFAULT_ENGINE
from PatchICLLib.worker.messages import (
    OUTPUTS,
    VOLUME_OPTIONS,
    Message,
    decode_error,
    decode_progress,
    encode_options,
)
from PatchICLLib.worker.process import WorkerProcess
from PatchICLLib.worker.python_executable import find_python, worker_environment
from PatchICLLib.worker.shared_memory import SharedArray
from PatchICLLib.worker.volume_transfer import read_result, share

logger = logging.getLogger("PatchICLLib.worker")


class WorkerClient(Worker):
    """Propagates in a process of its own, which keeps the network loaded between jobs and may crash without harm.

    Nothing runs in the background of the calling process: what the worker says is read by ``poll``, for which a
    timer of some ten calls a second is right. Does not import torch.

    Args:
        python: the interpreter to run the worker with; by default the one of this process (``find_python``).
        device: "auto", "cpu", "cuda" or "mps".
        weights: name of bundled weights, or a file; None takes the default.
        environment: changes to the environment of the worker: variables to set, or None to remove one.
        engine: what propagates, as "module:attribute" (see ``jobs``).
        cancel_grace: seconds after which a worker that does not stop on ``cancel`` is ended by force.
        patience: seconds without a sign of life after which a worker that loads or has a job is ended by force: it is
            stopped, or hangs. One that works answers all the while.

    Raises:
        InputError: there is no Python to run the worker with.
    """

    def __init__(
        self,
        python: str | Path | None = None,
        device: str = "auto",
        weights: str | Path | None = None,
        environment: Mapping[str, str | None] | None = None,
        *,
        engine: str = DEFAULT_ENGINE,
        cancel_grace: float = 5.0,
        patience: float = 120.0,
    ) -> None:
        self.python = Path(python) if python is not None else find_python()
        self._environment = worker_environment(python is None or self.python == Path(sys.executable), environment)
        self._arguments = ["--device", device, "--engine", engine]
        if weights is not None:
            self._arguments += ["--weights", str(weights)]
        self._cancel_grace = cancel_grace
        self._process: WorkerProcess | None = None
        self._kill: weakref.finalize | None = None
        self._ready = False
        self._failure: PatchICLError | None = None  # why the process now ending ends, where that is known
        self._health: Message | None = None
        self._events: list[WorkerEvent] = []
        self._jobs_begun = 0
        self._job: int | None = None
        self._outputs: dict[str, SharedArray] = {}
        self._cancelled_at: float | None = None
        self._patience = patience
        self._silence = 0.0  # seconds since its last sign of life
        self._asked = False  # for one
        self._listened = 0.0  # when we last did

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.alive

    def launch(self) -> None:
        if self.is_alive and self._failure is None:
            return
        self._pump(0.0)  # the death of the last one
        self._forget_process()
        self._ready, self._failure, self._health = False, None, None
        self._silence, self._asked = 0.0, False
        self._process = WorkerProcess(self.python, self._arguments, self._environment)
        self._kill = weakref.finalize(self, self._process.kill)  # also when the interpreter ends

    def start(self, timeout: float = 60.0) -> None:
        self.launch()
        deadline = time.monotonic() + timeout
        while not self._ready:
            left = deadline - time.monotonic()
            if left <= 0:
                self._end_process()
                raise WorkerError(f"The worker did not start with {self.python} within {timeout:g} seconds.")
            self._pump(left)
            if self._process is None:
                reason = self._failure or WorkerError(f"The worker did not start with {self.python}.")
                self._events = [event for event in self._events if event.error is not reason or event.job is not None]
                raise reason

    def health(self, timeout: float = 5.0) -> dict[str, Any]:
        self._health = None
        if self._process is not None:
            self._process.send({"type": "health"})
        deadline = time.monotonic() + timeout
        while self._process is not None and (left := deadline - time.monotonic()) > 0:
            self._pump(left)
            if self._health is not None:
                return self._health
        raise WorkerError(
            "The worker is not running." if self._process is None else f"The worker did not answer in {timeout:g} s."
        )

    def propagate(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
        **options: Any,
    ) -> int:
        self._pump(0.0)
        if self._job is not None:
            raise WorkerError(BUSY_MESSAGE)
        volumes = {"image": np.asarray(image), "painted": np.asarray(painted)}
        volumes |= {name: np.asarray(options.pop(name)) for name in VOLUME_OPTIONS if options.get(name) is not None}
        message: Message = {
            "type": "propagate",
            "spacing": [float(step) for step in spacing],
            "options": encode_options(options),
        }
        arrays = share(volumes, options)
        self.launch()
        assert self._process is not None
        self._jobs_begun += 1
        self._job = message["job"] = self._jobs_begun
        self._cancelled_at = None
        message["arrays"] = {name: shared.describe() for name, shared in arrays.items()}
        self._process.send(message, [shared.descriptor for shared in arrays.values() if shared.descriptor is not None])
        for shared in arrays.values():
            shared.close_descriptor()
        self._outputs = {name: arrays[name] for name in OUTPUTS if name in arrays}
        return self._job

    def poll(self, timeout: float = 0.0) -> list[WorkerEvent]:
        deadline = time.monotonic() + timeout
        while not self._events:
            now = time.monotonic()
            self._pump(min(max(deadline - now, 0.0), 0.25))
            self._enforce_cancel()
            if now >= deadline or self._process is None:
                break
        events, self._events = self._events, []
        return events

    def cancel(self) -> None:
        process, job = self._process, self._job
        if process is not None and job is not None:
            process.send({"type": "cancel", "job": job})
            self._cancelled_at = self._cancelled_at or time.monotonic()

    def restart(self) -> None:
        self._end_process()
        self.launch()

    def shutdown(self, timeout: float = 5.0) -> None:
        if self._process is not None:
            self._process.send({"type": "shutdown"})
            self._process.wait(timeout)
            self._end_process()

    def _enforce_cancel(self) -> None:
        """End a job that was cancelled while the worker loads, and a worker that does not stop though asked to."""
        if self._job is None or self._cancelled_at is None:
            return
        if not self._ready:
            self._end_job(WorkerEvent("cancelled", self._job, message=CANCELLED_MESSAGE))
        elif time.monotonic() - self._cancelled_at > self._cancel_grace:
            self._end_process()

    def _pump(self, timeout: float) -> None:
        """Receive what has come, wait at most ``timeout`` for something, and turn it into events."""
        process = self._process
        if process is None:
            return
        messages = process.receive(timeout)
        for received in messages:
            if isinstance(received, str):
                self._events.append(WorkerEvent("log", self._job, message=received))
                continue
            try:
                self._act(process, received)
            except Exception as error:  # it came from outside: whatever is wrong with it is no fault of the caller
                logger.exception("a message of the worker could not be understood")
                said = f"{type(error).__name__}: {error}"
                self._fail("died", WorkerError(f"The worker sent a message that makes no sense ({said}); try again."))
                self._forget_process()
                return
        if self._process is process:
            if process.ended:
                self._bury(process)
            else:
                self._heed_silence(process, bool(messages))

    def _heed_silence(self, process: WorkerProcess, heard: bool) -> None:
        """End a worker that should say something and does not, though it was asked to.

        Only time in which we listened counts: not that of a caller who was busy, or of a computer that slept.
        """
        now = time.monotonic()
        since, self._listened = min(now - self._listened, 1.0), now
        if heard or (self._ready and self._job is None):
            self._silence, self._asked = 0.0, False
            return
        self._silence += since
        if self._silence > self._patience:
            worker = "The worker" if self._ready else f"The worker did not start with {self.python}: it"
            reason = f"{worker} gave no sign of life for {self._patience:g} seconds and was ended; it was stopped from "
            self._fail("died", WorkerError(f"{reason}outside, or the computer is too busy. Try again."))
            self._forget_process()
        elif self._silence > min(5.0, self._patience / 2) and not self._asked:
            process.send({"type": "health"})
            self._asked = True

    def _act(self, process: WorkerProcess, message: Message) -> None:
        kind = message.pop("type")
        if kind in ("ready", "health"):
            if type(message["pid"]) is not int or message["pid"] < 1:  # it would be killed by this number
                raise ValueError(f"{message['pid']!r} is no process")
            process.worker_pid = message["pid"]
            self._ready = self._ready or kind == "ready"
            self._health = message
        elif kind == "failed":
            self._fail("error", decode_error(message["error"]))
        elif message["job"] != self._job:
            pass  # of a job that was given up
        elif kind == "progress":
            progress = decode_progress(message["progress"], self._outputs["labels"].array.shape)
            self._events.append(WorkerEvent("progress", self._job, progress=progress))
        else:
            result = read_result(message["result"], self._outputs) if "result" in message else None
            error = decode_error(message["error"]) if "error" in message else None
            if (kind == "result" and result is None) or (kind == "error" and error is None):
                raise ValueError(f"its {kind} is missing")
            sentence = message["message"] if error is None else str(error)
            if not isinstance(sentence, str):
                raise TypeError("its sentence is none")
            self._end_job(WorkerEvent(kind, self._job, result=result, message=sentence, error=error))
            if isinstance(error, WorkerError):  # nobody knows what state this has left it in: the next job gets another
                self._forget_process()

    def _bury(self, process: WorkerProcess) -> None:
        """Report that the worker is gone, unless it has said itself why it would go."""
        if self._failure is None:
            worker = "The worker" if self._ready else f"The worker did not start with {self.python}: it"
            self._fail("died", WorkerError(f"{worker} {process.describe_death()}."))
        self._forget_process()

    def _fail(self, kind: Literal["error", "died"], error: PatchICLError) -> None:
        self._failure = error
        self._end_job(WorkerEvent(kind, self._job, message=str(error), error=error))

    def _end_job(self, last_event: WorkerEvent) -> None:
        self._events.append(last_event)
        self._job, self._outputs, self._cancelled_at = None, {}, None

    def _end_process(self) -> None:
        """End the worker because we want it to end; a job that it still has is cancelled."""
        self._forget_process()
        if self._job is not None:
            self._end_job(WorkerEvent("cancelled", self._job, message=CANCELLED_MESSAGE))

    def _forget_process(self) -> None:
        self._process, self._ready = None, False
        if self._kill is not None:
            self._kill()
