"""CrossConv against its definition: one convolution for every pair."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from PatchICLLib.errors import InputError
from PatchICLLib.universeg.cross_conv import CrossConv2d


@settings(max_examples=12, deadline=None)
@given(
    batch=st.integers(1, 2),
    targets=st.integers(1, 3),
    supports=st.integers(1, 4),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)),
    seed=st.integers(0, 2**16),
)
def test_equals_a_loop_over_pairs(batch, targets, supports, channels, seed):
    torch.manual_seed(seed)
    target_channels, support_channels, out_channels = channels
    layer = CrossConv2d(target_channels, support_channels, out_channels)
    target = torch.randn(batch, targets, target_channels, 6, 5)
    support = torch.randn(batch, supports, support_channels, 6, 5)
    with torch.no_grad():
        result = layer(target, support)
        assert result.shape == (batch, targets, supports, out_channels, 6, 5)
        for b in range(batch):
            for t in range(targets):
                for s in range(supports):
                    stacked = torch.cat((target[b, t], support[b, s]))[None]
                    expected = functional.conv2d(stacked, layer.weight, layer.bias, padding=1)[0]
                    torch.testing.assert_close(result[b, t, s], expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("target", "support", "said"),
    [
        ((1, 1, 2, 8, 8), (2, 1, 3, 8, 8), "same batch size"),
        ((1, 1, 2, 8, 8), (1, 1, 3, 4, 4), "same grid"),
        ((1, 1, 3, 8, 8), (1, 1, 3, 8, 8), "2 target and 3 support channels"),
        ((1, 2, 8, 8), (1, 1, 3, 8, 8), "shape"),
    ],
)
def test_says_which_shapes_do_not_fit(target, support, said):
    with pytest.raises(InputError, match=said):
        CrossConv2d(2, 3, 4)(torch.zeros(target), torch.zeros(support))
