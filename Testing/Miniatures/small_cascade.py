"""A configuration of the sparse cascade with a few thousand parameters."""

from PatchICLLib.cascade.configuration import SparseConfiguration

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
