"""The official weights behind the interface of our own models."""

import numpy as np
import pytest
import torch

from PatchICLLib import InContextSegmenter
from PatchICLLib.universeg import UniverSeg
from PatchICLLib.weights import official_pretrained, sha256_of


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(2)
    path = tmp_path / "universeg_v1_nf64_ss64_STA.pt"
    torch.save(UniverSeg().state_dict(), path)
    return path


def example() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    masks = np.zeros((2, 40, 56), bool)
    masks[:, 10:30, 15:40] = True
    return masks + rng.normal(0, 0.1, masks.shape), masks


@pytest.mark.parametrize("size", [128, 32])
def test_segments_images_of_any_size(weights, size):
    segmenter = InContextSegmenter(official_pretrained(weights, size), torch.device("cpu"), size)
    images, masks = example()
    segmenter.set_context(images, masks)
    result = segmenter.segment(images[0])
    assert result.mask.shape == (40, 56)
    assert ((result.probability > 0.5) == result.mask).all()
    (level,) = result.levels
    assert level.resolution == size
    again = segmenter.segment(images[0])
    np.testing.assert_array_equal(again.probability, result.probability)


def test_names_its_weights(weights):
    pretrained = official_pretrained(weights)
    assert pretrained.provenance() == {
        "name": "universeg_v1_nf64_ss64_STA",
        "preset": "universeg",
        "sha256": sha256_of(weights),
    }
