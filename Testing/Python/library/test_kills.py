"""A process that dies at any change of a file leaves the library of before or the one after; nobody's case is lost."""

import os
import shutil
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from PatchICLLib.library import Library
from Testing.Miniatures.finished_cases import put

Work = Callable[[Library], object]


def numbers(path: Path) -> list[int]:
    """Of the cases once somebody has written; all of them are whole, and nothing else is left in the folder."""
    library = Library.open(path, may_be_new=True)
    library.merge(Library.open(path.with_name("nothing"), may_be_new=True))
    for case in library.cases:
        library.case(case.number)
    found = {int(folder.name) for folder in (path / "cases").glob("*") if any(folder.iterdir())}
    assert found == {case.number for case in library.cases}
    assert not list(path.rglob(".patchicl-*"))
    return [case.number for case in library.cases]


def merge(library: Library) -> None:
    library.merge(Library.open(library.path.parent / "other"))


def with_weights(library: Library) -> None:
    library.adapted.mkdir(exist_ok=True)
    (library.adapted / "w.safetensors").write_bytes(b"w")
    library.remove(1)


CHANGES: dict[str, tuple[Work, list[int]]] = {
    "add": (lambda library: put(library, 3), [1, 2, 3]),
    "replace": (lambda library: put(library, 2, replace_scan=True), [1, 3]),
    "remove": (lambda library: library.remove(1), [2]),
    "remove with weights": (with_weights, [2]),
    "merge": (merge, [1, 2, 3, 4]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_killed_at_any_step(library: Library, death, name: str) -> None:
    work, after = CHANGES[name]
    other = Library.open(library.path.parent / "other", may_be_new=True)
    for seed in (7, 8):
        put(other, seed)
    template = library.path.with_name("template")
    shutil.copytree(library.path, template)
    assert death.run(lambda: work(library))
    assert numbers(library.path) == after
    total, outcomes = death.count, []
    for step in (*range(0, total - 30, 9), *range(max(0, total - 30), total + 1, 3)):
        shutil.rmtree(library.path)
        shutil.copytree(template, library.path)
        ended = death.run(lambda: work(Library.open(library.path)), after=step)
        for case in (seen := Library.open(library.path)).cases:  # whoever reads before anybody recovers
            if seen.cases != Library.open(template).cases or not name.startswith(("remove", "replace")):
                seen.case(case.number)
        found = numbers(library.path)
        assert found == after if ended else found in ([1, 2], after)
        outcomes.append(found == after)
    assert outcomes == sorted(outcomes) and set(outcomes) == {False, True}
    added = put(Library.open(library.path), 99).number
    assert added == max(numbers(library.path))


@pytest.mark.slow
def test_a_new_library_killed_at_any_step(tmp_path: Path, death) -> None:
    path = tmp_path / "library"
    assert death.run(lambda: put(Library.open(path, may_be_new=True), 1))
    for step in range(0, death.count, 5):
        shutil.rmtree(path, ignore_errors=True)
        death.run(lambda: put(Library.open(path, may_be_new=True), 1), after=step)
        number = put(Library.open(path, may_be_new=True), 2).number
        assert numbers(path)[-1] == number <= 2


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_processes_at_once_some_of_them_killed(tmp_path: Path, death) -> None:
    """Twelve processes add at the same time, every third one dies somewhere: what ended well is there, whole."""
    path, children = tmp_path / "library", []
    for seed in range(12):
        child = os.fork()
        if child == 0:
            code = 9
            try:
                death.kill = lambda: os._exit(8)
                after = 5 + 7 * seed if seed % 3 == 0 else None
                death.run(lambda seed=seed: put(Library.open(path, may_be_new=True), seed), after=after)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    done = [seed for seed, code in enumerate(codes) if code == 0]
    assert set(codes) <= {0, 8} and len(done) >= 8
    library = Library.open(path, may_be_new=True)
    assert numbers(path) == [case.number for case in library.cases]
    scans = {case.scan for case in library.cases}
    fresh = Library.open(tmp_path / "fresh", may_be_new=True)
    for seed in done:
        put(fresh, seed)
    assert {case.scan for case in fresh.cases} <= scans  # a killed one may have been done when it died
