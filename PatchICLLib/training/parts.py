"""Batches in parts, for several processes and for gradients that are accumulated: together always the same batch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset

from PatchICLLib.errors import InputError
from PatchICLLib.training.mixture import BatchPlan, BatchStream
from PatchICLLib.training.task_batch import TaskBatch


@dataclass(frozen=True)
class Division:
    """How batches are divided.

    Attributes:
        processes: that share a batch.
        accumulate: parts that each process takes one after the other before the weights change.
        rank: number of this process.
    """

    processes: int = 1
    accumulate: int = 1
    rank: int = 0

    @property
    def parts(self) -> int:
        return self.processes * self.accumulate

    @property
    def own(self) -> range:
        """Numbers of the parts that this process takes."""
        return range(self.rank * self.accumulate, (self.rank + 1) * self.accumulate)

    def check(self, plan: BatchPlan) -> None:
        """Raises InputError unless every part gets the same number of tasks."""
        if self.accumulate < 1 or plan.tasks % self.parts:
            raise InputError(
                f"A batch of {plan.tasks} tasks cannot be divided evenly among {self.processes} processes that "
                f"accumulate {self.accumulate} parts: choose a number of tasks that {self.parts} divides."
            )


class PartStream(Dataset[list[TaskBatch]]):
    """The parts of this process by number of the batch; together they are the batch, however it is divided.

    Args:
        whole: the batches.
        division: how they are divided.

    Raises:
        InputError: they cannot be divided so.
    """

    def __init__(self, whole: BatchStream, division: Division) -> None:
        division.check(whole.plan)
        self.whole, self.division = whole, division

    def __len__(self) -> int:
        return len(self.whole)

    def __getitem__(self, number: int) -> list[TaskBatch]:
        count = self.whole.plan.tasks // self.division.parts
        return [self.whole.part(number, range(part * count, (part + 1) * count)) for part in self.division.own]


def noise_of(seed: int, step: int, part: int, device: torch.device) -> torch.Generator:
    """Selection noise of one part of a step; independent of what was drawn before, and of who draws it."""
    state = int(np.random.default_rng([seed, step, part]).integers(2**62))
    return torch.Generator(device).manual_seed(state)
