"""`patchicl propagate --candidates`: several answers beside each other, all named and checked before computing."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.segmentations.files import SUFFIXES, numbered_path

from .conftest import run


def labels_of(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


@pytest.mark.parametrize("name", ["out.nii.gz", "out.NRRD", "out.2.mha", "out.seg.nrrd"])
def test_answers_lie_beside_the_best_one(scan: Path, painted: Path, engine, name: str, capfd) -> None:
    out, report = scan.parent / name, scan.parent / "report.json"
    before = set(os.listdir(scan.parent))
    assert run("propagate", scan, painted, out, "--candidates", "4", "--report", report) == 0
    assert engine.options["candidates"] == 4
    stem, ending = {
        "out.nii.gz": ("out", ".nii.gz"), "out.NRRD": ("out", ".NRRD"), "out.2.mha": ("out.2", ".mha"),
        "out.seg.nrrd": ("out", ".seg.nrrd"),
    }[name]  # fmt: skip
    names = [name, f"{stem}.2{ending}", f"{stem}.3{ending}"]
    assert set(os.listdir(scan.parent)) - before == {*names, "report.json"}  # three were found
    sizes = [int((labels_of(scan.parent / one) > 0).sum()) for one in names]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3
    said = json.loads(report.read_text(encoding="utf-8"))["candidates"]
    assert [one["file"] for one in said] == [str(scan.parent / one) for one in names]
    assert sum(one["probability"] for one in said) == pytest.approx(1)
    printed = capfd.readouterr().out
    assert "50%" in printed and f"{stem}.2{ending}" in printed and "differs most on slice 5" in printed


def test_one_answer_is_said_to_be_one(scan: Path, painted: Path, engine, capfd) -> None:
    engine.answers = 1
    assert run("propagate", scan, painted, scan.parent / "out.nii", "--candidates", "3") == 0
    assert "one answer: the model is not torn" in capfd.readouterr().out
    assert sorted(os.listdir(scan.parent)) == ["out.nii", "painted.nii.gz", "scan.nii.gz"]


@pytest.mark.parametrize("number", [2, 3])
def test_what_lies_beside_is_not_replaced(scan: Path, painted: Path, engine, refused, number: int) -> None:
    mine = scan.parent / f"out.{number}.nii.gz"
    mine.write_bytes(b"mine")
    arguments = ["propagate", scan, painted, scan.parent / "out.nii.gz", "--candidates", "3"]
    assert f"{mine}, which exists already" in refused(*arguments)
    assert mine.read_bytes() == b"mine" and not engine.options


def test_an_answer_is_no_other_output(scan: Path, painted: Path, engine, refused) -> None:
    arguments = ["propagate", scan, painted, scan.parent / "a.mha", "--candidates", "2"]
    assert "are the same file" in refused(*arguments, "--entropy", scan.parent / "a.2.mha")
    assert not engine.options


@pytest.mark.parametrize("count", ["0", "5"])
def test_other_numbers_are_refused(scan: Path, painted: Path, engine, count: str) -> None:
    assert run("propagate", scan, painted, scan.parent / "o.nii", "--candidates", count) == 2
    assert not engine.options


@pytest.mark.parametrize("ending", SUFFIXES)
def test_every_format_has_numbered_names(ending: str) -> None:
    assert numbered_path(Path("a/b.c") / f"liver{ending}", 2) == Path("a/b.c") / f"liver.2{ending}"
