"""Propagation in a process of its own, so that a crash or want of memory never takes the caller with it.

``WorkerClient`` starts ``python -m PatchICLLib.worker``, keeps it and its loaded network between jobs, and is polled
for events; ``InProcessWorker`` does the same in a thread. Importing this imports no torch.
"""

from PatchICLLib.worker.base import Worker
from PatchICLLib.worker.client import WorkerClient
from PatchICLLib.worker.events import WorkerEvent
from PatchICLLib.worker.in_process import InProcessWorker
from PatchICLLib.worker.python_executable import find_python

__all__ = ["InProcessWorker", "Worker", "WorkerClient", "WorkerEvent", "find_python"]
