"""Times several jobs fairly: each in a process of its own, taking turns."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import numpy as np
import torch

from PatchICLLib.benchmark.memory import peak_mib
from PatchICLLib.errors import PatchICLError
from PatchICLLib.runtime.child_process import Spawning, begin_as_child, end
from PatchICLLib.runtime.device import resolve_device


class Job(Protocol):
    """Work to time; must be picklable. Called once in its own process, it returns what one round does.

    A round returns seconds by name of what was timed.
    """

    def __call__(self, device: torch.device) -> Callable[[], dict[str, float]]: ...


@dataclass(frozen=True)
class Outcome:
    """Attributes: seconds of each round by name; peak memory of the job's process in MiB, None if unknown."""

    seconds: dict[str, list[float]]
    peak_mib: float | None

    def median(self, name: str) -> float:
        return float(np.median(self.seconds[name]))


def contest(
    jobs: Mapping[str, Job],
    rounds: int,
    device: str = "cpu",
    threads: int | None = None,
    warm_up: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    environments: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Outcome]:
    """Times jobs side by side.

    In every round all jobs run one after another, so that whatever slows the machine for a while slows all of them.
    Only one runs at a time; each has its own process, so that its peak memory is its own.

    Args:
        jobs: by name.
        rounds: that count.
        device: torch device.
        threads: of torch on the CPU; None for its default.
        warm_up: rounds before, that do not count.
        progress: called with the number of finished runs, those to warm up included, and their total.
        environments: variables that the processes of some jobs have otherwise than this one.

    Raises:
        PatchICLError: a job failed; the message holds its error.
    """
    spawning = Spawning()
    workers: dict[str, tuple[BaseProcess, Connection]] = {}
    try:
        for name, job in jobs.items():
            ours, theirs = spawning.Pipe()
            process: BaseProcess = spawning.Process(target=_serve, args=(theirs, job, device, threads), daemon=True)
            with _environment((environments or {}).get(name, {})):
                process.start()
            theirs.close()
            workers[name] = (process, ours)
            _receive(ours, name)  # prepared: not while another one is timed
        seconds: dict[str, list[dict[str, float]]] = {name: [] for name in jobs}
        total = (warm_up + rounds) * len(jobs)
        progress(0, total)
        for turn in range(warm_up + rounds):
            for number, name in enumerate(_order(list(jobs), turn), 1):
                workers[name][1].send("run")
                measured = _receive(workers[name][1], name)
                if turn >= warm_up:
                    seconds[name].append(measured)
                progress(turn * len(jobs) + number, total)
        outcomes = {}
        for name, (_, connection) in workers.items():
            connection.send("stop")
            by_name = {key: [measured[key] for measured in seconds[name]] for key in seconds[name][0]}
            outcomes[name] = Outcome(by_name, _receive(connection, name))
        return outcomes
    finally:
        end(process for process, _ in workers.values())


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Variables set for a while, so that a process started meanwhile has them before it loads torch."""
    kept = dict(os.environ)
    os.environ.update(changes)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)


def _order(names: Sequence[str], turn: int) -> Sequence[str]:
    """Every other round backwards, so that nobody always runs after the same rival."""
    return names if turn % 2 == 0 else names[::-1]


def _receive(connection: Connection, name: str) -> Any:
    try:
        kind, content = connection.recv()
    except EOFError as error:
        raise PatchICLError(
            f"The process that timed {name} ended without an answer: it may have run out of memory."
        ) from error
    if kind == "error":
        raise PatchICLError(f"{name} could not be timed: {content}")
    return content


def _serve(connection: Connection, job: Job, device_name: str, threads: int | None) -> None:
    """Main function of a job's process: answers each "run" with the seconds, "stop" with the peak memory."""
    begin_as_child()
    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    try:
        device = resolve_device(device_name)
        run = job(device)
        connection.send(("ready", None))
        while connection.recv() == "run":
            connection.send(("seconds", run()))
        connection.send(("peak", peak_mib(device)))
    except EOFError:
        return  # the other side is gone
    except Exception as error:
        connection.send(("error", f"{type(error).__name__}: {error}"))
