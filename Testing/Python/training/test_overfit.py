"""The proof that a model learns: its tasks, its measurements, and that Dice rises."""

import json

import pytest
import torch

from PatchICLLib.cascade.paper import PaperConfiguration
from PatchICLLib.errors import InputError
from PatchICLLib.training.overfit import OverfitOptions, overfit, synthetic_tasks
from PatchICLLib.training.tasks import TaskShape
from PatchICLLib.universeg import UniverSegConfiguration

SMALL = PaperConfiguration(features=32, encoder=UniverSegConfiguration(encoder_channels=(8, 8, 8, 8)), dropout=0.0)


@pytest.mark.slow
def test_tasks_hold_their_structure_everywhere_and_give_no_hints():
    tasks = synthetic_tasks(2, TaskShape(context=2, targets=1, size=32), seed=3)
    again = synthetic_tasks(2, TaskShape(context=2, targets=1, size=32), seed=3)
    assert len(tasks) == 2
    for task, same in zip(tasks, again, strict=True):
        assert task.context_images.shape == (1, 2, 32, 32)
        assert task.target_images.shape == (1, 1, 32, 32)
        assert (task.context_masks >= 0.5).flatten(2).any(2).all()
        assert (task.target_masks >= 0.5).any()
        assert task.runs is None and not task.given.any()
        torch.testing.assert_close(task.target_images, same.target_images)


@pytest.mark.slow
def test_a_small_published_model_learns_a_task():
    said = []
    options = OverfitOptions(
        tasks=1, shape=TaskShape(1, 1, 32), goal=0.9, steps=120, learning_rate=2e-3, check_every=10
    )
    report = overfit(SMALL, options, announce=lambda step, loss, dice: said.append((step, dice)))
    assert report.mean > 0.9
    assert report.curve == tuple(said)
    assert report.steps == said[-1][0]
    assert report.steps % 10 == 0
    assert report.worst == report.mean == said[-1][1]
    plain = json.loads(json.dumps(report.to_json()))
    assert plain["mean"] == report.mean


def test_says_that_no_tasks_could_be_made(monkeypatch):
    from PatchICLLib.training import overfit as module

    def unsuitable(*_):
        raise module.Unsuitable

    monkeypatch.setattr(module.VolumeTasks, "__call__", unsuitable)
    with pytest.raises(InputError, match="ask for fewer"):
        synthetic_tasks(1, TaskShape(1, 1, 32), seed=0)
