"""`--library`: which structure is meant by which label, what the engine is given, and what is written."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from PatchICLLib.cohort import case as cohort_case
from PatchICLLib.images import Volume, read_scalar_image
from PatchICLLib.images.writing import write_like
from PatchICLLib.library import Filled, Library, Structure
from PatchICLLib.segmentations import Segment, Segmentation
from PatchICLLib.segmentations.files import read_segmentation
from PatchICLLib.segmentations.slicer_file import write_slicer_file
from PatchICLLib.segmentations.terminology import Code, Terminology
from Testing.Miniatures.finished_cases import LESION, put
from Testing.Miniatures.patients import Patient

from .conftest import OBLIQUE, run

LIVER = Terminology(Code("SCT", "123037004", "Anatomy"), Code("SCT", "10200004", "Liver"))


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Of a liver (label 1, with codes) and a lesion (label 2)."""
    made = Library.open(tmp_path / "library", may_be_new=True)
    put(made, 1, Structure(5, "Liver", LIVER, (0.8, 0.4, 0.2)), LESION)
    assert [(one.label, one.name) for one in made.structures] == [(1, "Liver"), (2, "lesion")]
    return made


class Engine:
    """Keeps what it is asked; labels slice 0 with every structure that is matched, one voxel each."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def from_pretrained(self, *_: Any, **__: Any) -> Engine:
        return self

    def propagate(self, image: np.ndarray, painted: np.ndarray | None, spacing: Any, **options: Any) -> Any:
        self.asked.append({"painted": painted, **options})
        labels = np.zeros(image.shape, np.uint16) if painted is None else painted.copy()
        for place, label in enumerate(options.get("match") or ()):
            (labels if labels.ndim == 3 else labels[0])[0, 0, place] = label
        report = {
            "axis": "k", "device": "cpu", "painted_planes": {}, "warnings": ["label 1: so it is."], "library": {},
            "weights": {},
        }  # fmt: skip
        return SimpleNamespace(
            candidates=None, labels=labels, probability=None, entropy=None, selections=None, report=report
        )


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    double = Engine()
    monkeypatch.setattr("PatchICLLib.command_line.propagate_files.Propagator", double)
    monkeypatch.setattr(cohort_case, "_propagator", lambda _: double)
    return double


def segments(scan: Path, painting: np.ndarray, path: Path, *named: Segment) -> Path:
    write_slicer_file(path, Segmentation(painting, named), read_scalar_image(scan))
    return path


def test_plain_labels_are_matched_as_they_are_told(scan, painted, library, engine, tmp_path, refused) -> None:
    output = tmp_path / "out.nii.gz"
    known = "--library", library.path
    assert "--match 1=liver" in refused("propagate", scan, painted, output, *known)
    assert "lacks; it knows Liver, lesion" in refused("propagate", scan, painted, output, *known, "--match", "1=spleen")
    assert "to two labels" in refused("propagate", scan, painted, output, *known, "--match", "1=liver,3=Liver")
    assert "name it with --library" in refused("propagate", scan, painted, output, "--match", "1=liver")
    assert "no library" in refused("propagate", scan, painted, output, "--library", tmp_path / "none", "--match", "1=a")
    assert engine.asked == []
    # label 300 is not painted at all: it is found by the library alone
    assert run("propagate", scan, painted, output, *known, "--match", "3= LIVER ,300=lesion", "--quiet") == 0
    (asked,) = engine.asked
    assert asked["match"] == {3: 1, 300: 2} and asked["library"].path == library.path
    assert np.allclose(asked["direction"], np.reshape(OBLIQUE, (3, 3)), atol=1e-5)
    assert asked["painted"].dtype == np.uint16
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(output)))[0, 0, 1] == 300


def test_check_tells_what_the_library_knows(scan, painted, library, engine, tmp_path, refused, capfd) -> None:
    known, found = ("--library", library.path, "--match", "3=liver,300=lesion"), tmp_path / "found.json"
    assert "--match 1=liver" in refused("check", scan, painted, "--library", library.path)
    assert run("check", scan, painted, *known, "--json", found) == 0
    told = capfd.readouterr().out
    assert "label 1: painted on" in told and "label 3: 1 earlier case of Liver" in told
    assert "label 300: not painted; 1 earlier case of lesion" in told
    assert json.loads(found.read_text())["library"]["300"] == {"structure": "lesion", "cases": 1}
    assert "library.json" in refused("check", scan, painted, *known, "--json", library.path / "library.json")
    assert engine.asked == []


def test_a_case_of_the_scan_itself_does_not_count(scan, painted, library, tmp_path, capfd) -> None:
    read = read_scalar_image(scan)
    library.add(read.array, np.ones_like(read.array, np.uint8), read.grid, [Structure(1, "liver")], Filled("imported"))
    nothing = segments(scan, np.zeros(read.array.shape, np.uint8), tmp_path / "nothing.seg.nrrd", Segment(1, "x", "a"))
    for drawn, told in ((painted, "painted along k"), (nothing, "nothing is painted")):
        assert run("check", scan, drawn, "--library", library.path, "--match", "1=liver") == 0
        printed = capfd.readouterr().out
        assert told in printed and "1 earlier case of Liver" in printed


def test_segments_are_known_by_codes_or_names(scan, painting, library, engine, tmp_path) -> None:
    named = (
        Segment(1, "Leber", "a", None, {"TerminologyEntry": LIVER.tag()}),
        Segment(3, "Lesion", "b"),
        Segment(4, "something else", "c"),
    )
    painted = segments(scan, painting, tmp_path / "p.seg.nrrd", *named)
    report, options = tmp_path / "r.json", ("--library", library.path, "--quiet")
    assert run("propagate", scan, painted, tmp_path / "o.seg.nrrd", *options, "--report", report) == 0
    assert engine.asked[-1]["match"] == {1: 1, 2: 2}  # labels are those of the segments' order
    assert json.loads(report.read_text())["names"] == {"1": "Leber", "2": "Lesion", "3": "something else"}
    assert run("propagate", scan, painted, tmp_path / "o.seg.nrrd", *options, "--labels", "Lesion") == 0
    assert engine.asked[-1]["match"] == {2: 2} and engine.asked[-1]["labels"] == [2]
    assert run("propagate", scan, painted, tmp_path / "o.seg.nrrd", *options, "--match", "3=liver") == 0
    assert engine.asked[-1]["match"] == {3: 1, 2: 2}  # what is said goes before


def test_equal_numbers_and_default_names_are_nothing_in_common(scan, painting, library, tmp_path, refused) -> None:
    painted = segments(scan, painting, tmp_path / "p.seg.nrrd", Segment(1, "Segment_1", "a"), Segment(3, "kidney", "b"))
    told = refused("propagate", scan, painted, tmp_path / "o.seg.nrrd", "--library", library.path)
    assert "named otherwise" in told and "it knows Liver, lesion" in told


def test_nothing_painted(scan, library, engine, tmp_path, capsys) -> None:
    output, report = tmp_path / "out.seg.nrrd", tmp_path / "r.json"
    options = "--library", library.path, "--axis", "j", "--extent", "3:9", "--region", "i=2:8", "--report", report
    assert run("segment", scan, output, *options) == 0
    told = capsys.readouterr().out
    assert "1 case)" in told and "so it is" in told
    (asked,) = engine.asked
    assert asked["painted"] is None and asked["match"] == {1: 1, 2: 2} and asked["axis"] == 1
    assert asked["extent"] == (3, 9) and asked["region"][2] == (2, 8)
    found = read_segmentation(output, read_scalar_image(scan))
    assert [(one.name, one.tags.get("TerminologyEntry")) for one in found.segments] == [
        ("Liver", LIVER.tag()), ("lesion", None),
    ]  # fmt: skip
    assert found.segments[0].color == pytest.approx((0.8, 0.4, 0.2))
    assert found.mask(1)[0, 0, 0] and found.mask(2)[0, 0, 1]
    assert json.loads(report.read_text())["names"] == {"1": "Liver", "2": "lesion"}
    assert run("segment", scan, tmp_path / "plain.nii.gz", "--library", library.path, "--labels", "lesion") == 0
    assert engine.asked[-1]["match"] == {2: 2} and engine.asked[-1]["labels"] == [2]


def test_segment_needs_either(scan, painted, library, tmp_path, refused) -> None:
    output, context = tmp_path / "o.nii.gz", f"{scan}:{painted}"
    assert "either --context or --library" in refused("segment", scan, output)
    assert "either --context or --library" in refused(
        "segment", scan, output, "--context", context, "--library", library.path
    )
    assert "belong to --library" in refused("segment", scan, output, "--context", context, "--axis", "j")
    picture = tmp_path / "flat.png"
    sitk.WriteImage(sitk.GetImageFromArray(np.arange(64, dtype=np.uint8).reshape(8, 8)), str(picture))
    assert "2D" in refused("segment", picture, output, "--library", library.path)
    library.remove(1)
    assert "no finished case" in refused("segment", scan, output, "--library", library.path)
    inside = library.path / "library.json"
    assert inside.exists() and "library.json" in refused("segment", scan, inside, "--library", library.path)


class ThisProcess:
    """A pool that does everything itself."""

    def __init__(self, *_: object) -> None:
        pass

    def run(self, cases, model):
        return (cohort_case.run_case(case, model) for case in cases)


def test_a_cohort_with_and_without_paintings(scan, painted, library, engine, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("PatchICLLib.command_line.cohort_run.LocalPool", ThisProcess)
    manifest = tmp_path / "cases.csv"
    manifest.write_text(f"image,painted,output\n{scan},{painted},a.nii.gz\n{scan},,b.seg.nrrd\n")
    command = "cohort", manifest, "--library", library.path, "--match", "3=liver"
    assert run(*command, "--quiet") == 0
    first, second = engine.asked
    assert first["match"] == {3: 1} and first["painted"].any()
    # nothing painted: all that the library knows, which the match of paintings says nothing about
    assert second["painted"] is None and second["match"] == {1: 1, 2: 2}
    assert json.loads((tmp_path / "b.report.json").read_text())["painted"] is None
    assert run(*command, "--quiet") == 0 and len(engine.asked) == 2  # finished
    put(library, 9)
    assert run(*command, "--quiet") == 0 and len(engine.asked) == 4  # the library knows more now
    manifest.write_text(f"image,painted,output\n{scan},,b.seg.nrrd\n")
    assert run("cohort", manifest) == 2 and "has no painted" in capsys.readouterr().err


@pytest.mark.slow
def test_the_next_patient(tmp_path: Path, capsys) -> None:
    """With the network: two patients in the library, nothing painted on the third."""

    def saved(patient: Patient, name: str) -> tuple[Path, Path]:
        grid = Volume(patient.image, patient.spacing, (0.0,) * 3, tuple(patient.direction.ravel()), Path("x"), "")
        for array, part in ((patient.image, "scan"), (patient.organ.astype(np.uint8), "organ")):
            write_like(array, grid, tmp_path / f"{name}_{part}.nii.gz")
        return tmp_path / f"{name}_scan.nii.gz", tmp_path / f"{name}_organ.nii.gz"

    folder, output = tmp_path / "library", tmp_path / "out.nii.gz"
    for number, name in ((2, "first"), (4, "second")):
        assert run("library", "add", folder, *saved(Patient.of(number), name), "--names", "1=kidney") == 0
    third = Patient.of(1, 1.07, (3, -2, 2))
    scan, _ = saved(third, "third")
    assert run("segment", scan, output, "--library", folder, "--axis", "k", "--device", "cpu", "--quiet") == 0
    found = sitk.GetArrayFromImage(sitk.ReadImage(str(output))) == 1
    assert 2 * (found & third.organ).sum() / (found.sum() + third.organ.sum()) > 0.8
