from pathlib import Path

import pytest

from PatchICLLib.datasets.split import DEVELOPMENT_RULES, case_stem, is_development


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("ct_body_totalsegmentator/ct_dicom_512_image.nii.gz", True),
        ("ct_body_totalsegmentator/ct_dicom_512_label.nii.gz", True),
        ("ct_body_totalsegmentator/ct_aorta_1p5mm_image.nii.gz", False),
        ("mri_hippocampus_msd/hippocampus_010_image.nii.gz", True),
        ("mri_hippocampus_msd/hippocampus_101_image.nii.gz", False),
        ("mri_fetal_brain_atlas/fetal_SB_atlas_GA24_notoperated_label.nii.gz", True),
        ("mri_fetal_brain_atlas/fetal_SB_atlas_GA25_operated_label.nii.gz", False),
        ("mri_ms_lesions/patient19_mni_flair_image.nii.gz", True),
        ("mri_ms_lesions/patient19_mni_label.nii.gz", True),
        ("mri_ms_lesions/patient07_mni_t1_image.nii.gz", False),
        ("2d_mri_lumbar_spider/1007_5_image.png", True),
        ("2d_mri_heart_hvsmr/10000_121_image.png", False),
        ("labelmaps_head_synthseg/training_seg_10.nii.gz", False),
        ("somewhere_else/hippocampus_010_image.nii.gz", False),
    ],
)
def test_known_cases(path: str, expected: bool) -> None:
    assert is_development(path) is expected
    assert is_development(Path("data") / path) is expected


def test_image_and_label_of_a_case_stay_together() -> None:
    for rule in DEVELOPMENT_RULES:
        for stem in ("hippocampus_010", "ct_dicom_512", "patient19_mni", "breast1", "0abc", "MCUCXR_0030_1", "other"):
            answers = {
                is_development(Path(rule.source) / f"{stem}_{role}") for role in ("image.nii.gz", "label.nii.gz")
            }
            assert len(answers) == 1


@pytest.mark.parametrize("name", ["a_image.nii.gz", "a_label.nrrd", "a_image.png", "a.nii.gz", "a_label.mha"])
def test_case_stem_drops_role_and_extension(name: str) -> None:
    assert case_stem(Path(name)) == "a"
