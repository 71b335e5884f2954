"""Which cases serve development and which serve training.

Development cases are never trained on: recipes are chosen by them and figures are reported on them. Whole sources or
whole subjects are kept apart (an age of the fetal atlas takes its operated and its unoperated template with it, a
patient all his sequences), so that no development structure has been seen in another guise. The rules look at names
only: the answer for one case never depends on which other cases are present.
"""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DevelopmentRule:
    """Cases of `source` whose name matches `pattern` (a regular expression on the whole name) are for development."""

    source: str
    pattern: str
    reason: str


DEVELOPMENT_RULES: tuple[DevelopmentRule, ...] = (
    DevelopmentRule("ct_body_totalsegmentator", r"ct_dicom_512", "one of the two CT subjects, at full resolution"),
    DevelopmentRule("mri_hippocampus_msd", r"hippocampus_\d*0", "every subject whose number ends in 0"),
    DevelopmentRule("mri_fetal_brain_atlas", r"fetal_SB_atlas_GA(24|31)_.*", "two gestational ages"),
    DevelopmentRule("mri_brain_atlases", r"macaque_inia19.*", "the only animal"),
    DevelopmentRule("mri_ms_lesions", r"patient19.*", "one of the two patients, all sequences"),
    DevelopmentRule("mri_lesions_pyradiomics", r"breast1", "the only breast"),
    DevelopmentRule("2d_mri_lumbar_spider", r".*", "a whole source"),
    DevelopmentRule("2d_ultrasound_carotid", r".*", "a whole modality"),
    DevelopmentRule("2d_xray_lungs_montgomery", r"MCUCXR_\d*0_\d", "every subject whose number ends in 0"),
    DevelopmentRule("2d_microscopy_nuclei_dsb2018", r"0.*", "every image whose random name begins with 0"),
)


EMBEDDED_SAMPLE = DevelopmentRule("mri_brain_atlases", r"colin27.*", "the demo segments this very scan")


def is_embedded_sample(relative_path: Path | str) -> bool:
    """Tell whether a file shows the scan that ships as the demo's sample: it serves neither split."""
    path = Path(relative_path)
    rule = EMBEDDED_SAMPLE
    return path.parent.name == rule.source and re.fullmatch(rule.pattern, case_stem(path)) is not None


def is_development(relative_path: Path | str) -> bool:
    """Tell whether a file belongs to the development split.

    Args:
        relative_path: file below the data folder, such as `mri_hippocampus_msd/hippocampus_010_image.nii.gz`; its
            folder's name is the source. The image and the label map of a case get the same answer.
    """
    path = Path(relative_path)
    source, name = path.parent.name, case_stem(path)
    return any(rule.source == source and re.fullmatch(rule.pattern, name) for rule in DEVELOPMENT_RULES)


def case_stem(path: Path) -> str:
    """Name of the case a file belongs to: without extension and without `_image` or `_label`."""
    name = path.name
    for ending in (".gz", ".nii", ".nrrd", ".mha", ".mhd", ".png", ".tif", ".tiff", ".jpg"):
        name = name.removesuffix(ending)
    return name.removesuffix("_image").removesuffix("_label")
