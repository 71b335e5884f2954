"""Who may be in a library beside a case: other subjects whose labels mean the same."""

import json
from pathlib import Path

import pytest

from PatchICLLib.datasets.cases import Case
from PatchICLLib.datasets.subjects import other_subjects


def _cases(folder: Path, *names: str) -> list[Case]:
    return [Case(folder.name, name, folder / f"{name}_image.nii", folder / f"{name}_label.nii") for name in names]


@pytest.mark.parametrize(
    ("source", "name", "others", "expected"),
    [
        ("mri_hippocampus_msd", "hippocampus_010", ["hippocampus_003", "hippocampus_010"], ["hippocampus_003"]),
        (
            "mri_fetal_brain_atlas",
            "fetal_SB_atlas_GA25_notoperated",
            ["fetal_SB_atlas_GA25_operated", "fetal_SB_atlas_GA28_operated", "fetal_SB_atlas_GA29_operated"],
            ["fetal_SB_atlas_GA28_operated"],
        ),
        ("spine_tptbox", "ct_vert", ["ct_subreg", "t2w_subreg", "t2w_vert"], ["t2w_vert"]),
        ("mri_fetal_stacks_mial", "sub-01_run-1_T2w", ["sub-01_run-2_T2w", "sub-02_run-1_T2w"], ["sub-02_run-1_T2w"]),
        ("spine_tptbox", "other", ["ct_subreg", "t2w_subreg"], []),
    ],
)
def test_known_sources_tell_subjects_by_their_names(tmp_path, source, name, others, expected):
    case, *rest = _cases(tmp_path / source, name, *others)
    elsewhere = _cases(tmp_path / "elsewhere", *others)
    assert [one.name for one in other_subjects(case, 1, [case, *rest, *elsewhere])] == expected


def test_elsewhere_the_names_of_labels_must_agree(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    names = {"a": {"1": "liver", "2": "spleen"}, "b": {"1": "spleen"}, "c": {"1": "liver"}, "a_late": {"1": "liver"}}
    (folder / "labels.json").write_text(json.dumps(names))
    a, b, c, late = _cases(folder, "a", "b", "c", "a_late")
    late = Case(late.source, late.name, late.image_path, a.label_path)  # another image of the same subject
    assert other_subjects(a, 1, [a, b, c, late]) == [c]
    assert other_subjects(a, 2, [a, b, c, late]) == [] == other_subjects(a, 7, [a, b, c, late])


def test_sources_of_one_protocol_keep_each_other_company(tmp_path):
    cases = []
    for source, name, number in (
        ("mri_brain_voxelmorph", "t1", "10"), ("mri_brain_niivue_a2009s", "norm_t1", "10"), ("elsewhere", "t1", "10"),
    ):  # fmt: skip
        (tmp_path / source).mkdir()
        (tmp_path / source / "labels.json").write_text(json.dumps({number: "left thalamus"}))
        cases += _cases(tmp_path / source, name)
    assert other_subjects(cases[0], 10, cases) == [cases[1]] and other_subjects(cases[1], 10, cases) == [cases[0]]
    assert other_subjects(cases[2], 10, cases) == other_subjects(cases[0], 11, cases) == []
