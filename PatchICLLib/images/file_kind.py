"""Which kind of image a file is, by its first bytes; ITK gets only the kinds that are known here."""

import gzip
import os
import stat
from enum import Enum
from pathlib import Path

from PatchICLLib.errors import InputError
from PatchICLLib.images.dicom_frames import is_dicom


class FileKind(Enum):
    """A kind of image file; the value is the name of ITK's class that reads it."""

    NIFTI = "NiftiImageIO"
    NRRD = "NrrdImageIO"
    META_IMAGE = "MetaImageIO"
    DICOM = "GDCMImageIO"
    PNG = "PNGImageIO"
    JPEG = "JPEGImageIO"
    TIFF = "TIFFImageIO"
    BMP = "BMPImageIO"


_BEGINNINGS = {
    b"NRRD0": FileKind.NRRD,
    b"\x89PNG": FileKind.PNG,
    b"\xff\xd8\xff": FileKind.JPEG,
    b"II*\0": FileKind.TIFF,
    b"MM\0*": FileKind.TIFF,
    b"BM": FileKind.BMP,
}
_NIFTI_1, _NIFTI_2 = 348, 540  # length of the header, which every NIfTI file begins with


def check_readable_path(path: Path, what: str) -> None:
    """Check that a path names a file or a folder that can be read, before any library sees it.

    Raises:
        InputError: it does not exist, cannot be opened, is a pipe or a device, or has a name that ITK cannot take.
    """
    shown = str(path).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")
    if len(shown) > 300:
        shown = f"{shown[:300]}..."
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"The name of the {what} {shown} is not written in UTF-8; rename it and try again.") from error
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            with path.open("rb"):
                pass
        elif stat.S_ISDIR(mode):
            os.listdir(path)
    except FileNotFoundError as error:
        raise InputError(f"The {what} {shown} does not exist; check the name and the folder.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"The {what} {shown} cannot be opened ({reason}); check the name and the folder.") from error
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"The {what} {shown} is neither a file nor a folder; give the name of a file.")


def kind_of_file(path: Path, what: str) -> FileKind | None:
    """The kind of an existing file; None if it is unknown.

    Raises:
        InputError: a kind that is known but not read, with how to convert it.
        OSError, EOFError, zlib.error: the file cannot be read.
    """
    name = path.name.lower()
    with path.open("rb") as stream:
        start = stream.read(352)
    if name.endswith((".mgz", ".mgh", ".mgh.gz")):
        raise InputError(
            f"The {what} {path} is in FreeSurfer's format, which is not read; convert it to NIfTI first, for instance "
            f"by `mri_convert {path.name} {path.name.split('.')[0]}.nii.gz`."
        )
    if is_dicom(path):
        return FileKind.DICOM
    for beginning, kind in _BEGINNINGS.items():
        if start.startswith(beginning):
            return kind
    if name.endswith((".mha", ".mhd")) and b"NDims" in start:
        return FileKind.META_IMAGE
    if name.endswith((".img", ".img.gz")):
        return FileKind.NIFTI
    if start.startswith(b"\x1f\x8b"):
        with gzip.open(path) as content:
            start = content.read(352)
    lengths = {int.from_bytes(start[:4], "little"), int.from_bytes(start[:4], "big")}
    if _NIFTI_2 in lengths:
        raise InputError(
            f"The {what} {path} is a NIfTI-2 file, which is not read; save it as NIfTI-1 first, for instance by "
            "opening and saving it with ITK-SNAP, or with `nibabel.Nifti1Image.from_image`."
        )
    if _NIFTI_1 in lengths:
        return FileKind.NIFTI
    if name.endswith((".dcm", ".ima", ".dicom")):
        return FileKind.DICOM
    return None
