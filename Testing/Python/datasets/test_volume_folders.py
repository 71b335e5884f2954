"""Folders of volumes, by slices."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.datasets.slicing import Slicing
from PatchICLLib.datasets.volume_folders import VolumeFolders, Volumes
from PatchICLLib.errors import InputError


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((1.0, 1.0, 2.0))
    sitk.WriteImage(image, str(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`heads` with two images that share a label map, and a development case of `mri_hippocampus_msd`."""
    labels = np.zeros((10, 20, 20), np.uint8)
    labels[3:5, 4:10, 6:12], labels[8, 0, 0] = 4, 9
    image = np.random.default_rng(0).normal(size=labels.shape).astype(np.float32)
    for name in ("p1_t1", "p1_t2"):
        write(tmp_path / "heads" / f"{name}_image.nii.gz", image)
    write(tmp_path / "heads" / "p1_label.nii.gz", labels)
    (tmp_path / "heads" / "labels.json").write_text(json.dumps({"4": "nucleus"}))
    for name in ("hippocampus_010", "hippocampus_011"):
        write(tmp_path / "mri_hippocampus_msd" / f"{name}_image.nii.gz", image)
        write(tmp_path / "mri_hippocampus_msd" / f"{name}_label.nii.gz", labels)
    return tmp_path


def test_slices_names_and_subjects(folder: Path) -> None:
    data = VolumeFolders(folder, Volumes(("heads",)))
    # 2 slices of 36 pixels across k; across j and i 12 pixels are too few
    assert [(e.subject, e.case, e.label, e.plane, e.index) for e in data.examples()] == [
        ("p1", "p1_t1", "nucleus", "k", 3), ("p1", "p1_t1", "nucleus", "k", 4),
        ("p1", "p1_t2", "nucleus", "k", 3), ("p1", "p1_t2", "nucleus", "k", 4),
    ]  # fmt: skip
    image, mask = data.read(data.examples()[0])
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "heads" / "p1_t1_image.nii.gz")))
    np.testing.assert_array_equal(image, stored[3])
    assert mask.sum() == 36 and mask[4:10, 6:12].all()
    assert data.class_name(data.examples()[0]) == "heads nucleus"


def test_thick_slices_become_square_pixels(folder: Path) -> None:
    data = VolumeFolders(folder, Volumes(("heads",), slicing=Slicing(minimum_pixels=12, planes=("j",))))
    image, mask = data.read(data.examples()[0])
    assert image.shape == mask.shape == (20, 20)
    assert mask.sum() == pytest.approx(2 * 12, abs=8)


def test_only_the_development_split_as_targets(folder: Path) -> None:
    data = VolumeFolders(folder, Volumes(development_only=True))
    assert {e.case for e in data.examples()} == {"hippocampus_010"}
    assert {e.case for e in data.contexts()} == {"p1_t1", "p1_t2", "hippocampus_010", "hippocampus_011"}


def test_a_source_that_is_not_there(folder: Path) -> None:
    with pytest.raises(InputError, match="There is no source feet"):
        VolumeFolders(folder, Volumes(("feet",)))
