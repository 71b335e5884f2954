"""Encoded context of a cascade: sets of images, each for its own targets, of however many images each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.cascade.readout import MaskReadout
from PatchICLLib.errors import InputError

_MULTIPLE = 8  # of keys that fused attention takes as they are, with a mask


@dataclass(frozen=True)
class ContextLevel:
    """Everything about the context that a level of the `sparse` cascade needs; B sets of k images.

    Attributes:
        indices: (B, k, Kc) patches encoded of each image; any for images that only fill up a set.
        layers: keys and values of the context's tokens for each attention layer, (2, B, heads, C, d / heads).
        early_keys, late_keys: (B, cells, f) keys of the two mask read-outs.
        blocks: (B, cells, 16) mask pixels of each cell, -1 to 1.
        given: (B, C) bool, False for tokens that only fill up a set; None if there are none.
    """

    indices: Tensor
    layers: tuple[Tensor, ...]
    early_keys: Tensor
    late_keys: Tensor
    blocks: Tensor
    given: Tensor | None

    def layers_for(self, targets: int) -> Iterator[Tensor]:
        """Keys and values of each layer for so many targets, set by set: one, or as many sets as targets."""
        sets = len(self.indices)
        alike = sets in (1, targets)
        return (layer if alike else layer.repeat_interleave(targets // sets, 1) for layer in self.layers)

    def select(self, sets: Tensor) -> ContextLevel:
        """Some sets, in any order, any number of times; sets is (M,) long."""

        def of(x: Tensor) -> Tensor:
            return x.index_select(0, sets)

        return ContextLevel(
            of(self.indices),
            tuple(layer.index_select(1, sets) for layer in self.layers),
            of(self.early_keys),
            of(self.late_keys),
            of(self.blocks),
            None if self.given is None else of(self.given),
        )

    def padded(self, images: int, tokens: int, cells: int) -> ContextLevel:
        """The same with so many images, tokens and cells a set, of which those that are new have no influence."""

        sets, own = self.indices.shape[0], self.layers[0].shape[3]
        given = self.indices.new_ones(sets, own, dtype=torch.bool) if self.given is None else self.given
        return ContextLevel(
            longer(self.indices, images),
            tuple(F.pad(layer, (0, 0, 0, tokens - own)) for layer in self.layers),
            MaskReadout.padded(self.early_keys, cells),
            MaskReadout.padded(self.late_keys, cells),
            longer(self.blocks, cells),
            longer(given, tokens),
        )

    @staticmethod
    def join(levels: Sequence[ContextLevel]) -> ContextLevel:
        """The sets of several, one after the other."""
        lengths = [(x.indices.shape[1], x.layers[0].shape[3], x.blocks.shape[1]) for x in levels]
        if len(set(lengths)) > 1 or any(level.given is not None for level in levels):
            images, tokens, cells = (max(counts) for counts in zip(*lengths, strict=True))
            levels = [level.padded(images, _up(tokens), _up(cells)) for level in levels]
        return ContextLevel(
            torch.cat([level.indices for level in levels]),
            tuple(torch.cat(layer, 1) for layer in zip(*(level.layers for level in levels), strict=True)),
            torch.cat([level.early_keys for level in levels]),
            torch.cat([level.late_keys for level in levels]),
            torch.cat([level.blocks for level in levels]),
            None if levels[0].given is None else torch.cat([x.given for x in levels if x.given is not None]),
        )

    @staticmethod
    def beside(levels: Sequence[ContextLevel]) -> ContextLevel:
        """The same number of sets of each, set by set with the images of all; none of them padded."""
        assert all(level.given is None for level in levels)
        return ContextLevel(
            torch.cat([level.indices for level in levels], 1),
            tuple(torch.cat(layer, 3) for layer in zip(*(level.layers for level in levels), strict=True)),
            torch.cat([level.early_keys for level in levels], 1),
            torch.cat([level.late_keys for level in levels], 1),
            torch.cat([level.blocks for level in levels], 1),
            None,
        )

    def images(self) -> list[ContextLevel]:
        """Each image of the only set by itself, as it was encoded beside the others; none of them padded."""
        assert self.given is None and len(self.indices) == 1
        count = self.indices.shape[1]
        parts = zip(
            self.indices.split(1, 1),
            zip(*(layer.chunk(count, 3) for layer in self.layers), strict=True),
            self.early_keys.chunk(count, 1),
            self.late_keys.chunk(count, 1),
            self.blocks.chunk(count, 1),
            strict=True,
        )
        return [ContextLevel(*one, None) for one in parts]


class AnyLevel(Protocol):
    """What a cascade needs of the context at one level."""

    def select(self, sets: Tensor) -> Self: ...

    @staticmethod
    def join(levels: Sequence[Any]) -> Any: ...


Level = TypeVar("Level", bound=AnyLevel)


@dataclass(frozen=True)
class ContextCache(Generic[Level]):
    """Encoded context for inputs of ``size`` pixels a side; ``sets`` is B."""

    size: int
    sets: int
    levels: tuple[Level, ...]

    def select(self, sets: Tensor) -> ContextCache[Level]:
        """The context of some sets, in any order, any number of times.

        Args:
            sets: (M,) long, on the context's device.
        """
        return ContextCache(self.size, len(sets), tuple(level.select(sets) for level in self.levels))

    @staticmethod
    def join(caches: Sequence[ContextCache[Level]]) -> ContextCache[Level]:
        """The sets of several, one after the other; of however many images each.

        Raises:
            ValueError: they are not for inputs of the same size.
        """
        size = size_of_all(caches)
        levels = zip(*(cache.levels for cache in caches), strict=True)
        kind = type(caches[0].levels[0])
        return ContextCache(size, sum(c.sets for c in caches), tuple(kind.join(x) for x in levels))

    @staticmethod
    def beside(caches: Sequence[ContextCache[ContextLevel]]) -> ContextCache[ContextLevel]:
        """As many sets as each holds, of the images of all: what was encoded apart is looked at together.

        Args:
            caches: of the same number of sets, none of them padded.

        Raises:
            ValueError: they are not for inputs of the same size.
        """
        size = size_of_all(caches)
        levels = zip(*(cache.levels for cache in caches), strict=True)
        return ContextCache(size, caches[0].sets, tuple(ContextLevel.beside(x) for x in levels))

    def images(self: ContextCache[ContextLevel]) -> list[ContextCache[ContextLevel]]:
        """Each image of the only set by itself, as it was encoded beside the others: to be put ``beside`` some."""
        levels = zip(*(level.images() for level in self.levels), strict=True)
        return [ContextCache(self.size, 1, tuple(of_image)) for of_image in levels]


def checked_context(images: Tensor, masks: Tensor, given: Tensor | None) -> tuple[Tensor, Tensor]:
    """Images and masks of a context, (B, k, H, H), with nothing in those that are not ``given``, (B, k).

    Raises:
        InputError: their shapes differ, or they are not square.
    """
    if images.shape != masks.shape or images.ndim != 4 or images.shape[-1] != images.shape[-2] or not images.numel():
        raise InputError(
            "Context images and masks must both have the shape (sets, images, side, side), but have "
            f"{tuple(images.shape)} and {tuple(masks.shape)}."
        )
    if given is None:
        return images, masks
    there = given[:, :, None, None]
    return images.where(there, 0), masks.where(there, 0)


def longer(x: Tensor, count: int) -> Tensor:
    """(N, C, ...) with zeros behind, ``count`` in all."""
    return F.pad(x, (0, 0) * (x.ndim - 2) + (0, count - x.shape[1]))


def size_of_all(caches: Sequence[Any]) -> int:
    """The size of the inputs that all caches are for.

    Raises:
        ValueError: they differ.
    """
    sizes = {cache.size for cache in caches}
    if len(sizes) != 1:
        raise ValueError(f"context for inputs of different sizes cannot be joined: {sorted(sizes)} pixels")
    return int(sizes.pop())


def _up(count: int) -> int:
    return -(-count // _MULTIPLE) * _MULTIPLE
