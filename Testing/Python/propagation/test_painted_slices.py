"""Which slices count as painted, for each label."""

from __future__ import annotations

import numpy as np
import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.painted_slices import painted_slices


@pytest.fixture
def painted() -> np.ndarray:
    """Label 1 on slices 2 and 7, label 5 on slice 7."""
    volume = np.zeros((10, 6, 6), np.uint16)
    volume[2, 1:3, 1:3] = 1
    volume[7, 4, 4] = 1
    volume[7, 0, 0] = 5
    return volume


def test_each_label_has_its_own(painted: np.ndarray) -> None:
    assert painted_slices(painted) == {1: (2, 7), 5: (7,)}


def test_declared_for_all_or_per_label(painted: np.ndarray) -> None:
    assert painted_slices(painted, None, [9, 0, 2]) == {1: (0, 2, 7, 9), 5: (0, 2, 7, 9)}
    assert painted_slices(painted, None, {5: [np.int64(1)]}) == {1: (2, 7), 5: (1, 7)}


@pytest.mark.parametrize("declared", [[], [0], [0, 9]])
def test_declared_as_an_array(painted: np.ndarray, declared: list[int]) -> None:
    array = np.array(declared, int)
    assert painted_slices(painted, np.array([1, 5]), array) == painted_slices(painted, [1, 5], declared)  # type: ignore[arg-type]


def test_labels_chosen(painted: np.ndarray) -> None:
    assert painted_slices(painted, [5, 5]) == {5: (7,)}


def test_boolean_painting(painted: np.ndarray) -> None:
    assert painted_slices(painted == 1) == {1: (2, 7)}


@pytest.mark.parametrize(
    ("labels", "declared", "message"),
    [
        ([3], None, "Label 3 is not painted on any slice; painted are 1, 5."),
        ([0], None, "Label 0 is not painted on any slice; painted are 1, 5."),
        ([], None, "The list of labels to propagate is empty: name at least one, or leave it out for all."),
        (None, [10], "Slice 10 is declared painted, but the slices go from 0 to 9."),
        (None, {5: [-1]}, "Slice -1 is declared painted, but the slices go from 0 to 9."),
        (None, list(range(10)), "Every slice is painted, so there is nothing left to propagate."),
    ],
)
def test_refused(painted: np.ndarray, labels: list[int] | None, declared: object, message: str) -> None:
    with pytest.raises(InputError) as error:
        painted_slices(painted, labels, declared)  # type: ignore[arg-type]
    assert str(error.value) == message


def test_nothing_painted() -> None:
    with pytest.raises(InputError, match="Nothing is painted"):
        painted_slices(np.zeros((3, 3, 3), int))
