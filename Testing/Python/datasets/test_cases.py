import shutil
from pathlib import Path

import numpy as np
import pytest

from PatchICLLib.datasets.cases import Case, Structure, choose_per_source, find_cases, label_names, structures_of
from PatchICLLib.errors import InputError


def test_cases_are_found_with_their_source_and_names(data: Path) -> None:
    cases = find_cases(data)
    assert [(case.source, case.name) for case in cases] == [("cones", "c"), ("tubes", "a"), ("tubes", "b")]
    assert label_names(cases[1]) == {1: "left tube", 2: "right tube"}
    assert label_names(cases[0]) == {}


def test_names_may_be_given_case_by_case(data: Path) -> None:
    (data / "tubes" / "labels.json").write_text('{"a": {"1": "aorta"}, "b": {"1": "vein"}}')
    cases = find_cases(data, ["tubes"])
    assert [label_names(case) for case in cases] == [{1: "aorta"}, {1: "vein"}]


def test_a_broken_table_of_names_is_an_error(data: Path) -> None:
    (data / "tubes" / "labels.json").write_text('["aorta"]')
    with pytest.raises(InputError, match="not a table of label names"):
        label_names(find_cases(data, ["tubes"])[0])


def test_several_images_may_share_a_label_map(data: Path) -> None:
    shutil.copy(data / "tubes" / "a_image.nii.gz", data / "tubes" / "a_flair_image.nii.gz")
    cases = {case.name: case for case in find_cases(data, ["tubes"])}
    assert cases["a_flair"].label_path == cases["a"].label_path


def test_images_without_labels_and_pictures_are_passed_over(data: Path) -> None:
    shutil.copy(data / "tubes" / "a_image.nii.gz", data / "tubes" / "lonely_image.nii.gz")
    (data / "tubes" / "photo_image.png").write_bytes(b"")
    (data / "tubes" / "photo_label.png").write_bytes(b"")
    assert [case.name for case in find_cases(data, ["tubes"])] == ["a", "b"]


def test_reading_gives_the_image_and_labels_on_its_grid(data: Path) -> None:
    image, labels = find_cases(data, ["tubes"])[0].read()
    assert image.array.shape == labels.shape == (20, 24, 24)
    assert image.spacing == (3.0, 1.0, 1.0)
    assert np.unique(labels).tolist() == [0, 1, 2, 9]


def test_structures_have_eight_slices_at_least() -> None:
    labels = np.zeros((20, 9, 20), np.int16)
    labels[3:11, 2, 2] = 5  # 8 slices
    labels[12:19, 4, 4] = 300  # 7 slices
    labels[[1, 9], 6, 6] = 8  # from 1 to 9 with a hole
    assert structures_of(labels, 0, {5: "five"}) == [Structure(5, "five", 3, 10), Structure(8, "label 8", 1, 9)]
    assert structures_of(labels, 1, {}) == []


def test_the_choice_per_source_depends_on_names_only() -> None:
    def members(folder: str) -> list[tuple[Case, Structure]]:
        cases = [Case(source, f"c{n}", Path(folder), Path(folder)) for source in "AB" for n in range(6)]
        return [(case, Structure(label, "x", 0, 9)) for case in cases for label in (1, 2)]

    chosen = choose_per_source(members("here"), 3)
    assert [case.source for case, _ in chosen] == ["A"] * 3 + ["B"] * 3
    elsewhere = choose_per_source(list(reversed(members("there"))), 3)
    assert {(c.source, c.name, s.label) for c, s in chosen} == {(c.source, c.name, s.label) for c, s in elsewhere}
    assert choose_per_source(members("here"), None) == members("here")


def test_a_missing_folder_an_empty_one_and_an_unknown_source_are_errors(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_cases(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="No 3D case"):
        find_cases(tmp_path / "empty")
    with pytest.raises(InputError, match="no source hearts .* choose from cones, tubes"):
        find_cases(data, ["hearts"])
