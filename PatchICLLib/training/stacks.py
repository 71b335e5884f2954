"""Slices around a structure, some of them to be painted: cut from a volume, not yet seen through a region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from PatchICLLib.propagation.geometry.sliced_volume import bounding_box
from PatchICLLib.training.parcels import parcel
from PatchICLLib.training.synthetic import Tissues, paint_labels
from PatchICLLib.training.volumes import LabelledVolume

_PERCENTILES = 0.3, 99.7  # become 0 and 1
_SAMPLE = 100_000  # voxels that tell them
STRIDES = 1, 1, 1, 2, 3, 5, 7
_FAINT_PSEUDO, _FAINT = 0.9, 0.4  # of the structures without an edge are refused


class Unsuitable(Exception):
    """The draw gives no sensible task; draw again."""


@dataclass(frozen=True)
class Stack:
    """Slices around a structure along one axis, every ``stride``-th of the volume, cut to the structure's surroundings.

    Attributes:
        image: (Z, h, w) as the volume stores it; None for a label map whose image is made up.
        labels: (Z, h, w) integers.
        mask: (Z, h, w) bool.
        painted: (k,) ascending places of the painted slices.
        spacing: (sz, sy, sx) in mm, strides included.
        low, high: intensities that become 0 and 1.
        refused: share of the made-up images that are refused if no eye could follow the structure, having no edge.
    """

    image: np.ndarray | None
    labels: np.ndarray
    mask: np.ndarray
    painted: np.ndarray
    spacing: tuple[float, float, float]
    low: float
    high: float
    refused: float

    def cropped(self, rows: slice, columns: slice) -> Stack:
        """Rows and columns of it."""
        image = None if self.image is None else self.image[:, rows, columns]
        return replace(self, image=image, labels=self.labels[:, rows, columns], mask=self.mask[:, rows, columns])

    def profile(self) -> tuple[float, float]:
        """Mean and deviation of the places of the structure's slices, weighted by their areas."""
        areas, places = self.mask.sum((1, 2)), np.arange(len(self.mask))
        center = float(np.average(places, weights=areas))
        return center, math.sqrt(np.average((places - center) ** 2, weights=areas))

    def picture(self, rng: np.random.Generator, tissues: Tissues | None = None) -> np.ndarray:
        """Intensities (Z, h, w) float32, about 0 to 1; the generator decides the look of label maps, if no tissues do.

        Raises:
            Unsuitable: a made-up structure has no edge.
        """
        if self.image is not None:
            return _scaled(self.image, self.low, self.high)
        image = paint_labels(rng, self.labels, tissues)
        if self.refused:
            _demand_contrast(image[self.painted], self.mask[self.painted], rng, self.refused)
        return image


def _scaled(image: np.ndarray, low: float, high: float) -> np.ndarray:
    scaled = (image.astype(np.float32) - low) / (high - low + 1e-6)
    return np.clip(scaled, 0, 1, out=scaled)


def _demand_contrast(image: np.ndarray, mask: np.ndarray, rng: np.random.Generator, rejected: float) -> None:
    """Reject a share of the objects that no eye could follow, having no edge."""
    inside = image[mask]
    ring = mask.copy()
    for shift in (-3, 3):
        ring |= np.roll(mask, shift, 1) | np.roll(mask, shift, 2)
    outside = image[ring & ~mask]
    if len(inside) < 20 or len(outside) < 5:
        raise Unsuitable
    if abs(inside.mean() - outside.mean()) < 0.3 * image.std() + 1e-4 and rng.random() < rejected:
        raise Unsuitable


def draw_painted(rng: np.random.Generator, count: int, k: int) -> np.ndarray:
    """Places of k painted slices among ``count`` slices of a structure: spanning it, inset, or at random."""
    kind = rng.random()
    if kind < 0.4 and k > 1:
        places = np.linspace(0, count - 1, k)
    elif kind < 0.65:
        places = (np.arange(k) + 0.5) / k * count - 0.5
    else:
        places = np.linspace(rng.uniform(0, 0.25), 1 - rng.uniform(0, 0.25), k) * (count - 1)
        places = places + rng.normal(0, 0.06, k) * count
    return np.unique(np.clip(np.floor(places + 0.5), 0, count - 1).astype(int))


def cut_stack(
    volume: LabelledVolume,
    rng: np.random.Generator,
    k: int,
    minimum: int,
    parcels: float = 0.0,
    axis: int | None = None,
    strides: Sequence[int] = STRIDES,
) -> Stack:
    """A structure of the volume along an axis, or, in a share of ``parcels``, a part of it; with slices to paint.

    A random axis if it is None. Every so many slices are taken as one of ``strides`` says, more of them if else they
    were more than 48.

    Raises:
        Unsuitable: the structure is too small for the task.
    """
    if not volume.objects:
        raise Unsuitable
    label = int(rng.choice(list(volume.objects)))
    box = volume.objects[label]
    axis = int(rng.integers(3)) if axis is None else axis
    part = None
    if parcels and not volume.pseudo and rng.random() < parcels:
        part = np.zeros(volume.labels.shape, bool)
        piece = part[box] = parcel(volume.labels[box] == label, rng)
        around = bounding_box(piece)
        box = tuple(slice(b.start + a.start, b.start + a.stop) for b, a in zip(box, around, strict=True))
    first, last = box[axis].start, box[axis].stop - 1
    extent = last - first + 1
    stride = max(int(rng.choice(strides)), -(-extent // 48))
    while stride > 1 and extent / stride < k + 4:
        stride -= 1
    first += int(rng.integers(stride))
    count = (last - first) // stride + 1
    plane = [a for a in range(3) if a != axis]
    if count < max(k + 2, 4) or min(box[a].stop - box[a].start for a in plane) < 4:
        raise Unsuitable
    painted = draw_painted(rng, count, k)
    if len(painted) < k:
        raise Unsuitable
    before = min(4, first // stride)
    end = first + stride * (count - 1)
    after = min(4, (volume.labels.shape[axis] - 1 - end) // stride)
    painted, depth = painted + before, before + count + after
    if k > 2 and rng.random() < 0.1 and (before or after):  # a slice declared empty takes the place of a painted one
        outside = rng.choice(np.r_[np.arange(before), depth - 1 - np.arange(after)])
        painted = np.unique(np.r_[np.delete(painted, int(rng.integers(k))), outside])
    if depth - len(painted) < minimum:
        raise Unsuitable
    window = [slice(first - stride * before, end + stride * after + 1, stride)] * 3
    for a in plane:
        margin = (
            int(0.9 * max((box[b].stop - box[b].start) * volume.spacing[b] for b in plane) / volume.spacing[a]) + 12
        )
        window[a] = slice(max(0, box[a].start - margin), box[a].stop + margin)

    def cut(array: np.ndarray) -> np.ndarray:
        return np.moveaxis(array[tuple(window)], axis, 0)

    labels = cut(volume.labels)
    mask = labels == label if part is None else cut(part)
    if not mask[painted].any():
        raise Unsuitable
    image, low, high = None, 0.0, 1.0
    if volume.image is not None:
        image = cut(volume.image)
        low, high = _range(image)
        if volume.pseudo:  # what a machine cut out at random teaches nothing without an edge
            _demand_contrast(_scaled(image[painted], low, high), mask[painted], rng, _FAINT_PSEUDO)
    # anatomy without an edge teaches to trust the painted shapes
    refused = _FAINT if image is None and part is None else 0.0
    spacing = (volume.spacing[axis] * stride, volume.spacing[plane[0]], volume.spacing[plane[1]])
    return Stack(image, labels, mask, painted, spacing, low, high, refused)


def _range(image: np.ndarray) -> tuple[float, float]:
    some = image[:: max(1, len(image) // 16)]
    thin = math.ceil(math.sqrt(max(1.0, some.size / _SAMPLE)))
    low, high = np.percentile(some[:, ::thin, ::thin].astype(np.float32), _PERCENTILES)
    return float(low), float(high)
