"""Expected sizes in closed form."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.hints.size_profile import SizeProfiles


@dataclass(frozen=True)
class SizeProfile:
    """Of one task, at one place."""

    positions: np.ndarray
    areas: np.ndarray

    def at(self, target: float) -> float | None:
        areas = torch.from_numpy(np.array(self.areas, float))[None]
        profiles = SizeProfiles(np.asarray(self.positions)[None], np.array([areas.shape[1]]), areas)
        found = profiles.at(np.array([0]), np.array([target])).item()
        return None if np.isnan(found) else found


BALL = np.pi * (1 - np.array([-0.8, 0.1, 0.9]) ** 2)


@given(target=st.floats(-0.79, 0.89))
def test_sections_of_a_ball_between(target: float) -> None:
    found = SizeProfile(np.array([-0.8, 0.1, 0.9]), BALL).at(target)
    assert found == pytest.approx(np.pi * (1 - target**2), rel=1e-6)


@given(beyond=st.floats(0.9, 3.0), mirrored=st.booleans())
def test_sections_of_a_ball_beyond_and_its_end(beyond: float, mirrored: bool) -> None:
    profile = SizeProfile(np.array([-0.8, 0.1, 0.9]), BALL)
    if mirrored:
        profile = SizeProfile(-profile.positions[::-1], profile.areas[::-1])
    found = profile.at(-beyond if mirrored else beyond)
    assert found == pytest.approx(max(0.0, np.pi * (1 - beyond**2)), rel=1e-6, abs=1e-9)


def test_two_painted_slices_are_joined_by_a_line_and_tell_nothing_beyond() -> None:
    profile = SizeProfile(np.array([0.0, 2.0]), np.array([10.0, 20.0]))
    assert profile.at(0.5) == pytest.approx(12.5)
    assert profile.at(2.5) is None and profile.at(-0.1) is None


@pytest.mark.parametrize("areas", [(10.0, 10.0, 10.0), (30.0, 10.0, 20.0), (10.0, 20.0, 28.0)])
def test_what_does_not_narrow_tells_nothing_beyond(areas: tuple[float, ...]) -> None:
    assert SizeProfile(np.arange(3.0), np.array(areas)).at(2.5) is None


@given(
    areas=st.lists(st.floats(0.01, 1e4), min_size=2, max_size=5),
    place=st.floats(-1, 6),
)
def test_never_negative_nor_far_from_its_neighbours(areas: list[float], place: float) -> None:
    profile = SizeProfile(np.arange(len(areas), dtype=float), np.array(areas))
    found = profile.at(place)
    if 0 < place <= len(areas) - 1:
        after = int(np.ceil(place))
        pair = areas[after - 1 : after + 1]
        assert found is not None and 0.5 * min(pair) - 1e-6 <= found <= 1.3 * max(pair) + 1e-6
    else:
        end = areas[0] if place <= 0 else areas[-1]
        assert found is None or 0 <= found <= 1.1 * end + 1e-6


@given(shift=st.integers(0, 500), target=st.sampled_from([-3.0, -0.7, 1.3, 4.1, 7.7, 10.4, 12.0]))
def test_the_numbering_of_slices_does_not_matter(shift: int, target: float) -> None:
    for areas in ((0.03, 0.03, 0.03), (0.02, 0.04, 0.01)):
        here = SizeProfile(np.array([0.0, 0.5, 1.0]), np.array(areas)).at(target / 10)
        there = SizeProfile(np.array([0.0, 0.5, 1.0]) + shift / 20, np.array(areas)).at(target / 10 + shift / 20)
        assert (here is None) == (there is None)
        assert here is None or here == pytest.approx(there, abs=1e-9)


def test_slices_without_the_structure_say_that_it_ended_not_where() -> None:
    profile = SizeProfile(np.arange(4.0), np.array([20.0, 30.0, 20.0, 0.0]))
    assert profile.at(2.5) is None
    assert profile.at(3.5) == 0
    assert profile.at(1.5) == pytest.approx(SizeProfile(np.arange(3.0), np.array([20.0, 30.0, 20.0])).at(1.5))


TASKS = st.lists(st.lists(st.sampled_from([0.0, 5.0, 7.0, 30.0]), min_size=1, max_size=5), min_size=1, max_size=4)


@given(tasks=TASKS, targets=st.lists(st.tuples(st.integers(0, 3), st.floats(-2, 6)), min_size=1, max_size=9))
def test_tasks_of_different_numbers_of_painted_slices_do_not_depend_on_each_other(tasks, targets) -> None:
    k = max(map(len, tasks))
    positions = np.array([[*np.arange(float(len(a))), *[0.0] * (k - len(a))] for a in tasks])
    areas = torch.tensor([[*a, *[99.0] * (k - len(a))] for a in tasks], dtype=torch.float64)
    task = np.array([t % len(tasks) for t, _ in targets])
    places = np.array([place for _, place in targets])
    found = SizeProfiles(positions, np.array([len(a) for a in tasks]), areas).at(task, places)
    for value, number, place in zip(found.tolist(), task, places, strict=True):
        alone = SizeProfile(np.arange(float(len(tasks[number]))), np.array(tasks[number])).at(place)
        assert value == alone or (np.isnan(value) and alone is None)
