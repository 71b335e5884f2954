"""Which slices count as painted, for each label."""

import numpy as np
import pytest

from PatchICLLib.errors import InputError
from PatchICLLib.propagation.geometry.painted_slices import check_label_count, painted_slices


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


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_image_given_as_painting_is_refused(axis: int) -> None:
    image = np.random.default_rng(0).integers(0, 9, (12, 9, 10), np.uint16)
    with pytest.raises(InputError, match="More than half of the volume is labelled, .* IMAGE and PAINTED swapped?"):
        check_label_count([np.moveaxis(image, 0, axis)], None, 255)
    image[:, :5] = 0  # mostly background: nothing but the number of labels tells
    image[:, 5:] *= np.arange(1, 11, dtype=np.uint16)
    with pytest.raises(InputError, match="more than 20 labels: are IMAGE and PAINTED swapped?"):
        check_label_count([image], None, 20)


@pytest.mark.parametrize("full", [0, 4])
def test_whole_slices_may_be_painted(full: int) -> None:
    painted = np.zeros((5, 9, 10), np.uint8)
    painted[[0, 2, full]] = np.arange(90).reshape(9, 10) % 5 + 1
    check_label_count([painted], None, 64)


def test_labels_are_counted() -> None:
    painted = np.zeros((9, 20, 20), np.uint16)
    painted[2, :6, :11].flat[:] = np.arange(1, 67)
    check_label_count([painted], None, 255)
    check_label_count([painted], [1, 60], 64)
    with pytest.raises(InputError, match="holds more than 64 labels: .* or write --labels all"):
        check_label_count([painted], None, 64)
    painted[4:6, :10, :10].flat[:] = np.arange(100, 300)
    with pytest.raises(InputError, match="holds more than 255 labels: .* at most 255"):
        check_label_count([painted], None, 255)
    with pytest.raises(InputError, match="256 labels are asked for, but at most 255"):
        check_label_count([painted], range(256), 255)


def test_nothing_painted() -> None:
    with pytest.raises(InputError, match="Nothing is painted"):
        painted_slices(np.zeros((3, 3, 3), int))
