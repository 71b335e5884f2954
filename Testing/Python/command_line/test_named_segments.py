"""Segments with names on the command line: `.seg.nrrd` and DICOM SEG in and out, labels by name, overlap."""

import json
from pathlib import Path

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.images import read_scalar_image
from PatchICLLib.segmentations import Segment, Segmentation
from PatchICLLib.segmentations.files import read_segmentation
from PatchICLLib.segmentations.slicer_file import write_slicer_file

from .conftest import run

SHAPE = (9, 40, 44)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan of a bright organ with a dark lesion inside; both painted on slices 1, 4 and 7 (the lesion on 4)."""
    made = tmp_path_factory.mktemp("named")
    k, j, i = np.indices(SHAPE)
    organ = (j - 20) ** 2 + (i - 22) ** 2 < 150
    lesion = (j - 20) ** 2 + (i - 24) ** 2 + 4 * (k - 4) ** 2 < 30
    scan = 100 + 80 * organ - 60 * lesion + np.random.default_rng(0).normal(0, 4, SHAPE)
    image = sitk.GetImageFromArray(scan.astype(np.float32))
    image.SetSpacing((0.8, 0.9, 2.5))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    sitk.WriteImage(image, str(made / "scan.nrrd"))
    layers = np.zeros((2, *SHAPE), np.uint8)
    for index in (1, 4, 7):
        layers[0, index][organ[index]] = 1
    layers[1, 4][lesion[4]] = 2
    segments = (
        Segment(1, "liver", "l", (0.9, 0.5, 0.1), {"Segmentation.Status": "inprogress"}),
        Segment(2, "[a] lesion", "x", (0.1, 0.5, 0.9)),
    )
    write_slicer_file(made / "painted.seg.nrrd", Segmentation(layers, segments), read_scalar_image(made / "scan.nrrd"))
    return made


def propagate(folder: Path, output: Path, *options: object) -> int:
    return run("propagate", folder / "scan.nrrd", folder / "painted.seg.nrrd", output, "--device", "cpu", *options)


def test_overlapping_segments_are_filled_apart_and_keep_their_names(folder, tmp_path, capsys):
    report = tmp_path / "report.json"
    assert propagate(folder, tmp_path / "out.seg.nrrd", "--report", report) == 0
    image = read_scalar_image(folder / "scan.nrrd")
    painted = read_segmentation(folder / "painted.seg.nrrd", image)
    filled = read_segmentation(tmp_path / "out.seg.nrrd", image)
    assert [(s.name, s.identifier, s.color, s.tags) for s in filled.segments] == [
        (s.name, s.identifier, s.color, s.tags) for s in painted.segments
    ]
    liver, lesion = (filled.mask(label) for label in filled.labels(["liver", "[a] lesion"]))
    for index in (1, 4, 7):
        assert (liver[index] == painted.mask(1)[index]).all()
    assert (lesion[4] == painted.mask(2)[4]).all()
    assert liver[[0, 2, 3, 5, 6, 8]].any(axis=(1, 2)).all() and (liver & lesion).any(), "no hole where the lesion is"
    assert json.loads(report.read_text(encoding="utf-8"))["names"] == {"1": "liver", "2": "[a] lesion"}
    printed = capsys.readouterr().out
    assert "label 1, liver: painted on slices 1, 4, 7" in printed and "label 2, [a] lesion: painted on" in printed


def test_a_segment_alone_by_its_name_goes_into_a_plain_file(folder, tmp_path):
    """The rest of the painting comes back as it is, so overlapping segments still need a file that holds them."""
    assert propagate(folder, tmp_path / "out.seg.nrrd", "--labels", "liver") == 0
    image = read_scalar_image(folder / "scan.nrrd")
    filled = read_segmentation(tmp_path / "out.seg.nrrd", image)
    painted = read_segmentation(folder / "painted.seg.nrrd", image)
    assert (filled.mask(2) == painted.mask(2)).all() and filled.mask(1).sum() > painted.mask(1).sum()


def test_overlap_is_refused_where_it_cannot_be_stored(folder, tmp_path, capsys):
    assert propagate(folder, tmp_path / "out.nii.gz") == 2
    message = capsys.readouterr().err
    assert "overlap" in message and ".seg.nrrd" in message and not list(tmp_path.iterdir())


def test_a_name_that_is_not_there_is_told(folder, tmp_path, capsys):
    assert propagate(folder, tmp_path / "out.seg.nrrd", "--labels", "spleen") == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "There is no segment named spleen; there are liver, [a] lesion" in said


def test_a_cohort_takes_names_too(folder, tmp_path):
    manifest = [
        {"image": "scan.nrrd", "painted": "painted.seg.nrrd", "output": str(tmp_path / "a.seg.nrrd"), "labels": "liver"}
    ]
    (folder / "cohort.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert run("cohort", folder / "cohort.json", "--device", "cpu") == 0
    header = nrrd.read_header(str(tmp_path / "a.seg.nrrd"))
    assert header["Segment0_Name"] == "liver" and header["Segment1_Name"] == "[a] lesion"
    report = json.loads((tmp_path / "a.report.json").read_text(encoding="utf-8"))
    assert report["names"]["1"] == "liver" and list(report["painted_slices"]) == ["1"]


def test_examples_with_names_are_matched_by_name(tmp_path):
    """Two examples name the same structures in another order."""
    rng = np.random.default_rng(1)
    k, j, i = np.indices((4, 32, 32))
    left, right = (j - 16) ** 2 + (i - 9) ** 2 < 25, (j - 16) ** 2 + (i - 23) ** 2 < 25
    names = []
    for number, order in enumerate((("left", "right"), ("right", "left"))):
        scan = 50 + 100 * left + 60 * right + rng.normal(0, 3, k.shape)
        sitk.WriteImage(sitk.GetImageFromArray(scan.astype(np.float32)), str(tmp_path / f"{number}.nrrd"))
        image = read_scalar_image(tmp_path / f"{number}.nrrd")
        array = np.zeros(k.shape, np.uint8)
        for label, name in enumerate(order, start=1):
            array[left if name == "left" else right] = label
        mask = Segmentation(array, tuple(Segment(label, name) for label, name in enumerate(order, start=1)))
        write_slicer_file(tmp_path / f"{number}.seg.nrrd", mask, image)
        names += ["--context", f"{tmp_path / f'{number}.nrrd'}:{tmp_path / f'{number}.seg.nrrd'}"]
    files = tmp_path / "0.nrrd", tmp_path / "out.seg.nrrd"
    assert run("segment", *files, *names, "--labels", "right", "--device", "cpu") == 0
    found = read_segmentation(tmp_path / "out.seg.nrrd", read_scalar_image(tmp_path / "0.nrrd"))
    assert [segment.name for segment in found.segments] == ["left", "right"]
    assert not found.mask(1).any()
    assert (found.mask(2) & right).sum() > 0.5 * right.sum() and (found.mask(2) & left).sum() < 0.2 * left.sum()


def test_a_dicom_segmentation_goes_in_and_out(tmp_path):
    pytest.importorskip("highdicom", reason="needs highdicom: pip install patchicl[dicom]")
    from PatchICLLib.segmentations.dicom_seg import write_dicom_seg
    from Testing.Miniatures.dicom import write_series

    series = write_series(tmp_path / "series", SHAPE)
    image = read_scalar_image(series)
    array = np.zeros(SHAPE, np.uint8)
    array[[1, 6], 10:20, 12:25] = 1
    write_dicom_seg(tmp_path / "painted.dcm", Segmentation(array, (Segment(1, "liver"),)), image)
    command = ["propagate", series, tmp_path / "painted.dcm"]
    options = ["--labels", "liver", "--device", "cpu"]
    assert run(*command, tmp_path / "out.dcm", *options) == 0
    filled = read_segmentation(tmp_path / "out.dcm", image)
    assert filled.names == {1: "liver"}
    assert run(*command, series / "out.dcm", *options) == 2 and not (series / "out.dcm").exists()
    assert (filled.mask(1)[[1, 6]] == (array[[1, 6]] > 0)).all() and filled.mask(1)[2:6].any()
