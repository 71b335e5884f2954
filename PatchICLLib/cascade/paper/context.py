"""Encoded context of the `paper` cascade: sets of images, each for its own targets, of however many images each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from PatchICLLib.cascade.context_cache import longer, size_of_all


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


@dataclass(frozen=True)
class PaperContext:
    """Encoded context for targets of ``size`` pixels a side; ``sets`` is B."""

    size: int
    sets: int
    levels: tuple[PaperContextLevel, ...]

    def select(self, sets: Tensor) -> PaperContext:
        """See ``ContextCache.select``."""
        return PaperContext(self.size, len(sets), tuple(level.select(sets) for level in self.levels))

    @staticmethod
    def join(caches: Sequence[PaperContext]) -> PaperContext:
        """See ``ContextCache.join``."""
        size = size_of_all(caches)
        levels = zip(*(cache.levels for cache in caches), strict=True)
        return PaperContext(size, sum(c.sets for c in caches), tuple(PaperContextLevel.join(x) for x in levels))
