"""Every process that the library starts to share its work is started here: safely, and so that it can be ended.

A new Python looks for modules in the working folder first, unless told otherwise: a file ``pickle.py`` that came with
somebody's scans would run. And until a child has said that it leaves Ctrl-C to its parent, Ctrl-C ends it.
"""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, MutableMapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess

_SAFE_PATH = "PYTHONSAFEPATH"  # not -I or -E: Slicer's Python needs PYTHONHOME and PYTHONPATH
_PATIENCE = 5.0  # seconds until a process that was asked to end is killed
_lock = threading.Lock()
_holders = 0
_before: str | None = None


def make_safe(environment: MutableMapping[str, str]) -> None:
    """Change the environment of a Python process to start, so that it finds no modules in its working folder."""
    environment[_SAFE_PATH] = "1"


@contextmanager
def safe_path() -> Iterator[None]:
    """Python processes that start meanwhile, whoever starts them, find no modules in the working folder."""
    global _holders, _before
    with _lock:
        if _holders == 0:
            _before = os.environ.get(_SAFE_PATH)
            make_safe(os.environ)
        _holders += 1
    try:
        yield
    finally:
        with _lock:
            _holders -= 1
            if _holders == 0:
                if _before is None:
                    os.environ.pop(_SAFE_PATH, None)
                else:
                    os.environ[_SAFE_PATH] = _before


@contextmanager
def starting() -> Iterator[None]:
    """For the moment in which processes are started: ``safe_path``, and SIGINT waits.

    The processes inherit that it waits until they have said what they do with it; the one that comes meanwhile to this
    process is not lost.
    """
    with safe_path():
        if sys.platform == "win32":
            yield
            return
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)


class Child(SpawnProcess):
    """A process in a Python of its own."""

    def start(self) -> None:
        with starting():
            super().start()


class Spawning(SpawnContext):
    """The context of ``multiprocessing`` for all processes of the library; ``Spawning()`` is ready to use."""

    Process = Child

    def __init__(self) -> None:
        super().__init__()
        if sys.platform != "win32":  # a Python as well, which the first lock would start
            with starting():
                resource_tracker.ensure_running()


@contextmanager
def process_pool(processes: int) -> Iterator[ProcessPoolExecutor]:
    """An executor whose processes begin as children; when the block fails or is interrupted, they are ended."""
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(processes, Spawning(), begin_as_child)
    try:
        yield executor
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        end(child for child in multiprocessing.active_children() if child not in others)
        raise
    executor.shutdown()


def end(processes: Iterable[BaseProcess], patience: float = _PATIENCE) -> None:
    """End processes that were started, by force those that do not go: a stopped one hears nothing else.

    Args:
        processes: any, also such as have ended.
        patience: seconds for all of them to go by themselves.
    """
    left = list(processes)
    for process in left:
        process.terminate()
    deadline = time.monotonic() + patience
    for process in left:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()
            process.join()


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def begin_as_child(share: int | None = None) -> None:
    """Leave Ctrl-C to the parent, end when it ends however that happens, and use a fair share of the cores.

    Args:
        share: number of processes that share the cores; None if this one chooses itself, or does not use torch.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if share is not None:
        import torch

        torch.set_num_threads(max(1, usable_cores() // share))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
