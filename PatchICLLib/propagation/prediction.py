"""What the network says of slices of many gaps and labels at once."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.cascade.trace import CascadeOutput
from PatchICLLib.hints.seen_across import FADES, SeenAcross
from PatchICLLib.propagation.contexts import Contexts
from PatchICLLib.propagation.gap_filling import ContextKey, Portion
from PatchICLLib.propagation.geometry.known_voxels import OUTSIDE
from PatchICLLib.propagation.geometry.region import Window
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler
from PatchICLLib.propagation.guidance import Guidance
from PatchICLLib.propagation.painted_context import PaintedContext
from PatchICLLib.propagation.result.context_shares import ContextShares
from PatchICLLib.propagation.result.filled_slices import FilledSlices
from PatchICLLib.propagation.result.selections import SeenContext, describe
from PatchICLLib.propagation.result.slice_logits import logits_of_slice
from PatchICLLib.runtime.device import inference_precision
from PatchICLLib.runtime.stopwatch import part
from PatchICLLib.runtime.transfers import to_device, to_host


@dataclass(frozen=True, eq=False)
class Predicted:
    """A portion, predicted.

    Attributes:
        portion: which.
        filled: its slices.
        held: whether each of them holds anything.
        touching: whether the structure reaches the border of the region where slices go on.
    """

    portion: Portion
    filled: FilledSlices
    held: tuple[bool, ...]
    touching: bool


class Prediction:
    """Predicts portions.

    Args:
        model: called like the cascades.
        contexts: what portions learn from.
        guidance: votes and motion; None to give no hints.
        sampler: of the volume, on the model's device.
        traced: describe the selections.
        inspected: slices whose logits before and after each level are kept.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        contexts: Contexts,
        guidance: Guidance | None,
        sampler: VolumeSampler,
        traced: bool,
        inspected: Container[int] = (),
    ) -> None:
        self.model, self.contexts, self.guidance, self.sampler = model, contexts, guidance, sampler
        self.traced, self.inspected = traced, inspected
        self.volume: SlicedVolume = contexts.volume

    def of(self, portions: Sequence[Portion]) -> list[Predicted]:
        """Portions whose input has the same size, and whose guides are known, predicted at once."""
        numbers = {key: n for n, key in enumerate(dict.fromkeys(portion.key for portion in portions))}
        contexts = [self.contexts.get(key) for key in numbers]
        order = sorted(range(len(portions)), key=lambda n: numbers[portions[n].key])  # what is seen alike side by side
        ordered = [portions[n] for n in order]
        slices = [z for portion in ordered for z in portion.indices]
        sets = np.array([numbers[portion.key] for portion in ordered for _ in portion.indices])
        inspected = [number for number, z in enumerate(slices) if z in self.inspected]
        with ContextShares(self.model, inspected) as shares:
            output = self._network(ordered, contexts, sets)
        orientation = self.volume.orientation
        traces = None
        if self.traced:
            seen = [SeenContext(one.key.label, one.key.slices, one.region) for one in contexts]
            traces = describe(output.levels, seen, sets.tolist(), slices, orientation)
        restored = self._restored(output.logits[:, 0], contexts, sets, slices)
        verdicts = _verdicts([logits for logits, _ in restored])
        predicted, first = [], 0
        for portion in ordered:
            last, number = first + len(portion.indices), numbers[portion.key]
            start = int(np.searchsorted(sets, number))
            logits, window = restored[number]
            levels = {
                slices[n]: logits_of_slice(
                    output.levels,
                    n,
                    slices[n],
                    portion.key.label,
                    contexts[number].region,
                    orientation,
                    shares.of(n, output.levels),
                )
                for n in inspected
                if first <= n < last
            }
            filled = FilledSlices(
                portion.key.label,
                portion.indices,
                window,
                logits[first - start : last - start],
                None if traces is None else traces[first:last],
                levels,
            )
            held, *edges = verdicts[first:last].T
            goes_on = np.array(self._goes_on(window))
            touching = bool((np.array(edges).any(1) & goes_on).any())
            predicted.append(Predicted(portion, filled, tuple(held.tolist()), touching))
            first = last
        return [predicted[order.index(n)] for n in range(len(portions))]

    def _restored(
        self, logits: Tensor, contexts: Sequence[PaintedContext], sets: np.ndarray, slices: Sequence[int]
    ) -> list[tuple[Tensor, Window]]:
        """Logits of the targets (N, S, S) on the voxels of their slices, for each context and its window.

        What is known of voxels counts for more than what the network says.
        """
        shape = self.volume.image.shape[1:]
        counts = np.bincount(sets, minlength=len(contexts)).tolist()
        restored = [c.region.restore(some, shape) for c, some in zip(contexts, logits.split(counts), strict=True)]
        known = self.volume.known
        if known is None:
            return restored
        held, first = [], 0
        for context, (values, window) in zip(contexts, restored, strict=True):
            indices = slices[first : first + len(values)]
            held.append((known.held(context.label, indices, window, values), window))
            first += len(values)
        return held

    def _goes_on(self, window: Window) -> tuple[bool, bool, bool, bool]:
        """Whether slices go on beyond the first and last row and the first and last column."""
        (rows, columns), (height, width) = window, self.volume.image.shape[1:]
        return rows.start > 0, rows.stop < height, columns.start > 0, columns.stop < width

    def _network(
        self, portions: Sequence[Portion], contexts: Sequence[PaintedContext], sets: np.ndarray
    ) -> CascadeOutput:
        """What the network says of the N slices of portions, one after another.

        Args:
            portions: to predict.
            contexts: that they learn from.
            sets: (N,) which context each slice learns from, by number.
        """
        device = self.sampler.device
        known = {context.key: context for context in contexts}
        images = [
            context.normalisation.standardised(self._seen(portion, context))
            for portion in portions
            for context in [known[portion.key]]
        ]
        steps = np.array([self.volume.step / context.region.side for context in contexts])[sets]
        places = np.array([z for portion in portions for z in portion.indices]) * steps
        encoded, stacks = self.contexts.joined(list(known))
        hints = None
        if self.guidance is not None:
            with part("hints"):
                guides, across = self.guidance.of(portions), self._seen_across(portions, known, steps)
                hints = stacks.hints(sets, places, guides, across)
        centred = places - np.array([context.centre for context in contexts])[sets]
        with part("network"), torch.inference_mode(), inference_precision(device):
            output: CascadeOutput = self.model(
                torch.cat(images)[:, None],
                encoded,
                hints,
                to_device(array_tensor(centred), device),
                sets=None if len(contexts) == 1 else to_device(array_tensor(sets, np.int64), device),
            )
        return output

    def _seen_across(
        self, portions: Sequence[Portion], contexts: Mapping[ContextKey, PaintedContext], steps: np.ndarray
    ) -> SeenAcross | None:
        """What planes across show of the slices of portions, which lie ``steps`` apart, (N,) in fields of view."""
        known = self.volume.known
        if known is None or not any(known.evidence.planes.get(portion.key.label) for portion in portions):
            return None
        unseen, empty = [], []
        for portion in portions:
            context, gap = contexts[portion.key], portion.filling.gap
            painted = gap.before if gap.after is None else gap.after
            assert painted is not None
            unseen.append(known.unseen(context.label, portion.indices, painted))
            outside, seeds = np.zeros((len(portion.indices), context.size, context.size), bool), None
            if not gap.inner and unseen[-1].any():
                seeds = known.across.seeds(context.label, portion.indices, context.region, context.size)
            if seeds is not None:
                outside = (seeds == OUTSIDE) & (unseen[-1] > 0)[:, None, None]
            empty.append(outside)
        without = to_device(array_tensor(np.concatenate(empty), np.bool_), self.sampler.device)
        return SeenAcross(FADES * np.concatenate(unseen) * steps, without)

    def _seen(self, portion: Portion, context: PaintedContext) -> Tensor:
        """Slices of a portion at the size of the network's input, about 0 to 1: (n, S, S)."""
        seen = None if self.guidance is None else self.guidance.images(portion, context.size)
        return context.seen(self.sampler, portion.indices, context.size) if seen is None else seen


def _verdicts(logits: Sequence[Tensor]) -> np.ndarray:
    """What is to be known of slices (n, h, w) of some windows, asked for once: (N, 5) bool.

    Whether each holds anything, and whether something lies in its first and last row, its first and last column.
    """
    found = []
    for inside in (of_window > 0 for of_window in logits):
        rows, columns = inside.any(2), inside.any(1)
        found.append(torch.stack([rows.any(1), rows[:, 0], rows[:, -1], columns[:, 0], columns[:, -1]], 1))
    return to_host(torch.cat(found))
