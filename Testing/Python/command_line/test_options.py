"""Values of options: what is understood, and what is said about the rest."""

import contextlib
from collections.abc import Callable
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
    names_from_text,
    numbers_from_text,
    region_from_text,
    slices_from_text,
)
from PatchICLLib.command_line.progress_display import time_text
from PatchICLLib.errors import InputError
from PatchICLLib.outputs import check_distinct


def numbers(text: str) -> list[int]:
    return numbers_from_text(text, "--painted-slices")


def slices(text: str) -> list[int | tuple[int, int]]:
    return slices_from_text(text, "--ignore-slices")


def names(text: str) -> dict[int, str]:
    return names_from_text(text, "--match")


WHOLE = (0, 2**31 - 1)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        *((axis_from_text, *pair) for pair in (("auto", None), ("i", 2), ("j", 1), ("k", 0), ("K", 0))),
        (numbers, "3,17, 40", [3, 17, 40]),
        (labels_from_text, "all", None),
        (labels_from_text, "1,2", [1, 2]),
        (labels_options, "2", {"labels": [2]}),
        (labels_options, "all", {"labels": None, "most_labels": 255}),
        (labels_options, None, {"labels": None, "most_labels": 64}),
        (names, "1=liver,2=spleen", {1: "liver", 2: "spleen"}),
        (names, " 2 = spleen, 1=liver", {2: "spleen", 1: "liver"}),
        (names, "1=Kidney, left, 2=Kidney, right,3=a=b", {1: "Kidney, left", 2: "Kidney, right", 3: "a=b"}),
        (extent_from_text, "auto", "auto"),
        (extent_from_text, "painted", "painted"),
        (extent_from_text, "4:9", (4, 9)),
        (extent_from_text, "4:4", (4, 4)),
        (region_from_text, "i=1:2, j=3:4,K=5:5", ((5, 5), (3, 4), (1, 2))),
        (region_from_text, "j=3:40", (WHOLE, (3, 40), WHOLE)),
        *((time_text, *pair) for pair in ((0.2, "0:00"), (7.4, "0:07"), (61, "1:01"), (3723, "1:02:03"))),
    ],
)
def test_what_is_understood(read: Callable, text: object, value: object) -> None:
    assert read(text) == value


NO_NUMBERS = ["", "3,", "3;4", "-1", "1.5"]
REFUSED = {
    (axis_from_text, "--axis must be auto, i, j, or k, but it is"): ["", "x", "0", "ij"],
    (numbers, "--painted-slices must be whole numbers"): [*NO_NUMBERS, "a", "²"],
    (slices, "--ignore-slices must be numbers of slices .*such as 3,17 or k=3,i=40, but"): [
        *NO_NUMBERS, "x=3", "k=", "=3", "k=-1", "k=3=4", "k3", "auto=3", "k:3",
    ],
    (labels_from_text, "0 is the background"): ["0,1"],
    (extent_from_text, "--extent must be auto, painted, or FIRST:LAST"): [
        "", "4", "9:4", "a:b", "-1:4", ":", "1:2:3", "²:3", "1:³", "٣:٤", "1:" + "9" * 5000, "1:2147483648",
    ],
    (region_from_text, "--region must be spans of voxels"): ["", "i=4", "i=9:4", "x=1:2", "1:2", "i=-1:4", "i=1:2,"],
}  # fmt: skip


@pytest.mark.parametrize(("read", "sentence", "text"), [(*of, text) for of, texts in REFUSED.items() for text in texts])
def test_what_is_refused(read: Callable, sentence: str, text: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        read(text)
    assert len(str(refused.value)) < 300


SLICES = st.lists(st.integers(0, 2**31 - 1) | st.tuples(st.integers(0, 2), st.integers(0, 2**31 - 1)), min_size=1)


@given(SLICES, st.sampled_from([",", " , "]))
def test_slices_of_any_axes(wanted: list[int | tuple[int, int]], comma: str) -> None:
    words = [f"{'kJi'[one[0]]}={one[1]}" if isinstance(one, tuple) else str(one) for one in wanted]
    assert slices(comma.join(words)) == wanted


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
    for read in [*readers, numbers, slices]:
        for form in (text, f"{text}:{text}", f"i={text}:{text}", f"{text}/{text}", f"k={text}"):
            with contextlib.suppress(InputError):
                read(form)
