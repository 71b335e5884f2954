"""Tasks cut from volumes: shapes and ranges, what is painted, where things stand, which draws are refused."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.cascade.hint_channels import Hints  # noqa: E402
from PatchICLLib.training.batch_hints import batch_hints  # noqa: E402
from PatchICLLib.training.stacks import Unsuitable, cut_stack, draw_painted  # noqa: E402
from PatchICLLib.training.synthetic import random_anatomy  # noqa: E402
from PatchICLLib.training.task_batch import TaskBatch, compact_masks  # noqa: E402
from PatchICLLib.training.tasks import (  # noqa: E402
    HintDropout,
    TaskShape,
    VolumeTasks,
)
from PatchICLLib.training.volumes import LabelledVolume  # noqa: E402


def anatomy(rng: np.random.Generator) -> LabelledVolume:
    return random_anatomy(rng, (20, 40, 40))


def drawn(tasks: VolumeTasks, shape: TaskShape, seed: int) -> TaskBatch:
    rng = np.random.default_rng(seed)
    for _ in range(50):
        try:
            return tasks(rng, shape)
        except Unsuitable:
            continue
    raise AssertionError("50 draws gave no task")


def ball_volume(pseudo: bool = False, contrast: float = 100.0) -> LabelledVolume:
    z, y, x = np.indices((30, 40, 44))
    labels = ((z - 15) ** 2 / 100 + (y - 20) ** 2 / 121 + (x - 21) ** 2 / 100 < 1).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 1, labels.shape)
    volume = LabelledVolume.of((contrast * labels + noise).astype(np.float32), labels, (1.0, 1.0, 1.0))
    return replace(volume, pseudo=pseudo)


@pytest.mark.parametrize("k", [1, 3])
def test_shapes_and_ranges(k):
    shape = TaskShape(k, 3, 32)
    for seed in range(3):
        task = drawn(VolumeTasks(anatomy, dropout=HintDropout()), shape, seed)
        assert task.context_images.shape == task.context_masks.shape == (1, k, 32, 32)
        assert task.context_positions.shape == (1, k)
        assert task.target_images.shape == task.target_masks.shape == (3, 1, 32, 32)
        assert task.target_positions.shape == (3,)
        hints = batch_hints(task)
        assert hints.neighbours.shape == (3, 5, 32, 32)
        for name in ("context_masks", "target_masks"):
            mask = getattr(task, name)
            assert mask.min() >= 0 and mask.max() <= 1 + 1e-5
        assert task.context_masks.max() >= 0.5
        assert hints.shape.abs().max() <= 4 + 1e-4
        assert hints.vote.abs().max() <= 1 + 1e-4
        assert all(getattr(hints, f.name).isfinite().all() for f in fields(Hints))
        assert abs(task.context_images.mean()) < 0.2  # standardised over the context
        assert 0.6 < task.context_images.std() < 1.4
        assert torch.allclose(task.context_positions.mean(), torch.zeros(()), atol=1e-5)


def test_a_seed_reproduces_a_task():
    tasks, again = (VolumeTasks(anatomy, dropout=HintDropout()) for _ in range(2))
    first, second = (drawn(t, TaskShape(2, 2, 32), 4) for t in (tasks, again))
    for name in ("images", "masks", "positions", "given"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    assert torch.equal(batch_hints(first).vote, batch_hints(second).vote)


@pytest.mark.parametrize(("size", "fits"), [(128, True), (256, False)])
def test_fitted_tasks_are_of_the_size_that_the_product_would_show(size: int, fits: bool):
    """A ball of 22 voxels needs no 256 pixels."""
    tasks = VolumeTasks(lambda rng: ball_volume())
    sometimes, always = TaskShape(2, 1, size, fitted=0.5), TaskShape(2, 1, size, fitted=1.0)
    assert drawn(tasks, sometimes, 1).target_images.shape == (1, 1, size, size)
    if fits:
        assert drawn(tasks, always, 1).target_images.shape == (1, 1, size, size)
    else:
        for seed in range(5):
            with pytest.raises(Unsuitable):
                tasks(np.random.default_rng(seed), always)


def test_targets_hold_the_structure_where_they_must():
    """Within a stack four slices beyond the ball's ends are there as well, and most of its end slices are a trace."""
    tasks = VolumeTasks(lambda rng: ball_volume())
    areas = {holding: [] for holding in (False, True)}
    for holding, seen in areas.items():
        for seed in range(30):
            task = drawn(tasks, TaskShape(2, 3, 32, holding=holding), seed)
            seen += (task.target_masks >= 0.5).flatten(1).sum(1).tolist()
    assert min(areas[False]) == 0
    assert min(areas[True]) > 10


def test_without_augmentation_a_task_is_what_it_was_cut_from():
    """A bright ball: target images and masks must agree, and the hints must nearly solve it."""
    task = drawn(VolumeTasks(lambda rng: ball_volume(), augment=False), TaskShape(3, 4, 64), 0)
    inside = task.target_masks >= 0.5
    assert task.target_images[inside].mean() > task.target_images[~inside].mean() + 1.5
    hints = batch_hints(task)
    assert ((hints.vote[:, :1] > 0) == inside).float().mean() > 0.95
    assert torch.equal(hints.flags(), torch.ones(4, 3))


def test_positions_are_distances_in_fields_of_view():
    """Neighbouring slices of the unaugmented stack lie spacing / side of the region apart, targets among painted."""
    volume = ball_volume()
    tasks = VolumeTasks(lambda rng: volume, augment=False)
    rng = np.random.default_rng(3)
    stack = cut_stack(volume, rng, 3, 2)
    task = tasks.render(stack, rng, TaskShape(3, 2, 32))
    extent = stack.mask[stack.painted].any(0)
    side = 1.3 * max(np.ptp(np.flatnonzero(extent.any(a))) + 1 for a in (0, 1))
    expected = (stack.painted - stack.painted.mean()) * stack.spacing[0] / side
    np.testing.assert_allclose(task.context_positions[0], expected, rtol=1e-4)
    places = task.target_positions.numpy() * side / stack.spacing[0] + stack.painted.mean()
    np.testing.assert_allclose(places, np.round(places), atol=1e-3)
    assert not set(np.round(places).astype(int)) & set(stack.painted.tolist())


@pytest.mark.parametrize("seed", range(8))
def test_stacks_hold_the_structure_and_distinct_painted_slices(seed):
    volume, rng = ball_volume(), np.random.default_rng(seed)
    stack = cut_stack(volume, rng, 3, 2)
    image = stack.picture(rng)
    assert image.shape == stack.mask.shape
    assert image.min() >= 0 and image.max() <= 1
    assert len(set(stack.painted.tolist())) == 3
    assert (np.diff(stack.painted) > 0).all()
    assert stack.mask[stack.painted].any()
    # nothing of the structure is cut off in the plane
    share = stack.mask.sum(0)
    assert not (share[0].any() or share[-1].any() or share[:, 0].any() or share[:, -1].any())


@pytest.mark.parametrize(("count", "k"), [(4, 1), (12, 3), (48, 5)])
def test_painted_slices_lie_within_the_structure(count, k):
    rng = np.random.default_rng(0)
    for _ in range(60):
        places = draw_painted(rng, count, k)
        assert 1 <= len(places) <= k
        assert (np.diff(places) > 0).all()
        assert places[0] >= 0 and places[-1] < count


def test_structures_too_small_are_refused():
    labels = np.zeros((10, 20, 20), np.uint8)
    labels[4:6, 8:11, 8:11] = 1
    volume = LabelledVolume.of(np.zeros(labels.shape, np.float32), labels, (1.0, 1.0, 1.0))
    for seed in range(10):
        with pytest.raises(Unsuitable):
            cut_stack(volume, np.random.default_rng(seed), 3, 2)


def test_pseudo_labels_without_an_edge_are_mostly_refused():
    def refused(contrast: float) -> int:
        count = 0
        for seed in range(30):
            rng = np.random.default_rng(seed)
            try:
                cut_stack(ball_volume(True, contrast), rng, 2, 2).picture(rng)
            except Unsuitable:
                count += 1
        return count

    assert refused(0.0) >= 20
    assert refused(100.0) <= 5


def test_hint_dropout_drops_as_often_as_said():
    dropout, rng, n = HintDropout(0.2, 0.3, 0.4, 0.1), np.random.default_rng(0), 4000
    flags = np.array([dropout(rng) for _ in range(n)])
    assert set(np.unique(flags)) == {0.0, 1.0}
    np.testing.assert_allclose(flags.mean(0), 0.8 * np.array([0.7, 0.6, 0.9]), atol=0.03)
    assert (~flags.any(1)).mean() == pytest.approx(0.2 + 0.8 * 0.3 * 0.4 * 0.1, abs=0.03)


def test_hints_that_are_dropped_are_wiped_and_the_others_stay():
    task = drawn(VolumeTasks(anatomy), TaskShape(2, 2, 32), 0)
    whole = batch_hints(task)
    for flags in ((1.0, 0.0, 1.0), (0.0, 1.0, 0.0)):
        hints = batch_hints(replace(task, given=torch.tensor([flags])))
        assert torch.equal(hints.flags(), torch.tensor([flags, flags]))
        for name, flag in zip(("shape", "vote", "neighbours"), flags, strict=True):
            assert torch.equal(getattr(hints, name), flag * getattr(whole, name))


def test_tasks_without_hints_carry_nothing_to_compute_them_from():
    """Whether the network reads none, or the task must do without."""
    never, always = VolumeTasks(anatomy, dropout=HintDropout(everything=1.0)), VolumeTasks(anatomy)
    assert drawn(never, TaskShape(2, 2, 32), 0).runs is None
    assert drawn(always, TaskShape(2, 2, 32, hints=False), 0).runs is None
    assert drawn(always, TaskShape(2, 2, 32), 0).runs is not None


@given(hnp.arrays(np.float32, 50, elements=st.floats(0, 1, width=32)))
def test_compact_masks_keep_which_side_of_a_half_they_are_on(values):
    masks = torch.from_numpy(np.r_[values, np.nextafter(np.float32(0.5), [0, 1], dtype=np.float32), np.float32(0.5)])
    restored = compact_masks(masks).float() / 255
    assert torch.equal(restored >= 0.5, masks >= 0.5)
    assert (restored - masks).abs().max() <= 0.5 / 255 + 1e-6


def test_collating_keeps_tasks_in_order():
    tasks = [drawn(VolumeTasks(anatomy), TaskShape(2, 2, 32), seed) for seed in (0, 1)]
    joined = TaskBatch.collate(tasks)
    assert joined.context_images.shape == (2, 2, 32, 32)
    assert torch.equal(joined.target_images[2:], tasks[1].target_images)
    hints = [batch_hints(t) for t in tasks]
    for name in ("shape", "vote", "neighbours"):
        both = torch.cat([getattr(h, name) for h in hints])
        torch.testing.assert_close(getattr(batch_hints(joined), name), both, atol=1e-4, rtol=1e-4)


def test_parcels_lie_within_their_structure_and_the_image_does_not_know():
    volume = ball_volume()
    whole, part = (cut_stack(volume, np.random.default_rng(5), 3, 2, parcels) for parcels in (0.0, 1.0))
    share = part.mask.sum() * np.prod(part.spacing) / (whole.mask.sum() * np.prod(whole.spacing))
    assert 0.15 < share < 0.75
    inside, all_inside = (s.picture(np.random.default_rng(0))[s.mask] for s in (part, whole))
    assert inside.mean() == pytest.approx(all_inside.mean(), abs=0.05)


def test_pseudo_labels_are_never_cut_into_parcels():
    volume = ball_volume(True, 100.0)
    one, other = (cut_stack(volume, np.random.default_rng(5), 3, 2, parcels) for parcels in (0.0, 1.0))
    assert np.array_equal(one.mask, other.mask)
