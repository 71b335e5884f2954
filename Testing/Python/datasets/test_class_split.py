"""The classes of the paper: 47 to train on, 45 held out, by the categories of its tables."""

import pytest

from PatchICLLib.datasets.class_split import class_split
from PatchICLLib.errors import InputError


def test_47_and_45_classes_that_do_not_overlap() -> None:
    split = class_split()
    assert (len(set(split.training)), len(set(split.validation))) == (47, 45)
    assert not set(split.training) & set(split.validation)
    assert {f"rib_{side}_{n}" for side in ("left", "right") for n in range(1, 7)} <= set(split.training)
    assert {f"rib_{side}_{n}" for side in ("left", "right") for n in range(7, 13)} <= set(split.validation)


def test_every_class_has_one_category() -> None:
    split = class_split()
    members = [name for several in split.categories.values() for name in several]
    assert len(members) == len(set(members))
    assert set(split.training) | set(split.validation) <= set(members)


@pytest.mark.parametrize(
    ("structure", "modality", "category"),
    [
        ("iliopsoas_left", "ct", "Muscles"),
        ("iliopsoas_left", "mri", "Muscles (Trunk)"),
        ("femur_right", "ct", "Bones (Limbs/Shldr./Pelvis)"),
        ("femur_right", "mri", "Bones (Limbs/Pelvis)"),
        ("sacrum", "ct", "Bones (Spine)"),
        ("vertebrae_L3", "ct", "Bones (Spine)"),
        ("portal_vein_and_splenic_vein", "ct", "Vessels"),
        ("unicorn_horn", "ct", "Other"),
    ],
)
def test_categories_are_called_as_in_the_tables(structure: str, modality, category: str) -> None:
    assert class_split().category(structure, modality) == category


def test_the_table_has_the_order_of_the_paper() -> None:
    assert class_split().order("ct") == [
        "Bones (Limbs/Shldr./Pelvis)",
        "Bones (Spine)",
        "Organs (Thorax/Head/Spine)",
        "Organs (Abd./Pelvis)",
        "Muscles",
        "Bones (Ribs/Sternum)",
        "Vessels",
        "Other",
    ]


def test_choosing_classes() -> None:
    split = class_split()
    assert split.choose("training") == set(split.training) and split.choose("validation") == set(split.validation)
    assert split.choose("all") is None
    with pytest.raises(InputError, match="must be training, validation or all, but they are some"):
        split.choose("some")
