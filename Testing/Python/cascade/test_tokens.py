"""Pixels and features of patches as tokens, and back."""

import pytest
import torch

from PatchICLLib.cascade.tokens import CELL, flatten, fold, grown, unfold


@pytest.mark.parametrize("cells", [1, 2, 4])
def test_folded_pixels_lie_where_they_were(cells):
    image = torch.rand(6, 1, CELL * cells, CELL * cells)
    assert torch.equal(fold(unfold(image, 1, 2), cells), image)


def test_a_token_has_the_pixels_that_its_features_stand_for():
    """Tokens of two cells a side, whatever they are made of: row by row within a patch, patch by patch."""
    numbers = torch.arange(3 * 4.0).reshape(3, 1, 2, 2)  # of each token of three patches of one image
    pixels = numbers.repeat_interleave(2 * CELL, 2).repeat_interleave(2 * CELL, 3)
    seen = unfold(pixels, 2, 1)
    assert torch.equal(seen, flatten(numbers, 1).expand(-1, -1, (2 * CELL) ** 2))
    assert torch.equal(grown(flatten(numbers, 1), 4, 2), pixels[:, :, ::CELL, ::CELL])
