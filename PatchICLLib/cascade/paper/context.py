"""Encoded context of the `paper` cascade, level by level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from PatchICLLib.cascade.context_cache import longer


@dataclass(frozen=True)
class PaperContextLevel:
    """What a level keeps of B sets of k context images: nothing in it depends on a target.

    Attributes:
        indices: (B, k, Kc) patches read of each image; any for images that only fill up a set.
        tokens: (B, k*Kc, d) after the context-only layers.
        registers: (B, R, d) after the context-only layers.
        positions: (B, k*Kc, 3) of the patches' centres.
        given: (B, k*Kc) bool, False for tokens that only fill up a set; None if there are none.
    """

    indices: Tensor
    tokens: Tensor
    registers: Tensor
    positions: Tensor
    given: Tensor | None

    def select(self, sets: Tensor) -> PaperContextLevel:
        """Some sets, in any order, any number of times; sets is (M,) long."""
        every = (self.indices, self.tokens, self.registers, self.positions)
        indices, tokens, registers, positions = (x.index_select(0, sets) for x in every)
        given = None if self.given is None else self.given.index_select(0, sets)
        return PaperContextLevel(indices, tokens, registers, positions, given)

    def padded(self, images: int) -> PaperContextLevel:
        """The same with so many images a set, of which those that are new have no influence."""
        count = images * self.indices.shape[2]
        given = self.tokens.new_ones(self.tokens.shape[:2], dtype=torch.bool) if self.given is None else self.given
        return PaperContextLevel(
            longer(self.indices, images),
            longer(self.tokens, count),
            self.registers,
            longer(self.positions, count),
            longer(given, count),
        )

    @staticmethod
    def join(levels: Sequence[PaperContextLevel]) -> PaperContextLevel:
        """The sets of several, one after the other."""
        images = {level.indices.shape[1] for level in levels}
        if len(images) > 1 or any(level.given is not None for level in levels):
            levels = [level.padded(max(images)) for level in levels]
        return PaperContextLevel(
            torch.cat([level.indices for level in levels]),
            torch.cat([level.tokens for level in levels]),
            torch.cat([level.registers for level in levels]),
            torch.cat([level.positions for level in levels]),
            None if levels[0].given is None else torch.cat([x.given for x in levels if x.given is not None]),
        )
