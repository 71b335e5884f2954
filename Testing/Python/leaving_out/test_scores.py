"""Each case is found from the others alone, and what came of it is counted."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from PatchICLLib.errors import Cancelled, InputError
from PatchICLLib.leaving_out.picture import draw_scores
from PatchICLLib.leaving_out.scores import Score, scores, trials, worths
from PatchICLLib.library import Library
from PatchICLLib.outputs import is_drawn
from PatchICLLib.propagation import CancelToken
from Testing.Miniatures.finished_cases import LESION, LIVER, put


class Engine:
    """Gives what is painted, and, with a library, all of the structure of the case with the same image."""

    def __init__(self, library: Library) -> None:
        self.cases = {entry.number: library.case(entry.number) for entry in library.cases}
        self.asked: list[SimpleNamespace] = []

    def propagate(self, image: np.ndarray, painted: np.ndarray | None, spacing: Any, **options: Any) -> Any:
        (own,) = (case for case in self.cases.values() if np.array_equal(case.image, image))
        options["cancel"] and options["cancel"].raise_if_cancelled()
        self.asked.append(SimpleNamespace(case=own.entry.number, painted=painted, **options))
        assert options["outputs"] == frozenset()
        if "library" not in options:
            return SimpleNamespace(labels=painted.copy(), report={})
        np.testing.assert_array_equal(options["direction"], own.direction)
        found = own.mask_of(options["match"][1])
        return SimpleNamespace(labels=found.astype(np.uint8), report={"library": {"1": {"weight": 0.5}}})


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Liver (1, of 4 slices) in three cases, lesion (2, of 2 slices) in two of them."""
    made = Library.open(tmp_path / "library", may_be_new=True)
    for seed in (1, 2):
        put(made, seed)
    put(made, 3, LIVER)
    return made


def test_nobody_sees_the_case_that_is_left_out(library: Library) -> None:
    engine, wanted = Engine(library), trials(library)
    known = list(scores(engine, library, wanted))
    assert len(wanted) == 3 * (3 + 2) == len(known)
    heard = [one for one in engine.asked if hasattr(one, "library")]
    assert {one.case for one in heard} == {1, 2, 3}
    for one in heard:
        seen = {entry.number for entry in one.library.cases}
        assert seen == {1, 2, 3} - {one.case} and {one.match[1]} <= {1, 2}
    for one in engine.asked:
        if one.painted is not None:  # on the thickest slices, whole ones
            held = np.flatnonzero(one.painted.any((1, 2)))
            assert one.axis == 0 and tuple(held) == one.painted_slices
    # two slices of lesion: three cannot be painted
    tried = [(one.structure, one.painted) for one in known if one is not None]
    assert tried.count((1, 0)) == tried.count((1, 1)) == tried.count((1, 3)) == 3
    assert tried.count((2, 0)) == tried.count((2, 1)) == 2 and (2, 3) not in tried
    for one in known:
        if one is not None:
            assert one.library == 1 and one.weight == 0.5
            assert one.without == (0 if one.painted else None)  # painted slices are not judged
    assert Library.open(library.path).cases == library.cases


def test_the_library_alone_is_measured_where_no_more_is_asked(library: Library) -> None:
    engine = Engine(library)
    known = list(scores(engine, library, trials(library, (1,)), without=False))
    assert len(engine.asked) == len(known) and all(hasattr(one, "library") for one in engine.asked)
    assert all(one is not None and one.without is None and one.library == 1 for one in known)


def test_only_some_cases(library: Library) -> None:
    assert {(one.case.number, one.structure) for one in trials(library, (1,), 1)} == {(3, 1), (2, 2)}


def test_a_structure_needs_two_cases(tmp_path: Path) -> None:
    made = Library.open(tmp_path / "library", may_be_new=True)
    put(made, 1)
    with pytest.raises(InputError, match="add a second case"):
        trials(made)
    put(made, 2, LESION)
    assert {one.structure for one in trials(made)} == {2}


def test_it_can_be_cancelled(library: Library) -> None:
    token = CancelToken()
    running = scores(Engine(library), library, trials(library), token)
    assert next(running) is not None
    token.cancel()
    with pytest.raises(Cancelled):
        next(running)


def test_losses_and_unheard_libraries_are_counted() -> None:
    known = [
        Score(1, 1, 1, 0.80, 0.90, 0.5),
        Score(1, 2, 1, 0.80, 0.779, 0.25),
        Score(1, 3, 1, 0.80, 0.785, 0.0),
        Score(1, 1, 0, None, 0.4, None),
    ]
    nothing, one = worths(known)
    assert (nothing.painted, nothing.without, nothing.worse, nothing.unheard) == (0, None, None, 1)
    assert (one.cases, one.worse, one.unheard) == (3, 1, 1)
    assert one.without == pytest.approx(0.8) and one.library == pytest.approx((0.9 + 0.779 + 0.785) / 3)


def test_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "worth.png"
    draw_scores([Score(n, c, k, 0.5 if k else None, 0.6, 0.5) for n in range(1, 6) for c in (1, 2) for k in (0, 1)],
                {n: f"structure $_{n}" for n in range(1, 6)}, path)  # fmt: skip
    assert is_drawn(path)
