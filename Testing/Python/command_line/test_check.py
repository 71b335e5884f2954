"""`patchicl check`: tells what propagate would do, refuses what it would refuse, and computes and writes nothing."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from .conftest import run, save


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise AssertionError("the network was loaded")

    monkeypatch.setattr("torch.nn.Module.load_state_dict", fail)


def test_it_tells_grid_axis_slices_and_files(scan: Path, painted: Path, tmp_path: Path, capsys) -> None:
    output, report, found = tmp_path / "out.mhd", tmp_path / "report.json", tmp_path / "found.json"
    assert run("check", scan, painted, output, "--report", report, "--json", found) == 0
    printed = capsys.readouterr().out
    assert "18 x 16 x 6 voxels of 0.7 x 0.8 x 2.5 mm, 16-bit signed integer" in printed
    assert "painted along k" in printed and "label 1: painted on slices 1, 4; up to 4 to fill" in printed
    assert "label 3: painted on slices 2; up to 5 to fill" in printed
    for name in ("out.mhd", "out.zraw", "report.json"):
        assert f"would write {tmp_path / name}" in printed
    assert sorted(os.listdir(tmp_path)) == ["found.json", "painted.nii.gz", "scan.nii.gz"]
    content = json.loads(found.read_text(encoding="utf-8"))
    assert content["labels"]["1"]["painted_slices"] == [1, 4] and content["axis"] == "k"
    assert content["size"] == [18, 16, 6] and content["writes"][0] == str(output)


def test_names_and_overlap_are_told(tmp_path: Path, scan: Path, painting: np.ndarray, capsys) -> None:
    from PatchICLLib.images import read_scalar_image
    from PatchICLLib.segmentations import Segment, Segmentation
    from PatchICLLib.segmentations.slicer_file import write_slicer_file

    layers = np.stack([painting * (painting == 1), np.where(painting == 1, 2, 0).astype(np.uint8)])
    layers[1, 4] = 0
    segments = (Segment(1, "liver"), Segment(2, "[lesion]"))
    write_slicer_file(tmp_path / "two.seg.nrrd", Segmentation(layers, segments), read_scalar_image(scan))
    assert run("check", scan, tmp_path / "two.seg.nrrd") == 0
    printed = capsys.readouterr().out
    assert "in 2 layers, since segments overlap" in printed and "label 2, [lesion]: painted on slices 1" in printed


def test_what_looks_odd_is_told(scan: Path, tmp_path: Path, capsys) -> None:
    array = np.zeros((6, 16, 18), np.uint8)
    array[1, 2:14, 2:16] = array[4, 2:14, 2:16] = 1
    array[4, 3:13, 3:15] = 0
    assert run("check", scan, save(array, tmp_path / "ring.nrrd")) == 0
    assert "on slice 4 is an outline" in capsys.readouterr().out


def test_all_outputs_of_propagate_are_known(scan: Path, painted: Path, tmp_path: Path, refused, capfd) -> None:
    output, patches = tmp_path / "out.nii.gz", tmp_path / "patches.json"
    arguments = ("check", scan, painted, output, "--candidates", 3, "--selections", patches)
    assert run(*arguments) == 0
    printed = capfd.readouterr().out
    for name in ("out.nii.gz", "out.2.nii.gz", "out.3.nii.gz", "patches.json"):
        assert f"would write {tmp_path / name}" in printed
    assert "out.4.nii.gz" not in printed
    (tmp_path / "out.3.nii.gz").write_bytes(b"of an earlier run")
    assert "out.3.nii.gz" in refused(*arguments)


def test_the_finding_may_not_replace_an_output(scan: Path, painted: Path, tmp_path: Path, refused) -> None:
    same = tmp_path / "r.json"
    assert "same file" in refused("check", scan, painted, tmp_path / "o.nrrd", "--report", same, "--json", same)


def test_nothing_painted_and_unreadable_files_are_refused(scan: Path, tmp_path: Path, refused) -> None:
    empty = save(np.zeros((6, 16, 18), np.uint8), tmp_path / "empty.nrrd")
    assert "Nothing is painted" in refused("check", scan, empty)
    assert "does not exist" in refused("check", tmp_path / "none.nii", empty)


def test_a_painting_that_crosses_the_named_axis_is_told(scan: Path, tmp_path: Path, capsys) -> None:
    array = np.zeros((6, 16, 18), np.uint8)
    array[:5, 8, 2:16] = 1
    array[2, 2:14, 2:16] = 1
    assert run("check", scan, save(array, tmp_path / "crossed.nrrd"), "--axis", "k") == 0
    assert "cross" in capsys.readouterr().out
