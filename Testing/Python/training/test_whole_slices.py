"""Tasks of whole slices: what they show, of whom, and how differently the images of other cases are placed."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.training.image_tasks import APART, TOGETHER, Picture, render_images  # noqa: E402
from PatchICLLib.training.stacks import Unsuitable  # noqa: E402
from PatchICLLib.training.tasks import TaskShape, draw_batch  # noqa: E402
from PatchICLLib.training.volumes import LabelledVolume  # noqa: E402
from PatchICLLib.training.whole_slices import OneCase, WholeSliceTasks, bent_picture  # noqa: E402

SHAPE = TaskShape(3, 2, 64)


def block(value: int, rows: slice, image: bool = True) -> LabelledVolume:
    """Slices of 48 x 64 pixels with a bright block, whose number in the file is 7."""
    labels = np.zeros((20, 48, 64), np.uint8)
    labels[4:16, rows, 20:40] = 1
    scan = (50 + value * labels.astype(np.int16)) if image else None
    return replace(LabelledVolume.of(scan, labels, (3.0, 1.0, 1.0)), values=(0, 7))


class Cases:
    """Two cases, told by where their block lies; remembers how many were asked for."""

    def __init__(self, image: bool = True) -> None:
        self.asked: list[int] = []
        self.image = image

    def __call__(self, rng: np.random.Generator, count: int) -> list[LabelledVolume]:
        self.asked.append(count)
        return [block(100, slice(8, 20), self.image), *[block(100, slice(28, 40), self.image)] * (count - 1)]


def middles(masks: np.ndarray) -> list[float]:
    return [float(np.nonzero(mask >= 0.5)[0].mean()) for mask in masks]


@pytest.mark.parametrize("image", [True, False])
def test_targets_and_context_are_of_one_case_or_context_is_of_others(image):
    tasks, kinds = WholeSliceTasks(Cases(image), augment=False), set()
    for seed in range(40):
        task = draw_batch(tasks, np.random.default_rng(seed), SHAPE, 1, 50)
        assert task is not None and task.images.shape == (1, 5, 64, 64)
        assert not task.given.any() and task.runs is None and not task.positions.any()
        rows = middles(task.masks[0].float().numpy() / 255)
        own = [row < 32 for row in rows]
        assert all(own[3:]), "targets are of the first case"
        kinds.add(sum(own[:3]))
    assert kinds >= {0, 3} and len(kinds) > 2  # and both at once


def test_a_single_volume_stands_for_others_by_bending():
    tasks = WholeSliceTasks(OneCase(lambda rng: block(100, slice(8, 20))), augment=False)
    areas = [
        set((draw_batch(tasks, np.random.default_rng(seed), SHAPE, 1, 50).masks[0] >= 128).sum((1, 2)).tolist())
        for seed in range(20)
    ]
    assert min(len(of_task) for of_task in areas) == 1  # slices of the block are alike,
    assert max(len(of_task) for of_task in areas) > 2  # bent ones are not


def test_slices_show_enough_of_the_structure_or_there_is_no_task():
    small = LabelledVolume.of(np.zeros((9, 9, 9), np.uint8), np.pad(np.ones((5, 5, 5), np.uint8), 2), (1.0, 1.0, 1.0))
    with pytest.raises(Unsuitable):
        WholeSliceTasks(OneCase(lambda rng: small))(np.random.default_rng(0), SHAPE)
    empty = replace(small, objects={})
    with pytest.raises(Unsuitable):
        OneCase(lambda rng: empty)(np.random.default_rng(0), 1)


def test_a_bent_picture_keeps_size_and_meaning():
    mask = np.zeros((60, 40), bool)
    mask[20:40, 10:30] = True
    bent = bent_picture(Picture(mask.astype(np.float32), mask, (1.0, 2.0)), np.random.default_rng(1))
    assert (bent.image.shape, bent.spacing) == ((60, 40), (1.0, 2.0))
    assert (bent.mask != mask).any() and ((bent.image > 0.5) == bent.mask).mean() > 0.97


@pytest.mark.parametrize(("placing", "spread"), [(TOGETHER, False), (APART, True)])
def test_only_images_placed_apart_lie_elsewhere_and_none_is_lost(placing, spread):
    from PatchICLLib.training.augmentation import IntensityAugmentation

    mask = np.zeros((64, 64), bool)
    mask[4:14, 44:60] = True
    pictures = [Picture(mask.astype(np.float32), mask)] * 5
    for seed in range(10):
        task = render_images(pictures, np.random.default_rng(seed), SHAPE, IntensityAugmentation(), placing)
        rows = np.array(middles(task.masks[0].float().numpy() / 255)) / 64
        assert (np.ptp(rows) > 0.03) == spread
        assert np.abs(rows - 0.5).max() < 0.5


def test_workers_draw_the_same():
    tasks = WholeSliceTasks(Cases())
    first = draw_batch(tasks, np.random.default_rng(4), SHAPE, 1, 50)
    again = draw_batch(pickle.loads(pickle.dumps(tasks)), np.random.default_rng(4), SHAPE, 1, 50)
    assert first is not None and again is not None and (first.images == again.images).all()
