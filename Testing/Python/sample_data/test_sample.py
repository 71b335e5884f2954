"""The embedded scan and its reference are what their notice says."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage


@pytest.fixture(scope="module")
def image(sample_image_path: Path) -> sitk.Image:
    return sitk.ReadImage(str(sample_image_path))


@pytest.fixture(scope="module")
def reference(sample_labels_path: Path) -> sitk.Image:
    return sitk.ReadImage(str(sample_labels_path))


@pytest.fixture(scope="module")
def names(sample_labels_path: Path) -> dict[int, str]:
    entries = json.loads((sample_labels_path.parent / "brain_t1_labels.json").read_text(encoding="utf-8"))
    assert all(len(entry["color"]) == 3 and all(0 <= c <= 255 for c in entry["color"]) for entry in entries)
    return {entry["value"]: entry["name"] for entry in entries}


def test_sample_stays_small(sample_image_path: Path) -> None:
    assert sum(path.stat().st_size for path in sample_image_path.parent.iterdir() if path.is_file()) < 3 * 1000**2


def test_notice_names_the_files_and_their_copyright(sample_image_path: Path) -> None:
    notice = (sample_image_path.parent / "NOTICE").read_text(encoding="utf-8")
    for words in ("brain_t1.nii.gz", "brain_t1_labels.nii.gz", "Copyright (C) 1993-2009 Louis Collins", "mricron-data"):
        assert words in notice


def test_image_is_8_bit_with_voxels_of_1_mm(image: sitk.Image) -> None:
    assert image.GetSize() == (149, 185, 63)
    assert image.GetSpacing() == (1, 1, 1)
    assert image.GetPixelID() == sitk.sitkUInt8
    # The anterior commissure, MNI's origin, lies inside.
    origin = np.array(image.TransformPhysicalPointToIndex((0, 0, 0)))
    assert ((origin >= 0) & (origin < image.GetSize())).all()


def test_reference_lies_on_the_image_grid(image: sitk.Image, reference: sitk.Image) -> None:
    assert reference.GetSize() == image.GetSize()
    assert reference.GetOrigin() == image.GetOrigin()
    assert reference.GetSpacing() == image.GetSpacing()
    assert reference.GetDirection() == image.GetDirection()
    assert reference.GetPixelID() == sitk.sitkUInt8


def test_labels_are_those_of_the_table_and_long_enough_for_the_demo(
    reference: sitk.Image, names: dict[int, str]
) -> None:
    labels = sitk.GetArrayFromImage(reference)
    assert set(np.unique(labels)) == {0, *names}
    for value in names:
        slices = np.flatnonzero((labels == value).any(axis=(1, 2)))
        assert len(slices) >= 20
        assert np.array_equal(slices, np.arange(slices[0], slices[-1] + 1))


def test_structures_lie_on_both_sides_of_the_midline(image: sitk.Image, reference: sitk.Image) -> None:
    labels = sitk.GetArrayFromImage(reference)
    middle = image.TransformPhysicalPointToIndex((0, 0, 0))[0]
    for value in range(1, 5):
        one, other = np.count_nonzero(labels[..., :middle] == value), np.count_nonzero(labels[..., middle:] == value)
        assert 0.8 < one / other < 1.25


def test_borders_follow_the_edges_of_the_image(image: sitk.Image, reference: sitk.Image, names: dict[int, str]) -> None:
    """Steep at the border and flat inside, more so than for the same shapes three voxels away."""
    slope = ndimage.gaussian_gradient_magnitude(sitk.GetArrayFromImage(image).astype(np.float32), 1)

    def contrast(mask: np.ndarray) -> float:
        border = mask & ~ndimage.binary_erosion(mask)
        return float(slope[border].mean() / slope[ndimage.binary_erosion(mask, iterations=3)].mean())

    labels = sitk.GetArrayFromImage(reference)
    for value, name in names.items():
        mask = labels == value
        elsewhere = [contrast(np.roll(mask, shift, axis)) for axis in (1, 2) for shift in (-3, 3)]
        assert contrast(mask) > 1.15 * max(elsewhere), name


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_script_draws_the_reference_that_ships(image: sitk.Image, reference: sitk.Image, repository: Path) -> None:
    script = load_script(repository)
    box = sitk.GetArrayFromImage(script.crop(image, script.BOX)).transpose(2, 1, 0)
    shipped = sitk.GetArrayFromImage(script.crop(reference, script.BOX)).transpose(2, 1, 0)
    drawn = script.segment(box)
    for value in range(1, 5):
        both = np.count_nonzero((drawn == value) & (shipped == value))
        # The solver's rounding differs between processors: a few border voxels may.
        assert 2 * both / (np.count_nonzero(drawn == value) + np.count_nonzero(shipped == value)) > 0.99


def load_script(repository: Path) -> ModuleType:
    path = repository / "Resources" / "SampleData" / "make_sample.py"
    specification = importlib.util.spec_from_file_location("make_sample", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module
