"""What runs along several axes found, as one: averages of their logits, each run listened to near its own planes.

Beside a painted plane the run along its axis knows best, half-way between two planes hardly more than a run across. So
a run counts by one over the distance to the nearest plane that it learned from, and one slice more; and of three the
less, the less it agrees with the others.

Where several count, far from what they learned from, they miss different parts, and their average is smaller than the
structure; and what painted planes show of its shape says more than elsewhere. There both are made up for.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.agreement import trust
from PatchICLLib.propagation.carried_shape import CarriedShape
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.result.filled_slices import FilledSlices, places
from PatchICLLib.propagation.voice import BOUND, Box, Voice, along, unbounded
from PatchICLLib.runtime.transfers import to_device

_SHRUNK = 0.3  # logit of what averages miss where three runs count alike
_SHAPE = 0.7  # logit of a voxel of distance to the outline of a carried shape there; soon less where fewer count
_CHUNK = 2**21  # voxels fused at a time


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
        if label in whole.limits:
            box = _common(box, whole.limits[label])
        turned, seen = whole.orientation, whole.orientation.seen_box(box)
        inside = range(seen[0].start, seen[0].stop)
        indices = [z for z in self._slices(label, parts) if z in inside and z not in whole.painted[label]]
        device = next(filled.logits.device for some in parts.values() for filled in some)
        voices = [
            Voice(plan, label, parts.get(run, []), run in self._ended)
            for run, plan in enumerate(whole.runs)
            if plan.asked(label)
        ]
        shapes = self._shapes(label, device)
        depth = box[whole.axis]
        count = max(1, _CHUNK * (depth.stop - depth.start) // max(1, _voxels(box)))
        pieces = (slice(z, min(z + count, depth.stop)) for z in range(depth.start, depth.stop, count))
        trusted = trust(voices, (_with(box, whole.axis, piece) for piece in pieces), device)
        for first in range(0, len(indices), count):
            some = indices[first : first + count]
            stored = [turned.slice_index(z) for z in some]
            part = _with(box, whole.axis, slice(min(stored), max(stored) + 1))
            planes = _spoken(part, voices, trusted, shapes, device).permute(turned.axes)
            chosen = planes.index_select(0, places([z - min(stored) for z in stored], device))
            if turned.mirrored_sides:
                chosen = chosen.flip(turned.mirrored_sides)
            yield FilledSlices(label, tuple(some), seen[1:], chosen)

    def _shapes(self, label: int, device: torch.device) -> list[CarriedShape]:
        """Shapes of painted slices carried along every axis that has some."""
        known = self.whole.painted_planes[label]
        painting = self.whole.orientation.stored(self.whole.volume.painted)
        spacing = self.whole.spacing
        found = [CarriedShape.of(painting, label, axis, known[axis], known, spacing, device) for axis in known]
        return [shape for shape in found if shape is not None]

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


def _spoken(
    box: Box, voices: Sequence[Voice], trust: Tensor, shapes: Sequence[CarriedShape], device: torch.device
) -> Tensor:
    """Logits of a box as all runs see it together."""
    logits = torch.zeros([span.stop - span.start for span in box], device=device)
    total, squares = torch.zeros(1, 1, 1, device=device), torch.zeros(1, 1, 1, device=device)
    by_axis = {}
    for voice, trusted in zip(voices, trust, strict=True):
        weights = trusted * to_device(array_tensor(voice.weights[box[voice.axis]].copy()), device)
        voice.add(logits, weights, box)
        by_axis[voice.axis] = along(weights, voice.axis)
        total, squares = total + by_axis[voice.axis], squares + by_axis[voice.axis].square()
    heard = total.clamp_min(torch.finfo(total.dtype).tiny)
    logits.div_(heard).sub_(BOUND)
    # 0 where one run alone counts, 1 where three count alike
    unsure = (1.5 * (1 - squares / heard.square())).clamp_(0, 1)
    unsure *= total > 0
    logits += _SHRUNK * unsure.sqrt()
    carried, weight = torch.zeros(1, 1, 1, device=device), torch.zeros(1, 1, 1, device=device)
    for shape in shapes:
        if shape.axis in by_axis:
            distances, known = shape.within(box)
            own = by_axis[shape.axis] * along(to_device(array_tensor(known.astype(np.float32)), device), shape.axis)
            carried, weight = carried + own * distances.movedim(0, shape.axis), weight + own
    return unbounded(logits + _SHAPE * unsure**3 * carried / weight.clamp_min(torch.finfo(weight.dtype).tiny))


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


def _common(box: Box, limits: Box) -> Box:
    k, j, i = (
        slice(max(own.start, most.start), min(own.stop, most.stop)) for own, most in zip(box, limits, strict=True)
    )
    return k, j, i


def _with(box: Box, axis: int, span: slice) -> Box:
    k, j, i = (span if a == axis else own for a, own in enumerate(box))
    return k, j, i


def _voxels(box: Box) -> int:
    return math.prod(span.stop - span.start for span in box)
