"""How well a predicted structure agrees with its reference on the judged slices.

All functions take masks with the slices first, (S, R, C) bool, and `judged` (S,) bool. Surfaces are taken from the
whole masks, painted slices included, so that leaving slices out makes no false surface; then only the surface voxels
on judged slices are counted, with their distance to the whole other surface. Surface distances here equal MONAI's
(`compute_surface_dice`, `compute_hausdorff_distance`) where all slices are judged; MONAI cannot leave slices out.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

SURFACE_TOLERANCE_MM = 2.0
NO_EDIT_DICE = 0.9


@dataclass(frozen=True)
class SliceScores:
    """Agreement slice by slice, on the judged slices that the structure reaches or the prediction wrongly fills.

    Attributes:
        indices: (n,) slices: every judged slice from the reference's first to its last one, and every judged slice
            beyond with a predicted voxel. Slices beyond that stay empty are right, but so many that they would hide
            the rest, and are left out.
        dice: (n,) 2D Dice; 1 where reference and prediction are both empty.
    """

    indices: np.ndarray
    dice: np.ndarray

    @property
    def no_edit_share(self) -> float:
        """Share of the slices that a reader would leave as they are (2D Dice at least 0.9), 0-1; 1 without slices."""
        return float(np.mean(self.dice >= NO_EDIT_DICE)) if len(self.dice) else 1.0


@dataclass(frozen=True)
class SurfaceScores:
    """Attributes: normalised surface Dice (0-1) and 95th percentile of the Hausdorff distance (mm)."""

    surface_dice: float
    hausdorff95: float


def dice(reference: np.ndarray, prediction: np.ndarray, judged: np.ndarray) -> float:
    """Volumetric Dice over the judged slices, 0-1; 1 if both are empty there."""
    sizes = int(reference[judged].sum()) + int(prediction[judged].sum())
    return 2 * int((reference[judged] & prediction[judged]).sum()) / sizes if sizes else 1.0


def slice_scores(reference: np.ndarray, prediction: np.ndarray, judged: np.ndarray) -> SliceScores:
    """2D Dice of every slice that counts; see `SliceScores`."""
    reference_sizes = reference.sum(axis=(1, 2), dtype=np.int64)
    prediction_sizes = prediction.sum(axis=(1, 2), dtype=np.int64)
    occupied = np.flatnonzero(reference_sizes)
    counted = judged & (prediction_sizes > 0)
    if len(occupied):
        within = slice(occupied[0], occupied[-1] + 1)
        counted[within] = judged[within]
    indices = np.flatnonzero(counted)
    common = (reference[indices] & prediction[indices]).sum(axis=(1, 2), dtype=np.int64)
    sizes = reference_sizes[indices] + prediction_sizes[indices]
    return SliceScores(indices, np.where(sizes > 0, 2 * common / np.maximum(sizes, 1), 1.0))


def surface_scores(
    reference: np.ndarray,
    prediction: np.ndarray,
    judged: np.ndarray,
    spacing: tuple[float, float, float],
    tolerance: float = SURFACE_TOLERANCE_MM,
) -> SurfaceScores:
    """Normalised surface Dice at `tolerance` (mm) and HD95 (mm, the larger of both directions).

    Surface voxels are those of a mask with a face neighbour outside it. If one of the masks is empty, the surface Dice
    is 0 and the distance is the diagonal of the reference's box: a finite stand-in, so that a method that predicts
    nothing is not rewarded by leaving the mean. If no surface is judged on either side, they are 1 and 0.

    Args:
        spacing: mm along (slices, rows, columns).
    """
    window = _joint_window(reference, prediction)
    if window is None:
        return SurfaceScores(1.0, 0.0)
    reference_surface, prediction_surface = _surface(reference[window]), _surface(prediction[window])
    kept = judged[window[0]][:, None, None]
    from_reference = _distances(reference_surface & kept, prediction_surface, spacing)
    from_prediction = _distances(prediction_surface & kept, reference_surface, spacing)
    count = len(from_reference) + len(from_prediction)
    if count == 0:
        return SurfaceScores(1.0, 0.0)
    if not np.isfinite(from_reference).all() or not np.isfinite(from_prediction).all():
        return SurfaceScores(0.0, _diagonal(reference, spacing))
    close = np.count_nonzero(from_reference <= tolerance) + np.count_nonzero(from_prediction <= tolerance)
    farthest = max(float(np.percentile(side, 95)) for side in (from_reference, from_prediction) if len(side))
    return SurfaceScores(close / count, farthest)


def _surface(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)


def _distances(points: np.ndarray, surface: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Distance (mm) of every point to the surface; infinite if there is no surface."""
    if not surface.any():
        return np.full(np.count_nonzero(points), np.inf)
    return np.asarray(ndimage.distance_transform_edt(~surface, sampling=spacing)[points])


def _joint_window(first: np.ndarray, second: np.ndarray) -> tuple[slice, slice, slice] | None:
    either = first | second
    if not either.any():
        return None
    window = ndimage.find_objects(either.astype(np.uint8))[0]
    return window[0], window[1], window[2]


def _diagonal(mask: np.ndarray, spacing: tuple[float, float, float]) -> float:
    window = _joint_window(mask, mask)
    if window is None:
        return float(np.linalg.norm(np.multiply(mask.shape, spacing)))
    sides = [(side.stop - side.start) * step for side, step in zip(window, spacing, strict=True)]
    return float(np.linalg.norm(sides))
