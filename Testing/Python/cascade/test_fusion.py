"""Eq. 4: a level corrects the upsampled prediction before it inside its coverage only."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from PatchICLLib.cascade.fusion import fuse


@given(st.integers(0, 1000))
def test_fusion_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    previous, residual = rng.normal(size=(2, 2, 1, 5, 5))
    coverage = (rng.random((2, 1, 5, 5)) < 0.5).astype(float)
    fused = fuse(*(torch.from_numpy(x) for x in (previous, residual, coverage))).numpy()
    for place in np.ndindex(fused.shape):
        expected = previous[place] + residual[place] if coverage[place] else previous[place]
        assert fused[place] == expected
