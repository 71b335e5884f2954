"""A Dask cluster that does cases; it gives the cases of a worker that died to another one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from PatchICLLib.cohort.case import CaseResult, CohortCase, CohortModel, run_case
from PatchICLLib.errors import InputError
from PatchICLLib.runtime.child_process import safe_path

LOCAL = "local"
_CONNECT_SECONDS = 20


class DaskPool:
    """Does cases on a cluster whose machines see the same files under the same names.

    Args:
        address: of the scheduler, such as tcp://head:8786, or "local" for a cluster on this machine.
        processes: workers of a local cluster.
        attempts: how many workers a case may take with it before it counts as failed.
        work: does a case; can be pickled.

    Raises:
        InputError: Dask is not installed, or this is no address.
    """

    def __init__(
        self,
        address: str,
        processes: int = 1,
        attempts: int = 3,
        work: Callable[[CohortCase, CohortModel], CaseResult] = run_case,
    ) -> None:
        try:
            import distributed
        except ImportError as error:
            raise InputError("--dask needs Dask, which is not installed: pip install patchicl[distributed].") from error
        if address != LOCAL and not _is_address(address):
            raise InputError(
                f"--dask must be local or the address of a scheduler such as tcp://head:8786, but it is {address[:60]}."
            )
        self.dask: Any = distributed
        self.address, self.processes, self.attempts, self.work = address, processes, attempts, work

    def run(self, cases: Sequence[CohortCase], model: CohortModel) -> Iterator[CaseResult]:
        """Results as they come; closing the iterator cancels what is left.

        Raises:
            InputError: the scheduler does not answer.
        """
        import dask

        with ExitStack() as stack:
            # a case may be begun so often, less one, after the death of a worker
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": self.attempts - 1}))
            where: Any = self.address
            if self.address == LOCAL:
                stack.enter_context(safe_path())  # throughout: a worker that died is started again at any time
                where = stack.enter_context(
                    self.dask.LocalCluster(
                        n_workers=self.processes, threads_per_worker=1, processes=True, dashboard_address=None
                    )
                )
            try:
                client = stack.enter_context(self.dask.Client(where, timeout=_CONNECT_SECONDS))
            except OSError as error:
                raise InputError(f"The Dask scheduler {self.address} does not answer.") from error
            futures = {client.submit(self.work, case, model, pure=False): case for case in cases}
            for future in self.dask.as_completed(futures):
                yield self._result(future, futures[future])

    @staticmethod
    def _result(future: Any, case: CohortCase) -> CaseResult:
        if future.status == "finished":
            result: CaseResult = future.result()
            return result
        error = future.exception()
        reason = "its workers died again and again" if type(error).__name__ == "KilledWorker" else str(error)
        return CaseResult(case.name, "failed", f"{type(error).__name__}: {reason}")


def _is_address(text: str) -> bool:
    from distributed.comm import parse_address, parse_host_port
    from distributed.comm.registry import get_backend

    try:
        scheme, rest = parse_address(text)
        host, port = parse_host_port(rest)
        get_backend(scheme)
    except (ValueError, ImportError):
        return False
    return bool(host) and 0 < port < 1 << 16
