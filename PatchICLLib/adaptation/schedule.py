"""How long an adaptation trains, and what ends it before its time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from PatchICLLib.errors import Stopped
from PatchICLLib.library import CaseEntry, Library
from PatchICLLib.library.adapted_weights import drop_unfinished
from PatchICLLib.propagation import CancelToken
from PatchICLLib.training.checkpoint import Checkpoint
from PatchICLLib.training.trainer import Trainer

MOST_STEPS = 100_000

Show = Callable[[str, int, int], None]


class Schedule:
    """How many steps there will be, found from the pace so far, so that the rate has fallen when time is up."""

    def __init__(
        self, library: Library, learned: Sequence[CaseEntry], minutes: float, show: Show, token: CancelToken
    ) -> None:
        self.library, self.learned, self.show, self.token = library, learned, show, token
        self.seconds, self.most, self.removed = 60 * minutes, MOST_STEPS, False

    def resume(self, trainer: Trainer, checkpoint: Checkpoint) -> None:
        """Go on with what was planned: the rate falls on from where it was, never to rise again."""
        self.most = max(int(checkpoint.recipe["steps"]), checkpoint.step)
        self.seconds *= 1 - checkpoint.step / self.most
        trainer.recipe = replace(trainer.recipe, steps=self.most)

    def begin(self, trainer: Trainer) -> None:
        self.trainer, self.first, self.began = trainer, trainer.step, time.monotonic()

    def proceed(self, step: int) -> bool:
        passed = time.monotonic() - self.began
        left, done = max(0.0, self.seconds - passed), step - self.first
        # a coarse clock may not have moved yet: then the pace is not known
        steps = min(self.most, step + int(np.ceil(left / passed * done))) if passed else self.most
        self.trainer.recipe = replace(self.trainer.recipe, steps=steps)
        self.show("Training", step, steps)
        there = Library.open(self.library.path).cases
        self.removed = any(case not in there for case in self.learned)
        return step < steps and not self.token.cancelled and not self.removed

    def check(self, trainer: Trainer) -> None:
        """Raises what ended the training before its time."""
        if self.removed:
            drop_unfinished(self.library.adapted)
            with self.library.unchanged(self.learned):
                pass
        if self.token.cancelled:
            raise Stopped(f"Stopped after step {trainer.step}; the same command goes on from there.")
