"""An experiment spread over processes of this machine; each does one part and writes a file of its own."""

import time
from collections.abc import Callable
from pathlib import Path

from PatchICLLib.errors import WorkerError
from PatchICLLib.evaluation.runner import Shard
from PatchICLLib.experiments.request import ExperimentRequest
from PatchICLLib.experiments.runner import all_results, run_experiment
from PatchICLLib.runtime.child_process import Spawning, begin_as_child, end

_POLL = 0.5  # seconds


def run_in_processes(
    request: ExperimentRequest, processes: int, progress: Callable[[int], None] = lambda rows: None
) -> None:
    """Do all parts of an experiment; what earlier runs finished is kept.

    Args:
        request: whose output folder has its `settings.json` and, for volumes, its index of slices.
        processes: number of parts.
        progress: called with the number of rows that all files hold.

    Raises:
        WorkerError: a process died; the same command goes on where it was.
    """
    context = Spawning()
    parts = [
        context.Process(target=_do_part, args=(request, Shard(number, processes))) for number in range(1, processes + 1)
    ]
    for part in parts:
        part.start()
    try:
        while any(part.is_alive() for part in parts):
            progress(sum(_lines(path) for path in all_results(request.output)))
            time.sleep(_POLL)
    finally:
        end(parts)
    failed = [(number, part.exitcode) for number, part in enumerate(parts, 1) if part.exitcode != 0]
    if failed:
        number, code = failed[0]
        raise WorkerError(
            f"Process {number} of {processes} ended before its part was done (code {code}); the same command goes on "
            "from there."
        )


def _do_part(request: ExperimentRequest, shard: Shard) -> None:
    begin_as_child(shard.count)
    run_experiment(request.open_data(), request.load_models(), request.experiment(shard), request.output)


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
