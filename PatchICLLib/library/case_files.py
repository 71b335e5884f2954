"""The files of a case: `cases/0001/image.nii.gz` and `mask.nii.gz`, with `mask-2.nii.gz` where structures overlap."""

import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid, Volume
from PatchICLLib.library.cases import CaseEntry, FinishedCase, voxel_checksum
from PatchICLLib.outputs import StagedFiles

CASES = "cases"


def case_folder(library: Path, number: int) -> Path:
    return library / CASES / f"{number:04d}"


def case_files(library: Path, entry: CaseEntry) -> list[Path]:
    """Image first, then the label maps."""
    folder = case_folder(library, entry.number)
    masks = ["mask.nii.gz", *(f"mask-{number}.nii.gz" for number in range(2, entry.layers + 1))]
    return [folder / name for name in ("image.nii.gz", *masks)]


def stage_case(
    files: StagedFiles, library: Path, entry: CaseEntry, image: np.ndarray, mask: np.ndarray, grid: Grid
) -> None:
    """Write a case as files that wait for their places.

    Args:
        files: what waits with them.
        library: its folder.
        entry: of the case.
        image: (K, J, I) of the part that is kept.
        mask: (K, J, I) or (L, K, J, I).
        grid: of the part. NIfTI knows right angles only; the image of a tilted gantry is put on the nearest such grid.
    """
    from PatchICLLib.images.writing import stage_image  # late: a library is listed without SimpleITK

    grid = grid.with_right_angles()
    # nothing of the file that the image came from goes along: neither its name nor its header
    volume = Volume(image, grid.spacing, grid.origin, grid.direction, Path("case"), "")
    for array, path in zip([image, *_layers(mask)], case_files(library, entry), strict=True):
        stage_image(files, array, volume, path)


def read_case(library: Path, entry: CaseEntry) -> FinishedCase:
    """Read a case, and see that it is what was put there.

    Raises:
        InputError: a file is missing, unreadable, or not as it was written.
    """
    from PatchICLLib.images.reading import read_volume

    try:
        image, *masks = [read_volume(path, "file") for path in case_files(library, entry)]
    except InputError as error:
        raise _damaged(library, entry, str(error).rstrip(".")) from error
    if any(one.array.shape != entry.shape for one in (image, *masks)):
        raise _damaged(library, entry, f"its files are not of the size that {library.name} says")
    layers = np.stack([one.array for one in masks])
    mask = layers if len(layers) > 1 else layers[0]
    if voxel_checksum(image.array, mask) != entry.checksum:
        raise _damaged(library, entry, "its voxels are not those that were put there")
    return FinishedCase(entry, image.array, mask, image.grid)


def relabelled(case: FinishedCase, number: int, labels: dict[int, int]) -> tuple[CaseEntry, np.ndarray]:
    """A case as it will be in another library.

    Args:
        case: of this one.
        number: of the case there.
        labels: label here -> label there.

    Returns:
        Its entry and its mask there.
    """
    mask = np.zeros(case.mask.shape, np.min_scalar_type(max(labels.values())))
    for one, other in labels.items():
        mask[case.mask == one] = other
    structures = tuple(sorted(labels[label] for label in case.entry.structures))
    checksum = voxel_checksum(case.image, mask)
    extents = {labels[label]: extents for label, extents in case.entry.extents.items() if label in labels}
    return replace(case.entry, number=number, structures=structures, checksum=checksum, extents=extents), mask


def _layers(mask: np.ndarray) -> list[np.ndarray]:
    return list(mask) if mask.ndim == 4 else [mask]


def _damaged(library: Path, entry: CaseEntry, reason: str) -> InputError:
    return InputError(
        f"Case {entry.number} of the library {library} is damaged ({reason}); put its folder back from a backup, or "
        f"remove the case with `patchicl library remove {shlex.quote(str(library))} {entry.number}`."
    )
