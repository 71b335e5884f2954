"""Rows of equal structures: one member is asked for, and it can be told from the others."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.training.copies import CopiesTasks, Row  # noqa: E402
from PatchICLLib.training.tasks import TaskShape, draw_batch  # noqa: E402

GROUND = np.repeat(np.arange(2), 72)[:, None] * np.ones((1, 144), int)


def straight(**changes) -> Row:
    way = np.array([0.0, 0.15])
    plain = Row(5, np.array([0.5, 0.2]), way, 0.0, (0.05, 0.06, 2.0), 1.0, False, 0.0, 0.0, 0.0)
    return replace(plain, **changes)


def test_copies_are_equal_and_look_alike():
    labels, tissues = straight().labels(GROUND)
    areas = [(labels == 2 + n).sum() for n in range(5)]
    assert min(areas) > 0.9 * max(areas) > 0
    assert len({tissues[2 + n] for n in range(5)}) == 1


def test_a_marked_end_is_larger_and_of_its_own_tissue():
    labels, tissues = straight(marked=True).labels(GROUND)
    assert (labels == 2).sum() > 1.3 * (labels == 3).sum()
    assert tissues[2] not in tissues[3:7]


@pytest.mark.parametrize(("changes", "first", "count"), [({"between": 0.02}, 8, 4), ({"beside": 0.1}, 12, 1)])
def test_what_lies_between_and_beside_has_numbers_of_its_own(changes, first, count):
    labels, tissues = straight(**changes).labels(GROUND)
    plain = straight().labels(GROUND)[0]
    assert sorted(set(np.unique(labels)) - set(np.unique(plain))) == list(range(first, first + count))
    assert not set(tissues[first : first + count]) & set(tissues[2:7])
    assert labels.max() < len(tissues)


def test_an_edge_belongs_to_its_copy():
    labels, tissues = straight(rim=0.3).labels(GROUND)
    plain = straight().labels(GROUND)[0]
    members = 2 * 5 + 1
    for n in range(5):
        np.testing.assert_array_equal((labels == 2 + n) | (labels == 2 + n + members), plain == 2 + n)
        assert (labels == 2 + n + members).any()


def test_tasks_have_the_shape_that_is_asked_for_and_show_their_member():
    shape = TaskShape(3, 2, 64)
    for seed in range(12):
        task = draw_batch(CopiesTasks(), np.random.default_rng(seed), shape, 1, 50)
        assert task is not None and task.images.shape == task.masks.shape == (1, 5, 64, 64)
        assert not task.given.any() and task.runs is None and not task.positions.any()
        inside = (task.masks[0] >= 128).float().mean((1, 2))
        assert inside[:3].max() > 0 and inside.max() < 0.5
        assert task.images.isfinite().all()
