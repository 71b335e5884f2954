"""Frozen features: the self-support trick, and crops against whole maps resized to one grid."""

import pytest
import torch
from torch.nn import functional

from PatchICLLib.cascade.paper.features import FrozenFeatures, crop_features
from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.universeg import UniverSeg, UniverSegConfiguration

SMALL = UniverSegConfiguration(encoder_channels=(4, 4, 4, 4))


@pytest.fixture(scope="module")
def features() -> FrozenFeatures:
    torch.manual_seed(0)
    return FrozenFeatures(SMALL)


def test_are_those_of_universegs_encoder_with_the_right_supports(features):
    """Hooks in a whole UniverSeg read what its encoder computes when it segments."""
    torch.manual_seed(1)
    network = UniverSeg(SMALL).eval()
    features = FrozenFeatures(SMALL)
    features.load(network)
    seen: list[torch.Tensor] = []
    for block in network.enc_blocks:
        block.register_forward_hook(lambda _module, _inputs, output: seen.append(output[0][:, 0]))
    image, mask = torch.rand(2, 1, 16, 16), (torch.rand(2, 1, 16, 16) > 0.5).float()
    image[:, :, 0, 0], image[:, :, 0, 1] = 0, 1
    with torch.no_grad():
        network(image, image[:, None], mask[:, None])
        for ours, theirs in zip(features.of_context(image, mask), seen, strict=True):
            torch.testing.assert_close(ours, theirs)
        seen.clear()
        network(image, torch.zeros(2, 1, 1, 16, 16), torch.zeros(2, 1, 1, 16, 16))
        for ours, theirs in zip(features.of_target(image * 7 - 3), seen, strict=True):  # intensities on any scale
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_crops_equal_those_of_maps_resized_to_the_input(features):
    """At the input's own resolution sampling where patches lie is resizing, concatenating and cutting."""
    maps = features.of_target(torch.rand(2, 1, 32, 32))
    grid = PatchGrid(32, 8, 4)
    indices = torch.tensor([[0, 10, grid.count - 1], [7, 6, 30]])
    whole = torch.cat(
        [functional.interpolate(level, size=32, mode="bilinear", align_corners=False) for level in maps], dim=1
    )
    crops = crop_features(maps, indices, grid).unflatten(0, (2, 3))
    assert crops.shape == (2, 3, features.channels, 8, 8)
    for sample in range(2):
        for patch in range(3):
            row, column = divmod(int(indices[sample, patch]), grid.side)
            expected = whole[sample, :, row * 4 : row * 4 + 8, column * 4 : column * 4 + 8]
            torch.testing.assert_close(crops[sample, patch], expected, rtol=1e-4, atol=1e-5)


def test_coarse_crops_read_the_right_place(features):
    """A ramp over the image must come back as the coordinates of the patch's pixel centres."""
    rows = (torch.arange(96) + 0.5) / 96
    ramp = rows[None, None, :, None].expand(1, 1, 96, 96)
    grid = PatchGrid(24, 8, 8)
    crop = crop_features((ramp, ramp.transpose(2, 3)), torch.tensor([[5]]), grid)[0]  # second row, third column
    expected_rows = (8 + torch.arange(8) + 0.5) / 24
    expected_columns = (16 + torch.arange(8) + 0.5) / 24
    torch.testing.assert_close(crop[0], expected_rows[:, None].expand(8, 8), rtol=0, atol=1e-6)
    torch.testing.assert_close(crop[1], expected_columns[None].expand(8, 8), rtol=0, atol=1e-6)


def test_are_never_trained(features):
    assert not any(parameter.requires_grad for parameter in features.parameters())
    assert not any(level.requires_grad for level in features.of_target(torch.rand(1, 1, 16, 16)))
