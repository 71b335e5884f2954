"""What a command will write is known before it computes, and replaces nothing but what the user named."""

import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, image_output, write_like
from PatchICLLib.outputs import Output, check_outputs, written
from PatchICLLib.outputs.companions import companions_of
from PatchICLLib.outputs.written import forget_written

GRID = Volume(np.zeros((2, 3, 4), np.uint8), (1.0,) * 3, (0.0,) * 3, tuple(np.eye(3).ravel()), Path("scan"), "")
ENDINGS = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


def values(value: int) -> np.ndarray:
    return np.full((2, 3, 4), value, np.uint8)


def read(path: Path) -> int:
    (value,) = np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    return int(value)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.parametrize(("ending", "key"), [(".mhd", "ElementDataFile = "), (".nhdr", "data file: ")])
def test_the_voxels_of_another_header_stay(tmp_path: Path, ending: str, key: str) -> None:
    """IMAGE ct.mhd, whose voxels lie in seg.zraw, and OUTPUT seg.mhd."""
    write_like(values(7), GRID, tmp_path / f"seg{ending}")
    header = (tmp_path / f"seg{ending}").read_text()
    (tmp_path / f"seg{ending}").rename(tmp_path / f"ct{ending}")
    before = content(tmp_path)
    output = image_output("OUTPUT", tmp_path / f"seg{ending}")
    check_outputs([output], {"IMAGE": tmp_path / f"ct{ending}"})
    assert len(set(output.files())) == 2 and not any(path.exists() for path in output.files())
    write_like(values(3), GRID, output.path)
    assert (read(tmp_path / f"ct{ending}"), read(output.path)) == (7, 3)
    assert before.items() <= content(tmp_path).items()

    # both headers with the same data: replacing one leaves the other its voxels
    output.path.write_text(header)
    write_like(values(4), GRID, output.path)
    assert (read(tmp_path / f"ct{ending}"), read(output.path)) == (7, 4)
    assert key in header


@pytest.mark.parametrize("ending", ENDINGS)
def test_writing_again_leaves_no_more_files(tmp_path: Path, ending: str) -> None:
    for value in (1, 2, 3):
        write_like(values(value), GRID, tmp_path / f"seg{ending}")
        assert read(tmp_path / f"seg{ending}") == value
        assert len(content(tmp_path)) == (2 if ending in (".mhd", ".nhdr") else 1)


def test_a_header_whose_data_are_gone_can_be_replaced(tmp_path: Path) -> None:
    write_like(values(1), GRID, tmp_path / "seg.mhd")
    (tmp_path / "seg.zraw").unlink()
    write_like(values(2), GRID, tmp_path / "seg.mhd")
    assert read(tmp_path / "seg.mhd") == 2 and len(content(tmp_path)) == 2


def test_data_with_a_name_of_its_own_stay(tmp_path: Path) -> None:
    """A header that the user wrote refers to data that were not written with it."""
    write_like(values(1), GRID, tmp_path / "seg.mhd")
    (tmp_path / "seg.zraw").rename(tmp_path / "scanner.zraw")
    text = (tmp_path / "seg.mhd").read_text().replace("seg.zraw", "scanner.zraw")
    (tmp_path / "seg.mhd").write_text(text)
    write_like(values(2), GRID, tmp_path / "seg.mhd")
    assert read(tmp_path / "seg.mhd") == 2 and (tmp_path / "scanner.zraw").exists()


@pytest.mark.parametrize(
    ("name", "text", "parts"),
    [
        ("a.mhd", "NDims = 3\nElementDataFile = sub/b c.raw\n", ["sub/b c.raw"]),
        ("a.MHA", "ElementDataFile = b.raw", ["b.raw"]),
        ("a.mha", "ElementDataFile = LOCAL\n\x00\x01", []),
        ("a.mhd", "ElementDataFile = LIST\nx1.raw\nx2.raw\n", ["x1.raw", "x2.raw"]),
        ("a.mhd", "ElementDataFile = x%02d.raw 3 7 2\n", ["x03.raw", "x05.raw", "x07.raw"]),
        ("a.nhdr", "NRRD0004\n# data file: no.raw\ndata file: b.raw\n", ["b.raw"]),
        ("a.nrrd", "NRRD0004\ndatafile: LIST 2\nx1.raw\nx2.raw\n", ["x1.raw", "x2.raw"]),
        ("a.nhdr", "NRRD0004\ndata file: ./x%d.raw 1 3 1 2\n", ["x1.raw", "x2.raw", "x3.raw"]),
        ("a.nrrd", "NRRD0004\nencoding: raw\n\ndata file: no.raw\n", []),
        ("a.hdr", "", ["a.img", "a.IMG", "a.img.gz", "a.IMG.GZ"]),
        ("a.img", "", ["a.hdr", "a.HDR"]),
        ("a.safetensors", "", ["a.json"]),
        ("a.nii", "ElementDataFile = b.raw", []),
    ],
)
def test_parts_of_a_file(tmp_path: Path, name: str, text: str, parts: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert [str(path.relative_to(tmp_path)) for path in companions_of(tmp_path / name)] == parts
    for part in parts:
        (tmp_path / part).parent.mkdir(exist_ok=True)
        (tmp_path / part).touch()
        with pytest.raises(InputError, match="--report and a part of IMAGE are the same file"):
            check_outputs([Output("--report", tmp_path / part)], {"IMAGE": tmp_path / name})


@given(st.binary(max_size=300), st.sampled_from(["a.mhd", "a.nhdr", "a.nrrd", "a.mha"]))
def test_headers_of_any_content(tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str) -> None:
    header = tmp_path_factory.getbasetemp() / name
    for start in (b"", b"ElementDataFile =", b"NRRD0004\ndata file:"):
        header.write_bytes(start + data)
        assert isinstance(companions_of(header), list)


def test_data_that_a_header_elsewhere_refers_to(tmp_path: Path) -> None:
    """IMAGE in/ct.mhd, whose voxels lie beside out/seg.mhd, which shares them."""
    (tmp_path / "in").mkdir(), (tmp_path / "out").mkdir()
    write_like(values(7), GRID, tmp_path / "out" / "seg.mhd")
    text = (tmp_path / "out" / "seg.mhd").read_text().replace("seg.zraw", "../out/seg.zraw")
    (tmp_path / "in" / "ct.mhd").write_text(text)
    with pytest.raises(InputError, match="lie in seg.zraw, which is a part of IMAGE; give OUTPUT another name"):
        check_outputs([Output("OUTPUT", tmp_path / "out" / "seg.mhd")], {"IMAGE": tmp_path / "in" / "ct.mhd"})


def test_a_long_list_of_slices(tmp_path: Path) -> None:
    names = [f"slice of a patient with a long name {number}.raw" for number in range(3000)]
    (tmp_path / "a.mhd").write_text("ElementDataFile = LIST\n" + "\n".join(names))
    assert [path.name for path in companions_of(tmp_path / "a.mhd")] == names


def test_the_same_file_by_other_names(tmp_path: Path) -> None:
    scan, link, folder = tmp_path / "scan.nii", tmp_path / "link.nii", tmp_path / "here"
    scan.touch()
    link.symlink_to(scan)
    folder.symlink_to(tmp_path)
    for name in (link, folder / "scan.nii", tmp_path / "here" / ".." / tmp_path.name / "scan.nii"):
        with pytest.raises(InputError, match="OUTPUT and IMAGE are the same file"):
            check_outputs([Output("OUTPUT", name)], {"IMAGE": scan})
    with pytest.raises(InputError, match="--entropy and OUTPUT are the same file"):
        check_outputs([Output("OUTPUT", tmp_path / "new.nii"), Output("--entropy", tmp_path / "NEW.nii")], {})


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    link = tmp_path / "out.nii.gz"
    link.symlink_to(Path("store") / "real.nii.gz")
    for value in (1, 2):
        check_outputs([image_output("OUTPUT", link)], {})
        write_like(values(value), GRID, link)
        assert link.is_symlink() and read(tmp_path / "store" / "real.nii.gz") == value
    header = tmp_path / "out.mhd"
    header.symlink_to(Path("store") / "real.mhd")
    with pytest.raises(InputError, match="is a link into another folder"):
        check_outputs([image_output("OUTPUT", header)], {})


@pytest.mark.parametrize("dicom", [True, False])
def test_files_of_a_folder_that_is_read(tmp_path: Path, dicom: bool) -> None:
    folder = tmp_path / "series"
    folder.mkdir()
    for name, data in (("IM0001", b""), ("IM2.nii", bytes(128) + b"DICM"), ("earlier.nii", b"")):
        (folder / name).write_bytes(data)
    read_as = {"inputs": {"IMAGE": folder}} if dicom else {"inputs": {}, "data_sets": {"IMAGE": folder}}
    for name, theirs in (("IM0001", True), ("IM2.nii", True), ("earlier.nii", not dicom), ("new.nii", False)):
        if theirs:
            with pytest.raises(InputError, match=f"would replace .*{name}, a file of IMAGE"):
                check_outputs([Output("OUTPUT", folder / name)], **read_as)
        else:
            check_outputs([Output("OUTPUT", folder / name)], **read_as)


def test_what_the_user_did_not_name_is_replaced_only_if_it_is_ours(tmp_path: Path) -> None:
    side = Output("The model card", tmp_path / "w.json", recognised=lambda path: path.read_text() == "ours")
    check_outputs([side], {})
    side.path.write_text("ours")
    check_outputs([side], {})
    side.path.write_text("a stranger's")
    with pytest.raises(InputError, match=r"The model card would replace .*w.json, which was not written by such a run"):
        check_outputs([side], {})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("o.MHA", "ends in .MHA, which other programs do not read; write .mha instead"),
        ("o.Mha", "write .mha instead"),
        ("o.MHD", "write .mhd instead"),
        ("o.Nii.gz", "write .nii.gz instead"),
        ("o" * 250 + ".nii.gz", "too long"),
        ("ø" * 126 + ".nii", "too long"),
        ("o" * 249 + ".mhd", "too long"),
        ("loop.nii", "leads back to itself"),
        ("under a file.txt/o.nii", "does not exist; create it first"),
        ("nul\0.nii", "cannot be reached"),
        ("half \ud800.nii", "cannot be reached"),
        ("fifo.nii", "is no regular file"),
    ],
)  # fmt: skip
def test_names_that_cannot_be_written(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "loop.nii").symlink_to(tmp_path / "pool.nii")
    (tmp_path / "pool.nii").symlink_to(tmp_path / "loop.nii")
    (tmp_path / "under a file.txt").touch()
    os.mkfifo(tmp_path / "fifo.nii")
    with pytest.raises(InputError, match=sentence):
        check_outputs([image_output("OUTPUT", f"{tmp_path}/{name}")], {})


@pytest.mark.parametrize("name", ["x" * 300, "loop.nii", "nul\0.nii", "half \ud800.nii"])
def test_names_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.nii").symlink_to(tmp_path / "loop.nii")
    with pytest.raises(InputError, match="^IMAGE .* (cannot be reached|leads back to itself)"):
        check_outputs([], {"IMAGE": Path(f"{tmp_path}/{name}")})


@pytest.mark.parametrize("ending", [".NII.GZ", ".NII", ".NRRD", ".NHDR"])
def test_endings_in_capitals_that_other_programs_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"o{ending}"
    check_outputs([image_output("OUTPUT", path)], {})
    write_like(values(5), GRID, path)
    assert path.name in os.listdir(tmp_path) and read(path) == 5


def test_refusing_touches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    before = (tmp_path / "a").stat().st_mtime_ns
    with pytest.raises(InputError):
        check_outputs([Output("OUTPUT", tmp_path / "a" / "x.nii"), Output("--report", tmp_path / "no" / "x.json")], {})
    assert (tmp_path / "a").stat().st_mtime_ns == before


def test_what_was_written_is_known(tmp_path: Path) -> None:
    forget_written()
    write_like(values(1), GRID, tmp_path / "a.mhd")
    assert written() == [(tmp_path / "a.mhd").resolve()]
    forget_written()
    assert written() == []
