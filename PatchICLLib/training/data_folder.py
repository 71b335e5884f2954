"""What a folder of training data offers, looked at before hours are spent on it."""

from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.training.volumes import label_map_sources, labelled_pairs, unlabelled_files


@dataclass(frozen=True)
class DataFolder:
    """Numbers of cases by source.

    Attributes:
        labelled: scans with label maps, for training.
        development: scans with label maps that are only measured on.
        label_maps: label maps without scans; images are made up for them.
        unlabelled: scans without label maps; supervoxels take their place.
        images: 2D images with label maps.
    """

    labelled: dict[str, int]
    development: dict[str, int]
    label_maps: dict[str, int]
    unlabelled: dict[str, int]
    images: dict[str, int]


def inspect(data: Path) -> DataFolder:
    """Count what is there and check that scans and label maps fit.

    Args:
        data: folder with one folder a source; cases named `CASE_image.*` and `CASE_label.*`.

    Raises:
        InputError: no such folder, nothing in it to learn from, or a case whose two files do not fit.
    """
    if not data.is_dir():
        raise InputError(f"The data folder {data} does not exist.")
    training, development = labelled_pairs(data), labelled_pairs(data, development=True)
    for pairs in (*training.values(), *development.values()):
        for image, label in pairs:
            _check(image, label)
    images: dict[str, int] = {}
    for path in sorted(data.glob("*/*_image.png")):
        images[path.parent.name] = images.get(path.parent.name, 0) + 1
    unlabelled: dict[str, int] = {}
    for path in unlabelled_files(data):
        unlabelled[path.parent.name] = unlabelled.get(path.parent.name, 0) + 1
    maps = {source: len(found) for source, found in label_map_sources(data).items()}
    found = DataFolder(_counts(training), _counts(development), maps, unlabelled, images)
    if not (found.labelled or found.label_maps or found.unlabelled or found.images):
        raise InputError(
            f"There is nothing to learn from in {data}: it needs a folder for each source with files named "
            "CASE_image.nii.gz and CASE_label.nii.gz."
        )
    return found


def _counts(pairs: dict[str, list[tuple[Path, Path]]]) -> dict[str, int]:
    return {source: len(found) for source, found in pairs.items()}


def _check(image: Path, label: Path) -> None:
    sizes = []
    for path in (image, label):
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        try:
            reader.ReadImageInformation()
        except RuntimeError as error:
            raise InputError(f"{path} cannot be read as an image; remove it or get it again.") from error
        if reader.GetDimension() != 3 or reader.GetNumberOfComponents() != 1:
            raise InputError(
                f"{path} must be a 3D image of one number a voxel, but it has {reader.GetDimension()} dimensions and "
                f"{reader.GetNumberOfComponents()} numbers a voxel."
            )
        sizes.append(reader.GetSize())
    if sizes[0] != sizes[1]:
        raise InputError(
            f"{image.name} has {sizes[0]} voxels and {label.name} {sizes[1]} in {image.parent}: they must be alike."
        )
