"""Cascades with a few thousand parameters."""

import torch

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.paper import PaperConfiguration
from PatchICLLib.cascade.sparse import SparseCascade
from PatchICLLib.universeg import UniverSegConfiguration
from PatchICLLib.weights import Pretrained

SMALL = SparseConfiguration(
    channels=(4, 4, 8),
    features=16,
    heads=2,
    layers=1,
    key_features=8,
    resolution_features=4,
    target_patches=(4, 4, 4, 4),
    context_patches=(4, 4, 4, 4),
)
TINY = SparseConfiguration(
    coarsest=16, patch_size=8, patch_stride=8, channels=(4, 4, 8), features=16, heads=2, layers=1, key_features=4
)
TINY_PAPER = PaperConfiguration(
    resolutions=(16,),
    target_patches=(4, 5),
    context_patches=(3, 6),
    features=32,
    encoder=UniverSegConfiguration(encoder_channels=(4, 4, 4, 4)),
)


def small_model(seed: int = 5) -> SparseCascade:
    """Of ``SMALL``, untrained; the same again for a seed, whatever else is drawn."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return SparseCascade(SMALL).eval()


def small_weights() -> Pretrained:
    return Pretrained(small_model(), "small", "sparse", "0" * 64, {})
