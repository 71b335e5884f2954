"""The painted slices that a gap learns from, as the network gets them; encoded once for all slices of the gap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.painted_stacks import PaintedStacks
from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler

SIZES = (128, 256)  # inputs of the network, pixels a side
_VOXELS = 0.6  # a side of the region, at most, for each pixel of the input: small things want more than one


def input_size(region: Region) -> int:
    """Input for a region: the smallest with so many pixels for its voxels, or the largest there is."""
    return next((size for size in SIZES if region.pixels <= _VOXELS * size), SIZES[-1])


@dataclass(frozen=True)
class PaintedContext:
    """Painted slices of one label through one region.

    Attributes:
        label: the label.
        slices: (k,) painted slices, ascending.
        region: what is seen of every slice.
        scale: of all intensities in the region, before they are resampled.
        normalisation: of what is seen through the region then.
        stack: the painted slices, of one task; positions count from slice 0, in units of the field of view.
        encoded: the model's context cache.
        centre: position subtracted from all positions that the model sees.
    """

    label: int
    slices: tuple[int, ...]
    region: Region
    scale: IntensityScale
    normalisation: Normalisation
    stack: PaintedStacks
    encoded: Any
    centre: float

    @classmethod
    def encode(
        cls,
        model: torch.nn.Module,
        device: torch.device,
        volume: SlicedVolume,
        label: int,
        slices: tuple[int, ...],
        growth: float = 1.0,
    ) -> PaintedContext:
        """Cut, normalise and encode the painted slices.

        Args:
            model: called like the cascades.
            device: of the model.
            volume: image and painting.
            label: the label.
            slices: painted slices, ascending; at least one holds the label.
            growth: of the region beyond its usual size.
        """
        chosen = list(slices)
        painted = volume.painted[chosen] == label
        region = Region.around(painted.any(0), volume.spacing).grown(growth)
        size = input_size(region)
        window = region.bounds(painted.shape[1:])
        scale = IntensityScale.of(volume.image[chosen][:, *window], painted[:, *window])
        # on the CPU, where its percentiles are at hand; a few slices
        images = VolumeSampler(volume.image, torch.device("cpu")).sample(region, slices, size, scale)
        masks = region.sample(painted, size)
        normalisation = Normalisation.around(images, masks)
        step = volume.step / region.side
        standard = normalisation.standard(images)
        stack = PaintedStacks(standard[None], masks[None], (np.array(chosen) * step)[None], np.array([len(chosen)]))
        centre = float(stack.positions.mean())
        places = array_tensor(stack.positions - centre)
        encoded = model.encode_context(  # type: ignore[operator]
            stack.images.to(device), stack.masks.to(device), places.to(device)
        )
        return cls(label, slices, region, scale, normalisation, stack, encoded, centre)

    @property
    def size(self) -> int:
        return self.stack.images.shape[-1]
