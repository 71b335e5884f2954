"""The levels of the published model, and refusals."""

import dataclasses

import pytest

from PatchICLLib.cascade.paper import PaperConfiguration
from PatchICLLib.errors import InputError


@pytest.mark.parametrize(
    ("size", "levels"),
    [
        (512, [(24, 9, 9), (64, 20, 20), (128, 20, 20), (512, 30, 30)]),
        (256, [(24, 9, 9), (64, 20, 20), (128, 20, 20), (256, 30, 30)]),
        (128, [(24, 9, 9), (64, 20, 20), (128, 30, 30)]),
        (64, [(24, 9, 9), (64, 30, 30)]),
        (16, [(16, 30, 30)]),
    ],
)
def test_levels_end_at_the_input(size, levels):
    assert list(PaperConfiguration().levels(size)) == levels


@pytest.mark.parametrize("size", [0, 4, 100, 130])
def test_refuses_sizes_that_no_patch_grid_fits(size):
    with pytest.raises(InputError, match="multiple of 8"):
        PaperConfiguration().levels(size)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target_patches": (9, 20)}, "budgets for 4 levels"),
        ({"attention": "causal"}, "context_blind"),
        ({"patch_size": 16}, "patches of 8 pixels"),
    ],
)
def test_refuses_what_cannot_be_built(change, said):
    with pytest.raises(InputError, match=said):
        PaperConfiguration(**change)


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        PaperConfiguration().heads = 8  # type: ignore[misc]
