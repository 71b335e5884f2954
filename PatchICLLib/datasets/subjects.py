"""Which cases of a source show the same structures of other subjects, for a library beside a case.

Equal numbers alone are no equal structures. Sources whose labels mean the same in every case are named here; elsewhere
the names in `labels.json` must agree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from PatchICLLib.datasets.cases import Case, label_names
from PatchICLLib.datasets.split import case_stem


@dataclass(frozen=True)
class SubjectRule:
    """Cases of `source`, whose names match `pattern` (a regular expression on the whole name).

    Attributes:
        source: folder's name.
        pattern: group `subject` tells subjects apart, group `kind`, if any, sets of labels that mean the same.
        most: if subjects are numbers that grow with age, at most so far apart.
    """

    source: str
    pattern: str
    most: int | None = None


SUBJECT_RULES = (
    SubjectRule("mri_hippocampus_msd", r"hippocampus_(?P<subject>\d+)"),
    SubjectRule("mri_fetal_brain_atlas", r"fetal_SB_atlas_GA(?P<subject>\d+)_.*", 3),  # weeks
    SubjectRule("spine_tptbox", r"(?P<subject>ct|t2w)_(?P<kind>vert|subreg)"),
    SubjectRule("mri_fetal_stacks_mial", r"sub-(?P<subject>\d+)_.*"),  # several stacks of one fetus
)

# sources of one subject each, whose labels have the numbers and names of one protocol
KINDRED = (frozenset({"mri_brain_voxelmorph", "mri_brain_niivue_a2009s"}),)  # FreeSurfer's aseg


def other_subjects(case: Case, label: int, cases: Sequence[Case]) -> list[Case]:
    """Cases that show other subjects, and mean the same by a label, in the order of their names.

    They are of the same source, or of one that names its labels by the same protocol.
    """
    rule = next((rule for rule in SUBJECT_RULES if rule.source == case.source), None)
    sources = next((group for group in KINDRED if case.source in group), frozenset({case.source}))
    of_source = sorted((other for other in cases if other.source in sources), key=lambda other: other.name)
    if rule is None:
        name = label_names(case).get(label)
        same = [other for other in of_source if name is not None and label_names(other).get(label) == name]
        return [other for other in same if other.label_path != case.label_path]
    own = _matched(rule, case)
    return [other for other in of_source if own and _is_other(own, _matched(rule, other), rule.most)]


def _matched(rule: SubjectRule, case: Case) -> dict[str, str] | None:
    found = re.fullmatch(rule.pattern, case_stem(case.image_path))
    return None if found is None else found.groupdict()


def _is_other(own: dict[str, str], other: dict[str, str] | None, most: int | None) -> bool:
    if other is None or other["subject"] == own["subject"] or other.get("kind") != own.get("kind"):
        return False
    return most is None or abs(int(other["subject"]) - int(own["subject"])) <= most
