"""Planes that are painted across the slices of a task: what they show is the structure's, and a propagation's."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.hints.seen_across import FADES  # noqa: E402
from PatchICLLib.training.batch_hints import batch_hints  # noqa: E402
from PatchICLLib.training.planes_across import draw_planes  # noqa: E402
from PatchICLLib.training.synthetic import random_anatomy  # noqa: E402
from PatchICLLib.training.task_batch import TaskBatch  # noqa: E402
from PatchICLLib.training.tasks import TaskShape, VolumeTasks, draw_batch  # noqa: E402

STEP = 0.25


@given(
    seed=st.integers(0, 10_000),
    depth=st.integers(3, 9),
    thickness=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    k=st.integers(1, 2),
)
def test_lines_show_the_structure_through_which_they_go(seed, depth, thickness, k):
    rng = np.random.default_rng(seed)
    mask = np.zeros((depth, 12, 15), bool)
    mask[rng.integers(depth), 2 + rng.integers(8), 2 + rng.integers(11)] = True
    mask |= rng.random(mask.shape) < 0.02
    painted = np.sort(rng.choice(depth, k, replace=False))
    targets = np.setdiff1d(np.arange(depth), painted)
    drawn = draw_planes(mask, thickness, STEP, painted, targets, rng)
    told = drawn.known.numpy()
    lines = told[0] > 0
    assert np.array_equal(told > 0, np.broadcast_to(lines, told.shape))  # the same pixels of every slice
    rows, columns = lines.all(1), lines.all(0)
    assert np.array_equal(lines, rows[:, None] | columns)  # whole rows, whole columns
    assert 1 <= rows.sum() <= 2 * thickness[0] or 1 <= columns.sum() <= 2 * thickness[1]
    assert np.array_equal(told[:, lines] == 1, mask[:, lines])
    shown = mask[:, lines].any(1)
    for target, beyond in zip(targets, drawn.beyond, strict=True):
        end = min(max(target, painted[0]), painted[-1])  # the outermost painted slice, or itself between two
        way = np.arange(min(target, end), max(target, end) + 1)
        known = [z for z in way if shown[z] or z == end]
        assert beyond == pytest.approx(FADES * STEP * min(abs(z - target) for z in known))


@pytest.mark.parametrize("size", [64, 128])
def test_hints_say_what_planes_across_show(size):
    """The vote has the sign of what is known, and tasks without planes are not changed by those beside them."""
    shape = TaskShape(2, 5, size)
    across, without = (
        draw_batch(VolumeTasks(random_anatomy, planes=share), np.random.default_rng(5), shape, 1, 50)
        for share in (1.0, 0.0)
    )
    assert across.runs.known is not None
    assert without.runs.known is None
    together = batch_hints(TaskBatch.collate([without, across]))
    rows = torch.from_numpy(across.runs.targets[0])
    known = across.runs.known[rows]
    vote = batch_hints(across).vote[:, 0]
    if size == known.shape[-1]:
        assert (vote[known == 1] > 0.9).all()
        assert (vote[known == 2] < -0.9).all()
    torch.testing.assert_close(together.channels()[:5], batch_hints(without).channels(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together.channels()[5:], batch_hints(across).channels(), rtol=1e-4, atol=1e-4)


def test_a_shape_goes_on_where_planes_show_it_and_holds_nothing_where_they_show_none():
    """Beyond one painted slice, against the same task without what the planes show."""
    kind, shape = VolumeTasks(random_anatomy, planes=1.0), TaskShape(1, 3, 128)
    larger = emptied = 0
    for seed in range(8):
        across = draw_batch(kind, np.random.default_rng(seed), shape, 1, 50)
        runs = across.runs
        told, untold = (
            batch_hints(replace(across, runs=replace(runs, known=known))).shape[:, 0] for known in (runs.known, None)
        )
        line = untold.amax(1).argmax(1)  # a column of each target on which the shape would be
        empty = torch.zeros_like(runs.known)
        for row, column in zip(runs.targets[0], line, strict=True):
            empty[row, :, column] = 2
        ended = replace(runs, known=empty, beyond=np.full_like(runs.beyond, 0.01))
        gone = batch_hints(replace(across, runs=ended)).shape[:, 0]
        for n, beyond in enumerate(runs.beyond[0]):
            if beyond == 0:
                assert (told[n] >= untold[n] - 1e-5).all()
                larger += bool((told[n] > untold[n] + 0.1).any())
            assert gone[n, :, line[n]].max() <= 0
            emptied += bool(untold[n, :, line[n]].max() > 0.1)
    assert larger and emptied
