"""UniverSeg behind the calls of the cascades, so that it can be trained, evaluated and timed in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from PatchICLLib.allowed_values import Between
from PatchICLLib.cascade.context_cache import checked_context, longer, size_of_all
from PatchICLLib.cascade.entropy import binary_entropy, patch_means
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.cascade.selection import Selection
from PatchICLLib.cascade.trace import CascadeOutput, LevelTrace
from PatchICLLib.errors import InputError
from PatchICLLib.universeg.intensities import unit_range
from PatchICLLib.universeg.network import UniverSeg, UniverSegConfiguration


@dataclass(frozen=True)
class UniverSegInContextConfiguration:
    """Attributes: network; working_size, the side that images are resized to (published: 128), None for their own."""

    network: UniverSegConfiguration = UniverSegConfiguration()
    working_size: Annotated[int | None, Between(8, 1024)] = 128

    def check(self) -> None:
        """Whether the values fit each other.

        Raises:
            ValueError: they do not; the message continues a sentence.
        """
        if self.working_size is not None and self.working_size % self.network.stride:
            raise ValueError(f"working_size {self.working_size} is no multiple of {self.network.stride}")


@dataclass(frozen=True)
class UniverSegContext:
    """Context at working size.

    Attributes:
        size: side of the images that it is made from in pixels.
        images, masks: (B, k, 1, h, h).
        given: (B, k) bool, False for images that only fill up a set; None if there are none.
    """

    size: int
    images: Tensor
    masks: Tensor
    given: Tensor | None

    @property
    def sets(self) -> int:
        return len(self.images)

    def select(self, sets: Tensor) -> UniverSegContext:
        """See ``ContextCache.select``."""
        given = None if self.given is None else self.given.index_select(0, sets)
        return UniverSegContext(self.size, self.images.index_select(0, sets), self.masks.index_select(0, sets), given)

    def padded(self, images: int) -> UniverSegContext:
        """The same with so many images a set, of which those that are new have no influence."""
        given = self.images.new_ones(self.images.shape[:2], dtype=torch.bool) if self.given is None else self.given
        return UniverSegContext(
            self.size, longer(self.images, images), longer(self.masks, images), longer(given, images)
        )

    @staticmethod
    def join(caches: Sequence[UniverSegContext]) -> UniverSegContext:
        """See ``ContextCache.join``."""
        size, images = size_of_all(caches), {cache.images.shape[1] for cache in caches}
        if len(images) > 1 or any(cache.given is not None for cache in caches):
            caches = [cache.padded(max(images)) for cache in caches]
        return UniverSegContext(
            size,
            torch.cat([cache.images for cache in caches]),
            torch.cat([cache.masks for cache in caches]),
            None if caches[0].given is None else torch.cat([c.given for c in caches if c.given is not None]),
        )


class UniverSegInContext(nn.Module):
    """Same calls as the cascades.

    Nothing of the context can be computed ahead of a target: from the first layer on the two are mixed.
    """

    def __init__(self, configuration: UniverSegInContextConfiguration | None = None) -> None:
        super().__init__()
        self.configuration = configuration or UniverSegInContextConfiguration()
        self.network = UniverSeg(self.configuration.network)

    def encode_context(
        self,
        images: Tensor,
        masks: Tensor,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
        given: Tensor | None = None,
        subject: Tensor | bool | None = None,
    ) -> UniverSegContext:
        """Keeps context images (B, k, H, H), any scale, and masks (B, k, H, H), 0-1.

        Images that are not ``given`` (B, k) only fill up their sets and have no influence. The rest is not used.

        Raises:
            InputError: if their shapes differ or they are not square.
        """
        images, masks = checked_context(images, masks, given)
        size = images.shape[-1]
        smaller = unit_range(self._resize(images, "bilinear"))[:, :, None]
        return UniverSegContext(size, smaller, self._resize(masks.to(images), "nearest-exact")[:, :, None], given)

    def forward(
        self,
        target: Tensor,
        context: UniverSegContext,
        hints: Hints | None = None,
        positions: Tensor | None = None,
        generator: torch.Generator | None = None,
        sets: Tensor | None = None,
    ) -> CascadeOutput:
        """Segments targets (N, 1, H, H).

        Target i belongs to context set ``sets[i]``, long; where that is None, each of the B sets has N / B targets, set
        by set. Hints, positions and generator are not used.

        Returns:
            Logits (N, 1, H, H) and one level at working size whose only patch is the whole image.

        Raises:
            InputError: for a target that does not fit the context.
        """
        n, size = len(target), target.shape[-1]
        b, k = context.images.shape[:2]
        unfit = n % b if sets is None else sets.shape != (n,)
        if tuple(target.shape[1:]) != (1, context.size, context.size) or unfit:
            raise InputError(
                f"Targets of shape {tuple(target.shape)} do not fit a context of {b} sets of images of "
                f"{context.size} pixels a side."
            )
        own = context if sets is None else context.select(sets)
        repeat = n // own.sets
        shares = None if own.given is None else own.given / own.given.sum(1, keepdim=True)
        logits = self.network(
            unit_range(self._resize(target, "bilinear")),
            own.images.repeat_interleave(repeat, 0),
            own.masks.repeat_interleave(repeat, 0),
            None if shares is None else shares.repeat_interleave(repeat, 0),
        )
        return CascadeOutput(_resized(logits, size, "bilinear"), (self._trace(logits, b, k),))

    def _resize(self, images: Tensor, mode: str) -> Tensor:
        return _resized(images, self.configuration.working_size or images.shape[-1], mode)

    @staticmethod
    def _trace(logits: Tensor, sets: int, k: int) -> LevelTrace:
        n, side = len(logits), logits.shape[-1]
        grid = PatchGrid(side, side, side)
        before = torch.zeros_like(logits)
        weights = patch_means(binary_entropy(before), side, side)
        whole = torch.zeros(n, 1, dtype=torch.long, device=logits.device)
        selection = Selection(whole, weights, torch.ones_like(whole, dtype=torch.bool), True)
        context = whole.new_zeros(sets, k, 1)
        return LevelTrace(side, grid, weights, selection, torch.ones_like(logits), before, logits, context)


def _resized(images: Tensor, side: int, mode: str) -> Tensor:
    """(N, C, H, H) -> (N, C, side, side)."""
    if images.shape[-1] == side:
        return images
    smooth = {"align_corners": False, "antialias": side < images.shape[-1]} if mode == "bilinear" else {}
    return functional.interpolate(images, size=(side, side), mode=mode, **smooth)
