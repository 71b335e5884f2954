"""DICOM Segmentations of a series: what we write is read by dcmqi, what dcmqi writes is read by us."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

pytest.importorskip("highdicom", reason="needs highdicom: pip install patchicl[dicom]")
import pydicom

from PatchICLLib.errors import InputError
from PatchICLLib.images import Volume, read_scalar_image
from PatchICLLib.segmentations.dicom_seg import is_dicom_seg, read_dicom_seg, write_dicom_seg
from PatchICLLib.segmentations.segmentation import Segment, Segmentation
from PatchICLLib.segmentations.terminology import Code, Terminology
from Testing.Miniatures.dicom import write_series

SHAPE = (6, 20, 24)
LIVER = Terminology(
    Code("SCT", "123037004", "Anatomical Structure"),
    Code("SCT", "10200004", "Liver"),
    Code("SCT", "818981001", "Abdomen"),
)


def masks() -> dict[str, np.ndarray]:
    found = {name: np.zeros(SHAPE, bool) for name in ("Liver", "lesion")}
    found["Liver"][1:4, 4:12, 4:14] = True
    found["lesion"][2, 6:9, 6:9] = True  # inside the liver
    return found


def segmentation() -> Segmentation:
    array = np.zeros((2, *SHAPE), np.uint8)
    array[0][masks()["Liver"]], array[1][masks()["lesion"]] = 1, 2
    segments = (
        Segment(1, "Liver", "a", (0.8, 0.4, 0.2), {"TerminologyEntry": LIVER.tag()}),
        Segment(2, "lesion", "b"),
    )
    return Segmentation(array, segments)


def test_left_and_right_are_told_apart(image, tmp_path):
    sides = [Code("SCT", "7771000", "Left"), Code("SCT", "24028007", "Right")]
    kidney, abdomen = Code("SCT", "64033007", "Kidney"), LIVER.region
    meant = [Terminology(LIVER.category, kidney, abdomen, side, side) for side in sides]
    segments = tuple(
        Segment(label, one.meaning, str(label), None, {"TerminologyEntry": terminology.tag()})
        for label, (one, terminology) in enumerate(zip(sides, meant, strict=True), start=1)
    )
    write_dicom_seg(tmp_path / "seg.dcm", Segmentation(segmentation().array, segments), image)
    found = [one.tags["TerminologyEntry"] for one in read_dicom_seg(tmp_path / "seg.dcm", image).segments]
    assert [Terminology.of_tag(tag) for tag in found] == meant


def voxels_of(read: Segmentation, name: str) -> np.ndarray:
    (label,) = read.labels([name])
    hit = read.array == label
    return hit.any(axis=0) if hit.ndim == 4 else hit


@pytest.fixture(params=[0.0, 0.2], ids=["straight", "oblique"])
def image(tmp_path, request) -> Volume:
    return read_scalar_image(write_series(tmp_path / "series", SHAPE, request.param))


def test_names_codes_colors_and_overlap_come_back(image, tmp_path):
    write_dicom_seg(tmp_path / "seg.dcm", segmentation(), image)
    assert is_dicom_seg(tmp_path / "seg.dcm")
    read = read_dicom_seg(tmp_path / "seg.dcm", image)
    assert [segment.name for segment in read.segments] == ["Liver", "lesion"]
    for name, mask in masks().items():
        assert (voxels_of(read, name) == mask).all(), name
    assert Terminology.of_tag(read.segments[0].tags["TerminologyEntry"]) == LIVER
    assert read.segments[0].color == pytest.approx((0.8, 0.4, 0.2), abs=0.02)
    assert Terminology.of_tag(read.segments[1].tags["TerminologyEntry"]) == Terminology()


def test_it_says_who_made_it_and_of_what(image, tmp_path):
    write_dicom_seg(tmp_path / "seg.dcm", segmentation(), image)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    source = pydicom.dcmread(next(image.path.iterdir()), stop_before_pixels=True)
    assert seg.ReferencedSeriesSequence[0].SeriesInstanceUID == source.SeriesInstanceUID
    assert seg.FrameOfReferenceUID == source.FrameOfReferenceUID and seg.PatientID == source.PatientID
    algorithm = seg.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0]
    assert algorithm.AlgorithmName == "PatchICL" and algorithm.AlgorithmVersion
    assert seg.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert seg.SegmentSequence[1].SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Tissue"


def dcmqi(program: str, *arguments: object) -> None:
    path = Path(sys.executable).with_name(program)
    found = str(path) if path.exists() else shutil.which(program)
    if found is None:
        pytest.skip("needs dcmqi (pip install dcmqi)")
    done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def on_grid(path: Path, image: Volume) -> np.ndarray:
    """What a file holds, on the image's grid, by ITK's own nearest neighbour."""
    reference = sitk.GetImageFromArray(np.zeros(SHAPE, np.uint8))
    reference.SetSpacing(image.spacing[::-1])
    reference.SetOrigin(image.origin)
    reference.SetDirection(image.direction)
    moved = sitk.Resample(sitk.ReadImage(str(path)), reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(moved) > 0


def test_an_independent_reader_sees_the_same(image, tmp_path):
    write_dicom_seg(tmp_path / "seg.dcm", segmentation(), image)
    (tmp_path / "out").mkdir()
    dcmqi("segimage2itkimage", "--inputDICOM", tmp_path / "seg.dcm", "--outputDirectory", tmp_path / "out")
    described = json.loads((tmp_path / "out" / "meta.json").read_text())
    labels = {item["SegmentLabel"]: item for group in described["segmentAttributes"] for item in group}
    assert labels["Liver"]["SegmentedPropertyTypeCodeSequence"]["CodeValue"] == "10200004"
    for number, (name, mask) in enumerate(masks().items(), start=1):
        assert labels[name]["labelID"] == number
        assert (on_grid(tmp_path / "out" / f"{number}.nrrd", image) == mask).all(), name


def test_what_an_independent_writer_wrote_is_read(image, tmp_path):
    files = []
    for name, mask in masks().items():
        one = sitk.GetImageFromArray(mask.astype(np.int16))
        one.SetSpacing(image.spacing[::-1])
        one.SetOrigin(image.origin)
        one.SetDirection(image.direction)
        files.append(tmp_path / f"{name}.nrrd")
        sitk.WriteImage(one, str(files[-1]))
    coded = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    common = {
        "labelID": 1,
        "SegmentAlgorithmType": "MANUAL",
        "SegmentedPropertyCategoryCodeSequence": coded,
        "SegmentedPropertyTypeCodeSequence": coded,
        "recommendedDisplayRGBValue": [200, 100, 50],
    }
    entries = [[{**common, "SegmentLabel": name, "SegmentDescription": name}] for name in masks()]
    facts = {"ContentCreatorName": "A", "SeriesNumber": "5", "InstanceNumber": "1", "SeriesDescription": "s"}
    (tmp_path / "meta.json").write_text(json.dumps({**facts, "segmentAttributes": entries}))
    images = sorted(image.path.iterdir())
    inputs = "--inputImageList", ",".join(map(str, files)), "--inputDICOMList", ",".join(map(str, images))
    more = "--inputMetadata", tmp_path / "meta.json", "--outputDICOM", tmp_path / "theirs.dcm"
    dcmqi("itkimage2segimage", *inputs, *more)
    read = read_dicom_seg(tmp_path / "theirs.dcm", image)
    for name, mask in masks().items():
        assert (voxels_of(read, name) == mask).all(), name
    assert read.segments[0].color == pytest.approx((200 / 255, 100 / 255, 50 / 255), abs=0.02)


def test_a_segmentation_of_another_scan_is_refused(image, tmp_path):
    write_dicom_seg(tmp_path / "seg.dcm", segmentation(), image)
    other = read_scalar_image(write_series(tmp_path / "other", SHAPE))
    with pytest.raises(InputError, match="made on another scan"):
        read_dicom_seg(tmp_path / "seg.dcm", other)


def test_an_image_that_is_no_dicom_cannot_be_referred_to(image, tmp_path):
    plain = tmp_path / "ct.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(image.array), str(plain))
    with pytest.raises(InputError, match="no DICOM series"):
        write_dicom_seg(tmp_path / "seg.dcm", segmentation(), read_scalar_image(plain))
    assert not (tmp_path / "seg.dcm").exists()


def test_damage_is_told_in_one_sentence(image, tmp_path):
    write_dicom_seg(tmp_path / "seg.dcm", segmentation(), image)
    whole = (tmp_path / "seg.dcm").read_bytes()
    for cut in (len(whole) // 2, len(whole) - 4):
        (tmp_path / "cut.dcm").write_bytes(whole[:cut])
        with pytest.raises(InputError, match="cut.dcm"):
            read_dicom_seg(tmp_path / "cut.dcm", image)
    assert not is_dicom_seg(tmp_path / "ct.nrrd") and not is_dicom_seg(next(image.path.iterdir()))


def test_slicers_terminology_is_kept():
    tag = (
        "Segmentation category and type - 3D Slicer General Anatomy list~SCT^123037004^Anatomical Structure~"
        "SCT^10200004^Liver~^^~Anatomic codes - DICOM master list~SCT^818981001^Abdomen~^^"
    )
    assert Terminology.of_tag(tag) == LIVER and LIVER.tag() == tag
    assert Terminology.of_tag("") == Terminology.of_tag("nonsense") == Terminology()
