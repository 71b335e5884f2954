"""Features of the frozen UniverSeg encoder, and their crops (paper, section 3.3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from PatchICLLib.cascade.patches import PatchGrid
from PatchICLLib.universeg.intensities import unit_range
from PatchICLLib.universeg.network import UniverSegConfiguration, UniverSegEncoder

FeatureMaps = tuple[Tensor, ...]


class FrozenFeatures(nn.Module):
    """Maps of all encoder blocks, as if resized to one grid and concatenated: 4 x 64 = 256 channels.

    Nothing here is ever trained. The maps stay at their own resolutions and are resampled where patches lie; resizing
    whole maps to the input's grid first gives the same values at its pixel centres and needs 1 GB for four images of
    512 x 512.
    """

    def __init__(self, configuration: UniverSegConfiguration) -> None:
        super().__init__()
        self.encoder = UniverSegEncoder(configuration)
        self.encoder.requires_grad_(False)
        self.channels = sum(configuration.encoder_channels)

    def load(self, network: UniverSegEncoder) -> None:
        """Copies the encoder of a trained UniverSeg, for instance one with the official weights."""
        own = self.encoder.state_dict()
        self.encoder.load_state_dict({name: tensor for name, tensor in network.state_dict().items() if name in own})

    @torch.no_grad()
    def of_target(self, images: Tensor) -> FeatureMaps:
        """Features of images without masks: the support is all zero.

        Args:
            images: (N, 1, H, H), any scale; each is stretched to 0-1, as UniverSeg expects.

        Returns:
            One map (N, C, H / 2^i, H / 2^i) per encoder block i.
        """
        return self._encode(unit_range(images), images.new_zeros(len(images), 1, 2, *images.shape[-2:]))

    @torch.no_grad()
    def of_context(self, images: Tensor, masks: Tensor) -> FeatureMaps:
        """Features of images with masks, both (N, 1, H, H): each image is its own support (self-support trick)."""
        images = unit_range(images)
        return self._encode(images, torch.stack((images, masks), dim=2))

    def _encode(self, images: Tensor, support: Tensor) -> FeatureMaps:
        # one by one: the maps of a single image of 1024 x 1024 already take 1 GB on the way
        each = [
            [target[:, 0] for target, _ in self.encoder.encode(image[:, None], pair)]
            for image, pair in zip(images.split(1), support.split(1), strict=True)
        ]
        return tuple(torch.cat(maps) for maps in zip(*each, strict=True))


def crop_features(maps: FeatureMaps, indices: Tensor, grid: PatchGrid) -> Tensor:
    """Features at the pixel centres of patches of a level's grid, bilinear.

    Args:
        maps: of ``FrozenFeatures``, each (N, C, h, h); every map spans the whole image.
        indices: (N, K) candidate numbers.
        grid: candidate patches of the level, P pixels a side.

    Returns:
        (N*K, sum of C, P, P), sample by sample.
    """
    n, k = indices.shape
    within = torch.arange(grid.patch, device=indices.device) + 0.5
    centres = (grid.corners(indices)[..., None] + within) / grid.size * 2 - 1  # (N, K, 2, P): -1 to 1 over the image
    rows = centres[:, :, 0, :, None].expand(n, k, grid.patch, grid.patch)
    columns = centres[:, :, 1, None, :].expand(n, k, grid.patch, grid.patch)
    # all patches of a sample side by side in one tall image of points: one call per map, no copy of the map
    points = torch.stack((columns, rows), dim=-1).reshape(n, k * grid.patch, grid.patch, 2).to(maps[0])
    sampled = [
        functional.grid_sample(level, points, mode="bilinear", padding_mode="border", align_corners=False)
        for level in maps
    ]
    crops = torch.cat(sampled, dim=1)
    return crops.unflatten(2, (k, grid.patch)).transpose(1, 2).flatten(0, 1)
