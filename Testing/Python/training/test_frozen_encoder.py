"""The published model learns everything but its encoder, which is that of a trained UniverSeg."""

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("monai", reason="needs monai: pip install patchicl[train]")

from PatchICLLib.cascade.paper import PaperConfiguration  # noqa: E402
from PatchICLLib.command_line.app import main  # noqa: E402
from PatchICLLib.errors import WeightsError  # noqa: E402
from PatchICLLib.training import step as step_module  # noqa: E402
from PatchICLLib.training.batch_hints import batch_hints  # noqa: E402
from PatchICLLib.training.frozen_encoder import trained_universeg  # noqa: E402
from PatchICLLib.training.loss import recital_loss  # noqa: E402
from PatchICLLib.training.synthetic import random_anatomy  # noqa: E402
from PatchICLLib.training.tasks import TaskShape, Unsuitable, VolumeTasks  # noqa: E402
from PatchICLLib.training.trainer import Trainer  # noqa: E402
from PatchICLLib.training.trainer_options import TrainerOptions  # noqa: E402
from PatchICLLib.universeg.network import UniverSeg, UniverSegConfiguration  # noqa: E402
from PatchICLLib.weights import BUNDLED  # noqa: E402

SMALL = UniverSegConfiguration(encoder_channels=(4, 4, 4, 4))
PAPER = PaperConfiguration(
    resolutions=(16,), target_patches=(4, 6), context_patches=(4, 6), features=32, heads=2, encoder=SMALL
)


def test_the_encoder_is_the_trained_one_and_stays_so(tiny_recipe, anatomy_mixture, tmp_path):
    torch.manual_seed(3)
    universeg = UniverSeg(SMALL)
    recipe = tiny_recipe(model=PAPER, steps=2)
    trainer = Trainer(recipe, anatomy_mixture, TrainerOptions(tmp_path, workers=0, log_every=2))
    assert not trainer.has_encoder(universeg)
    trainer.begin_with_encoder(universeg)
    before = {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}
    assert trainer.train()
    assert trainer.has_encoder(universeg)
    averaged = trainer.averaged_model().features.encoder.state_dict()
    assert all(torch.equal(tensor, universeg.state_dict()[name]) for name, tensor in averaged.items())
    learned = [name for name, tensor in trainer.model.state_dict().items() if not torch.equal(tensor, before[name])]
    assert learned and not any(name.startswith("features.") for name in learned)


def test_a_centred_start_is_of_the_recipe_and_recital_ends_in_time(tiny_recipe, anatomy_mixture, tmp_path, monkeypatch):
    asked = []

    def listen(output, masks):
        asked.append(masks.shape)
        return recital_loss(output, masks)

    monkeypatch.setattr(step_module, "recital_loss", listen)
    recipe = tiny_recipe(model=PAPER, steps=3, recital=2, centred=True)
    recipe = replace(recipe, plan=replace(recipe.plan, hints=False))

    def started(folder: str) -> Trainer:
        trainer = Trainer(recipe, anatomy_mixture, TrainerOptions(tmp_path / folder, workers=0, log_every=3))
        trainer.begin_centred()
        return trainer

    trainer, again = started("one"), started("other")
    ours, theirs = trainer.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert all(torch.equal(ours[name], trainer.average.weights[name]) for name in ours)
    assert float(trainer.model.decoder.head[-1].bias) < -0.5  # background, before anything is learned
    assert trainer.train()
    assert len(asked) == 2


def test_what_ships_is_the_default():
    assert trained_universeg().provenance["name"] == BUNDLED["universeg"]


def test_the_authors_own_file_is_taken(tmp_path):
    network = UniverSeg()
    torch.save(network.state_dict(), tmp_path / "official.pt")
    loaded = trained_universeg(tmp_path / "official.pt")
    assert all(torch.equal(a, b) for a, b in zip(loaded.network.parameters(), network.parameters(), strict=True))


def test_weights_of_another_model_are_refused():
    with pytest.raises(WeightsError, match="universeg"):
        trained_universeg(BUNDLED["sparse"])


@pytest.mark.parametrize("more", [["--recipe", "check"], ["--recipe", "paper", "--start-from", "sparse-6"]])
def test_an_encoder_without_use_is_refused(more, tmp_path, capsys):
    (tmp_path / "data").mkdir()
    command = ["train", "--data", str(tmp_path / "data"), "--output", str(tmp_path / "run"), "--encoder", "universeg-2"]
    assert main([*command, *more]) == 2
    assert capsys.readouterr().err.strip()


def test_a_task_without_hints_is_the_same_but_for_them():
    tasks = VolumeTasks(lambda rng: random_anatomy(rng, (20, 40, 40)))
    shape = TaskShape(2, 3, 32)
    seed = next(seed for seed in range(50) if _suits(tasks, shape, seed))
    whole, bare = (tasks(np.random.default_rng(seed), chosen) for chosen in (shape, replace(shape, hints=False)))
    for name in ("context_images", "context_masks", "target_images", "target_masks", "target_positions"):
        assert torch.equal(getattr(whole, name), getattr(bare, name))
    assert whole.given.any() and not bare.given.any()
    assert bare.runs is None and not batch_hints(bare).channels().any()


def _suits(tasks, shape, seed) -> bool:
    try:
        tasks(np.random.default_rng(seed), shape)
    except Unsuitable:
        return False
    return True
