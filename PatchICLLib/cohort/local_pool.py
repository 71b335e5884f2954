"""Processes of this machine that do cases; one that dies is replaced and its case done again.

One that met a failure which nobody foresaw is replaced as well; doing its case again would only fail again.
"""

import contextlib
import os
import platform
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from PatchICLLib.cohort.case import CaseResult, CohortCase, CohortModel, run_case
from PatchICLLib.runtime.child_process import Spawning, begin_as_child, end

Work = Callable[[CohortCase, CohortModel], CaseResult]


@dataclass
class _Worker:
    process: BaseProcess
    connection: Connection
    case: CohortCase | None = None


class LocalPool:
    """Does cases in processes of their own, so that one that runs out of memory takes nothing with it.

    Args:
        processes: at most so many at a time.
        attempts: how often a case may take its process with it before it counts as failed.
        work: does a case; can be pickled.
    """

    def __init__(self, processes: int, attempts: int = 3, work: Work = run_case) -> None:
        self.processes, self.attempts, self.work = processes, attempts, work
        self._context = Spawning()

    def run(self, cases: Sequence[CohortCase], model: CohortModel) -> Iterator[CaseResult]:
        """Results as they come; closing the iterator ends the processes."""
        waiting = deque(cases)
        begun = {case.name: 0 for case in cases}
        workers: list[_Worker] = []
        try:
            while waiting or any(worker.case is not None for worker in workers):
                while len(workers) < self.processes and len(workers) < len(waiting) + sum(
                    worker.case is not None for worker in workers
                ):
                    workers.append(self._start(model))
                for worker in workers:
                    if worker.case is None and waiting:
                        self._give(worker, waiting.popleft(), begun)
                busy = [worker for worker in workers if worker.case is not None]
                wait([*(worker.connection for worker in busy), *(worker.process.sentinel for worker in busy)])
                for worker in busy:
                    result, spent = _received(worker)
                    if result is not None:
                        worker.case = None
                        if spent:
                            workers.remove(worker)
                        yield replace(result, attempts=begun[result.name])
                    elif not worker.process.is_alive():
                        workers.remove(worker)
                        case, code = worker.case, worker.process.exitcode
                        assert case is not None
                        if begun[case.name] < self.attempts:
                            waiting.append(case)
                        else:
                            message = f"Its process died {begun[case.name]} times (code {code}); is the memory enough?"
                            yield CaseResult(case.name, "failed", message, attempts=begun[case.name])
        finally:
            end(worker.process for worker in workers)

    def _start(self, model: CohortModel) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, self.work, model, self.processes))
        process.start()
        there.close()
        return _Worker(process, here)

    @staticmethod
    def _give(worker: _Worker, case: CohortCase, begun: dict[str, int]) -> None:
        begun[case.name] += 1
        worker.case = case
        with contextlib.suppress(OSError):  # it may have died meanwhile, which the loop notices by its sentinel
            worker.connection.send(case)


def _received(worker: _Worker) -> tuple[CaseResult | None, bool]:
    """The result that has come, if one has, and whether the process has done its last case with it."""
    try:
        if worker.connection.poll():
            result, spent = worker.connection.recv()
            return result, spent
    except (EOFError, OSError):
        worker.process.join()  # the end of the connection comes a little before the end of the process
    return None, False


def _serve(connection: Any, work: Work, model: CohortModel, share: int) -> None:
    begin_as_child(share)
    while True:
        try:
            case = connection.recv()
        except EOFError:
            return
        try:
            connection.send((work(case, model), False))
        except Exception as error:  # nobody knows what state it has left behind: another process does the rest
            said = f"{type(error).__name__}: {error}"
            connection.send((CaseResult(case.name, "failed", said, worker=f"{platform.node()}:{os.getpid()}"), True))
            return
