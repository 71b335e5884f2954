"""One structure of several subjects: cases of a source, or one label map bent into patient after patient."""

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import ndimage

from PatchICLLib.propagation.geometry.sliced_volume import bounding_box
from PatchICLLib.training.stacks import Unsuitable
from PatchICLLib.training.synthetic import smooth_noise
from PatchICLLib.training.volumes import LabelledVolume, labelled_pairs, load_pair

_CONTROL = 6  # points of a bend along an axis
_BEND = 0.03, 0.1  # of the structure's extent, deviation of a point from where it was
_SIZE, _FORM = 0.12, 0.05  # deviations of the logarithm of the size, and of that along each axis
_MARGIN = 14  # voxels around the structure beside its length
_VOXELS = 1_500_000  # about as many are bent at most


class SeveralCases:
    """Draws a structure and cases that hold it; can be pickled, for workers that are started afresh.

    Args:
        cases: of each case, whose array axes all run the same way through anatomy, the loaders of its scans.
    """

    def __init__(self, cases: list[list[Callable[[], LabelledVolume]]]) -> None:
        self.cases = cases

    def __call__(self, rng: np.random.Generator, count: int) -> list[LabelledVolume]:
        """Of up to ``count`` cases, each with that structure as its only object.

        Raises:
            Unsuitable: they have none in common.
        """
        chosen = rng.choice(len(self.cases), min(count, len(self.cases)), replace=False)
        volumes = [self.cases[n][rng.integers(len(self.cases[n]))]() for n in chosen]
        named = [{volume.values[label]: label for label in volume.objects} for volume in volumes]
        common = sorted(set.intersection(*(set(names) for names in named)))
        if not common:
            raise Unsuitable
        value = common[rng.integers(len(common))]
        return [volume.only(names[value]) for volume, names in zip(volumes, named, strict=True)]


def several_cases(data: Path) -> dict[str, SeveralCases]:
    """Of each source below a data folder with at least two training cases; scans that share a label map are one."""
    found = {}
    for source, pairs in labelled_pairs(data).items():
        cases: dict[Path, list[Callable[[], LabelledVolume]]] = {}
        for image, label in pairs:
            cases.setdefault(label, []).append(functools.partial(load_pair, image, label))
        if len(cases) > 1:
            found[source] = SeveralCases(list(cases.values()))
    return found


class BentPatients:
    """Draws a structure of a label map, and bends what lies around it into one patient after the other.

    Args:
        draw: gives a label map.
    """

    def __init__(self, draw: Callable[[np.random.Generator], LabelledVolume]) -> None:
        self.draw = draw

    def __call__(self, rng: np.random.Generator, count: int) -> list[LabelledVolume]:
        """So many label maps, each with that structure as its only object.

        Raises:
            Unsuitable: there is none, or nothing is left of it.
        """
        volume = self.draw(rng)
        if not volume.objects:
            raise Unsuitable
        label = int(rng.choice(list(volume.objects)))
        around = _surroundings(volume, label)
        return [bent(around, label, rng) for _ in range(count)]


def bent(volume: LabelledVolume, label: int, rng: np.random.Generator) -> LabelledVolume:
    """Another patient: the label map, smoothly bent and of another size, with a structure as its only object.

    Raises:
        Unsuitable: nothing is left of the structure.
    """
    shape, box = volume.labels.shape, volume.objects[label]
    scale = np.exp(-rng.normal(0, _SIZE) - rng.normal(0, _FORM, 3))
    bend = rng.uniform(*_BEND) * np.array([b.stop - b.start for b in box])
    places = smooth_noise(rng, shape, (_CONTROL,) * 3, 3)
    for axis, ramp in enumerate(np.ogrid[tuple(slice(n) for n in shape)]):
        center = (box[axis].start + box[axis].stop - 1) / 2
        places[axis] = center + (ramp - center) * scale[axis] + bend[axis] * places[axis]
    labels = ndimage.map_coordinates(volume.labels, places, order=0, mode="nearest")
    inside = labels == label
    if not inside.any():
        raise Unsuitable
    return replace(volume, labels=labels, objects={label: bounding_box(inside)})


def _surroundings(volume: LabelledVolume, label: int) -> LabelledVolume:
    """A structure with what lies within its length of it, thinned where that is more than need be."""
    box = volume.objects[label]
    length = max((b.stop - b.start) * step for b, step in zip(box, volume.spacing, strict=True))
    margins = [int(length / step) + _MARGIN for step in volume.spacing]
    window = [slice(max(0, b.start - m), b.stop + m) for b, m in zip(box, margins, strict=True)]
    part = volume.labels[tuple(window)]
    thin = math.ceil((part.size / _VOXELS) ** (1 / 3))
    first, second, third = volume.spacing
    return LabelledVolume.of(None, part[::thin, ::thin, ::thin], (first * thin, second * thin, third * thin))
