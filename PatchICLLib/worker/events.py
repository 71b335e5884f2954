"""What a worker tells its client."""

from dataclasses import dataclass
from typing import Literal

from PatchICLLib.errors import PatchICLError
from PatchICLLib.propagation.progress import Progress
from PatchICLLib.propagation.result.propagation_result import PropagationResult

Kind = Literal["progress", "result", "cancelled", "error", "died", "log"]


@dataclass(frozen=True)
class WorkerEvent:
    """One thing that happened in the worker. Every job ends with exactly one event that ``ends_job``.

    Attributes:
        kind: "progress": a slice is finished; "result": the job is done; "cancelled": the job was stopped as asked;
            "error": the job failed, or the worker could not start, and ``error`` says why; "died": the worker is gone;
            "log": a line that the worker or a library in it printed.
        job: which job, as returned by ``propagate``; None where the event belongs to none.
        progress: for "progress".
        result: for "result"; for "cancelled" what was finished until then, if anything.
        message: one sentence for the user ("cancelled", "error", "died"), or the printed line ("log").
        error: for "error" and "died", the exception that the blocking ``run`` raises.
    """

    kind: Kind
    job: int | None = None
    progress: Progress | None = None
    result: PropagationResult | None = None
    message: str = ""
    error: PatchICLError | None = None

    @property
    def ends_job(self) -> bool:
        """Whether this is the last event of its job."""
        return self.job is not None and self.kind in ("result", "cancelled", "error", "died")
