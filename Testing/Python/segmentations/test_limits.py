"""Segmentations of other structures, as files of every kind that is read."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume
from PatchICLLib.outputs import StagedFiles
from PatchICLLib.propagation.geometry.evidence import WALL
from PatchICLLib.segmentations import Segment, Segmentation
from PatchICLLib.segmentations.files import stage_segmentation
from PatchICLLib.segmentations.limits import LimitFiles

SHAPE = (5, 6, 7)
IMAGE = Volume(
    np.random.default_rng(0).normal(size=SHAPE).astype(np.float32),
    (2.0, 0.7, 0.8),
    (3.0, -4.0, 5.0),
    (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0),
    Path("scan.nrrd"),
    "",
)


def write(path: Path, array: np.ndarray, segments: tuple[Segment, ...] = ()) -> Path:
    with StagedFiles() as staged:
        stage_segmentation(staged, Segmentation(array, segments), IMAGE, path)
        staged.commit()
    return path


masks = st.lists(st.tuples(*(st.integers(0, n - 1) for n in SHAPE)), min_size=1, max_size=12)


def mask_of(voxels: list[tuple[int, int, int]]) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(np.transpose(voxels))] = True
    return mask


@settings(max_examples=12)
@given(masks, masks, masks)
def test_what_is_forbidden_and_told(
    tmp_path_factory: pytest.TempPathFactory, outside: list, inside: list, painted: list
) -> None:
    folder = tmp_path_factory.mktemp("limits")
    outer, inner, drawn = map(mask_of, (outside, inside, painted))
    files = LimitFiles(
        write(folder / "outside.nrrd", outer.astype(np.uint8) * 9), write(folder / "inside.nii.gz", inner.astype("u2"))
    )
    expected = outer | ~inner
    if (expected | drawn).all():
        with pytest.raises(
            InputError, match="Nothing is left to fill: .* inside outside.nrrd .* or outside inside.nii"
        ):
            files.read(IMAGE, drawn.astype(np.uint8), "--")
        return
    limits = files.read(IMAGE, drawn.astype(np.uint8), "--")
    np.testing.assert_array_equal(limits.options()["evidence"], np.where(expected, WALL, 0))
    told = limits.told({"warnings": ["before"], "axis": "k"})
    assert told["outside"] == {
        "file": "outside.nrrd", "voxels": outer.sum(), "painted_voxels_there": (outer & drawn).sum()
    }  # fmt: skip
    assert told["inside"]["painted_voxels_there"] == (~inner & drawn).sum()
    assert told["axis"] == "k" and told["warnings"][0] == "before"
    assert len(told["warnings"]) == 1 + (outer & drawn).any() + (~inner & drawn).any()


def test_segments_that_overlap_and_axes_that_run_another_way(tmp_path: Path) -> None:
    layers = np.zeros((2, *SHAPE), np.uint8)
    layers[0, 1, :4], layers[1, 1:3, 2:5] = 1, 2
    expected = layers.any(axis=0)
    segments = (Segment(1, "liver"), Segment(2, "lesion"))
    files = [write(tmp_path / "other.seg.nrrd", layers, segments)]
    image = sitk.GetImageFromArray(expected.astype(np.uint8))
    image.SetSpacing(IMAGE.spacing[::-1])
    image.SetOrigin(IMAGE.origin)
    sitk.WriteImage(sitk.Flip(sitk.PermuteAxes(image, [1, 2, 0]), [True, False, True]), str(tmp_path / "turned.mha"))
    files.append(tmp_path / "turned.mha")
    for file in files:
        forbidden = LimitFiles(outside=file).read(IMAGE, np.zeros(SHAPE, np.uint8), "--").forbidden
        np.testing.assert_array_equal(forbidden, expected)
        forbidden = LimitFiles(inside=file).read(IMAGE, np.zeros((2, *SHAPE), np.uint8), "--").forbidden
        np.testing.assert_array_equal(forbidden, ~expected)


def test_without_files_nothing_is_said() -> None:
    limits = LimitFiles().read(IMAGE, np.ones(SHAPE, np.uint8), "--")
    assert limits.options() == {} and limits.told({"warnings": []}) == {"warnings": []}


@pytest.mark.parametrize(("name", "said"), [("outside", "would be excluded"), ("inside", "could be filled")])
def test_file_without_labels_is_refused(tmp_path: Path, name: str, said: str) -> None:
    empty = write(tmp_path / "empty.nrrd", np.zeros(SHAPE, np.uint8))
    with pytest.raises(InputError, match=f"empty.nrrd given as --{name} labels no voxel, so nothing {said}"):
        LimitFiles(**{name: empty}).read(IMAGE, np.zeros(SHAPE, np.uint8), "--")
