"""`patchicl library`: names by option or from the file, what is told, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.images import read_scalar_image
from PatchICLLib.library import Library
from PatchICLLib.segmentations import Segment, Segmentation
from PatchICLLib.segmentations.slicer_file import write_slicer_file
from PatchICLLib.segmentations.terminology import Code, Terminology

from .conftest import SHAPE, run, save

KIDNEY = Terminology(Code("SCT", "123037004", "Anatomy"), Code("SCT", "64033007", "Kidney"))


@pytest.fixture
def second_scan(tmp_path: Path) -> Path:
    return save(np.random.default_rng(6).integers(0, 400, SHAPE).astype(np.int16), tmp_path / "second.nii.gz")


@pytest.fixture
def segments(scan: Path, painting: np.ndarray, tmp_path: Path) -> Path:
    named = (
        Segment(1, "Niere", "a", (0.5, 0.25, 1.0), {"TerminologyEntry": KIDNEY.tag()}),
        Segment(3, "Segment_2", "b"),
    )
    path = tmp_path / "finished.seg.nrrd"
    write_slicer_file(path, Segmentation(painting, named), read_scalar_image(scan))
    return path


def test_a_library_from_begin_to_end(scan, second_scan, painted, segments, painting, tmp_path, capsys) -> None:
    folder, other = tmp_path / "of mine", tmp_path / "other"
    assert run("library", "add", folder, scan, painted, "--names", "3=spleen, 1=kidney") == 0
    assert "Added case 1" in (told := capsys.readouterr().out) and "kidney, spleen" in told
    assert run("library", "add", folder, second_scan, segments, "--date", "2026-11-26") == 0
    assert "left out: label 2, Segment_2" in capsys.readouterr().out
    library = Library.open(folder)
    labels = {one.name: one.label for one in library.structures}
    assert set(labels) == {"kidney", "spleen", "Niere"}  # the painting's names had no codes
    case = library.case(1)
    assert case.mask_of(labels["spleen"]).sum() == (painting == 3).sum()
    assert library.entry(2).filled.date == "2026-11-26"

    assert run("library", "list", folder, "--json", tmp_path / "list.json") == 0
    told = capsys.readouterr().out
    assert "Niere (SCT^64033007^Kidney): 1 case" in told and "imported 2026-11-26" in told
    assert [one["number"] for one in json.loads((tmp_path / "list.json").read_text())["cases"]] == [1, 2]

    assert run("library", "merge", other, folder) == 0
    assert "Added 2 cases" in capsys.readouterr().out
    assert run("library", "merge", other, folder) == 0
    assert "there already: 1, 2" in capsys.readouterr().out
    other_library = Library.open(other)
    other_library.adapted.mkdir()
    (other_library.adapted / "a.safetensors").write_bytes(b"w")
    assert run("library", "remove", other, 2, 1) == 0
    told = capsys.readouterr().out
    assert "Removed case 2" in told and "Removed case 1" in told and "a.safetensors" in told
    assert run("library", "list", other) == 0 and "no cases" in capsys.readouterr().out
    assert len(Library.open(folder).cases) == 2

    assert run("library", "add", folder, scan, segments, "--replace") == 0
    assert "in place of case 1" in capsys.readouterr().out
    assert [one.name for one in Library.open(folder).structures] == ["Niere"]


def test_what_is_refused(scan, painted, segments, tmp_path, refused: Callable[..., str]) -> None:
    folder = tmp_path / "library"
    for names in ("liver", "0=liver", "1=", "1=a,1=b", "-1=a", "1=liver,spleen"):
        assert "1=liver,2=spleen" in refused("library", "add", folder, scan, painted, "--names", names)
    assert "its labels are 1, 3" in refused("library", "add", folder, scan, painted, "--names", "2=liver")
    assert "--names 1=...,3=..." in refused("library", "add", folder, scan, painted)
    assert "name of its own" in refused("library", "add", folder, scan, painted, "--names", "1=Segment_1")
    assert "--date" in refused("library", "add", folder, scan, painted, "--names", "1=a", "--date", "26.11.26")
    assert "does not exist" in refused("library", "add", tmp_path / "no" / "way", scan, painted, "--names", "1=a")
    assert "not on the same grid" in refused(
        "library", "add", folder, scan, save(np.ones((3, 4, 5), np.uint8), tmp_path / "small.nii"), "--names", "1=a"
    )
    assert "no library.json" in refused("library", "add", tmp_path, scan, painted, "--names", "1=a")
    assert "no library" in refused("library", "list", folder)
    assert "a library is a folder" in refused("library", "list", scan)
    assert run("library", "add", folder, scan, segments) == 0
    assert "already, as case 1" in refused("library", "add", folder, scan, painted, "--names", "1=kidney")
    assert "no case 7" in refused("library", "remove", folder, 1, 7)
    assert "same library" in refused("library", "merge", folder, folder)
    assert "no library" in refused("library", "merge", folder, tmp_path / "nowhere")
    assert run("library", "list", folder) == 0
