"""Label maps on the image's lattice whose axes run in another order, or the other way."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from PatchICLLib.errors import InputError
from PatchICLLib.images import read_label_map, read_scalar_image, write_like

ORDERS = list(itertools.permutations(range(3)))
FLIPS = list(itertools.product([False, True], repeat=3))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(ORDERS), st.sampled_from(FLIPS), st.tuples(*[st.floats(-90, 90)] * 3),
    st.tuples(*[st.integers(2, 6)] * 3), st.sampled_from([".nii.gz", ".nrrd", ".mha"]),
)  # fmt: skip
def test_turned_label_map_is_turned_back(tmp_path: Path, order, flip, angles, shape, ending) -> None:
    """Turned by SimpleITK's own filters, which keep each voxel at its place in the patient."""
    rng = np.random.default_rng(0)
    scan = sitk.GetImageFromArray(rng.integers(0, 900, shape).astype(np.int16) + np.arange(shape[2], dtype=np.int16))
    scan.SetSpacing((0.7, 0.9, 3.0))
    scan.SetOrigin((-30.0, 12.0, 700.0))
    scan.SetDirection(Rotation.from_euler("xyz", angles, degrees=True).as_matrix().ravel())
    sitk.WriteImage(scan, str(tmp_path / "scan.nrrd"))
    labels = sitk.GetImageFromArray(rng.integers(0, 5, shape).astype(np.uint8))
    labels.CopyInformation(scan)
    turned = sitk.Flip(sitk.PermuteAxes(labels, order), flip, False)
    sitk.WriteImage(turned, str(tmp_path / f"labels{ending}"))
    image = read_scalar_image(tmp_path / "scan.nrrd")
    painted = read_label_map(tmp_path / f"labels{ending}", like=image)
    np.testing.assert_array_equal(painted.array, sitk.GetArrayFromImage(labels))
    assert painted.grid == image.grid
    assert painted.array.flags.c_contiguous and all(step > 0 for step in painted.array.strides)
    write_like(painted.array, painted, tmp_path / "out.nrrd")
    assert not image.grid.differences(read_label_map(tmp_path / "out.nrrd", like=image).grid)


def test_lattice_shifted_by_half_a_voxel_is_no_turn(tmp_path: Path) -> None:
    scan = sitk.GetImageFromArray(np.arange(60, dtype=np.int16).reshape(3, 4, 5))
    sitk.WriteImage(scan, str(tmp_path / "scan.nrrd"))
    labels = sitk.Flip(scan > 7, (True, False, False), False)
    labels.SetOrigin((labels.GetOrigin()[0] + 0.5, 0.0, 0.0))
    sitk.WriteImage(labels, str(tmp_path / "labels.nrrd"))
    with pytest.raises(InputError, match="not on the same grid: origin"):
        read_label_map(tmp_path / "labels.nrrd", like=read_scalar_image(tmp_path / "scan.nrrd"))
