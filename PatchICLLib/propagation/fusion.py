"""What runs along several axes found, as one: averages of probabilities, each run listened to near its own planes.

Beside a painted plane the run along its axis knows best, half-way between two planes hardly more than a run across. So
a run counts by one over the distance to the nearest plane that it learned from, and one slice more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.refinement.across_slices import TEMPERATURE, softened
from PatchICLLib.propagation.result.filled_slices import FilledSlices, places
from PatchICLLib.runtime.transfers import to_device

_SURE = 1e-7  # probabilities keep this far from 0 and 1, where logits end

Box = tuple[slice, slice, slice]


class Fusion:
    """Fuses the slices of runs of one layer, label by label.

    Slices are kept until then, as the memory of results keeps them.

    Args:
        whole: of the layer; its axis is that of the fused slices.
    """

    def __init__(self, whole: Plan) -> None:
        self.whole = whole
        self._parts: dict[int, dict[int, list[FilledSlices]]] = {}  # by label and number of the run
        self._ended: set[int] = set()

    def add(self, run: int, slices: Sequence[FilledSlices]) -> None:
        """Take slices of a run, by its number in the plan."""
        for filled in slices:
            self._parts.setdefault(filled.label, {}).setdefault(run, []).append(filled)

    def end(self, run: int) -> None:
        """What a run was to fill and has not is empty by now, and not merely unknown."""
        self._ended.add(run)

    def slices(self) -> Iterator[FilledSlices]:
        """Slices along the axis of the whole, as they are known by now."""
        for label in sorted(self._parts):
            parts = self._parts[label]
            runs = [plan for plan in self.whole.runs if plan.asked(label)]
            if all(plan.axis == self.whole.axis and label not in plan.sparse for plan in runs):
                yield from (filled for some in parts.values() for filled in some)
            else:
                yield from self._fused(label, parts)

    def _fused(self, label: int, parts: dict[int, list[FilledSlices]]) -> Iterator[FilledSlices]:
        whole = self.whole
        box = _around([_stored(whole.runs[run], filled) for run, some in parts.items() for filled in some])
        seen = whole.orientation.seen_box(box)
        indices = [z for z in self._slices(label, parts) if z not in whole.painted[label]]
        if not indices:
            return
        device = next(filled.logits.device for some in parts.values() for filled in some)
        shape = [span.stop - span.start for span in box]
        mean, weight = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        for run, plan in enumerate(whole.runs):
            if plan.asked(label):
                self._weigh(label, run, parts.get(run, []), box, mean, weight)
        mean /= weight.clamp_min(torch.finfo(weight.dtype).tiny)
        turned = whole.orientation
        planes = mean.permute(turned.axes)
        numbers = places([turned.slice_index(z) - box[turned.axes[0]].start for z in indices], device)
        chosen = planes.index_select(0, numbers)
        if turned.mirrored_sides:
            chosen = chosen.flip(turned.mirrored_sides)
        logits = TEMPERATURE * torch.logit(chosen, _SURE)
        yield FilledSlices(label, tuple(indices), seen[1:], logits)

    def _slices(self, label: int, parts: dict[int, list[FilledSlices]]) -> list[int]:
        """Slices along the axis of the whole of which a run says something, within the region and extent."""
        whole = self.whole
        found: set[int] = set()
        for run, some in parts.items():
            plan = whole.runs[run]
            for filled in some:
                if plan.axis != whole.axis:
                    span = whole.orientation.seen_box(_stored(plan, filled))[0]
                    found.update(range(span.start, span.stop))
                else:
                    beside = (-1, 0, 1) if label in plan.sparse else (0,)
                    found.update(z + side for z in filled.indices for side in beside)
        return sorted(z for z in found if z in whole.extent)

    def _weigh(
        self, label: int, run: int, some: Sequence[FilledSlices], box: Box, mean: Tensor, weight: Tensor
    ) -> None:
        """Add what a run says to sums in a stored box."""
        plan = self.whole.runs[run]
        turned, start = plan.orientation, [span.start for span in box]
        axis = turned.axes[0]
        predicted = {z for filled in some for z in filled.indices}
        known = plan.asked(label) if run in self._ended else predicted
        between = _between(known, plan.painted[label], len(plan.volume.image)) if label in plan.sparse else {}
        own = np.array(plan.painted[label])
        weights = np.zeros(box[axis].stop - box[axis].start, np.float32)
        for z in (*known, *between):
            place = turned.slice_index(z) - start[axis]
            if 0 <= place < len(weights):
                weights[place] = 1 / (plan.volume.step * (np.abs(own - z).min() + 1))
        sent = to_device(array_tensor(weights), mean.device)
        weight += sent.view([-1 if a == axis else 1 for a in range(3)])
        planes = mean.permute(turned.axes)
        for filled in some:
            probability = softened(filled.logits.float())
            if turned.mirrored_sides:
                probability = probability.flip(turned.mirrored_sides)
            rows, columns = (
                slice(span.start - start[a], span.stop - start[a])
                for span, a in zip(turned.stored_window(filled.window), turned.axes[1:], strict=True)
            )
            for numbers, at, shares in _targets(filled.indices, between):
                stored = [turned.slice_index(z) - start[axis] for z in at]
                inside = [n for n, place in enumerate(stored) if 0 <= place < len(weights)]
                goals = places([stored[n] for n in inside], mean.device)
                part = to_device(array_tensor(np.array([shares[n] for n in inside])), mean.device)
                seen = probability.index_select(0, places([numbers[n] for n in inside], mean.device))
                factor = (part * sent.index_select(0, goals))[:, None, None]
                planes[:, rows, columns].index_add_(0, goals, factor * seen)


def _between(known: Collection[int], painted: Collection[int], depth: int) -> dict[int, dict[int, float]]:
    """Slices beside those of a sparse run, and the shares in each of the nearest known ones on both sides."""
    found = {}
    for z in {z + side for z in known for side in (-1, 1)}.difference(known, painted):
        if not 0 <= z < depth:
            continue
        below = next((other for other in (z - 1, z - 2) if other in known), None)
        above = next((other for other in (z + 1, z + 2) if other in known), None)
        if below is None or above is None:
            found[z] = {other: 1.0 for other in (below, above) if other is not None}
        else:
            found[z] = {below: (above - z) / (above - below), above: (z - below) / (above - below)}
    return found


def _targets(
    indices: Sequence[int], between: Mapping[int, Mapping[int, float]]
) -> Iterator[tuple[list[int], list[int], list[float]]]:
    """Where slices go: their numbers, the slices that they have a share in, and the shares; no slice twice at a time.

    Sums in a fixed order are the same on every device.
    """
    yield list(range(len(indices))), list(indices), [1.0] * len(indices)
    for offset in (-2, -1, 1, 2) if between else ():
        found = [(n, z + offset, between.get(z + offset, {}).get(z)) for n, z in enumerate(indices)]
        given = [(n, at, share) for n, at, share in found if share]
        if given:
            numbers, at, shares = zip(*given, strict=True)
            yield list(numbers), list(at), list(shares)


def _stored(plan: Plan, filled: FilledSlices) -> Box:
    """A box, in the stored order of axes, around slices of a run, and those beside them that it leaves out."""
    beside, depth = int(filled.label in plan.sparse), len(plan.volume.image)
    first, last = max(0, min(filled.indices) - beside), min(depth - 1, max(filled.indices) + beside)
    return plan.orientation.stored_box((slice(first, last + 1), *filled.window))


def _around(boxes: Sequence[Box]) -> Box:
    k, j, i = (
        slice(min(span.start for span in spans), max(span.stop for span in spans)) for spans in zip(*boxes, strict=True)
    )
    return k, j, i
