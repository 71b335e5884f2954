"""Load an engine once, then run propagations one after another: the same loop in a worker process and in a thread.

An engine is what ``Propagator.from_pretrained(weights, device)`` returns, or anything else with its ``propagate``.
Where it comes from is named as ``module:attribute``, a callable that takes ``weights`` and ``device``: so one's own
network can be put behind the panel, and tests inject engines that crash.

A job with the option ``follow`` is a frame of a sequence and takes no engine: ``FrameFollower`` has its steps. One with
the option ``adapt`` lets the engine's weights learn from a library's cases; its arrays mean nothing.
"""

from __future__ import annotations

import gc
import importlib
import logging
import queue
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from PatchICLLib.errors import Cancelled, InputError, WorkerError
from PatchICLLib.propagation.cancel import CancelToken
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.result.propagation_result import PropagationResult
from PatchICLLib.runtime.out_of_memory import is_out_of_memory, release_memory
from PatchICLLib.worker.events import WorkerEvent
from PatchICLLib.worker.failures import error_of

if TYPE_CHECKING:
    from PatchICLLib.follow.frame_by_frame import FrameFollower

DEFAULT_ENGINE = "PatchICLLib.propagation:Propagator.from_pretrained"
CANCELLED_MESSAGE = "The propagation was cancelled."
logger = logging.getLogger("PatchICLLib.worker")


class Engine(Protocol):
    """What a worker needs of a propagator."""

    def propagate(
        self,
        image: np.ndarray,
        painted: np.ndarray,
        spacing: tuple[float, float, float],
        *,
        progress: Callable[[Progress], None] | None,
        cancel: CancelToken | None,
        **options: Any,
    ) -> PropagationResult: ...


def load_engine(name: str, weights: str | None, device: str) -> Engine:
    """Call the factory ``name`` ("module:attribute").

    Raises:
        InputError: ``name`` is not of that form or names nothing.
        ImportError, and whatever the factory raises.
    """
    module, colon, attribute = name.partition(":")
    if not colon or not attribute:
        raise InputError(f"An engine is named as module:attribute, but {name!r} was given.")
    try:
        factory = reduce(getattr, attribute.split("."), importlib.import_module(module))
    except AttributeError as error:
        raise InputError(f"There is no engine {name!r}: {error}.") from error
    return factory(weights=weights, device=device)  # type: ignore[operator]


@dataclass(frozen=True)
class Job:
    """One propagation to do. Arguments as of ``Propagator.propagate``."""

    number: int
    image: np.ndarray
    painted: np.ndarray
    spacing: tuple[float, float, float]
    options: Mapping[str, Any]
    cancel: CancelToken = field(default_factory=CancelToken)


class JobRunner:
    """Runs jobs in the order they come, in the thread that calls ``run``; the other methods are for other threads.

    Args:
        load: makes the engine; called once, by ``run``.
        emit: receives every event, in the thread of ``run``.
    """

    def __init__(self, load: Callable[[], Engine], emit: Callable[[WorkerEvent], None]) -> None:
        self._load = load
        self._emit = emit
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._tokens: dict[int, CancelToken] = {}
        self._lock = threading.Lock()
        self._follower: FrameFollower | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is running or waiting."""
        return bool(self._tokens)

    def submit(self, job: Job) -> None:
        """Run ``job`` after those submitted before."""
        with self._lock:
            self._tokens[job.number] = job.cancel
        self._waiting.put(job)

    def cancel(self, number: int) -> None:
        """Stop that job, if it has not ended yet."""
        with self._lock:
            if number in self._tokens:
                self._tokens[number].cancel()

    def stop(self) -> None:
        """Cancel everything and let ``run`` return."""
        with self._lock:
            for token in self._tokens.values():
                token.cancel()
        self._waiting.put(None)

    def run(self, on_ready: Callable[[Engine], None]) -> None:
        """Load the engine, say so to ``on_ready``, and run jobs until ``stop`` or a failure that nobody foresaw.

        After such a failure (a WorkerError; want of memory is one) nobody knows what state it has left behind: the
        event is the last, and the next job needs another process or thread.

        Raises:
            whatever loading the engine raises. A job that fails raises nothing, it emits an "error" event.
        """
        engine = self._load()
        on_ready(engine)
        while (job := self._waiting.get()) is not None:
            last_event = self._run_job(engine, job)
            with self._lock:
                del self._tokens[job.number]
            del job  # its arrays, before the next job takes as much
            self._emit(last_event)
            if isinstance(last_event.error, WorkerError):
                return
            del last_event
            gc.collect()

    def _run_job(self, engine: Engine, job: Job) -> WorkerEvent:
        """Run one job and return the event that ends it."""
        number = job.number

        def report(progress: Progress) -> None:
            self._emit(WorkerEvent("progress", number, progress=progress))

        try:
            job.cancel.raise_if_cancelled()  # cancelled while it waited
            if "follow" in job.options:
                result = self._follow(job)
            elif "adapt" in job.options:
                result = _adapt(engine, job, report)
            else:
                result = engine.propagate(
                    job.image, job.painted, job.spacing, progress=report, cancel=job.cancel, **job.options
                )
        except Cancelled as stopped:
            return WorkerEvent("cancelled", number, result=stopped.partial, message=CANCELLED_MESSAGE)
        except Exception as exception:  # whatever it is, the client must hear of it and the next job must run
            return _failed(number, exception)
        return WorkerEvent("result", number, result=result)

    def _follow(self, job: Job) -> PropagationResult:
        from PatchICLLib.follow.frame_by_frame import FrameFollower  # SimpleITK: most jobs do without

        if self._follower is None:
            self._follower = FrameFollower()
        image = np.array(job.image)  # remembered beyond the job, whose memory is the client's
        return self._follower.take(job.options["follow"], image, job.painted, job.spacing)


def _adapt(engine: Engine, job: Job, report: Callable[[Progress], None]) -> PropagationResult:
    from PatchICLLib.adaptation.in_worker import adapt_in_worker  # training: most jobs do without

    told = adapt_in_worker(engine, job.options["adapt"], job.options["minutes"], report, job.cancel)
    return PropagationResult(np.array(job.painted), None, None, None, told)


def _failed(number: int, exception: Exception) -> WorkerEvent:
    """The "error" event for ``exception``, after freeing what the failed job still holds."""
    error = error_of(exception)
    if error is not exception:
        logger.error("job %d failed", number, exc_info=exception)
    out_of_memory = is_out_of_memory(exception)
    # The frames of the traceback hold the arrays and tensors of the failed job.
    error.__cause__ = error.__context__ = error.__traceback__ = exception.__traceback__ = None
    if out_of_memory:
        release_memory()
    return WorkerEvent("error", number, message=str(error), error=error)
