"""Levels and budgets of the sparse preset."""

import pytest

from PatchICLLib.cascade.configuration import SparseConfiguration


@pytest.mark.parametrize("size", [32, 64, 128, 256, 512, 1024])
def test_levels_double_up_to_the_input(size):
    levels = SparseConfiguration().resolutions(size)
    assert levels[0] == 32
    assert levels[-1] == size
    assert all(fine == 2 * coarse for coarse, fine in zip(levels, levels[1:], strict=False))


@pytest.mark.parametrize("size", [16, 48, 100, 513])
def test_other_sizes_are_refused(size):
    with pytest.raises(ValueError, match=rf"must be 32 \* 2\^n pixels a side, not {size}"):
        SparseConfiguration().resolutions(size)


def test_the_last_budget_serves_all_further_levels():
    c = SparseConfiguration(target_patches=(4, 9))
    assert [c.budget(c.target_patches, level) for level in range(4)] == [4, 9, 9, 9]
