"""What goes into a library comes out of it: voxels, geometry, names; and nothing else goes in."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.images import Grid
from PatchICLLib.library import Filled, Library, Structure
from PatchICLLib.segmentations.terminology import Code, Terminology
from Testing.Miniatures.finished_cases import LESION, LIVER, OBLIQUE, Finished, put


def test_a_case_comes_back_voxel_by_voxel(library: Library) -> None:
    scan = Finished.of(2)
    opened = Library.open(library.path)
    case = opened.case(2)
    part = tuple(slice(f, f + n) for f, n in zip(case.entry.first, case.entry.shape, strict=True))
    assert case.entry.scan_shape == scan.image.shape and case.entry.filled == Filled("imported")
    assert case.image.dtype == np.int16 and np.array_equal(case.image, scan.image[part])
    names = {one.name: one.label for one in opened.structures}
    for name, label in (("Liver", 5), ("lesion", 2)):
        meant = (scan.labels == label).any(axis=0)
        assert case.mask_of(names[name]).sum() == meant.sum()
        assert np.array_equal(case.mask_of(names[name]), meant[part])
    assert set(np.unique(case.mask)) == {0, *names.values()}
    assert case.spacing == pytest.approx(scan.grid.spacing)
    assert np.allclose(case.direction, np.reshape(OBLIQUE, (3, 3)), atol=1e-5)
    origin = np.array(scan.grid.origin) + scan.grid.steps @ np.array(case.entry.first[::-1])
    assert np.allclose(case.grid.origin, origin, atol=1e-3)
    assert opened.cases_with(names["Liver"]) == opened.cases


def test_a_person_can_read_it(library: Library) -> None:
    content = json.loads((library.path / "library.json").read_text())
    assert content["version"] == 1 and [one["name"] for one in content["structures"]] == ["Liver", "lesion"]
    assert content["structures"][1]["color"] == [1.0, 0.5, 0.25]
    assert content["cases"][0]["filled"]["how"] == "imported"
    image = sitk.ReadImage(str(library.path / "cases" / "0001" / "image.nii.gz"))
    assert list(image.GetSize()) == content["cases"][0]["size"]
    files = sorted(path.relative_to(library.path).as_posix() for path in library.path.rglob("*") if path.is_file())
    of_cases = [f"cases/000{n}/{name}.nii.gz" for n in (1, 2) for name in ("image", "mask-2", "mask")]
    assert files == [".lock", *of_cases, "library.json"]


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_a_group_may_share_it(tmp_path: Path) -> None:
    """Whoever may write into the folder may add, by the umask that the user has set."""
    before = os.umask(0o002)
    try:
        put(Library.open(tmp_path / "library", may_be_new=True), 1)
    finally:
        os.umask(before)
    for path in (tmp_path / "library").rglob("*"):
        assert path.stat().st_mode & 0o060 == 0o060, path


def test_the_same_scan_is_not_taken_twice(library: Library) -> None:
    with pytest.raises(InputError, match="already, as case 2"):
        put(library, 2)
    assert [case.number for case in library.cases] == [1, 2]
    added = put(library, 2, LIVER, replace_scan=True)
    assert (added.number, added.replaced) == (3, (2,))
    assert [case.number for case in library.cases] == [1, 3]
    assert not (library.path / "cases" / "0002").exists()
    assert len(Library.open(library.path).case(3).mask.shape) == 3  # nothing overlaps any more


def test_removing_takes_the_files_and_weights_adapted_with_them(library: Library) -> None:
    put(library, 3)
    library.adapted.mkdir()
    for name, cases in (("with", [1, 2]), ("without", [1, 3]), ("unknown", None)):
        (library.adapted / f"{name}.safetensors").write_bytes(b"w")
        if cases is not None:
            (library.adapted / f"{name}.json").write_text(json.dumps({"library_cases": cases}))
    removed = library.remove(2)
    assert {path.name for path in removed} == {"with.safetensors", "with.json", "unknown.safetensors"}
    assert {path.name for path in library.adapted.iterdir()} == {"without.safetensors", "without.json"}
    assert not (library.path / "cases" / "0002").exists()
    assert [case.number for case in Library.open(library.path).cases] == [1, 3]
    with pytest.raises(InputError, match="no case 2 in the library .*there are 1, 3"):
        library.remove(2)
    for number in (1, 3):
        library.remove(number)
    assert library.structures == () == Library.open(library.path).cases
    assert put(library, 2).number == 4  # never a number that reports speak of already


def test_merging(library: Library, tmp_path: Path) -> None:
    other = Library.open(tmp_path / "other", may_be_new=True)
    put(other, 7, Structure(2, "LIVER "), Structure(5, "kidney"))  # other numbers, other voxels
    put(other, 1)
    merged = library.merge(other)
    assert (merged.added, merged.already_there) == ((3,), (2,))
    assert [one.name for one in library.structures] == ["Liver", "lesion", "kidney"]
    labels = {one.name: one.label for one in library.structures}
    case, scan = Library.open(library.path).case(3), Finished.of(7)
    part = tuple(slice(f, f + n) for f, n in zip(case.entry.first, case.entry.shape, strict=True))
    assert np.array_equal(case.mask_of(labels["Liver"]), (scan.labels == 2).any(axis=0)[part])
    assert np.array_equal(case.mask_of(labels["kidney"]), (scan.labels == 5).any(axis=0)[part])
    assert library.merge(other).added == ()
    with pytest.raises(InputError, match="the same library"):
        library.merge(Library.open(library.path / ".." / "library"))
    fresh = Library.open(tmp_path / "fresh", may_be_new=True)
    assert fresh.merge(library).added == (1, 2, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"structures": (Structure(5, "Segment_1"), Structure(2, " segment 2"))}, "name of its own"),
        ({"structures": (Structure(7, "heart"),)}, "no voxels of heart"),
        ({"structures": (Structure(5, "a" * 300),)}, "1 to 200 printable"),
        ({"image": np.full((12, 20, 24), np.nan, np.float32)}, "NaN or infinite"),
    ],
)
def test_what_cannot_be_known_again_is_refused(tmp_path: Path, change: dict, message: str) -> None:
    one = Finished.of(0)
    given = {"image": one.image, "labels": one.labels, "grid": one.grid, "structures": (LIVER,), **change}
    with pytest.raises(InputError, match=message):
        Library.open(tmp_path / "library", may_be_new=True).add(filled=Filled("painted"), **given)
    assert list(tmp_path.iterdir()) == []


@given(
    dtype=st.sampled_from(["u1", "i1", "<i2", ">i2", "u2", "i4", "u4", "i8", "f2", "f4", ">f8"]),
    shape=st.tuples(st.integers(2, 9), st.integers(2, 9), st.integers(2, 9)),
    spacing=st.tuples(*[st.floats(0.1, 20)] * 3),
    turn=st.tuples(*[st.floats(-3, 3)] * 3),
    mirrored=st.booleans(),
    data=st.data(),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_scan_comes_back(tmp_path: Path, dtype, shape, spacing, turn, mirrored, data) -> None:
    rotation = sitk.Euler3DTransform()
    rotation.SetRotation(*turn)
    direction = np.reshape(rotation.GetMatrix(), (3, 3)) @ np.diag([1, 1, -1 if mirrored else 1])
    grid = Grid(shape, spacing, (12.0, -340.0, 5.5), tuple(direction.ravel()))
    image = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    corner = tuple(data.draw(st.integers(0, count - 1)) for count in shape)
    labels = np.zeros(shape, np.int32)
    labels[corner] = 300
    path = tmp_path / str(len(list(tmp_path.iterdir())))
    structure = Structure(300, data.draw(st.sampled_from(["Leber", "肝臓", "liver, left", 'x"\\'])))
    Library.open(path, may_be_new=True).add(
        image, labels, grid, [structure], Filled("propagated", "sparse", "2026-11-26")
    )
    library = Library.open(path)
    case = library.case(1)
    assert library.structures == (Structure(1, structure.name),)
    assert case.entry.filled == Filled("propagated", "sparse", "2026-11-26")
    part = tuple(slice(f, f + n) for f, n in zip(case.entry.first, case.entry.shape, strict=True))
    assert np.array_equal(case.image, image[part]) and np.array_equal(case.mask_of(1), labels[part] > 0)
    assert case.grid.spacing == pytest.approx(spacing, rel=1e-5) and np.allclose(case.direction, direction, atol=1e-5)


def test_codes_are_kept(tmp_path: Path) -> None:
    left = Code("SCT", "7771000", "Left")
    kidney = Terminology(Code("SCT", "123037004", "Anatomy"), Code("SCT", "64033007", "Kidney"), None, left)
    bent = Terminology(kidney.category, Code("SCT", "64033007", "Kid^ney"))
    library = Library.open(tmp_path / "library", may_be_new=True)
    put(library, 1, Structure(5, "one", kidney), Structure(2, "two", bent))
    first, second = sorted(Library.open(library.path).structures, key=lambda one: one.name)
    assert first.terminology == kidney and second.terminology is None and LESION.terminology is None
