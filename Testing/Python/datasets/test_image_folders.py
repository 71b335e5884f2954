"""Folders of pictures."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.datasets.example import DatasetError
from PatchICLLib.datasets.image_folders import Folders, ImageFolders, subjects_of


def test_labels_subjects_and_instances(pictures_folder: Path) -> None:
    data = ImageFolders(pictures_folder)
    found = [(e.dataset, e.subject, e.case, e.label) for e in data.examples()]
    assert found == [
        ("discs", "p1", "p1_1", "1"),
        ("discs", "p1", "p1_2", "1"),
        ("discs", "p2", "p2_1", "1"),
        ("discs", "p2", "p2_2", "1"),
        ("nuclei", "0a", "0a", "1"),
        ("nuclei", "1b", "1b", "1"),
        ("nuclei", "2c", "2c", "1"),
    ]
    image, mask = data.read(data.examples()[4])
    assert image.shape == (40, 50) and mask.sum() == 200 and set(np.unique(image)) == {0.0, 200.0}
    assert data.read(data.examples()[1])[1].sum() == 15 * 15


def test_one_folder_by_itself(pictures_folder: Path) -> None:
    assert [e.case for e in ImageFolders(pictures_folder / "nuclei").examples()] == ["0a", "1b", "2c"]


def test_choices(pictures_folder: Path) -> None:
    only = ImageFolders(pictures_folder, Folders(names=("discs",), join_labels=("discs",)))
    assert only.read(only.examples()[0])[1].sum() == 10 * 10 + 9
    every = ImageFolders(pictures_folder, Folders(names=("discs",), minimum_pixels=9))
    assert [e.label for e in every.examples() if e.case == "p1_1"] == ["1", "2"]
    some = ImageFolders(pictures_folder, is_target=lambda path: path.name.startswith("p1"))
    assert [e.case for e in some.examples()] == ["p1_1", "p1_2"] and len(some.contexts()) == 7


def test_large_pictures_are_thinned_out(tmp_path: Path) -> None:
    array = np.zeros((100, 60), np.uint8)
    array[:50] = 1
    for name in ("image", "label"):
        sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / f"a_{name}.png"))
    data = ImageFolders(tmp_path, Folders(longest=40))
    image, mask = data.read(data.examples()[0])
    assert image.shape == mask.shape == (34, 20)


@pytest.mark.parametrize(
    ("cases", "subjects"),
    [
        (["p1_20", "p1_31", "p2_4"], ["p1", "p1", "p2"]),
        (["hippocampus_001", "hippocampus_002"], ["hippocampus_001", "hippocampus_002"]),
        (["a", "b_x"], ["a", "b_x"]),
    ],
)
def test_subjects_are_told_by_names(cases: list[str], subjects: list[str]) -> None:
    assert list(subjects_of(cases).values()) == subjects


@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        (Folders(names=("cells",)), "There is no folder cells with"),
        (Folders(join_labels=("cells",)), "There is no folder cells with"),
        (Folders(minimum_pixels=10**6), "No image in .* serves as a target"),
    ],
)
def test_what_is_wrong_is_said(pictures_folder: Path, folders: Folders, sentence: str) -> None:
    with pytest.raises(DatasetError, match=sentence):
        ImageFolders(pictures_folder, folders)


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is no pair"):
        ImageFolders(tmp_path)
    with pytest.raises(DatasetError, match="does not exist"):
        ImageFolders(tmp_path / "nowhere")


def test_a_label_of_another_size_is_told(tmp_path: Path) -> None:
    for name, side in (("image", 40), ("label", 41)):
        sitk.WriteImage(sitk.GetImageFromArray(np.ones((side, side), np.uint8)), str(tmp_path / f"a_{name}.png"))
    with pytest.raises(DatasetError, match="has another size than its image"):
        ImageFolders(tmp_path)
