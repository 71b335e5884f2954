"""Files that are not what they claim to be: refused in a sentence, never read as something else, never fatal."""

import gzip
import os
import random
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.errors import InputError
from PatchICLLib.images import read_scalar_image
from Testing.Miniatures.dicom import write_series

ENDINGS = [".nii", ".nii.gz", ".hdr", ".nrrd", ".nhdr", ".mha", ".mhd"]
ARRAY = np.random.default_rng(0).integers(0, 60, (9, 10, 11)).astype(np.uint8)


def save(path: Path, array: np.ndarray = ARRAY, compressed: bool = True) -> Path:
    sitk.WriteImage(sitk.GetImageFromArray(array), str(path), compressed)
    return path


def data_file(path: Path) -> Path:
    """Where the voxels are: the file beside a header, or the file itself."""
    return next((one for one in path.parent.iterdir() if one.name.startswith(f"{path.stem}.") and one != path), path)


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_one_bit_flipped_in_compressed_voxels(tmp_path: Path, ending: str) -> None:
    path = save(tmp_path / f"scan{ending}")
    file = data_file(path)
    whole = file.read_bytes()
    marks = {".nrrd": b"\n\n", ".mha": b"LOCAL\n"}
    start = whole.index(marks[ending]) if ending in marks else 0
    rng = random.Random(0)
    for position in rng.sample(range(start + 12, len(whole)), 60):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.randrange(8)
        file.write_bytes(damaged)
        with pytest.raises(InputError, match="cannot be read"):
            read_scalar_image(path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("ending", ENDINGS)
def test_cut_voxels(tmp_path: Path, ending: str, compressed: bool, sentence) -> None:
    path = save(tmp_path / f"scan{ending}", compressed=compressed)
    file = data_file(path)
    file.write_bytes(file.read_bytes()[:-30])
    expected = "it ends after" if not compressed and ending != ".nii.gz" else "cannot be read ("
    assert expected in sentence(path)


@pytest.mark.parametrize("ending", [".nhdr", ".mhd", ".hdr"])
def test_missing_data_file_is_named(tmp_path: Path, ending: str, sentence) -> None:
    path = save(tmp_path / f"scan{ending}")
    file = data_file(path)
    file.unlink()
    message = sentence(path)
    assert f"its voxels should lie in the file {file.name.removesuffix('.gz')}" in message and "No such file" in message


@pytest.mark.parametrize("value", [np.float32("nan"), np.float64("inf"), np.float64("-inf")])
@pytest.mark.parametrize("ending", ENDINGS)
def test_not_a_number_in_every_format(tmp_path: Path, ending: str, value: np.floating, sentence) -> None:
    array = ARRAY.astype(value.dtype)
    array[1, 2, 3] = array[4, 5, 6] = value
    path = save(tmp_path / f"scan{ending}", array)
    assert "has 2 voxels that are NaN or infinite" in sentence(path)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".hdr", ".nrrd", ".mha"])
def test_bytes_after_the_voxels_are_no_voxels(tmp_path: Path, ending: str) -> None:
    array = ARRAY.astype(np.float32)
    path = save(tmp_path / f"scan{ending}", array, compressed=False)
    file = data_file(path)
    extra = np.full(7, np.nan, np.float32).tobytes() + b"abc"
    whole = file.read_bytes()
    file.write_bytes(gzip.compress(gzip.decompress(whole) + extra) if ending == ".nii.gz" else whole + extra)
    np.testing.assert_array_equal(read_scalar_image(path).array, array)


@pytest.mark.parametrize("offset", [float("nan"), float("inf"), -1.0, 0.0, 100.0, 352.5, 1e12])
def test_nifti_whose_voxels_begin_nowhere(tmp_path: Path, offset: float, sentence) -> None:
    path = save(tmp_path / "scan.nii")
    raw = bytearray(path.read_bytes())
    raw[108:112] = struct.pack("<f", offset)
    path.write_bytes(raw)
    assert "cannot be read (it" in sentence(path)


@pytest.mark.parametrize(
    ("at", "content", "expected"),
    [
        (42, struct.pack("<h", 0), "announces the size 0 x 10 x 9"),
        (42, struct.pack("<h", -3), "announces the size -3 x 10 x 9"),
        (40, struct.pack("<h", 99), "announces 99 dimensions"),
        (70, struct.pack("<h", 77), "data type 77"),
        (80, struct.pack("<f", 0), "gives the voxels the size 0 x 1 x 1"),
        (84, struct.pack("<f", float("nan")), "gives the voxels the size 1 x nan x 1"),
        (268, struct.pack("<f", float("inf")), "not finite"),
        (284, struct.pack("<f", float("nan")), "not finite"),
        (112, struct.pack("<2f", float("inf"), 0), "scales the voxels by inf"),
        (112, struct.pack("<2f", 1, float("nan")), "adds nan"),
        (344, b"n+2\0", "damaged"),
    ],
)
def test_nifti_header_without_sense(tmp_path: Path, at: int, content: bytes, expected: str, sentence) -> None:
    path = save(tmp_path / "scan.nii")
    raw = bytearray(path.read_bytes())
    raw[at : at + len(content)] = content
    path.write_bytes(raw)
    assert expected in sentence(path)


@pytest.mark.parametrize("ending", [".nii", ".nrrd", ".mha"])
@pytest.mark.parametrize("spacing", [1e12, 1e-9])
def test_voxel_sizes_that_no_scan_has(tmp_path: Path, ending: str, spacing: float, sentence) -> None:
    image = sitk.GetImageFromArray(ARRAY)
    image.SetSpacing((1.0, 1.0, spacing))
    sitk.WriteImage(image, str(tmp_path / f"scan{ending}"))
    assert f"has voxels of 1 x 1 x {spacing:g} mm" in sentence(tmp_path / f"scan{ending}")


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
@pytest.mark.parametrize("origin", [1e300, -1e12])
def test_places_where_no_scan_lies(tmp_path: Path, ending: str, origin: float, sentence) -> None:
    image = sitk.GetImageFromArray(ARRAY)
    image.SetOrigin((1.0, origin, 1.0))
    sitk.WriteImage(image, str(tmp_path / f"scan{ending}"))
    assert f"lies {abs(origin):g} mm away" in sentence(tmp_path / f"scan{ending}")


@pytest.mark.parametrize("spacing", ["0", "nan", "inf"])
def test_voxels_without_a_size(tmp_path: Path, spacing: str, sentence) -> None:
    more = f"ElementSpacing = 1 1 {spacing}\n"
    (tmp_path / "a.mha").write_bytes(META.format(sizes="2 2 2", more=more, data="LOCAL").encode() + bytes(range(8)))
    assert "gives the voxels the size 0 in some direction" in sentence(tmp_path / "a.mha")


META = "ObjectType = Image\nNDims = 3\nDimSize = {sizes}\nElementType = MET_UCHAR\n{more}ElementDataFile = {data}\n"
NRRD = "NRRD0004\ntype: {type}\ndimension: {dimension}\nsizes: {sizes}\nencoding: {encoding}\n{more}\n"


@pytest.mark.parametrize(
    ("name", "header", "expected"),
    [
        ("a.nrrd", NRRD.format(type="uchar", dimension=3, sizes="2 2 2", encoding="ascii", more=""), "written as text"),
        ("a.nrrd", NRRD.format(type="uchar", dimension=3, sizes="2 2", encoding="raw", more=""), "but 2 sizes"),
        ("a.nrrd", NRRD.format(type="uchar", dimension=3, sizes="0 2 2", encoding="raw", more=""), "size 0 x 2 x 2"),
        ("a.nrrd", NRRD.format(type="block", dimension=3, sizes="2 2 2", encoding="raw", more=""), "of type 'block'"),
        ("a.nrrd", NRRD.format(type="uchar", dimension=3, sizes="2 2 2", encoding="bzip2", more=""), "not supported"),
        ("a.nrrd", NRRD.format(type="uchar", dimension=3, sizes="2 x 2", encoding="raw", more=""), "whole numbers"),
        ("a.nrrd", NRRD.format(type="uchar", dimension=3, sizes="²  2 2", encoding="raw", more=""), "whole numbers"),
        ("a.nrrd", "NRRD0004\ntype: uchar\n\n", "lacks dimension, sizes, encoding"),
        ("a.nrrd", "NRRD0004\ntype: uchar", "ends within its header"),
        (
            "a.nhdr",
            NRRD.format(type="uchar", dimension=3, sizes="2 2 2", encoding="raw", more="data file: LIST\n"),
            "several files",
        ),
        ("a.mha", META.format(sizes="0 2 2", more="", data="LOCAL"), "size 0 x 2 x 2"),
        ("a.mha", META.format(sizes="2 2", more="", data="LOCAL"), "but 2 sizes"),
        ("a.mha", META.format(sizes="2 2 " + "9" * 5000, more="", data="LOCAL"), "too large"),
        ("a.mha", META.format(sizes="2 2 2", more="BinaryData = False\n", data="LOCAL"), "written as text"),
        ("a.mhd", META.format(sizes="2 2 2", more="", data="slice%03d.raw 1 2 1"), "several files"),
        ("a.mhd", META.format(sizes="2 2 2", more="", data="gone.raw"), "the file gone.raw, but: No such file"),
        (
            "a.mha",
            META.replace("NDims = 3", "NDims = 99").format(sizes=" ".join("1" * 99), more="", data="LOCAL"),
            "has 99 dimensions",
        ),
        (
            "a.nrrd",
            NRRD.format(type="uchar", dimension=16, sizes=" ".join("1" * 16), encoding="raw", more=""),
            "has 16 dimensions",
        ),
    ],
)
def test_text_header_without_sense(tmp_path: Path, name: str, header: str, expected: str, sentence) -> None:
    (tmp_path / name).write_bytes(header.encode() + bytes(range(128, 136)))
    assert expected in sentence(tmp_path / name)


def test_voxels_written_as_text(tmp_path: Path) -> None:
    header = NRRD.format(type="short", dimension=3, sizes="2 2 2", encoding="ascii", more="")
    (tmp_path / "a.nrrd").write_text(header + "1 2 3 4\n5 6 7 -8\n")
    np.testing.assert_array_equal(read_scalar_image(tmp_path / "a.nrrd").array.ravel(), [1, 2, 3, 4, 5, 6, 7, -8])


# Kinds that are known but not read


def test_nifti_2(tmp_path: Path, sentence) -> None:
    nibabel = pytest.importorskip("nibabel")
    for name in ("two.nii", "two.nii.gz"):
        nibabel.save(nibabel.Nifti2Image(ARRAY, np.eye(4)), tmp_path / name)
        assert "is a NIfTI-2 file, which is not read; save it as NIfTI-1" in sentence(tmp_path / name)


def test_freesurfer(tmp_path: Path, sentence) -> None:
    nibabel = pytest.importorskip("nibabel")
    nibabel.save(nibabel.MGHImage(ARRAY, np.eye(4)), tmp_path / "brain.mgz")
    assert "`mri_convert brain.mgz brain.nii.gz`" in sentence(tmp_path / "brain.mgz")


# Paths that name no file that could be read


def test_pipe_is_not_waited_for(tmp_path: Path, sentence) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("named pipes are files on POSIX systems only")
    os.mkfifo(tmp_path / "pipe.nii")
    assert "is neither a file nor a folder" in sentence(tmp_path / "pipe.nii")
    (tmp_path / "a.mhd").write_text(META.format(sizes="2 2 2", more="", data="pipe.nii"))
    assert "pipe.nii, which is not a file" in sentence(tmp_path / "a.mhd")
    save(tmp_path / "b.hdr")
    (tmp_path / "b.img").unlink()
    os.mkfifo(tmp_path / "b.img")
    assert "b.img, which is not a file" in sentence(tmp_path / "b.hdr")


@pytest.mark.skipif(sys.platform == "win32", reason="makes links and names as POSIX allows them")
def test_paths_that_cannot_be_opened(tmp_path: Path, sentence) -> None:
    (tmp_path / "loop.nii").symlink_to("loop.nii")
    assert "cannot be opened (Too many levels of symbolic links)" in sentence(tmp_path / "loop.nii")
    assert "cannot be opened (File name too long)" in sentence(tmp_path / ("n" * 300 + ".nii"))
    assert "null byte" in sentence(Path("a\0.nii"))
    save(tmp_path / "a.nii")
    assert "cannot be opened (Not a directory)" in sentence(tmp_path / "a.nii" / "b.nii")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are always Unicode")
def test_names_that_are_not_utf_8(tmp_path: Path, sentence) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/s\xe9rie.nii"))
    save(tmp_path / "scan.nii").rename(path)
    assert "is not written in UTF-8; rename it" in sentence(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may open everything")
def test_folder_that_may_not_be_entered(tmp_path: Path, sentence) -> None:
    (tmp_path / "shut").mkdir()
    save(tmp_path / "shut" / "scan.nii")
    (tmp_path / "shut").chmod(0o600)
    try:
        assert "cannot be opened (Permission denied)" in sentence(tmp_path / "shut" / "scan.nii")
    finally:
        (tmp_path / "shut").chmod(0o700)


# Random damage: in a process of its own, for a fault of ITK's would take the tests with it

FUZZ = """
import random, struct, sys
from pathlib import Path
from PatchICLLib.errors import InputError
from PatchICLLib.images.reading import read_slices

path, trials = Path(sys.argv[1]), int(sys.argv[2])
whole = path.read_bytes()
words = [b"0", b"-1", b"99", b"1e12", b"nan", b"ascii", b"raw", b"gzip", b"LIST", b"%d", b"\\n", b"\\0", b"LOCAL",
         b"True", b"MET_FLOAT", b"float", b"none", b"2147483647", b"x" * 1500]
for seed in range(trials):
    rng, content = random.Random(seed), bytearray(whole)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(min(360, len(content)))
        kind = rng.randrange(5)
        if kind == 0:
            content[at] = rng.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del content[at : at + rng.randint(1, 6)]
            content = content or bytearray(b"x")
        elif kind == 3:
            word = rng.choice(words)
            end = min([content.find(stop, at) % (len(content) + 1) for stop in (b" ", b"\\n")])
            content[at:end] = word
        else:
            content[at : at + 4] = struct.pack("<f", rng.choice([0.0, float("nan"), float("inf"), -1.0, 1e12]))
    path.write_bytes(content)
    try:
        read_slices(path)
    except InputError:
        pass
"""


@pytest.mark.parametrize("ending", [*ENDINGS, ".dcm"])
def test_random_damage_of_headers_is_survived(tmp_path: Path, ending: str) -> None:
    if ending == ".dcm":
        (path,) = write_series(tmp_path / "series", (1, 10, 11)).iterdir()
    else:
        path = save(tmp_path / f"scan{ending}")
    done = subprocess.run(
        [sys.executable, "-c", FUZZ, str(path), "60"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("line", ["space", "space origin", "kinds", "spacings", "units", "old min", "x" * 1200])
def test_lines_that_end_itk_are_refused(tmp_path: Path, line: str) -> None:
    """ITK's reader copies what it does not understand into a buffer of fixed length."""
    path = save(tmp_path / "long.nrrd", ARRAY)
    head, mark, rest = path.read_bytes().partition(b"\n\n")
    path.write_bytes(head + f"\n{line}: {'y' * 1100}".encode() + mark + rest)
    with pytest.raises(InputError, match="a line of its header has"):
        read_scalar_image(path)


def test_long_texts_that_mean_nothing_to_itk_are_read(tmp_path: Path) -> None:
    path = save(tmp_path / "long.nrrd", ARRAY)
    head, mark, rest = path.read_bytes().partition(b"\n\n")
    more = "\n".join(["", "# " + "c" * 5000, "content: " + "c" * 5000, "some key:=" + "v" * 5000])
    path.write_bytes(head + more.encode() + mark + rest)
    assert (read_scalar_image(path).array == ARRAY).all()
