"""TotalSegmentator read in place."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.datasets.example import DatasetError
from PatchICLLib.datasets.slicing import Slicing
from PatchICLLib.datasets.totalsegmentator import Selection, TotalSegmentator
from Testing.Miniatures.datasets import write_totalsegmentator


def test_the_validation_split_with_the_held_out_classes(totalsegmentator_folder: Path) -> None:
    data = TotalSegmentator(totalsegmentator_folder)
    assert data.cases == ["s0001", "s0002"]
    assert {e.label for e in data.examples()} == {"liver", "sacrum"}
    # 5 slices across k; 8 across j and i, of which every second
    liver = [(e.plane, e.index) for e in data.examples() if (e.case, e.label) == ("s0002", "liver")]
    assert liver == [("i", 4), ("i", 6), ("i", 8), ("i", 10), ("j", 8), ("j", 10), ("j", 12), ("j", 14)] + [
        ("k", k) for k in range(5, 10)
    ]


def test_pixels_come_from_the_files(totalsegmentator_folder: Path) -> None:
    data = TotalSegmentator(totalsegmentator_folder)
    case = totalsegmentator_folder / "s0002"
    volume = sitk.GetArrayFromImage(sitk.ReadImage(str(case / "ct.nii.gz")))
    for plane, cut in (("k", np.s_[7]), ("j", np.s_[:, 12]), ("i", np.s_[:, :, 6])):
        index = {"k": 7, "j": 12, "i": 6}[plane]
        example = next(
            e for e in data.examples() if (e.case, e.label, e.plane, e.index) == ("s0002", "liver", plane, index)
        )
        image, mask = data.read(example)
        np.testing.assert_array_equal(image, volume[cut])
        assert image.dtype == np.float32 and mask.dtype == bool
        expected = np.zeros((16, 24, 20), bool)
        expected[5:10, 8:16, 4:12] = True
        np.testing.assert_array_equal(mask, expected[cut])


@pytest.mark.parametrize(
    ("selection", "labels", "cases"),
    [
        (Selection(classes="training"), {"aorta"}, {"s0001", "s0002"}),
        (Selection(split="train", classes="all"), {"aorta", "liver", "sacrum"}, {"s0003"}),
        (Selection(split="all", most_cases=1), {"liver", "sacrum"}, {"s0001"}),
        (Selection(slicing=Slicing(minimum_pixels=4)), {"liver", "sacrum", "prostate"}, {"s0001", "s0002"}),
    ],
)
def test_other_selections(totalsegmentator_folder: Path, selection: Selection, labels: set, cases: set) -> None:
    found = TotalSegmentator(totalsegmentator_folder, selection=selection).examples()
    assert {e.label for e in found} == labels
    assert {e.case for e in found} == cases


def test_mri_has_its_own_file_names_and_square_pixels(tmp_path: Path) -> None:
    folder = write_totalsegmentator(tmp_path, "mri.nii.gz", (3.0, 1.0, 1.0))
    data = TotalSegmentator(folder, "mri", Selection(classes="all"))
    shapes = {e.plane: data.read(e)[0].shape for e in data.examples()}
    assert shapes == {"k": (24, 20), "j": (48, 20), "i": (48, 24)}
    example = next(e for e in data.examples() if (e.label, e.plane) == ("liver", "j"))
    assert data.read(example)[1].sum() == pytest.approx(3 * 5 * 8, rel=0.15)
    assert data.category(example) == "Organs (Abd./Pelvis)"


def test_the_index_spares_reading_the_masks_again(totalsegmentator_folder: Path, tmp_path: Path) -> None:
    folder, index = tmp_path / "data", tmp_path / "out" / "slices.json"
    shutil.copytree(totalsegmentator_folder, folder)
    seen: list[tuple[int, int]] = []
    first = TotalSegmentator(folder, index_file=index, progress=lambda *args: seen.append(args))
    assert seen == [(1, 2), (2, 2)]
    shutil.rmtree(folder / "s0001" / "segmentations")
    again = TotalSegmentator(folder, index_file=index, progress=lambda *args: seen.append(args))
    assert again.examples() == first.examples() and len(seen) == 2
    # another selection is another index
    narrow = replace(Selection(), slicing=Slicing(most_slices=1))
    assert {e.case for e in TotalSegmentator(folder, selection=narrow, index_file=index).examples()} == {"s0002"}
    index.write_text("{")
    with pytest.raises(DatasetError, match="is damaged: delete it"):
        TotalSegmentator(folder, index_file=index)


@pytest.mark.slow
def test_two_processes_find_the_same_slices(totalsegmentator_folder: Path) -> None:
    one = TotalSegmentator(totalsegmentator_folder, selection=Selection("all", "all"))
    two = TotalSegmentator(totalsegmentator_folder, selection=Selection("all", "all"), processes=2)
    assert one.examples() == two.examples()


def test_a_meta_file_with_commas(totalsegmentator_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(totalsegmentator_folder, folder)
    (folder / "meta.csv").write_text("image_id,split\ns0003,val\n")
    assert TotalSegmentator(folder).cases == ["s0003"]


@pytest.mark.parametrize(
    ("break_it", "selection", "sentence"),
    [
        (lambda f: shutil.rmtree(f), Selection(), "does not exist"),
        (lambda f: [shutil.rmtree(p) for p in f.iterdir() if p.is_dir()], Selection(), "There is no case in"),
        (lambda f: (f / "meta.csv").unlink(), Selection(), "says which case is in which split"),
        (lambda f: (f / "meta.csv").write_text("a;b\n"), Selection(), "must have the columns image_id and split"),
        (lambda f: None, Selection(split="test"), "puts no case of the folder into the split test"),
        (lambda f: None, Selection(split="nowhere"), "must be train, val, test or all"),
        (lambda f: None, Selection(slicing=Slicing(10**6)), "No structure of the classes validation has a slice"),
        (
            lambda f: [path.write_bytes(b"rubbish") for path in f.rglob("ct.nii.gz")],
            Selection(),
            "No case in .* can be read: The image .*ct.nii.gz cannot be read",
        ),
    ],
)
def test_what_is_wrong_is_said(
    totalsegmentator_folder: Path, tmp_path: Path, break_it, selection: Selection, sentence: str
) -> None:
    folder = tmp_path / "data"
    shutil.copytree(totalsegmentator_folder, folder)
    break_it(folder)
    with pytest.raises(DatasetError, match=sentence):
        TotalSegmentator(folder, selection=selection)


@pytest.mark.parametrize("file", ["ct.nii.gz", "segmentations/liver.nii.gz"])
def test_a_case_that_cannot_be_read_is_missing(totalsegmentator_folder: Path, tmp_path: Path, file: str) -> None:
    folder, index = tmp_path / "data", tmp_path / "slices.json"
    shutil.copytree(totalsegmentator_folder, folder)
    whole = (folder / "s0001" / file).read_bytes()
    (folder / "s0001" / file).write_bytes(whole[:-20])
    data = TotalSegmentator(folder, index_file=index)
    assert data.cases == ["s0002"] and {example.case for example in data.examples()} == {"s0002"}
    assert list(data.missing) == ["s0001"] and file in data.missing["s0001"]
    (folder / "s0001" / file).write_bytes(whole)
    assert TotalSegmentator(folder, index_file=index).missing == {}


def test_a_mask_on_another_grid_is_told(totalsegmentator_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(totalsegmentator_folder, folder)
    small = sitk.GetImageFromArray(np.ones((12, 24, 20), np.uint8))
    sitk.WriteImage(small, str(folder / "s0001" / "segmentations" / "liver.nii.gz"))
    data = TotalSegmentator(folder)
    example = next(e for e in data.examples() if (e.case, e.label) == ("s0001", "liver"))
    with pytest.raises(DatasetError, match=r"has \(12, 24, 20\) voxels, but its image has \(16, 24, 20\)"):
        data.read(example)
