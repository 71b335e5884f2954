"""Configurations of the cascades with a few thousand parameters."""

from PatchICLLib.cascade.configuration import SparseConfiguration
from PatchICLLib.cascade.paper import PaperConfiguration
from PatchICLLib.universeg import UniverSegConfiguration

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
