"""Reads the one series of a DICOM folder, and refuses slices that do not form a regular grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from PatchICLLib.errors import InputError

_POSITION = "0020|0032"
_GAP_TOLERANCE = 0.05
_SHIFT_TOLERANCE_IN_GAPS = 0.5


def read_dicom_folder(folder: Path) -> sitk.Image:
    """The folder's series as one 3D image, slices sorted by position.

    Raises:
        InputError: no series or several, colour, a slice missing or twice, tilted gantry.
        RuntimeError: SimpleITK cannot read a file.
    """
    series = sitk.ImageSeriesReader.GetGDCMSeriesIDs(str(folder))
    if not series:
        raise InputError(f"The folder {folder} holds no DICOM series; give the folder in which the slices' files lie.")
    names = {one: sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), one) for one in series}
    if len(series) > 1:
        counts = ", ".join(f"{len(files)} files in {one}" for one, files in names.items())
        raise InputError(
            f"The folder {folder} holds {len(series)} DICOM series ({counts}), but one is needed; copy the files "
            "of the series to segment into a folder of their own."
        )
    files = names[series[0]]
    if len(files) == 1:
        image = sitk.ReadImage(files[0])
    else:
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(files)
        reader.MetaDataDictionaryArrayUpdateOn()
        image = reader.Execute()
        _check_slice_positions(reader, len(files), image, folder)
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"The DICOM series in {folder} is in colour, but one number per voxel is needed.")
    return image


def _check_slice_positions(reader: sitk.ImageSeriesReader, count: int, image: sitk.Image, folder: Path) -> None:
    """ITK lays the slices on a regular grid whatever their positions say; a missing slice would shift the rest."""
    if not all(reader.HasMetaDataKey(index, _POSITION) for index in range(count)):
        return
    positions = np.array(
        [[float(number) for number in reader.GetMetaData(index, _POSITION).split("\\")] for index in range(count)]
    )
    normal = np.array(image.GetDirection()).reshape(3, 3)[:, 2]
    depths = (positions - positions[0]) @ normal
    gaps = np.abs(np.diff(depths))
    typical = float(np.median(gaps))
    if gaps.min() < _GAP_TOLERANCE * max(typical, 1e-6) or typical == 0:
        raise InputError(
            f"The DICOM series in {folder} has several files at the same slice position (a time series, or several "
            "echoes), but a single volume is needed; copy the files of one volume into a folder of their own."
        )
    if np.abs(gaps - typical).max() > _GAP_TOLERANCE * typical:
        raise InputError(
            f"The DICOM series in {folder} has slices {gaps.min():.3g} to {gaps.max():.3g} mm apart, but they must be "
            "equally spaced; a slice may be missing."
        )
    sideways = (positions - positions[0]) - np.outer(depths, normal)
    shift = float(np.linalg.norm(sideways, axis=1).max())
    if shift > _SHIFT_TOLERANCE_IN_GAPS * typical:
        raise InputError(
            f"The DICOM series in {folder} is sheared: its slices shift sideways by up to {shift:.3g} mm (tilted "
            "gantry); resample it to a rectangular grid first, for instance by loading it in 3D Slicer."
        )
