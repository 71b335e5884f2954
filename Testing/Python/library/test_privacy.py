"""Nothing of the file that a scan came from gets into a library but voxels and geometry."""

import gzip
import struct
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from PatchICLLib.images import read_scalar_image
from PatchICLLib.library import Filled, Library, Structure
from Testing.Miniatures.dicom import write_series

SECRETS = st.lists(
    # of letters that no number is written with, lest the voxels say the same by chance
    st.text("GHJKLMNPQRSTUVWXYZ", min_size=10, max_size=14),
    min_size=8,
    max_size=8,
    unique=True,
)


def write_nifti(folder: Path, secrets: list[str]) -> Path:
    image = sitk.GetImageFromArray(np.random.default_rng(1).integers(0, 99, (5, 6, 7)).astype(np.int16))
    path = folder / f"{secrets[0]}.nii"
    sitk.WriteImage(image, str(path))
    content = bytearray(path.read_bytes())
    # data_type, db_name, descrip, aux_file, intent_name (nifti1.h), and an extension of comments
    for place, room, secret in zip((4, 14, 148, 228, 328), (10, 18, 80, 24, 16), secrets[1:], strict=False):
        content[place : place + room] = secret[:10].encode().ljust(room, b"\0")
    note = secrets[6].encode().ljust(24, b"\0")
    content[348:352] = b"\1\0\0\0" + struct.pack("<ii", 32, 6) + note
    struct.pack_into("<f", content, 108, 384.0)
    path.write_bytes(content)
    return path


def write_nrrd(folder: Path, secrets: list[str]) -> Path:
    image = sitk.GetImageFromArray(np.random.default_rng(1).normal(0, 99, (5, 6, 7)).astype(np.float32))
    for number, secret in enumerate(secrets[1:7]):
        image.SetMetaData(f"key{number}-{secret}", f"patient {secret}")
    path = folder / f"{secrets[0]}.nrrd"
    sitk.WriteImage(image, str(path))
    return path


def write_dicom(folder: Path, secrets: list[str]) -> Path:
    series = write_series(folder / secrets[0], (5, 6, 7), 0.0)
    for number, path in enumerate(sorted(series.iterdir())):
        content = pydicom.dcmread(path)
        content.PatientName, content.PatientID, content.AccessionNumber = secrets[1:4]
        content.InstitutionName, content.SeriesDescription = secrets[4:6]
        content.save_as(path.with_name(f"{secrets[6]}-{number}.dcm"))
        path.unlink()
    return series


@pytest.mark.parametrize("write", [write_nifti, write_nrrd, write_dicom])
@given(secrets=SECRETS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_of_the_input_is_in_any_byte(tmp_path: Path, write, secrets: list[str]) -> None:
    folder = Path(mkdtemp(prefix=secrets[7], dir=tmp_path))
    scan = read_scalar_image(write(folder, secrets))
    labels = np.zeros(scan.array.shape, np.uint8)
    labels[1:3, 2:4, 2:5] = 4
    library = Library.open(tmp_path / f"library{len(list(tmp_path.iterdir()))}", may_be_new=True)
    library.add(scan.array, labels, scan.grid, [Structure(4, "liver")], Filled("imported"))
    for path in library.path.rglob("*"):
        if path.is_file():
            stored = path.read_bytes()
            content = stored + (gzip.decompress(stored) if path.suffix == ".gz" else b"") + str(path).encode()
            for secret in secrets:
                for part in (secret, secret[:10]):
                    assert part.encode() not in content and part.lower().encode() not in content.lower()


def test_headers_hold_geometry_only(library: Library) -> None:
    """All text fields of the NIfTI header are empty, there is no extension, and gzip keeps neither name nor time."""
    for path in library.path.rglob("*.nii.gz"):
        stored = path.read_bytes()
        assert stored[3] == 0 and stored[4:8] == bytes(4)
        header = gzip.decompress(stored)[:352]
        for place, room in ((4, 10), (14, 18), (148, 80), (228, 24), (328, 16)):
            assert header[place : place + room].strip(b"\0") == b"", (path, place)
        assert header[348:352] == bytes(4)
