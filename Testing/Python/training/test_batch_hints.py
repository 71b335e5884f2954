"""Hints of whole batches: where the tensors are, and of each task as if it were alone."""

from dataclasses import fields

import numpy as np
import pytest
import torch

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.cascade.hint_channels import Hints  # noqa: E402
from PatchICLLib.presets import build  # noqa: E402
from PatchICLLib.training.batch_hints import batch_hints  # noqa: E402
from PatchICLLib.training.step import FIGURES, Step, part_figures  # noqa: E402
from PatchICLLib.training.task_batch import TaskBatch  # noqa: E402
from PatchICLLib.training.tasks import HintDropout, TaskShape, VolumeTasks, draw_batch  # noqa: E402
from Testing.Miniatures.device_purity import DevicePurity  # noqa: E402


@pytest.fixture(scope="module")
def tasks(anatomy_mixture) -> list[TaskBatch]:
    """Of several lengths; the third must do without hints, the fourth has planes across."""
    draw, shape = anatomy_mixture[0][0].draw, TaskShape(2, 3, 32)
    bare, across = VolumeTasks(draw, dropout=HintDropout(1.0)), VolumeTasks(draw, planes=1.0)
    kinds = [VolumeTasks(draw), VolumeTasks(draw), bare, across]
    drawn = [draw_batch(kind, np.random.default_rng(n), shape, 1, 50) for n, kind in enumerate(kinds)]
    assert len({int(t.runs.depth[0]) for t in drawn if t.runs is not None}) > 1
    return drawn


def test_a_task_gets_the_same_hints_in_any_batch(tasks):
    together, alone = batch_hints(TaskBatch.collate(tasks)), [batch_hints(task) for task in tasks]
    for field in fields(Hints):
        expected = torch.cat([getattr(hints, field.name) for hints in alone])
        torch.testing.assert_close(getattr(together, field.name), expected, rtol=1e-4, atol=1e-4)
    assert together.flags().sum(1).tolist() == [3.0] * 6 + [0.0] * 3 + [3.0] * 3


@pytest.mark.slow
def test_nothing_waits_for_the_device(tasks):
    batch, purity = TaskBatch.collate(tasks[1:]), DevicePurity(single=True)
    expected = batch_hints(batch)
    with purity:
        hints = batch_hints(batch.to(purity.device))
        with purity.setting_up():
            found = hints.channels().cpu()
    torch.testing.assert_close(found, expected.channels(), rtol=1e-3, atol=1e-3)


def test_nor_does_a_step_of_the_training(tasks, tiny_recipe):
    """On a device that holds no values, asking for one fails."""
    device = torch.device("meta")
    model = build(tiny_recipe().model).to(device)
    batch = TaskBatch.collate(tasks).to(device)
    loss, logits = Step(model, torch.device("cpu"), False)(batch, Hints.none(batch.target_images), None)
    loss.backward()
    assert torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).shape == ()
    assert part_figures(batch, logits, loss.detach()).shape == (len(FIGURES) - 1,)
