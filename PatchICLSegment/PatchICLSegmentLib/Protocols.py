"""The collaborators that are passed into constructors. Anything with these methods will do: tests pass fakes."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np


class Worker(Protocol):
    """Runs propagations outside the application: `PatchICLLib.worker.WorkerClient` or `InProcessWorker`.

    `propagate` returns the job's number at once, starting the worker if need be. `poll` returns events with the
    attributes kind ("progress", "result", "cancelled", "error", "died" or "log"), job, progress, result and message.
    """

    @property
    def is_alive(self) -> bool: ...

    def health(self) -> Mapping[str, Any]: ...

    def propagate(
        self, image: np.ndarray, painted: np.ndarray, spacing: tuple[float, float, float], **options: Any
    ) -> Any: ...

    def poll(self, timeout: float = 0.0) -> Sequence[Any]: ...

    def cancel(self) -> None: ...

    def shutdown(self, timeout: float = 5.0) -> None: ...


class WorkerJob(Protocol):
    """What a worker is asked for: `Job`, or `FrameFilling.FrameJob`."""

    @property
    def image(self) -> np.ndarray: ...

    @property
    def painted(self) -> np.ndarray: ...

    @property
    def grid(self) -> Any: ...

    @property
    def options(self) -> Mapping[str, Any]: ...

    @property
    def evidence(self) -> np.ndarray | None: ...


class WorkerFactory(Protocol):
    """Makes a worker for a device and a weights name or file ("" = the bundled weights)."""

    def __call__(self, device: str, weights: str) -> Worker: ...


class UndoKeeper(Protocol):
    """Whoever keeps the undo states of the segmentation: Slicer's qMRMLSegmentEditorWidget, or `SegmentHistory`."""

    def saveStateForUndo(self) -> Any: ...


class Installer(Protocol):
    """What the panel asks before the first run."""

    def missingPackages(self) -> Sequence[Any]: ...

    def isReady(self) -> bool: ...

    def needsExtension(self) -> bool: ...

    def explanation(self) -> str: ...

    def install(self, wheelFolder: str = "") -> None: ...

    def uninstall(self) -> None: ...

    def report(self, workerHealth: Mapping[str, Any] | None = None) -> str: ...
