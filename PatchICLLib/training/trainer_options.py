"""Where and how a model is trained: what a recipe leaves open."""

from dataclasses import dataclass
from pathlib import Path

from PatchICLLib.errors import InputError
from PatchICLLib.training.ranks import Ranks

PRECISIONS = ("auto", "32", "bf16")


@dataclass(frozen=True)
class TrainerOptions:
    """What does not change the result, but for rounding and, where batches are divided, the draw of noise.

    Attributes:
        output: folder of checkpoint, log and pictures.
        device: torch device.
        workers: processes that make batches; 0 for none.
        max_minutes: stop, with a checkpoint, after so long; None for never.
        log_every, validate_every: in steps.
        anew: replace checkpoint and log of an earlier run, when the first checkpoint of this one is complete.
        keep_every: keep a numbered copy of the checkpoint every so many steps; 0 for never.
        accumulate: parts of a batch that a process takes one after the other.
        precision: "32", "bf16" (autocast), or "auto": bf16 on CUDA.
        ranks: this process among those that train together.
    """

    output: Path
    device: str = "cpu"
    workers: int = 1
    max_minutes: float | None = None
    log_every: int = 25
    validate_every: int = 250
    keep_every: int = 0
    accumulate: int = 1
    precision: str = "auto"
    ranks: Ranks = Ranks()
    anew: bool = False


def check_precision(precision: str) -> None:
    """Raises InputError unless it is one of PRECISIONS."""
    if precision not in PRECISIONS:
        raise InputError(f"The precision must be one of {', '.join(PRECISIONS)}, but it is {precision}.")
