"""Where a structure of another subject lies in this one: a scale, the same along all axes, and an offset.

What decides: how well size, form and look of painted slices agree with those of the slices that they come to lie on,
and how well the other subject's scan around the structure correlates with this one there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from PatchICLLib.propagation.subjects.correlation import Correlation
from PatchICLLib.propagation.subjects.finished_structure import FinishedStructure
from PatchICLLib.propagation.subjects.outlines_of_slices import SliceOutlines

_SCALE = 4.0  # price of the squared logarithm of the scale
_BEYOND = 4.0  # of a painted slice beyond the structure, for each side of its largest slice
_EMPTY = 0.5  # of all slices painted empty that lie within the structure
_CORRELATION = 2.0  # of a correlation of 0 instead of 1
_SAME_PLACE = 0.6  # of a structure's size: centers that are so close mean the same place
_SMALLEST, _LARGEST = 0.75, 1.33  # scales that a volume found may lead to


@dataclass(frozen=True, eq=False)
class Placement:
    """A point p of the other subject lies at ``scale * p + offset``, in mm along slices, rows and columns.

    Attributes:
        scale: of lengths.
        offset: (3,) mm.
        correlation: of the scans there, -1 to 1.
    """

    scale: float
    offset: np.ndarray
    correlation: float

    def of(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) of the other subject in this one."""
        return self.scale * points + self.offset

    def slices(self, indices: Sequence[int], step: float) -> np.ndarray:
        """Places along the slicing axis, in mm here, of slices of the other subject that are a step apart."""
        return np.asarray(self.scale * step * np.asarray(indices, float) + self.offset[0])

    def mask(
        self, structure: FinishedStructure, indices: Sequence[int], shape: tuple[int, int], spacing: Sequence[float]
    ) -> np.ndarray:
        """The structure on slices of this subject, as the nearest voxels have it: (n, H, W) bool.

        Args:
            structure: of the other subject.
            indices: (n,) slices here.
            shape: (H, W) of slices here.
            spacing: here, along slices, rows and columns.
        """
        known, chosen = [], []
        for axis, places in enumerate((np.asarray(indices), np.arange(shape[0]), np.arange(shape[1]))):
            voxel = np.rint((places * spacing[axis] - self.offset[axis]) / self.scale / structure.spacing[axis])
            inside = (voxel >= 0) & (voxel < structure.mask.shape[axis])
            known.append(inside)
            chosen.append(np.where(inside, voxel, 0).astype(int))
        return np.asarray(structure.mask[np.ix_(*chosen)] & known[0][:, None, None] & known[1][:, None] & known[2])


def placed_by_painting(
    structure: FinishedStructure,
    correlation: Correlation,
    painted: SliceOutlines,
    empty: Sequence[int],
    step: float,
) -> Placement | None:
    """Where a structure lies if some slices are painted; None if it fits nowhere.

    Args:
        structure: of the other subject.
        correlation: of it with this scan.
        painted: at least one slice of this subject.
        empty: slices painted empty.
        step: distance of slices here.
    """
    own = structure.outlines
    own_step = structure.spacing[0]
    shares = painted.areas / painted.areas.sum()
    alike = [painted.likeness(number, own) for number in range(len(painted.indices))]
    anchor = painted.indices[int(painted.areas.argmax())] * step
    first, last = own.indices[0], own.indices[-1]
    candidates = np.arange(first, last + 0.5, 0.5)  # the place in the structure that the anchor lies on
    best: tuple[float, Placement] | None = None
    for scale in correlation.maps:
        along = anchor - scale * candidates * own_step
        price = np.full(len(candidates), _SCALE * math.log(scale) ** 2)
        plane = np.zeros((len(candidates), 2))
        for number, (overlap, look) in enumerate(alike):
            place = (painted.indices[number] * step - along) / scale / own_step
            inside = place.clip(first, last)

            def there(values: np.ndarray, places: np.ndarray = inside) -> np.ndarray:
                return np.asarray(np.interp(places, own.indices, values))

            size = np.log(there(own.areas) * scale**2 / painted.areas[number])
            beyond = np.abs(place - inside) * own_step / math.sqrt(own.areas.max())
            differs = size**2 + (1 - there(overlap)) + (1 - there(look)) + _BEYOND * beyond
            price += shares[number] * differs
            center = np.stack([there(own.centers[:, 0]), there(own.centers[:, 1])], 1)
            plane += shares[number] * (painted.centers[number] - scale * center)
        for index in empty:
            place = (index * step - along) / scale / own_step
            price += _EMPTY / len(empty) * ((place > first) & (place < last))
        offsets = np.concatenate([along[:, None], plane], 1)
        found = correlation.at(scale, offsets)
        price += _CORRELATION * (1 - found)
        n = int(price.argmin())
        if best is None or price[n] < best[0]:
            best = float(price[n]), Placement(scale, offsets[n], float(found[n]))
    return None if best is None else best[1]


def painted_size(
    structures: Sequence[FinishedStructure], placements: Sequence[Placement], painted: SliceOutlines, step: float
) -> float:
    """How large the largest painted slice is, over those of structures that it lies on: in length, median.

    Args:
        structures: of other subjects, at least one.
        placements: of each.
        painted: at least one slice of this subject.
        step: distance of slices here.
    """
    largest = int(painted.areas.argmax())
    ratios = []
    for structure, placement in zip(structures, placements, strict=True):
        own = structure.outlines
        place = (painted.indices[largest] * step - placement.offset[0]) / placement.scale / structure.spacing[0]
        ratios.append(math.sqrt(painted.areas[largest] / np.interp(place, own.indices, own.areas)))
    return float(np.median(ratios))


def placed_by_look(correlation: Correlation) -> Placement | None:
    """Where a structure lies if nothing is painted, by correlation alone; None if it fits nowhere."""
    found = correlation.best(lambda scale: math.log(scale) ** 2)
    return None if found is None else Placement(*found)


def agreeing(structures: Sequence[FinishedStructure], placements: Sequence[Placement | None]) -> list[int]:
    """Those placed at the same place, that with the most correlation: their numbers, largest correlation first."""
    there = [(n, placement) for n, placement in enumerate(placements) if placement is not None]
    if not there:
        return []
    centers = np.array([placement.of(structures[n].center) for n, placement in there])
    near = _SAME_PLACE * float(np.median([structures[n].volume for n, _ in there])) ** (1 / 3)
    together = np.linalg.norm(centers[:, None] - centers, axis=2) < near
    weights = np.array([placement.correlation for _, placement in there])
    chosen = together[int((together * weights).sum(1).argmax())]
    return [there[n][0] for n in sorted(np.flatnonzero(chosen).tolist(), key=lambda n: -weights[n])]


def placed_on(
    found: np.ndarray, spacing: Sequence[float], structure: FinishedStructure, before: Placement
) -> Placement:
    """A placement improved by what was predicted: its center becomes that of the structure, its size half so.

    Args:
        found: (Z, H, W) bool, not empty.
        spacing: along slices, rows and columns.
        structure: that was placed.
        before: how it was placed.
    """
    center = np.mean(np.nonzero(found), axis=1) * spacing
    volume = float(np.count_nonzero(found) * np.prod(spacing))
    scale = math.sqrt(before.scale * (volume / structure.volume) ** (1 / 3))
    scale = min(max(scale, _SMALLEST), _LARGEST)
    return Placement(scale, center - scale * structure.center, before.correlation)
