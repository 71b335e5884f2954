"""Several processes that train one model together, as `torchrun` starts them on one machine or many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed

from PatchICLLib.errors import InputError


@dataclass(frozen=True)
class Ranks:
    """This process among all.

    Attributes:
        rank: its number, from 0.
        world: number of processes on all machines.
        local: its number on this machine.
    """

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def from_environment(cls) -> Ranks:
        """As `torchrun` has set it; a single process without it.

        Raises:
            InputError: the variables make no sense.
        """
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
        if not all(name in os.environ for name in names):
            return cls()
        try:
            rank, world, local = (int(os.environ[name]) for name in names)
        except ValueError as error:
            raise InputError("RANK, WORLD_SIZE and LOCAL_RANK must be whole numbers: start with torchrun.") from error
        return cls(rank, world, local)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    @property
    def together(self) -> bool:
        return self.world > 1

    def device(self, name: str) -> str:
        """The device for this process: of several CUDA devices each process on a machine takes its own."""
        if self.together and (name == "cuda" or (name == "auto" and torch.cuda.is_available())):
            return f"cuda:{self.local}"
        return name

    @contextmanager
    def joined(self, device: torch.device) -> Iterator[None]:
        """While the block runs the processes can talk to each other; nothing happens for a single one."""
        if not self.together or distributed.is_initialized():
            yield
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        try:
            yield
        finally:
            distributed.destroy_process_group()

    def wait(self) -> None:
        """Until all processes are here."""
        if self.together:
            distributed.barrier()

    def any(self, here: bool, device: torch.device) -> bool:
        """Whether it is true in any process."""
        if not self.together:
            return here
        flag = torch.tensor(float(here), device=device)
        distributed.all_reduce(flag, distributed.ReduceOp.MAX)
        return bool(flag)

    def gathered(self, here: list[Any]) -> list[Any]:
        """The lists of all processes, one after the other."""
        if not self.together:
            return here
        lists: list[list[Any]] = [[] for _ in range(self.world)]
        distributed.all_gather_object(lists, here)
        return [item for several in lists for item in several]
