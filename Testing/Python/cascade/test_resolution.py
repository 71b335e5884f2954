"""The code of a level's resolution, and the modulation by it."""

import math

import numpy as np
import pytest
import torch

from PatchICLLib.cascade.resolution import ResolutionEncoding, ResolutionModulation


@pytest.mark.parametrize("resolution", [24, 32, 100, 512, 4096])
def test_code_is_sine_and_cosine_of_octaves(resolution):
    code = ResolutionEncoding(8, longest=16.0, shortest=2.0)((8, resolution))[1].numpy()
    octaves = math.log2(resolution)
    waves = 2 ** np.linspace(4, 1, 4)
    expected = [f(2 * math.pi * octaves / wave) for f in (math.sin, math.cos) for wave in waves]
    np.testing.assert_allclose(code, expected, atol=1e-5)


def test_resolutions_have_codes_of_their_own_and_neighbours_are_alike():
    encoding = ResolutionEncoding()
    codes = encoding(tuple(2**n for n in range(5, 12)))
    distances = torch.cdist(codes, codes)
    assert distances[~torch.eye(7, dtype=torch.bool)].min() > 0.5
    assert torch.dist(*encoding((100, 101))) < 0.1


def test_modulation_starts_as_identity_and_scales_and_shifts_channels():
    modulation = ResolutionModulation(4, 3)
    features, code = torch.randn(2, 3, 5, 5), torch.randn(2, 4)
    assert torch.equal(modulation(features, code), features)
    torch.nn.init.normal_(modulation.linear.weight)
    torch.nn.init.normal_(modulation.linear.bias)
    weight, bias = modulation.linear.weight.detach().numpy(), modulation.linear.bias.detach().numpy()
    values = code.numpy() @ weight.T + bias
    expected = features.numpy() * (1 + values[:, :3, None, None]) + values[:, 3:, None, None]
    np.testing.assert_allclose(modulation(features, code).detach(), expected, atol=1e-5)
    np.testing.assert_allclose(modulation(features, code[:1]).detach()[0], expected[0], atol=1e-5)
