"""Models as `--models` names them."""

import numpy as np
import pytest
import torch

from PatchICLLib.errors import InputError
from PatchICLLib.experiments.models import MeanMask, ModelChoice, parse_models
from PatchICLLib.universeg import UniverSeg


@pytest.mark.parametrize(
    ("text", "name", "weights"),
    [
        ("sparse", "sparse", "sparse"),
        ("mean-mask", "mean-mask", "mean-mask"),
        ("runs/a/mine.safetensors", "mine", "runs/a/mine.safetensors"),
        ("universeg=official.pt", "universeg", "official.pt"),
        ("ours=mine-1", "ours", "mine-1"),
    ],
)
def test_names_and_files(text: str, name: str, weights: str) -> None:
    assert ModelChoice.parse(text) == ModelChoice(name, weights)


@pytest.mark.parametrize("texts", [[], ["=file"], ["name="], ["sparse", "sparse=other.safetensors"]])
def test_entries_that_make_no_sense(texts: list[str]) -> None:
    with pytest.raises(InputError):
        parse_models(texts)


def test_the_mean_mask_needs_half_of_the_votes_and_stretches() -> None:
    masks = [np.zeros((4, 4), bool), np.zeros((8, 8), bool), np.zeros((4, 4), bool)]
    masks[0][:2], masks[1][:4, :4], masks[2][2:] = True, True, True
    found = MeanMask().predict([], masks, np.zeros((4, 8)), 128).mask
    expected = np.zeros((4, 8), bool)
    expected[:2, :4] = True
    np.testing.assert_array_equal(found, expected)


def test_official_universeg_works_at_the_size_that_is_asked(tmp_path) -> None:
    torch.manual_seed(0)
    torch.save(UniverSeg().state_dict(), tmp_path / "official.pt")
    model = ModelChoice.parse(f"universeg={tmp_path / 'official.pt'}").load(torch.device("cpu"))
    image = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    found = [model.predict([image], [image > 0], image, size) for size in (32, 64)]
    assert [prediction.levels[0].resolution for prediction in found] == [32, 64]
    assert all(prediction.mask.shape == (20, 30) for prediction in found)
    assert len(model.identity) == 12 and model.network is not None
