"""What all baselines share: one calling shape, one label at a time, painted slices never changed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from PatchICLLib.errors import InputError

PaintedSlices = None | Sequence[int] | Mapping[int, Sequence[int]]
Spacing = tuple[float, float, float]


# mask (S, R, C) bool with the slices first, sorted painted slices, image (S, R, C) or None, spacing (mm) in that order
# -> filled (S, R, C) bool and how strongly each voxel is claimed, broadcastable to (S, R, C), higher wins.
FillOneLabel = Callable[[np.ndarray, tuple[int, ...], Any, Spacing], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Baseline:
    """A way to fill the slices nobody painted, one label after the other.

    A voxel claimed by several labels goes to the strongest claim, then to the lower label.

    Attributes:
        fill: fills one label; its docstring says how.
        needs_image: what a message calls the baseline where the image is missing; None if it ignores the image.
        check: raises InputError where a package that the baseline needs is not installed.
    """

    fill: FillOneLabel
    needs_image: str | None = None
    check: Callable[[], object] = lambda: None

    def __call__(
        self,
        painted: np.ndarray,
        axis: int,
        painted_slices: PaintedSlices = None,
        *,
        image: np.ndarray | None = None,
        spacing: Spacing = (1.0, 1.0, 1.0),
    ) -> np.ndarray:
        """Fill the volume.

        Args:
            painted: (K, J, I) integers >= 0, 0 is not painted.
            axis: array axis across the painted slices (0 = k, 1 = j, 2 = i).
            painted_slices: slices that count as painted though they may be empty, for all labels, or for each label
                with a mapping; the slices that hold a label always count for it.
            image: (K, J, I) real numbers; used by the baselines that look at the image, ignored by the others.
            spacing: millimetres per voxel along (k, j, i).

        Returns:
            (K, J, I), dtype of `painted`. Painted voxels come back as they were, and no label is added to a slice
            painted for it.

        Raises:
            InputError: nothing is painted, or the arguments do not fit together.
        """
        if self.needs_image is None:
            image = None
        elif image is None:
            raise InputError(f"{self.needs_image} needs the image beside the painted labels: give image=.")
        self.check()
        slices_of = slices_by_label(painted, axis, painted_slices)
        if image is not None and image.shape != painted.shape:
            raise InputError(
                f"The image has shape {image.shape} but the painted labels {painted.shape}: give one grid."
            )
        order = (axis, *(other for other in range(3) if other != axis))
        sliced = painted.transpose(order)
        sliced_image = None if image is None else image.transpose(order)
        sliced_spacing = (float(spacing[order[0]]), float(spacing[order[1]]), float(spacing[order[2]]))

        result = np.zeros(sliced.shape, painted.dtype)
        strongest = np.full(sliced.shape, -np.inf, np.float32)
        for label, slices in slices_of.items():
            filled, strength = self.fill(sliced == label, slices, sliced_image, sliced_spacing)
            filled[list(slices)] = False
            wins = filled & (strength > strongest)
            result[wins] = label
            strongest = np.where(wins, strength, strongest)
        result = np.where(sliced != 0, sliced, result)
        return np.ascontiguousarray(result.transpose(np.argsort(order)))


def slices_by_label(painted: np.ndarray, axis: int, painted_slices: PaintedSlices) -> dict[int, tuple[int, ...]]:
    """Sorted painted slices of each label, in the order of the labels.

    Raises:
        InputError: nothing is painted, `axis` is none of 0, 1, 2, or a declared slice lies outside the volume.
    """
    if painted.ndim != 3 or not np.issubdtype(painted.dtype, np.integer):
        raise InputError(
            f"Painted labels must be a 3D integer array, but {painted.ndim}D {painted.dtype} came: give a label map."
        )
    if axis not in (0, 1, 2):
        raise InputError(f"The slicing axis must be 0, 1 or 2, but it is {axis}: name one of the volume's axes.")
    labels = [int(label) for label in np.unique(painted) if label != 0]
    if not labels:
        raise InputError("No voxel is painted: paint the structure on at least one slice.")
    others = tuple(other for other in range(3) if other != axis)
    slices_of: dict[int, tuple[int, ...]] = {}
    for label in labels:
        declared: Sequence[int] = ()
        if isinstance(painted_slices, Mapping):
            declared = painted_slices.get(label, ())
        elif painted_slices is not None:
            declared = painted_slices
        outside = [index for index in declared if not 0 <= index < painted.shape[axis]]
        if outside:
            raise InputError(
                f"Painted slice {outside[0]} lies outside the volume, whose slices along axis {axis} are "
                f"0 to {painted.shape[axis] - 1}: correct the slice numbers."
            )
        holding = np.flatnonzero((painted == label).any(axis=others))
        slices_of[label] = tuple(sorted({int(index) for index in (*declared, *holding)}))
    return slices_of


def nearness(slices: tuple[int, ...], count: int) -> np.ndarray:
    """Claim of each slice, (count, 1, 1): minus the number of slices to the nearest painted one."""
    distance = np.abs(np.arange(count)[:, None] - np.asarray(slices)[None, :]).min(axis=1)
    return -distance.astype(np.float32)[:, None, None]
