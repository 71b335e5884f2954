"""Filling one gap of one label, a batch of slices at a time."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from functools import partial

import numpy as np
import torch

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.trace import CascadeOutput
from PatchICLLib.hints.likelihood import Likelihoods
from PatchICLLib.hints.painted_runs import VOTE_SIZE, Guides, PaintedRuns, guides_on_runs
from PatchICLLib.propagation.batch_limit import BatchLimit
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.filled_slices import FilledSlices
from PatchICLLib.propagation.geometry.gaps import Gap
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.painted_context import PaintedContext
from PatchICLLib.propagation.result.context_shares import ContextShares
from PatchICLLib.propagation.result.selections import describe
from PatchICLLib.propagation.result.slice_logits import SliceLogits, logits_of_slice
from PatchICLLib.runtime.device import inference_precision

_PIXELS = 8 * 128 * 128  # of target slices in one batch: a fraction of a second on a laptop
_FIRST_RUN = 16  # slices beyond the outermost painted one for which the vote is first computed
_EMPTY_RUN = 3  # so many empty slices in a row end a structure
_STEP, _MOST = 1.35, 2.5  # growth of a region that turns out too small, and how far it may go


class GapFilling:
    """Predicts the slices of a gap, nearest to a painted slice first.

    Args:
        model: called like the cascades.
        device: of the model.
        volume: image and painting.
        label: the label.
        gap: what to fill.
        contexts: encoded painted slices.
        prior: give hints.
        traced: describe the selections.
        stops: end beyond the outermost painted slice where the structure ends.
        check: called now and then; may raise to stop.
        limit: of what is predicted at once.
        inspected: slices whose logits before and after each level are kept.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        device: torch.device,
        volume: SlicedVolume,
        label: int,
        gap: Gap,
        contexts: Contexts,
        prior: bool,
        traced: bool,
        stops: bool,
        check: Callable[[], None],
        limit: BatchLimit | None = None,
        inspected: Container[int] = (),
    ) -> None:
        self.model, self.device, self.volume, self.label, self.gap = model, device, volume, label, gap
        self.contexts, self.prior, self.traced, self.check = contexts, prior, traced, check
        self.limit, self.inspected = limit or BatchLimit(), inspected
        self.stops = stops and not gap.inner
        self._growth = 1.0
        self._guides: tuple[float, dict[int, int], Guides | None] = (0.0, {}, None)  # side, rows of slices, guides

    def batches(self) -> Iterator[FilledSlices]:
        """Batches of finished slices."""
        waiting, empty = list(self.gap.slices), 0
        while waiting:
            self.check()
            count = _at_once(self._context())
            batch, waiting = waiting[:count], waiting[count:]
            filled = self._fill(batch)
            if self.stops:
                for done, held in enumerate((filled.logits > 0).flatten(1).any(1).tolist()):
                    empty = 0 if held else empty + 1
                    if empty == _EMPTY_RUN:
                        filled, waiting = filled[: done + 1], []
                        break
            yield filled

    def _context(self) -> PaintedContext:
        # a gap's own growth: what is found in it does not depend on what was found in others, or when
        return self.contexts.get(self.label, self.gap.context, self._growth)

    def _fill(self, batch: list[int]) -> FilledSlices:
        while True:
            context = self._context()
            if self.prior:
                self._guide(batch, context)  # on the whole batch, in however many parts it is predicted
            parts: list[FilledSlices] = []
            for start in range(0, len(batch), _at_once(context)):  # in parts if the input has grown since
                self.check()
                part = batch[start : start + _at_once(context)]
                parts += self.limit.predict(part, partial(self._predict, context=context))
            filled = FilledSlices.joined(parts)
            if self._growth * _STEP > _MOST or not self._touches_border(filled):
                return filled
            self._growth *= _STEP

    def _touches_border(self, filled: FilledSlices) -> bool:
        """Whether the structure reaches the border of the region where the slices go on."""
        inside = (filled.logits > 0).any(0)
        rows, columns = filled.window
        height, width = self.volume.image.shape[1:]
        return bool(
            (rows.start > 0 and inside[0].any())
            or (rows.stop < height and inside[-1].any())
            or (columns.start > 0 and inside[:, 0].any())
            or (columns.stop < width and inside[:, -1].any())
        )

    def _predict(self, batch: Sequence[int], context: PaintedContext) -> list[FilledSlices]:
        region, normalisation, scale = context.region, context.normalisation, context.scale
        step = self.volume.step / region.side
        seen = self.contexts.sampler.sample(region, batch, context.size, scale)
        images = normalisation.standard(seen)[:, None]
        places = np.array(batch) * step
        hints: Hints | None = None
        if self.prior:
            hints = context.stack.hints(np.zeros(len(batch), int), places, self._guide(batch, context)).to(self.device)
        looked_at = [number for number, index in enumerate(batch) if index in self.inspected]
        precision = inference_precision(self.device)
        with torch.inference_mode(), precision, ContextShares(self.model, looked_at) as shares:
            output = self.model(
                images.to(self.device),
                context.encoded,
                hints,
                array_tensor(places - context.centre).to(self.device),
            )
        logits, window = region.restore(output.logits[:, 0], self.volume.image.shape[1:])
        orientation = self.volume.orientation
        selections = describe(output.levels, [context], [0] * len(batch), batch, orientation) if self.traced else None
        levels = {
            index: self._levels(output, number, index, region, shares)
            for number, index in enumerate(batch)
            if index in self.inspected
        }
        return [FilledSlices(self.label, tuple(batch), window, logits, selections, levels)]

    def _levels(
        self, output: CascadeOutput, number: int, index: int, region: Region, shares: ContextShares
    ) -> SliceLogits:
        drawn = shares.of(number, output.levels)
        return logits_of_slice(output.levels, number, index, self.label, region, self.volume.orientation, drawn)

    def _guide(self, batch: Sequence[int], context: PaintedContext) -> Guides:
        side, rows, guides = self._guides
        if guides is None or side != context.region.side or any(index not in rows for index in batch):
            rows, guides = self._compute_guides(batch, context)
            self._guides = (context.region.side, rows, guides)
        return guides.take(np.array([rows[index] for index in batch]))

    def _compute_guides(self, batch: Sequence[int], context: PaintedContext) -> tuple[dict[int, int], Guides]:
        """Guides on the whole gap, or, beyond the outermost painted slice, as far as needed and as far again."""
        gap = self.gap
        bounds = [b for b in (gap.before, gap.after) if b is not None]
        if gap.inner:
            first, last = bounds
        else:
            reach = max(_FIRST_RUN, 2 * max(gap.distance(index) for index in batch))
            last_slice = len(self.volume.image) - 1
            first = bounds[0] if gap.after is None else max(0, bounds[0] - reach)
            last = bounds[0] if gap.before is None else min(last_slice, bounds[0] + reach)
        region = context.region
        seen = self.contexts.sampler.sample(region, range(first, last + 1), VOTE_SIZE, context.scale)
        images = context.normalisation.unit(seen).cpu()
        masks = region.sample(self.volume.painted[bounds] == self.label, VOTE_SIZE)
        run = np.array([z for z in range(first, last + 1) if z not in bounds])
        runs = PaintedRuns(
            images,
            np.array([len(images)]),
            np.array([self.volume.step / region.side]),
            masks,
            np.array(bounds) - first,
            run - first,
            self._likelihood(context),
        )
        return {int(z): row for row, z in enumerate(run)}, guides_on_runs(runs, self.check)

    def _likelihood(self, context: PaintedContext) -> Likelihoods:
        """Learned from all painted slices that the gap learns from."""
        slices = list(context.slices)
        seen = self.contexts.sampler.sample(context.region, slices, VOTE_SIZE, context.scale)
        masks = context.region.sample(self.volume.painted[slices] == self.label, VOTE_SIZE)
        return Likelihoods.learned(context.normalisation.unit(seen).cpu()[None], masks[None])


def _at_once(context: PaintedContext) -> int:
    """Target slices in one batch."""
    return max(1, _PIXELS // context.size**2)
