"""What processes of a cohort do in tests: importable by them, and known beforehand."""

import os
import signal

from PatchICLLib.cohort.case import CaseResult, CohortCase, CohortModel


def note(case: CohortCase, model: CohortModel) -> CaseResult:
    """Writes a line for each time that the case is begun. A fragile one takes its process with it the first time, a
    deadly one every time, a broken one reports a failure, an odd one meets what nobody foresaw, a stopped one stops."""
    log = case.output.with_name(f"{case.name}.log")
    with log.open("a") as file:
        file.write(f"{os.getpid()}\n")
    begun = len(log.read_text().splitlines())
    if case.name.startswith("deadly") or (case.name.startswith("fragile") and begun == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if case.name.startswith("stopped"):
        os.kill(os.getpid(), signal.SIGSTOP)
    if case.name.startswith("odd"):
        raise RuntimeError("could not create a primitive")
    if case.name.startswith("broken"):
        return CaseResult(case.name, "failed", "nothing is painted")
    return CaseResult(case.name, "done", worker=str(os.getpid()))
