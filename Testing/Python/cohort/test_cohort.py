"""Cases are done once, and again only if something about them changes."""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import SimpleITK as sitk

from PatchICLLib.cohort.case import CaseResult, CohortCase, CohortModel, finished_result, run_case
from PatchICLLib.cohort.run import check_cases, run_cohort, summarise
from PatchICLLib.errors import InputError
from PatchICLLib.outputs import Output, StagedFiles
from PatchICLLib.segmentations.limits import LimitFiles
from PatchICLLib.weights import find_weights, sha256_of

MODEL = CohortModel(None, None, "cpu", sha256_of(find_weights()))


class Here:
    """A pool that does cases in this process and remembers which."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def run(self, cases: Sequence[CohortCase], model: CohortModel) -> Iterator[CaseResult]:
        for case in cases:
            self.names.append(case.name)
            yield run_case(case, model)


@pytest.fixture
def cohort(phantom, tmp_path: Path) -> list[CohortCase]:
    """Two scans of a corner of the phantom, painted on two slices; the second lacks its painting."""
    image = phantom.image[5:13, 8:32, 8:32]
    painted = (phantom.labels[5:13, 8:32, 8:32] == 1).astype("uint8")
    painted[1:7] = 0
    sitk.WriteImage(sitk.GetImageFromArray(image), str(tmp_path / "scan.nii.gz"))
    sitk.WriteImage(sitk.GetImageFromArray(painted), str(tmp_path / "painted.nii.gz"))
    options = {"axis": 0, "extent": "painted"}
    good = CohortCase("good", tmp_path / "scan.nii.gz", tmp_path / "painted.nii.gz", tmp_path / "good.nii.gz",
                      entropy=tmp_path / "unsure.nrrd", options=options)  # fmt: skip
    bad = replace(good, name="bad", painted=tmp_path / "missing.nii.gz", output=tmp_path / "bad.nii.gz", entropy=None)
    return [good, bad]


@pytest.mark.slow
def test_finished_cases_are_not_done_again_failed_ones_are(cohort: list[CohortCase], tmp_path: Path) -> None:
    first, second = Here(), Here()
    good, bad = run_cohort(cohort, MODEL, first)
    assert (good.status, bad.status) == ("done", "failed")
    assert "missing.nii.gz does not exist" in bad.message
    assert all(path.is_file() for path in cohort[0].outputs) and not cohort[1].output.exists()
    labels = sitk.GetArrayFromImage(sitk.ReadImage(str(cohort[0].output)))
    painted = sitk.GetArrayFromImage(sitk.ReadImage(str(cohort[0].painted)))
    assert (labels[painted > 0] == 1).all() and labels[3].any()
    changed = cohort[0].output.stat().st_mtime_ns

    again = run_cohort(cohort, MODEL, second)
    assert second.names == ["bad"] and first.names == ["good", "bad"]
    assert [result.status for result in again] == ["skipped", "failed"]
    assert cohort[0].output.stat().st_mtime_ns == changed
    assert again[0].suggested_slice == good.suggested_slice
    assert run_case(cohort[0], MODEL).status == "skipped"  # a cluster may ask twice

    summary = summarise(again, MODEL)
    assert (summary["cases"], summary["done"], summary["skipped"], summary["failed"]) == (2, 0, 1, 1)
    assert summary["seconds_per_case"] == again[0].seconds > 0

    third = Here()
    run_cohort(cohort[:1], MODEL, third, resume=False)
    assert third.names == ["good"]


@pytest.mark.slow
def test_what_changes_makes_a_case_unfinished(cohort: list[CohortCase], tmp_path: Path) -> None:
    case = cohort[0]
    assert run_case(case, MODEL).status == "done"
    assert finished_result(case, MODEL) is not None
    assert finished_result(replace(case, options={**case.options, "seed": 1}), MODEL) is None
    assert finished_result(case, replace(MODEL, sha256="f" * 64)) is None
    assert finished_result(case, replace(MODEL, card_sha256="f" * 64)) is None
    os.utime(case.painted, ns=(1, 1))
    assert finished_result(case, MODEL) is None
    os.utime(case.painted, ns=(2, 2))
    assert run_case(case, MODEL).status == "done"
    case.output.unlink()
    assert finished_result(case, MODEL) is None
    case.report.write_text("{")
    assert finished_result(case, MODEL) is None


def test_what_a_kill_leaves_is_swept_away(cohort: list[CohortCase], tmp_path: Path) -> None:
    stale, foreign = tmp_path / ".patchicl-stale", tmp_path / ".patchicl-foreign"
    for folder, name in ((stale, "lock"), (foreign, "other.nii.gz")):
        folder.mkdir()
        (folder / name).touch()
    with StagedFiles() as live:
        waiting = live.path_for(tmp_path / "bad.nii.gz")
        run_cohort(cohort[1:], MODEL, Here())
        assert not stale.exists() and foreign.exists() and waiting.parent.exists()


def test_the_report_lies_beside_the_output(tmp_path: Path) -> None:
    case = CohortCase("a", tmp_path, tmp_path, tmp_path / "a.b.nii.gz")
    assert case.report == tmp_path / "a.b.report.json"


def test_clashes(cohort: list[CohortCase]) -> None:
    good, bad = cohort
    manifest, summary = bad.output.with_name("cases.json"), Output("--json", bad.report)
    check_cases(cohort, {"MANIFEST": manifest})
    for cases, sentence in (
        ([good, replace(bad, name="good")], "called good"),
        ([good, replace(bad, output=good.output)], "the output of bad and the output of good are the same"),
        ([good, replace(bad, output=good.image)], "the output of bad and the image of bad are the same"),
        ([good, replace(bad, output=manifest)], "the output of bad and MANIFEST are the same"),
    ):
        with pytest.raises(InputError, match=sentence):
            check_cases(cases, {"MANIFEST": manifest})
    with pytest.raises(InputError, match="the report of bad and --json are the same"):
        check_cases(cohort, {}, [summary])


def test_a_report_that_is_none_is_not_replaced(cohort: list[CohortCase]) -> None:
    cohort[0].report.write_text('{"findings": "normal"}', encoding="utf-8")
    result = run_case(cohort[0], MODEL)
    assert result.status == "failed" and "was not written by such a run" in result.message
    assert cohort[0].report.read_text(encoding="utf-8") == '{"findings": "normal"}'


def test_other_structures_belong_to_a_case(cohort: list[CohortCase], tmp_path: Path) -> None:
    """Whoever changes, adds or exchanges their files has the case done again; without, a case is what it was."""
    case = cohort[0]
    plain = case.fingerprint(MODEL)
    other = tmp_path / "other.nii.gz"
    other.write_bytes(case.painted.read_bytes())
    outside, inside = (replace(case, limits=LimitFiles(**{name: other})) for name in ("outside", "inside"))
    prints = {plain, outside.fingerprint(MODEL), inside.fingerprint(MODEL)}
    os.utime(other, ns=(1, 1))
    assert len(prints | {outside.fingerprint(MODEL), inside.fingerprint(MODEL)}) == 5
    assert case.fingerprint(MODEL) == plain
    over = replace(outside, output=other)
    with pytest.raises(InputError, match="of good outside"):
        check_cases([over], {})
    assert "its outside are the same file" in run_case(over, MODEL).message


@pytest.mark.slow
def test_nothing_is_filled_where_another_structure_is(cohort: list[CohortCase], tmp_path: Path) -> None:
    image = sitk.ReadImage(str(cohort[0].painted))
    array = sitk.GetArrayFromImage(image)
    array[:] = 0
    array[:, 14:] = 3
    sitk.WriteImage(sitk.GetImageFromArray(array), str(tmp_path / "other.nrrd"))
    case = replace(cohort[0], limits=LimitFiles(outside=tmp_path / "other.nrrd"))
    assert run_case(case, MODEL).status == "done"
    labels, painted = (sitk.GetArrayFromImage(sitk.ReadImage(str(path))) for path in (case.output, case.painted))
    assert labels[1:7, :14].any() and not labels[1:7, 14:].any()
    assert (labels[[0, 7]] == painted[[0, 7]]).all()
    assert json.loads(case.report.read_text(encoding="utf-8"))["outside"]["file"] == "other.nrrd"
