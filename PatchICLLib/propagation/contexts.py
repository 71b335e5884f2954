"""Encoded contexts, made once and shared by all gaps that learn from the same painted slices."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.painted_stacks import PaintedStacks
from PatchICLLib.propagation.gap_filling import ContextKey
from PatchICLLib.propagation.geometry.region import GROWTH, Region, Window
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.painted_context import SIZES, PaintedContext, input_size_of_painted
from PatchICLLib.propagation.result.filled_slices import places
from PatchICLLib.runtime.device import inference_precision
from PatchICLLib.runtime.stopwatch import part
from PatchICLLib.runtime.transfers import to_device

_KEPT = 64  # contexts of the usual size in memory at a time, about 10 MB each; fewer fine ones


class Contexts:
    """Contexts of one volume; the least recently used are forgotten.

    Args:
        model: called like the cascades.
        device: of the model.
        volume: image and painting.
        field_of_view: usual side of the region over the longer side of the painted extent; None for the default.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        volume: SlicedVolume,
        field_of_view: float | None = None,
    ) -> None:
        self.model, self.device, self.volume = model, device, volume
        self._usual = 1.0 if field_of_view is None else field_of_view / GROWTH
        self._regions: dict[ContextKey, Region] = {}
        self._sizes: dict[ContextKey, int] = {}
        self._cut: OrderedDict[ContextKey, PaintedContext] = OrderedDict()
        self._encoded: OrderedDict[ContextKey, Any] = OrderedDict()
        self._joined: tuple[tuple[ContextKey, ...], Any, PaintedStacks] | None = None

    def region(self, key: ContextKey) -> Region:
        """What is seen of slices that learn so."""
        if key not in self._regions:
            painted = self.volume.painted[list(key.slices)] == key.label
            around = Region.around(painted.any(0), self.volume.spacing)
            self._regions[key] = around.grown(self._usual * key.growth)
        return self._regions[key]

    def box(self, keys: Iterable[ContextKey]) -> Window:
        """Rows and columns that slices are looked at in, if they learn so."""
        shape = self.volume.image.shape[1:]
        reached = [self.region(key).reach(SIZES[0], shape) for key in keys]
        if not reached:
            return slice(0, 0), slice(0, 0)
        rows, columns = (
            slice(min(span.start for span in spans), max(span.stop for span in spans))
            for spans in zip(*reached, strict=True)
        )
        return rows, columns

    def size(self, key: ContextKey) -> int:
        """Input of the network for slices that learn so, pixels a side."""
        if key not in self._sizes:
            painted = self.volume.painted[list(key.slices)] == key.label
            self._sizes[key] = input_size_of_painted(self.region(key), painted)
        return self._sizes[key]

    def get(self, key: ContextKey) -> PaintedContext:
        """A context, as yet for no network."""
        if key not in self._cut:
            self._cut[key] = PaintedContext.of(self.volume, key, self.region(key), self.size(key), self.device)
            self._forget(self._cut)
        self._cut.move_to_end(key)
        return self._cut[key]

    def joined(self, keys: Sequence[ContextKey]) -> tuple[Any, PaintedStacks]:
        """The model's cache and the painted slices of contexts of the same input size, in this order.

        Those that are not encoded yet are encoded together.
        """
        wanted = tuple(keys)
        if self._joined is None or self._joined[0] != wanted:
            self._joined = self._join(wanted)
        return self._joined[1:]

    def _join(self, keys: tuple[ContextKey, ...]) -> tuple[tuple[ContextKey, ...], Any, PaintedStacks]:
        contexts = [self.get(key) for key in keys]
        stacks = PaintedStacks.join([context.stack for context in contexts])
        missing = [context for context in contexts if context.key not in self._encoded]
        if len(missing) == len(contexts):
            cache = self._encode(missing, stacks)
        else:
            if missing:
                self._encode(missing, PaintedStacks.join([context.stack for context in missing]))
            caches = [self._encoded[key] for key in keys]
            cache = caches[0] if len(caches) == 1 or caches[0] is None else type(caches[0]).join(caches)
        for key in keys:
            self._encoded.move_to_end(key)
        self._forget(self._encoded)
        return keys, cache, stacks

    def _encode(self, contexts: Sequence[PaintedContext], stacks: PaintedStacks) -> Any:
        """The model's cache of contexts, whose painted slices are joined in ``stacks``; they are kept one by one."""
        centres = np.array([[context.centre] for context in contexts])
        given = np.arange(stacks.positions.shape[1])[None] < stacks.counts[:, None]
        with part("network"), torch.inference_mode(), inference_precision(self.device):
            cache = self.model.encode_context(  # type: ignore[operator]
                stacks.images,
                stacks.masks,
                to_device(array_tensor(stacks.positions - centres), self.device),
                given=None if given.all() else to_device(array_tensor(given, np.bool_), self.device),
            )
            for number, context in enumerate(contexts):
                single = cache if len(contexts) == 1 or cache is None else cache.select(places([number], self.device))
                self._encoded[context.key] = single
        return cache

    def _forget(self, kept: OrderedDict[ContextKey, Any]) -> None:
        while len(kept) > _KEPT or (len(kept) > 1 and sum(map(self._pixels, kept)) > _KEPT * SIZES[-1] ** 2):
            kept.popitem(last=False)

    def _pixels(self, key: ContextKey) -> int:
        return self.size(key) ** 2
