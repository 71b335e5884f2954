"""A small folder of labelled cases with shapes whose scores are known."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk


def write_case(folder: Path, name: str, labels: np.ndarray, spacing_kji: tuple[float, float, float]) -> None:
    """Write CASE_image and CASE_label; the image is brighter where the labels are."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(name)).normal(0, 4, labels.shape)
    for role, array in (("image", (labels > 0) * 100.0 + noise), ("label", labels)):
        image = sitk.GetImageFromArray(array.astype(np.float32) if role == "image" else array)
        image.SetSpacing(spacing_kji[::-1])
        sitk.WriteImage(image, str(folder / f"{name}_{role}.nii.gz"))


def cylinder(shape: tuple[int, int, int], first: int, last: int, centre: tuple[int, int], radius: float) -> np.ndarray:
    """(K, J, I) bool: the same disc on slices `first` to `last`."""
    rows, columns = np.arange(shape[1])[:, None] - centre[0], np.arange(shape[2])[None, :] - centre[1]
    mask = np.zeros(shape, bool)
    mask[first : last + 1] = rows**2 + columns**2 <= radius**2
    return mask


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sources: `tubes` with cases a and b (two cylinders each, and one of 5 slices only), `cones` with one cone."""
    folder = tmp_path / "data"
    shape = (20, 24, 24)
    for name, shift in (("a", 0), ("b", 2)):
        labels = np.zeros(shape, np.uint8)
        labels[cylinder(shape, 4, 15, (8, 8 + shift), 4)] = 1
        labels[cylinder(shape, 2, 13, (17, 16), 3)] = 2
        labels[cylinder(shape, 16, 19, (4, 18), 3)] = 9
        write_case(folder / "tubes", name, labels, (3.0, 1.0, 1.0))
    (folder / "tubes" / "labels.json").write_text(json.dumps({"1": "left tube", "2": "right tube"}))
    cone = np.zeros(shape, np.uint8)
    for index in range(3, 17):
        cone |= (cylinder(shape, index, index, (12, 12), 2 + 0.5 * index) * 7).astype(np.uint8)
    write_case(folder / "cones", "c", cone, (1.0, 1.0, 1.0))
    return folder
