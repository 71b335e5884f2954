"""The training loop: resumes bit for bit, averages, logs, stops in time, shows how it goes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.errors import InputError  # noqa: E402
from PatchICLLib.training import step as step_module  # noqa: E402
from PatchICLLib.training.batch_hints import batch_hints  # noqa: E402
from PatchICLLib.training.checkpoint import Checkpoint  # noqa: E402
from PatchICLLib.training.export import export  # noqa: E402
from PatchICLLib.training.mixture import BatchStream  # noqa: E402
from PatchICLLib.training.parts import PartStream  # noqa: E402
from PatchICLLib.training.run_files import CHECKPOINT, LOG, PICTURES  # noqa: E402
from PatchICLLib.training.tasks import TaskShape  # noqa: E402
from PatchICLLib.training.trainer import Trainer  # noqa: E402
from PatchICLLib.training.trainer_options import TrainerOptions  # noqa: E402
from PatchICLLib.training.validation import ValidationSet, hard_dice  # noqa: E402
from PatchICLLib.weights import load_weights  # noqa: E402


def options(output: Path, **changes) -> TrainerOptions:
    return TrainerOptions(output, **{"workers": 0, "log_every": 2, **changes})


def log_of(output: Path) -> list[dict]:
    entries = [json.loads(line) for line in (output / LOG).read_text(encoding="utf-8").splitlines()]
    return [{k: v for k, v in e.items() if k != "seconds_per_step"} for e in entries]


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def validation(miniature_data) -> ValidationSet:
    return ValidationSet.draw(miniature_data, tasks=2, shape=TaskShape(2, 4, 32))


@pytest.fixture(scope="module")
def uninterrupted(tiny_recipe, anatomy_mixture, tmp_path_factory) -> Trainer:
    """A run of 4 steps in one go; not to be changed."""
    trainer = Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path_factory.mktemp("whole")))
    assert trainer.train()
    return trainer


def test_resuming_gives_the_same_bits(tiny_recipe, anatomy_mixture, tmp_path, uninterrupted):
    output = tmp_path / "parts"
    Trainer(tiny_recipe(), anatomy_mixture, options(output), proceed=lambda step: step < 2).train()
    torch.manual_seed(999)  # what happens between the two parts does not matter
    torch.rand(5)
    second = Trainer(tiny_recipe(), anatomy_mixture, options(output))
    second.resume(Checkpoint.load(output / CHECKPOINT))
    assert second.step == 2
    assert second.train()
    whole, parts = (Checkpoint.load(o / CHECKPOINT) for o in (uninterrupted.options.output, output))
    assert whole.step == parts.step == 4
    assert same(whole.model, parts.model)
    assert same(whole.average, parts.average)
    assert torch.equal(whole.noise, parts.noise)
    for number, state in whole.optimiser["state"].items():
        assert same(state, parts.optimiser["state"][number])
    assert log_of(uninterrupted.options.output) == log_of(output)
    assert [entry["step"] for entry in log_of(output)] == [2, 4]


def test_a_new_run_replaces_the_old_one_with_its_first_checkpoint(tiny_recipe, anatomy_mixture, tmp_path):
    def seen(step):
        if step < 2:  # the first checkpoint of the new run comes with step 2
            assert Checkpoint.load(tmp_path / CHECKPOINT).recipe["seed"] == 5
            assert [entry["step"] for entry in log_of(tmp_path)] == [2]
        return step < 3

    Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path), proceed=lambda step: step < 2).train()
    Trainer(tiny_recipe(seed=6), anatomy_mixture, options(tmp_path, anew=True), proceed=seen).train()
    assert Checkpoint.load(tmp_path / CHECKPOINT).recipe["seed"] == 6
    assert [entry["step"] for entry in log_of(tmp_path)] == [2]


def test_a_half_line_of_a_killed_run_is_dropped(tiny_recipe, anatomy_mixture, tmp_path):
    Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path), proceed=lambda step: step < 2).train()
    with (tmp_path / LOG).open("a") as log:
        log.write('{"step": 3, "lo')
    second = Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path))
    second.resume(Checkpoint.load(tmp_path / CHECKPOINT))
    second.train()
    assert [entry["step"] for entry in log_of(tmp_path)] == [2, 4]


def test_the_number_of_workers_does_not_change_the_result(tiny_recipe, anatomy_mixture, tmp_path, uninterrupted):
    other = Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path / "workers", workers=1))
    other.train()
    assert same(uninterrupted.model.state_dict(), other.model.state_dict())


def test_another_seed_gives_another_model(tiny_recipe, anatomy_mixture, tmp_path, uninterrupted):
    other = Trainer(tiny_recipe(seed=6), anatomy_mixture, options(tmp_path / "other"))
    other.train()
    assert not same(uninterrupted.model.state_dict(), other.model.state_dict())


def test_a_step_is_that_of_adamw_with_clipping_and_averaging(tiny_recipe, anatomy_mixture, tmp_path):
    """The first step of AdamW is known in closed form: decay, then the rate times the sign-like first moment."""
    recipe = tiny_recipe(steps=1)
    trainer = Trainer(recipe, anatomy_mixture, options(tmp_path))
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    trainer.train()
    rate = recipe.rate(0)
    gradients = {name: p.grad for name, p in trainer.model.named_parameters()}
    norm = torch.stack([g.norm() for g in gradients.values() if g is not None]).norm()
    assert norm <= recipe.clip * 1.001
    for name, p in trainer.model.named_parameters():
        if gradients[name] is None:
            continue
        decay = recipe.weight_decay if p.ndim > 1 else 0.0
        g = gradients[name]
        expected = before[name] * (1 - rate * decay) - rate * g / (g.abs() + 1e-8)
        torch.testing.assert_close(p.detach(), expected, rtol=1e-3, atol=1e-6)
        share = min(recipe.ema, 2 / 11)
        torch.testing.assert_close(trainer.average.weights[name], share * before[name] + (1 - share) * p.detach())


def test_learning_happens(tiny_recipe, anatomy_mixture, tmp_path, monkeypatch):
    """Shown one batch again and again, the loss on it falls."""
    recipe = tiny_recipe(steps=12, learning_rate=1e-2)
    batch = BatchStream(anatomy_mixture, recipe.plan, 0, 1)[0]
    monkeypatch.setattr(PartStream, "__getitem__", lambda self, number: [batch])
    Trainer(recipe, anatomy_mixture, options(tmp_path, log_every=4)).train()
    losses = [entry["loss"] for entry in log_of(tmp_path)]
    assert losses[-1] < 0.93 * losses[0]


def test_time_is_up_after_a_step_with_a_checkpoint(tiny_recipe, anatomy_mixture, tmp_path):
    trainer = Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path, max_minutes=0))
    assert not trainer.train()
    assert Checkpoint.load(tmp_path / CHECKPOINT).step == trainer.step == 1


def test_arithmetic_is_as_before_after_a_run(tiny_recipe, anatomy_mixture, tmp_path):
    Trainer(tiny_recipe(steps=1), anatomy_mixture, options(tmp_path)).train()
    assert torch.tensor(1e-40) * 1 > 0  # a denormal number that a run flushes to zero


def test_a_finished_run_has_nothing_left_to_do(tiny_recipe, anatomy_mixture, tmp_path, uninterrupted):
    again = Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path))
    again.resume(uninterrupted.checkpoint())
    assert again.train()
    assert same(uninterrupted.model.state_dict(), again.model.state_dict())


def test_a_step_without_finite_gradients_changes_no_weights(tiny_recipe, anatomy_mixture, tmp_path, monkeypatch):
    trainer = Trainer(tiny_recipe(steps=1), anatomy_mixture, options(tmp_path))
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    loss = step_module.cascade_loss
    monkeypatch.setattr(step_module, "cascade_loss", lambda output, target: loss(output, target) * float("nan"))
    trainer.train()
    assert same(before, dict(trainer.model.named_parameters()))


def test_numbered_checkpoints_are_kept(tiny_recipe, anatomy_mixture, tmp_path):
    Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path, keep_every=2)).train()
    assert [p.name for p in sorted(tmp_path.glob("checkpoint-*"))] == ["checkpoint-000002.pt", "checkpoint-000004.pt"]
    assert Checkpoint.load(tmp_path / "checkpoint-000002.pt").step == 2


def test_validation_is_logged_and_drawn(tiny_recipe, anatomy_mixture, tmp_path, validation):
    told: list[dict] = []
    recipe = tiny_recipe(steps=2)
    trainer = Trainer(recipe, anatomy_mixture, options(tmp_path, validate_every=2), validation, told.append)
    trainer.train()
    (measured,) = [entry["validation"] for entry in log_of(tmp_path) if "validation" in entry]
    assert list(measured) == ["mri_hippocampus_msd", "mean"]
    assert set(measured["mean"]) == {"hints", "bare", "shape", "vote"}
    assert all(0 <= value <= 1 for value in measured["mean"].values())
    assert measured["mean"]["vote"] > 0.7  # a bright ball
    assert measured == trainer.validation.measure(trainer.averaged_model())
    assert [entry["step"] for entry in told] == [2, 2]
    (picture,) = (tmp_path / PICTURES).iterdir()
    assert picture.name == "step-000002.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_validation_tasks_are_always_the_same(miniature_data, validation):
    again = ValidationSet.draw(miniature_data, tasks=2, shape=TaskShape(2, 4, 32))
    assert list(validation.batches) == ["mri_hippocampus_msd"]
    for name, batch in validation.batches.items():
        assert torch.equal(batch.target_images, again.batches[name].target_images)
        assert batch.target_images.shape == (8, 1, 32, 32)
        assert torch.equal(batch_hints(batch).flags(), torch.ones(8, 3))


def test_hard_dice_by_hand():
    logits = torch.tensor([[3.0, 3, -1, -1], [-1, -1, -1, -1], [1, -1, -1, -1]]).view(3, 1, 2, 2)
    target = torch.tensor([[1.0, 0, 1, 1], [0, 0, 0.4, 0], [0, 0, 0, 1]]).view(3, 1, 2, 2)
    torch.testing.assert_close(hard_dice(logits, target), torch.tensor([2 * 1 / 5, 1.0, 0.0]))


def test_exported_weights_are_the_averaged_ones(tiny_recipe, tmp_path, uninterrupted):
    path = tmp_path / "weights" / "mine.safetensors"
    card = export(uninterrupted.checkpoint(), tiny_recipe(), path, {"data": {"balls": 2}})
    pretrained = load_weights(path)
    assert same(pretrained.model.state_dict(), uninterrupted.average.weights)
    assert (card["preset"], card["steps"], card["data"]) == ("sparse", 4, {"balls": 2})
    assert pretrained.card["recipe"]["seed"] == 5


def test_a_new_run_may_begin_with_exported_weights(tiny_recipe, anatomy_mixture, tmp_path, uninterrupted):
    export(uninterrupted.checkpoint(), tiny_recipe(), tmp_path / "first.safetensors", {})
    trainer = Trainer(tiny_recipe(), anatomy_mixture, options(tmp_path))
    trainer.begin_with(load_weights(tmp_path / "first.safetensors"))
    assert trainer.step == 0
    assert same(trainer.model.state_dict(), uninterrupted.average.weights)
    assert same(trainer.average.weights, uninterrupted.average.weights)
    other = Trainer(
        replace(tiny_recipe(), model=replace(tiny_recipe().model, layers=2)), anatomy_mixture, options(tmp_path)
    )
    with pytest.raises(InputError, match="another configuration"):
        other.begin_with(load_weights(tmp_path / "first.safetensors"))


def test_export_does_not_care_on_which_device_the_noise_was_drawn(tiny_recipe, tmp_path, uninterrupted):
    """A generator's state on a GPU is shorter than on a CPU."""
    checkpoint = uninterrupted.checkpoint()
    checkpoint.noise = torch.zeros(16, dtype=torch.uint8)
    export(checkpoint, tiny_recipe(), tmp_path / "w.safetensors", {})
    assert load_weights(tmp_path / "w.safetensors").preset == "sparse"
