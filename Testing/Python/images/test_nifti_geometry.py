"""NIfTI's two placements: read as ITK does, written as they were, and in other formats' outputs equal."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, read_label_map, read_scalar_image, write_like
from PatchICLLib.images.checks import check_can_hold_grid

nibabel = pytest.importorskip("nibabel")

RAMP = np.arange(3 * 4 * 5, dtype=np.int16).reshape(3, 4, 5)
FIELDS = ("pixdim", "xyzt_units", "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d")
FIELDS += ("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z")

SFORM = np.array([[2.0, 0, 0, 50], [0, 2, 0, 60], [0, 0, 3, 70], [0, 0, 0, 1]])
QFORM = np.array([[2.0, 0, 0, -5], [0, 2, 0, 7], [0, 0, 3, 9], [0, 0, 0, 1]])


def save(
    path: Path,
    sform: np.ndarray = SFORM,
    qform: np.ndarray = QFORM,
    codes: tuple[int, int] = (1, 1),
    endian: str = "<",
    unit: int = 2,
) -> Path:
    """Write a NIfTI file with both placements, each with its code (sform's first)."""
    header = nibabel.Nifti1Header(endianness=endian)
    header.set_data_dtype(RAMP.dtype)
    header["xyzt_units"] = unit
    image = nibabel.Nifti1Image(RAMP, None, header)
    image.set_qform(qform, codes[1])
    image.set_sform(sform, codes[0])
    nibabel.save(image, path)
    return path


def assert_same_fields(first: Path, second: Path) -> None:
    one, two = nibabel.load(first).header, nibabel.load(second).header
    for field in FIELDS:
        np.testing.assert_array_equal(np.asarray(one[field]), np.asarray(two[field]), err_msg=field)
    assert [bytes(np.asarray(one[field]).astype("<f4")) for field in FIELDS] == [
        bytes(np.asarray(two[field]).astype("<f4")) for field in FIELDS
    ]


angles = st.tuples(*[st.floats(-180.0, 180.0)] * 3)
offsets = st.tuples(*[st.floats(-500.0, 500.0)] * 3)
spacings = st.tuples(*[st.floats(0.2, 8.0)] * 3)
signs = st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3)
orders = st.permutations([0, 1, 2])
codes = st.tuples(st.integers(0, 4), st.integers(0, 4))


def affine(rotation, sign, order, spacing, offset) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = (Rotation.from_euler("xyz", rotation, degrees=True).as_matrix() * sign)[:, order] * spacing
    matrix[:3, 3] = offset
    return matrix


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.tuples(angles, signs, orders, offsets), st.tuples(angles, signs, orders, offsets), spacings, codes,
    st.sampled_from(["<", ">"]), st.sampled_from([1, 2, 3, 0]),
)  # fmt: skip
def test_both_placements_come_back_as_they_were(tmp_path: Path, first, second, spacing, codes, endian, unit) -> None:
    sform, qform = (affine(*one[:3], spacing, one[3]) for one in (first, second))
    scan = save(tmp_path / "scan.nii", sform, qform, codes, endian, unit)
    volume = read_scalar_image(scan)
    for ending in (".nii", ".nii.gz"):
        write_like(volume.array > 7, volume, tmp_path / f"out{ending}")
        assert_same_fields(scan, tmp_path / f"out{ending}")
        again = read_scalar_image(tmp_path / f"out{ending}")
        assert (again.spacing, again.origin, again.direction) == (volume.spacing, volume.origin, volume.direction)
        np.testing.assert_array_equal(again.array, volume.array > 7)


def test_outputs_of_a_painting_lie_where_the_image_says(tmp_path: Path) -> None:
    """The painting comes from another program, which wrote one placement only; results are written like it."""
    image = read_scalar_image(save(tmp_path / "scan.nii.gz"))
    sitk_image = sitk.ReadImage(str(tmp_path / "scan.nii.gz"))
    sitk.WriteImage(sitk_image > 7, str(tmp_path / "painted.nrrd"))
    painted = read_label_map(tmp_path / "painted.nrrd", like=image)
    write_like(painted.array, painted, tmp_path / "out.nii.gz")
    assert_same_fields(tmp_path / "scan.nii.gz", tmp_path / "out.nii.gz")


@pytest.mark.parametrize("placement", [SFORM, QFORM, QFORM @ np.diag([-1.0, 1, 1, 1])])
def test_a_painting_may_lie_at_either_placement(tmp_path: Path, placement: np.ndarray) -> None:
    """Other programs write the one that they read; a flip is undone as ever."""
    image = read_scalar_image(save(tmp_path / "scan.nii.gz"))
    flipped = placement[0, 0] < 0
    labels = (RAMP > 7).astype(np.uint8)
    stored = labels[::-1] if flipped else labels
    shift = np.eye(4)
    shift[0, 3] = -(len(labels) - 1) if flipped else 0
    nibabel.save(nibabel.Nifti1Image(stored, placement @ shift), tmp_path / "painted.nii.gz")
    painted = read_label_map(tmp_path / "painted.nii.gz", like=image)
    np.testing.assert_array_equal(painted.array, labels.T)
    assert painted.grid == image.grid
    nibabel.save(nibabel.Nifti1Image(stored, placement @ shift + np.eye(4, k=3)), tmp_path / "elsewhere.nii.gz")
    with pytest.raises(InputError, match="not on the same grid"):
        read_label_map(tmp_path / "elsewhere.nii.gz", like=image)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(angles, signs, orders, spacings, offsets, st.sampled_from([".nrrd", ".mha"]))
def test_other_formats_give_equal_placements(tmp_path: Path, rotation, sign, order, spacing, offset, ending) -> None:
    lps = affine(rotation, sign, order, spacing, offset)
    image = sitk.GetImageFromArray(RAMP)
    image.SetSpacing(spacing)
    image.SetOrigin(offset)
    image.SetDirection((lps[:3, :3] / spacing).ravel())
    sitk.WriteImage(image, str(tmp_path / f"scan{ending}"))
    volume = read_scalar_image(tmp_path / f"scan{ending}")
    write_like(volume.array, volume, tmp_path / "out.nii")
    header = nibabel.load(tmp_path / "out.nii").header
    expected = np.diag([-1.0, -1, 1, 1]) @ lps
    np.testing.assert_allclose(header.get_sform(), expected, atol=1e-3)
    # a qform's quaternion of 32 bits without its first number is that coarse near half turns
    np.testing.assert_allclose(header.get_qform(), expected, atol=2e-3 * max(spacing) + 1e-3)
    assert header["sform_code"] == header["qform_code"] == 1


# Sheared grids: ITK knows right angles only


def sheared(voxels: float) -> np.ndarray:
    """An sform whose farthest corner lies about so many voxels from where right angles would put it."""
    matrix = SFORM.copy()
    matrix[0, 1] = 4.0 * voxels / 4  # RAMP has 4 rows; half of the shear is turned into a rotation
    return matrix


@pytest.mark.parametrize("qform_code", [0, 1])
def test_slightly_sheared_sform_is_read_and_comes_back(tmp_path: Path, qform_code: int) -> None:
    scan = save(tmp_path / "scan.nii.gz", sheared(0.06), sheared(0.0), (1, qform_code))
    volume = read_scalar_image(scan)
    write_like(volume.array, volume, tmp_path / "out.nii.gz")
    assert_same_fields(scan, tmp_path / "out.nii.gz")
    labels = read_label_map(tmp_path / "out.nii.gz", like=volume)
    np.testing.assert_array_equal(labels.array, volume.array)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(angles, signs, orders, st.sampled_from([".nii.gz", ".nrrd"]))
def test_slightly_sheared_and_oblique(tmp_path: Path, rotation, sign, order, ending: str) -> None:
    """The grid with right angles lies within a tenth of a voxel of the sform, whichever way it is turned."""
    sform = affine(rotation, sign, order, (2.0, 2.0, 3.0), (50.0, 60.0, 70.0))
    sform[:3, 1] += 0.03 * sform[:3, 0]
    volume = read_scalar_image(save(tmp_path / "scan.nii", sform, codes=(1, 0)))
    write_like(volume.array, volume, tmp_path / f"out{ending}")
    grid = read_scalar_image(tmp_path / f"out{ending}").grid
    corner = np.array([2, 3, 4])
    expected = np.diag([-1.0, -1, 1]) @ (sform[:3, :3] @ corner + sform[:3, 3])
    assert np.linalg.norm(np.array(grid.origin) + grid.steps @ corner - expected) < 0.2


def test_sheared_sform_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    scan = save(tmp_path / "scan.nii", sheared(0.5), codes=(1, 0))
    with pytest.raises(InputError, match="is sheared, or its header contradicts itself"):
        read_scalar_image(scan)
    assert capfd.readouterr().err == ""


def test_voxel_size_that_contradicts_the_placement(tmp_path: Path) -> None:
    scan = save(tmp_path / "scan.nii", np.diag([1.0, 1.0, 1.0, 1.0]), codes=(1, 0))
    raw = bytearray(scan.read_bytes())
    raw[80:92] = np.array([2, 2, 3], "<f4").tobytes()
    scan.write_bytes(raw)
    with pytest.raises(InputError, match="contradicts itself"):
        read_scalar_image(scan)


def sheared_scan(path: Path, amount: float) -> Volume:
    image = sitk.GetImageFromArray(RAMP)
    image.SetDirection((1.0, amount, 0.0, 0.0, float(np.sqrt(1 - amount**2)), 0.0, 0.0, 0.0, 1.0))
    sitk.WriteImage(image, str(path))
    return read_scalar_image(path)


@pytest.mark.parametrize(("amount", "fits"), [(0.01, True), (0.3, False)])
def test_sheared_grids_of_other_formats(tmp_path: Path, amount: float, fits: bool) -> None:
    """NRRD holds them, NIfTI does not: that is told before anything is computed, and by the writer at the latest."""
    volume = sheared_scan(tmp_path / "scan.nrrd", amount)
    check_can_hold_grid(volume, tmp_path / "out.nrrd")
    write_like(volume.array, volume, tmp_path / "out.nrrd")
    assert not volume.grid.differences(read_scalar_image(tmp_path / "out.nrrd").grid)
    if fits:
        write_like(volume.array, volume, tmp_path / "out.nii")
        written = read_scalar_image(tmp_path / "out.nii").grid
        assert volume.grid.corner_distance(written.steps, written.origin) < 0.1
        return
    for refuse in (check_can_hold_grid, lambda volume, path: write_like(volume.array, volume, path)):
        with pytest.raises(InputError, match=r"cannot hold; name the output .*out.nii with the ending .nrrd"):
            refuse(volume, tmp_path / "out.nii")
    assert not (tmp_path / "out.nii").exists()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-0.02, 0.02), st.sampled_from([".nii", ".mha", ".nrrd"]))
def test_whatever_is_written_like_an_image_is_taken_as_a_painting_of_it(
    tmp_path: Path, amount: float, ending: str
) -> None:
    """Where a format can only store a slightly sheared grid with right angles, too."""
    volume = sheared_scan(tmp_path / "scan.nrrd", amount)
    painted = (RAMP % 3).astype(np.uint8)
    path = tmp_path / f"painted{ending}"
    write_like(painted, volume, path)
    np.testing.assert_array_equal(read_label_map(path, like=volume).array, painted)
