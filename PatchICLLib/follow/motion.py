"""How a scan moves from frame to frame: where each point of a frame lies in the one that was painted.

Neighboring frames are registered by demons with symmetric forces (Vercauteren et al. 2009), coarse to fine, and the
steps chained. What has drifted on the way is mended by a short registration with the painted frame itself, so that
labels are carried over once, from where they were painted, however many frames lie between.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from PatchICLLib.images import Grid, Volume
from PatchICLLib.library.crop import Box, box_around

_SCALES = (4, 2, 1)  # in the finest spacing
_ITERATIONS = (40, 30, 20)
_MENDING = 15  # iterations at full resolution
_FIELD_SMOOTHING, _STEP_SMOOTHING = 1.5, 1.0  # deviations in voxels
_LONGEST_STEP = 2.0  # voxels in an iteration
_LEAST_SIZE = 8  # voxels along an axis of the coarsest image
_AROUND = 3  # voxels
_NEAREST = sitk.sitkNearestNeighbor
_BINS, _MATCHES = 256, 15  # of the histograms that are matched


@dataclass(frozen=True, eq=False)
class Motion:
    """From a frame to the painted one.

    Attributes:
        field: SimpleITK's displacement in mm: a point of the frame plus it is where that point was painted.
        box: part of the frame that it covers.
        alike: correlation of the frame with the painted one, moved, in and around the structures; 1 is the same.
    """

    field: Any
    box: Box
    alike: float

    @property
    def farthest(self) -> float:
        """Millimetres of the largest displacement."""
        return float(np.linalg.norm(sitk.GetArrayViewFromImage(self.field), axis=-1).max())


class MotionTracker:
    """Follows the motion away from a painted frame, one frame after the other.

    Args:
        painted: the frame whose labels are known.
        labels: (K, J, I) or (L, K, J, I) integers, not empty.
    """

    def __init__(self, painted: Volume, labels: np.ndarray) -> None:
        self._layers = labels if labels.ndim == 4 else labels[None]
        self._painted, self._grid = painted, painted.grid
        self._first = self._before = _image(painted.array, painted.grid)
        self._total: Any = None
        self._seen = self._layers.any(axis=0)  # where the structures lay in the frame before
        self._seen_grid = painted.grid

    def next(self, frame: Volume) -> tuple[Motion, np.ndarray]:
        """The motion of the next frame, and the labels there, of the painted ones' shape but the frame's grid."""
        image, grid = _image(frame.array, frame.grid), frame.grid
        box = self._box_in(grid)
        fixed = _cropped(image, box)
        step = _registered(fixed, self._before)
        total = step if self._total is None else _chained(step, self._total)
        moving = _matched(_onto(fixed, self._first), fixed)
        total = _demons(_MENDING).Execute(fixed, moving, total)
        labels = self._carried(total, box, grid)
        moved = sitk.Resample(moving, fixed, _transform(total), sitk.sitkLinear)
        seen = np.any(labels.reshape(-1, *grid.shape), axis=0)
        motion = Motion(total, box, _alike(fixed, moved, seen[box]))
        self._before, self._total = image, total
        if seen.any():
            self._seen, self._seen_grid = seen, grid
        return motion, labels

    def _box_in(self, grid: Grid) -> Box:
        """The part of a frame around where the structures lay in the one before, and where they were painted."""
        masks: list[np.ndarray] = []
        for lay, where in ((self._seen, self._seen_grid), (self._layers.any(axis=0), self._grid)):
            there = np.asarray(lay)
            if where != grid:
                moved = sitk.Resample(
                    _image(np.asarray(lay, np.uint8), where), _reference(grid), sitk.Transform(), _NEAREST
                )
                there = sitk.GetArrayFromImage(moved) > 0
            if there.any():
                masks.append(there)
        depth, height, width = grid.shape
        k, j, i = grid.spacing
        return box_around(masks, (k, j, i)) if masks else (slice(0, depth), slice(0, height), slice(0, width))

    def _carried(self, field: Any, box: Box, grid: Grid) -> np.ndarray:
        transform, reference = _transform(field), _cropped(_reference(grid), box)
        result = np.zeros((len(self._layers), *grid.shape), self._layers.dtype)
        for layer, labels in zip(result, self._layers, strict=True):
            part = layer[box]
            best = np.full(part.shape, 0.5, np.float32)
            for label in np.unique(labels[labels > 0]):
                mask = _image((labels == label).astype(np.float32), self._grid)
                share = sitk.GetArrayFromImage(sitk.Resample(mask, reference, transform, sitk.sitkLinear, 0.0))
                more = share >= best
                part[more], best[more] = label, share[more]
        return result if len(result) > 1 else result[0]


def _image(array: np.ndarray, grid: Grid) -> Any:
    image = sitk.GetImageFromArray(array if array.dtype == np.uint8 else array.astype(np.float32))
    image.SetSpacing(grid.spacing[::-1])
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


def _reference(grid: Grid) -> Any:
    return _image(np.zeros(grid.shape, np.uint8), grid)


def _cropped(image: Any, box: Box) -> Any:
    return image[tuple(slice(part.start, part.stop) for part in reversed(box))]


def _registered(fixed: Any, moving: Any) -> Any:
    """Displacement from `fixed` to `moving`, coarse to fine."""
    moving = _matched(_onto(fixed, moving), fixed)
    field = None
    for scale, iterations in zip(_SCALES, _ITERATIONS, strict=True):
        target, source = _shrunk(fixed, scale), _shrunk(moving, scale)
        if field is None:
            field = _demons(iterations).Execute(target, source)
        else:
            finer = sitk.Resample(field, target, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkVectorFloat64, True)
            field = _demons(iterations).Execute(target, source, finer)
    return field


def _demons(iterations: int) -> Any:
    demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
    demons.SetNumberOfIterations(iterations)
    demons.SetStandardDeviations(_FIELD_SMOOTHING)
    demons.SetSmoothUpdateField(True)
    demons.SetUpdateFieldStandardDeviations(_STEP_SMOOTHING)
    demons.SetMaximumUpdateStepLength(_LONGEST_STEP)
    return demons


def _chained(step: Any, total: Any) -> Any:
    """From a frame to the one before, and on from there."""
    moved = sitk.Resample(total, step, _transform(step), sitk.sitkLinear, 0.0, sitk.sitkVectorFloat64, True)
    return sitk.Cast(step, sitk.sitkVectorFloat64) + moved


def _transform(field: Any) -> Any:
    return sitk.DisplacementFieldTransform(
        sitk.Image(sitk.Cast(field, sitk.sitkVectorFloat64))
    )  # it takes its field away


def _onto(fixed: Any, moving: Any) -> Any:
    """The other frame at the same places; beyond its edge goes on what lies there."""
    return sitk.Resample(moving, fixed, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkUnknown, True)


def _matched(moving: Any, fixed: Any) -> Any:
    return sitk.HistogramMatching(moving, fixed, _BINS, _MATCHES, True)


def _shrunk(image: Any, scale: int) -> Any:
    """Blurred and with larger voxels, not more along an axis than leaves a few of them."""
    if scale == 1:
        return image
    finest = min(image.GetSpacing())
    factors = [
        min(max(1, round(scale * finest / spacing)), max(1, size // _LEAST_SIZE))
        for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
    ]
    deviations = [0.5 * factor * spacing for factor, spacing in zip(factors, image.GetSpacing(), strict=True)]
    return sitk.Shrink(sitk.DiscreteGaussian(image, [deviation**2 for deviation in deviations]), factors)


def _alike(one: Any, other: Any, structures: np.ndarray) -> float:
    """Correlation of two images in and around structures; 0 where there are none, or nothing to compare."""
    around = ndimage.binary_dilation(structures, iterations=_AROUND)
    first, second = (sitk.GetArrayViewFromImage(image)[around].astype(float) for image in (one, other))
    if not first.size or first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
