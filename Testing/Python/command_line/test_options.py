"""Values of options: what is understood, and what is said about the rest."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.command_line.evaluate_run import shard_from_text
from PatchICLLib.command_line.options import (
    axis_from_text,
    extent_from_text,
    labels_from_text,
    labels_options,
    numbers_from_text,
    region_from_text,
    slices_from_text,
)
from PatchICLLib.command_line.progress_display import time_text
from PatchICLLib.errors import InputError
from PatchICLLib.outputs import check_distinct


@pytest.mark.parametrize(("text", "axis"), [("auto", None), ("i", 2), ("j", 1), ("k", 0), ("K", 0)])
def test_axis_names_are_those_of_array_axes(text: str, axis: int | None) -> None:
    assert axis_from_text(text) == axis


@pytest.mark.parametrize("text", ["", "x", "0", "ij"])
def test_unknown_axis(text: str) -> None:
    with pytest.raises(InputError, match=f"auto, i, j, or k, but it is {text}"):
        axis_from_text(text)


def test_numbers() -> None:
    assert numbers_from_text("3,17, 40", "--painted-slices") == [3, 17, 40]


@pytest.mark.parametrize("text", ["", "3,", "3;4", "-1", "1.5", "a", "²"])
def test_no_numbers(text: str) -> None:
    with pytest.raises(InputError, match="--painted-slices must be whole numbers"):
        numbers_from_text(text, "--painted-slices")


SLICES = st.lists(st.integers(0, 2**31 - 1) | st.tuples(st.integers(0, 2), st.integers(0, 2**31 - 1)), min_size=1)


@given(SLICES, st.sampled_from([",", " , "]))
def test_slices_of_any_axes(slices: list[int | tuple[int, int]], comma: str) -> None:
    words = [f"{'kJi'[one[0]]}={one[1]}" if isinstance(one, tuple) else str(one) for one in slices]
    assert slices_from_text(comma.join(words), "--painted-slices") == slices


@pytest.mark.parametrize(
    "text", ["", "3,", "3;4", "-1", "1.5", "x=3", "k=", "=3", "k=-1", "k=3=4", "k3", "auto=3", "k:3"]
)
def test_no_slices(text: str) -> None:
    with pytest.raises(InputError, match="--ignore-slices must be numbers of slices .*such as 3,17 or k=3,i=40, but"):
        slices_from_text(text, "--ignore-slices")


def test_labels() -> None:
    assert labels_from_text("all") is None
    assert labels_from_text("1,2") == [1, 2]
    with pytest.raises(InputError, match="0 is the background"):
        labels_from_text("0,1")
    assert labels_options("2") == {"labels": [2]}
    assert labels_options("all") == {"labels": None, "most_labels": 255}
    assert labels_options(None) == {"labels": None, "most_labels": 64}


@pytest.mark.parametrize(
    ("text", "extent"),
    [
        ("auto", "auto"),
        ("painted", "painted"),
        ("4:9", (4, 9)),
        ("4:4", (4, 4)),
    ],
)
def test_extent(text: str, extent: object) -> None:
    assert extent_from_text(text) == extent


@pytest.mark.parametrize("text", ["", "4", "9:4", "a:b", "-1:4", ":", "1:2:3"])
def test_no_extent(text: str) -> None:
    with pytest.raises(InputError, match="--extent must be auto, painted, or FIRST:LAST"):
        extent_from_text(text)


def test_region() -> None:
    whole = (0, 2**31 - 1)
    assert region_from_text("i=1:2, j=3:4,K=5:5") == ((5, 5), (3, 4), (1, 2))
    assert region_from_text("j=3:40") == (whole, (3, 40), whole)


@pytest.mark.parametrize("text", ["", "i=4", "i=9:4", "x=1:2", "1:2", "i=-1:4", "i=1:2,"])
def test_no_region(text: str) -> None:
    with pytest.raises(InputError, match="--region must be spans of voxels"):
        region_from_text(text)


def test_outputs_must_not_replace_inputs_or_each_other(tmp_path: Path) -> None:
    scan, out = tmp_path / "scan.nii", tmp_path / "out.nii"
    check_distinct({"OUTPUT": out, "--entropy": None}, {"IMAGE": scan})
    with pytest.raises(InputError, match="OUTPUT and IMAGE are the same file"):
        check_distinct({"OUTPUT": tmp_path / "sub" / ".." / "scan.nii"}, {"IMAGE": scan})
    with pytest.raises(InputError, match="--entropy and OUTPUT are the same file"):
        check_distinct({"OUTPUT": out, "--entropy": out}, {"IMAGE": scan})


@given(st.text(max_size=12) | st.from_regex(r"[0-9²³¹٣:, =ijk-]{1,20}", fullmatch=True) | st.just("9" * 5000))
def test_any_text_is_read_or_refused(text: str) -> None:
    readers = [extent_from_text, labels_from_text, region_from_text, axis_from_text, shard_from_text]
    lists = [lambda value: numbers_from_text(value, "--k"), lambda value: slices_from_text(value, "--ignore-slices")]
    for read in [*readers, *lists]:
        for form in (text, f"{text}:{text}", f"i={text}:{text}", f"{text}/{text}", f"k={text}"):
            with contextlib.suppress(InputError):
                read(form)


@pytest.mark.parametrize("text", ["²:3", "1:³", "٣:٤", "1:" + "9" * 5000, "1:2147483648", "-1:2", "1:2:3"])
def test_extents_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="--extent must be") as refused:
        extent_from_text(text)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "0:00"), (7.4, "0:07"), (61, "1:01"), (3723, "1:02:03")])
def test_times(seconds: float, text: str) -> None:
    assert time_text(seconds) == text
