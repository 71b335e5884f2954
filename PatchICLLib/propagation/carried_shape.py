"""The painted shape, carried along its axis as slices across show where the structure goes and how wide it is.

A slice across shares a line with every slice of the axis. As the structure begins and ends there, so the painted shape
is moved and stretched, along rows by what one axis shows and along columns by what the other does. Where nothing else
is near, that knows the ends and the width of a structure of which a network has seen one slice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.signed_distance import signed_distance
from PatchICLLib.runtime.transfers import to_device

REACH = 2.0  # voxels of the finest axis: signed distances end there
_FARTHEST = 1e3  # a slice that is painted all over has no outline

Box = tuple[slice, slice, slice]
_Span = tuple[int, int] | None  # from the first voxel of a line to beyond the last


@dataclass(frozen=True, eq=False)
class CarriedShape:
    """Shapes of one label beyond the outermost painted slices of an axis; between two of them they say nothing.

    Attributes:
        axis: across the slices; volumes are (K, J, I).
        distances: of the painted slices to the outline, inside above 0, one after the other, flat, on a device.
        sides: rows and columns of a slice.
        shapes: (slices,) number of the painted slice that each one gets its shape of; -1 for none.
        rows, columns: (slices, height) and (slices, width) of the painted slice that go to those of each slice.
        stretch: (slices,) how much larger than painted the shape is; 0 where the lines show nothing any more.
    """

    axis: int
    distances: Tensor
    sides: tuple[int, int]
    shapes: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    stretch: np.ndarray

    @classmethod
    def of(
        cls,
        painting: np.ndarray,
        label: int,
        axis: int,
        painted: Sequence[int],
        across: Mapping[int, Sequence[int]],
        spacing: Sequence[float],
        device: torch.device,
    ) -> CarriedShape | None:
        """None if there is nothing to carry, or nothing shows where to.

        Args:
            painting: (K, J, I) integers.
            label: on it.
            axis: along which it is carried.
            painted: slices of the axis that the label is known on, at least one.
            across: slices of the other axes that it is known on.
            spacing: along k, j and i.
            device: of what comes.
        """
        sides = [a for a in range(3) if a != axis]
        turned, finest = np.moveaxis(painting, axis, 0), min(spacing)
        masks = {z: turned[z] == label for z in painted}
        filled = [z for z in painted if masks[z].any()]
        if not filled:
            return None
        shapes = np.full(len(turned), -1)
        places = [np.tile(np.arange(n), (len(turned), 1)) for n in turned.shape[1:]]
        stretch = np.zeros(len(turned))
        for number, (z, goals) in enumerate(
            ((filled[0], range(min(painted))), (filled[-1], range(max(painted) + 1, len(turned))))
        ):
            if z not in (min(painted), max(painted)):
                continue  # a slice without the label is farther out
            lines = [_lines(turned, label, z, side, across.get(sides[1 - side], ())) for side in range(2)]
            if lines[0] is None and lines[1] is None:
                continue
            for goal in goals:
                moved = [None if line is None else _moved(_span(line[z]), _span(line[goal])) for line in lines]
                shapes[goal] = number
                sizes = [found[1] for found in moved if found is not None]
                if not sizes:
                    continue
                for side, found in enumerate(moved):
                    middle = _middle(masks[z].any(1 - side))
                    (start, end), size = ((middle, middle), sizes[0]) if found is None else found
                    at = (np.arange(turned.shape[1 + side]) + 0.5 - end) / size + start - 0.5
                    places[side][goal] = np.rint(at).clip(0, turned.shape[1 + side] - 1)
                stretch[goal] = np.sqrt(np.prod([sizes[0], sizes[-1]]))
        if (shapes < 0).all():
            return None
        pixel = spacing[sides[0]] / finest, spacing[sides[1]] / finest
        distances = np.stack([signed_distance(masks[z], pixel) for z in (filled[0], filled[-1])])
        sent = to_device(array_tensor(distances.clip(-_FARTHEST, _FARTHEST).reshape(-1)), device)
        height, width = turned.shape[1:]
        return cls(axis, sent, (height, width), shapes, places[0], places[1], stretch)

    def within(self, box: Box) -> tuple[Tensor, np.ndarray]:
        """Signed distances in voxels of the finest axis, within the reach, slices first; and which slices have any."""
        numbers, height, width = box[self.axis], *(box[a] for a in range(3) if a != self.axis)
        device, known = self.distances.device, self.shapes[numbers] >= 0
        stride = self.sides[0] * self.sides[1]
        first = self.shapes[numbers].clip(0)[:, None] * stride + self.rows[numbers, height] * self.sides[1]
        rows, columns, stretch = (
            to_device(array_tensor(values, kind), device)
            for values, kind in (
                (first, np.int32),
                (self.columns[numbers, width], np.int32),
                (self.stretch[numbers], np.float32),
            )
        )
        places = rows[:, :, None] + columns[:, None, :]
        seen = self.distances.index_select(0, places.flatten()).view(places.shape) * stretch[:, None, None]
        gone = (stretch == 0).float()[:, None, None] * REACH
        return seen.clamp(-REACH, REACH) - gone, known


def _lines(turned: np.ndarray, label: int, z: int, side: int, crossing: Sequence[int]) -> np.ndarray | None:
    """(slices, n) along a side, of the slice across that shows most of a painted one; None if none shows anything."""
    found = [turned.take(place, 2 - side) == label for place in crossing]
    best = max(found, key=lambda lines: int(lines[z].sum()), default=None)
    return best if best is not None and best[z].any() else None


def _span(line: np.ndarray) -> _Span:
    held = np.flatnonzero(line)
    return (int(held[0]), int(held[-1]) + 1) if len(held) else None


def _moved(before: _Span, after: _Span) -> tuple[tuple[float, float], float] | None:
    """The middles before and after, and how much longer it is; None if it is gone."""
    if before is None or after is None:
        return None
    return (sum(before) / 2, sum(after) / 2), (after[1] - after[0]) / (before[1] - before[0])


def _middle(marks: np.ndarray) -> float:
    held = np.flatnonzero(marks)
    return float(held[0] + held[-1] + 1) / 2
