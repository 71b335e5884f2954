"""What a run along one axis says of a label, anywhere in the volume, and how much that counts.

Logits are bounded before they are averaged: what comes of it lies between the mean of probabilities and the mean of
logits, of which the former forgets how sure a run is, and the latter lets one that is sure and wrong overrule two.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.propagation.geometry.orientation import Orientation
from PatchICLLib.propagation.plan import Plan
from PatchICLLib.propagation.result.filled_slices import FilledSlices, places
from PatchICLLib.runtime.transfers import to_device

BOUND = 5.0  # of logits that are averaged
_MOST = 18.0  # a logit as sure as can be

Box = tuple[slice, slice, slice]


class Voice:
    """What a run says of a label, and how much it counts.

    Args:
        plan: of the run.
        label: asked for.
        slices: of it that were filled.
        ended: whether the run has: what it was to fill and has not is empty then.
    """

    def __init__(self, plan: Plan, label: int, slices: Sequence[FilledSlices], ended: bool) -> None:
        self.plan, self.slices, self.axis = plan, slices, plan.axis
        predicted = {z for filled in slices for z in filled.indices}
        known = plan.asked(label) if ended else predicted
        depth, own = len(plan.volume.image), np.array(plan.painted[label])
        self._between = _between(known, plan.painted[label], depth) if label in plan.sparse else {}
        self.weights = np.zeros(depth, np.float32)  # of slices as they are stored
        for z in (*known, *self._between):
            self.weights[plan.orientation.slice_index(z)] = 1 / (plan.volume.step * (np.abs(own - z).min() + 1))

    def add(self, logits: Tensor, weights: Tensor, box: Box) -> None:
        """Add bounded logits, as far as they are above the least, times weights of slices in a box."""
        turned, start = self.plan.orientation, [span.start for span in box]
        planes = logits.permute(turned.axes)
        for filled in self.slices:
            window = turned.stored_window(filled.window)
            sides = [(span, box[a]) for span, a in zip(window, turned.axes[1:], strict=True)]
            common = [slice(max(span.start, own.start), min(span.stop, own.stop)) for span, own in sides]
            if any(span.start >= span.stop for span in common):
                continue
            goal = [slice(c.start - own.start, c.stop - own.start) for c, (_, own) in zip(common, sides, strict=True)]
            cut = [slice(c.start - span.start, c.stop - span.start) for c, (span, _) in zip(common, sides, strict=True)]
            for numbers, at, shares in _targets(filled.indices, self._between):
                stored = [turned.slice_index(z) - start[self.axis] for z in at]
                inside = [n for n, place in enumerate(stored) if 0 <= place < len(weights)]
                if not inside:
                    continue
                goals = places([stored[n] for n in inside], logits.device)
                part = to_device(array_tensor(np.array([shares[n] for n in inside], np.float32)), logits.device)
                said = _cut(filled, [numbers[n] for n in inside], turned, cut)
                factor = (part * weights.index_select(0, goals))[:, None, None]
                planes[:, goal[0], goal[1]].index_add_(0, goals, factor * (bounded(said) + BOUND))

    def inside(self, box: Box, device: torch.device) -> tuple[Tensor, Tensor]:
        """Where it says that the label lies in a box, and what slices of it it knows; bool."""
        known = to_device(array_tensor((self.weights[box[self.axis]] > 0).astype(np.float32)), device)
        said = torch.zeros([span.stop - span.start for span in box], device=device)
        self.add(said, known, box)
        return said > BOUND, along(known, self.axis) > 0


def bounded(logits: Tensor) -> Tensor:
    """Logits, between -BOUND and BOUND: beyond, a run is not so much surer than others as it claims."""
    return BOUND * torch.tanh(logits / BOUND)


def unbounded(logits: Tensor) -> Tensor:
    """From bounded logits back, as far as the surest."""
    most = math.tanh(_MOST / BOUND)
    return BOUND * torch.atanh((logits / BOUND).clamp(-most, most))


def along(values: Tensor, axis: int) -> Tensor:
    """One value for each slice of an axis, to go with volumes."""
    return values.view([-1 if a == axis else 1 for a in range(3)])


def _cut(filled: FilledSlices, numbers: Sequence[int], turned: Orientation, window: Sequence[slice]) -> Tensor:
    """Some slices, float32, through a window of theirs in which rows and columns run as they are stored."""
    logits = filled.logits
    sides = [
        slice(logits.shape[side] - span.stop, logits.shape[side] - span.start)
        if side in turned.mirrored_sides
        else span
        for side, span in enumerate(window, 1)
    ]
    seen = logits[:, sides[0], sides[1]].index_select(0, places(numbers, logits.device)).float()
    return seen.flip(turned.mirrored_sides) if turned.mirrored_sides else seen


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
