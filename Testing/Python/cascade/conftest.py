"""A cascade small enough to compute in milliseconds, with weights that are far from their neutral start."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.hint_channels import Hints
from PatchICLLib.cascade.sparse import SparseCascade

SMALL = SparseConfiguration(
    coarsest=16,
    patch_size=8,
    patch_stride=8,
    halo=4,
    channels=(4, 8, 8),
    features=16,
    heads=2,
    layers=2,
    tokens_per_side=2,
    key_features=4,
    resolution_features=4,
    target_patches=(4, 6, 10),
    context_patches=(3, 5, 8),
)


def scatter(model: torch.nn.Module, seed: int = 0) -> None:
    """Move every parameter away from its start: some start at zero and would hide what comes after them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape, generator=generator))


@pytest.fixture(scope="session")
def small_configuration() -> SparseConfiguration:
    return SMALL


@pytest.fixture
def small_cascade() -> Callable[..., SparseCascade]:
    """Make a small cascade in evaluation mode; keyword arguments change its configuration."""

    def make(**changes: object) -> SparseCascade:
        torch.manual_seed(3)
        model = SparseCascade(SparseConfiguration(**{**vars(SMALL), **changes}))
        scatter(model)
        return model.eval()

    return make


@pytest.fixture(scope="session")
def discs() -> Callable[..., tuple[Tensor, Tensor]]:
    """Noisy images (B, k, S, S) of a bright disc each, and the discs' masks."""

    def draw(sets: int, images: int, size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        centres = size * (0.35 + 0.3 * torch.rand(sets, images, 2, 1, 1, generator=generator))
        radius = size * (0.12 + 0.15 * torch.rand(sets, images, 1, 1, generator=generator))
        rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
        masks = ((rows - centres[:, :, 0]) ** 2 + (columns - centres[:, :, 1]) ** 2 < radius**2).float()
        return 2 * masks - 1 + 0.5 * torch.randn(masks.shape, generator=generator), masks

    return draw


@pytest.fixture(scope="session")
def all_hints() -> Callable[..., Hints]:
    """Random hints of plausible ranges for n targets, all given."""

    def draw(n: int, size: int, seed: int = 0) -> Hints:
        generator = torch.Generator().manual_seed(seed)

        def smooth(channels: int) -> Tensor:
            coarse = torch.randn(n, channels, 4, 4, generator=generator)
            return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")

        given = torch.ones(n)
        return Hints(smooth(2).clamp(-4, 4), given, smooth(2).clamp(-1, 1), given, smooth(5).clamp(-1, 1), given)

    return draw
