"""Damaged, foreign, newer and half-written libraries: one sentence, and nothing in the folder changes."""

import errno
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from PatchICLLib.errors import InputError
from PatchICLLib.library import Library
from Testing.Miniatures.finished_cases import put
from Testing.Miniatures.spoiled_json import spoiled


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def refused(action: Callable[[], object], folder: Path) -> str:
    before = files(folder)
    with pytest.raises(InputError) as told:
        action()
    assert files(folder) == before
    sentence = str(told.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("may_be_new", [True, False])
def test_a_folder_out_of_reach(tmp_path: Path, may_be_new: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    sentence = refused(lambda: Library.open(tmp_path / "others", may_be_new), tmp_path)
    assert "cannot be read (Permission denied)" in sentence


def test_no_library(tmp_path: Path) -> None:
    assert "no library" in refused(lambda: Library.open(tmp_path / "none"), tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    assert "no library.json" in refused(lambda: Library.open(tmp_path), tmp_path)
    assert "no library.json" in refused(lambda: put(Library.open(tmp_path, may_be_new=True), 1), tmp_path)
    assert "a library is a folder" in refused(lambda: Library.open(tmp_path / "thesis.txt", may_be_new=True), tmp_path)
    (tmp_path / "library.json").write_text('{"version": 1, "books": []}')
    assert "not written by PatchICL" in refused(lambda: Library.open(tmp_path, may_be_new=True), tmp_path)


def test_a_newer_one(library: Library) -> None:
    path = library.path / "library.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    for action in (lambda: Library.open(library.path), lambda: put(library, 3), lambda: library.remove(1)):
        assert "update PatchICL" in refused(action, library.path)


WRONG = st.sampled_from([None, True, -1, 0, 1.5, 1 << 70, "", "x", [], {}, [1], [1, 2, 3], {"how": "guessed"}, "../.."])


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_wrong_entry(library: Library, data: st.DataObject) -> None:
    """A value of another kind anywhere in library.json: it is refused, or it is one that may stand there."""
    path = library.path / "library.json"
    whole = path.read_text()
    path.write_text(json.dumps(data.draw(spoiled(json.loads(whole), WRONG))))
    before = files(library.path)
    try:
        opened = Library.open(library.path)
        for case in opened.cases:
            opened.case(case.number)
    except InputError as error:
        assert str(library.path) in str(error)
    finally:
        assert files(library.path) == before
        path.write_text(whole)


@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damaged_byte(library: Library, data: st.DataObject) -> None:
    """Cut or changed anywhere, a file is refused by name, or its voxels and geometry are those of before."""
    victim = data.draw(st.sampled_from(sorted(path for path in library.path.rglob("*.gz"))))
    whole = victim.read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytes([whole[place] ^ (1 << data.draw(st.integers(0, 7)))])
    victim.write_bytes(data.draw(st.sampled_from([whole[:place], whole[:place] + flipped + whole[place + 1 :]])))
    number = int(victim.parent.name)
    before = files(library.path)
    try:
        Library.open(library.path).case(number)
    except InputError as error:
        assert f"Case {number} of the library" in str(error)
    finally:
        assert files(library.path) == before
        victim.write_bytes(whole)


def test_files_of_other_cases_and_missing_ones(library: Library) -> None:
    one, two = (library.path / "cases" / name for name in ("0001", "0002"))
    shutil.copy(one / "mask.nii.gz", two / "mask.nii.gz")  # the same
    library.case(2)
    shutil.copy(one / "image.nii.gz", two / "image.nii.gz")
    assert "not those that were put there" in refused(lambda: library.case(2), library.path)
    (one / "mask-2.nii.gz").unlink()
    assert "Case 1" in refused(lambda: library.case(1), library.path)
    fresh = Library.open(library.path.parent / "fresh", may_be_new=True)
    assert "Case 1" in refused(lambda: fresh.merge(library), library.path)
    assert fresh.cases == ()
    library.remove(1)  # a damaged case can be removed, and the others stay
    assert [case.number for case in Library.open(library.path).cases] == [2]


def test_what_somebody_else_put_there_stays(library: Library) -> None:
    other = library.path / "cases" / "0003"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    assert put(library, 3).number == 4
    library.remove(4)
    assert (other / "notes.txt").read_text() == "mine"
