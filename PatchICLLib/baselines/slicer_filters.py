"""Slicer's own *Fill between slices* and *Grow from seeds*, run by the very filters of its Segment Editor.

The filters come with the package `slicer-core` (or with Slicer itself), which is imported when first needed.
"""

import os
from types import ModuleType

import numpy as np

from PatchICLLib.baselines.per_label import Baseline, Spacing, nearness
from PatchICLLib.baselines.seeds import INSIDE, growth_window, seeds_of
from PatchICLLib.errors import InputError


def _slicer() -> ModuleType:
    # ITK's default thread pool, inside slicer-core, crashes the interpreter when it exits after a filter has run.
    os.environ.setdefault("ITK_GLOBAL_DEFAULT_THREADER", "Platform")
    try:
        import slicer
    except ImportError as error:
        raise InputError(
            "Slicer's filters are not installed: run `pip install slicer-core`, or leave out "
            "fill-between-slices and grow-from-seeds."
        ) from error
    return slicer


def _interpolate_contours(
    mask: np.ndarray, slices: tuple[int, ...], _image: None, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """Slicer's *Fill between slices*: `vtkITKMorphologicalContourInterpolator` with the effect's settings.

    The filter finds the painted slices by itself and fills nothing beyond the outermost ones; slices declared empty
    mean nothing to it.
    """
    window = growth_window(mask, spacing)
    interpolator = _slicer().vtkITKMorphologicalContourInterpolator()
    interpolator.SetInputData(_to_vtk(mask[window].astype(np.int16), spacing))
    interpolator.Update()
    filled = np.zeros_like(mask)
    filled[window] = _from_vtk(interpolator.GetOutput()) != 0
    return filled, nearness(slices, len(mask))


fill_between_slices = Baseline(_interpolate_contours, check=_slicer)


def _grow(
    mask: np.ndarray, slices: tuple[int, ...], image: np.ndarray, spacing: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """Slicer's *Grow from seeds*: `vtkImageGrowCutSegment`, every voxel of the painted slices being a seed.

    A voxel of a painted slice is a seed of the label or of its outside. Growth is confined to the painted extent plus
    35 % on every side (at least 3 voxels): along the slices' axis 35 % of the extent along it, in the plane 35 % of
    the larger side.
    """
    window = growth_window(mask, spacing)
    seeds = seeds_of(mask, slices)
    intensities = image[window]
    if intensities.dtype not in (np.uint8, np.int16):
        intensities = intensities.astype(np.float32)
    grow = _slicer().vtkImageGrowCutSegment()
    # The filter never grows from voxels on the border of its image, so painted slices there get one more voxel around.
    grow.SetIntensityVolume(_to_vtk(np.pad(intensities, 1, mode="edge"), spacing))
    grow.SetSeedLabelVolume(_to_vtk(np.pad(seeds[window], 1), spacing))
    grow.Update()
    filled = np.zeros_like(mask)
    filled[window] = (_from_vtk(grow.GetOutput()) == INSIDE)[1:-1, 1:-1, 1:-1]
    return filled, nearness(slices, len(mask))


grow_from_seeds = Baseline(_grow, "Grow from seeds", check=_slicer)


def _to_vtk(array: np.ndarray, spacing: Spacing) -> object:
    """vtkImageData with the array's values; its x axis is the array's last."""
    import vtk
    from vtk.util.numpy_support import numpy_to_vtk

    image = vtk.vtkImageData()
    image.SetDimensions(*array.shape[::-1])
    image.SetSpacing(*spacing[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(np.ascontiguousarray(array).ravel(), deep=True))
    return image


def _from_vtk(image: object) -> np.ndarray:
    from vtk.util.numpy_support import vtk_to_numpy

    scalars = vtk_to_numpy(image.GetPointData().GetScalars())  # type: ignore[attr-defined]
    return scalars.reshape(image.GetDimensions()[::-1])  # type: ignore[attr-defined]
