"""A small DICOM series, complete enough for what refers to it."""

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid


def write_series(folder: Path, shape: tuple[int, int, int], tilt: float = 0.0) -> Path:
    """A CT series of (slices, rows, columns), its files in no particular order; tilt: of its columns, in radians."""
    folder.mkdir()
    study, series = generate_uid(), generate_uid()
    frame_of_reference = generate_uid()
    rows, columns = np.array([1.0, 0, 0]), np.array([0, np.cos(tilt), np.sin(tilt)])
    normal = np.cross(rows, columns)
    voxels = np.random.default_rng(1).normal(100, 20, shape).astype(np.int16)
    for k in range(shape[0]):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        image.StudyInstanceUID, image.SeriesInstanceUID, image.FrameOfReferenceUID = study, series, frame_of_reference
        image.PatientID, image.PatientName, image.PatientBirthDate, image.PatientSex = "1", "A^B", "", ""
        image.StudyDate, image.StudyTime, image.StudyID, image.AccessionNumber = "20260101", "120000", "1", ""
        image.ReferringPhysicianName, image.PositionReferenceIndicator, image.Manufacturer = "", "", "us"
        image.Modality, image.SeriesNumber, image.InstanceNumber = "CT", 2, k + 1
        image.ImageOrientationPatient = [*rows, *columns]
        image.ImagePositionPatient = [float(value) for value in np.array([-10.0, 5.0, 40.0]) + 2.5 * k * normal]
        image.PixelSpacing, image.SliceThickness = [0.9, 0.8], 2.5
        image.Rows, image.Columns, image.SamplesPerPixel = shape[1], shape[2], 1
        image.PhotometricInterpretation, image.PixelRepresentation = "MONOCHROME2", 1
        image.BitsAllocated, image.BitsStored, image.HighBit = 16, 16, 15
        image.RescaleIntercept, image.RescaleSlope, image.ImageType = 0, 1, ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.PixelData = voxels[k].tobytes()
        image.save_as(folder / f"{(k * 5) % 11}.dcm", enforce_file_format=True)
    return folder
