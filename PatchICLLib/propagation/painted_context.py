"""The painted slices that slices learn from, as the network gets them; encoded once for all of these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from PatchICLLib.hints.likelihood import Likelihoods
from PatchICLLib.hints.painted_runs import VOTE_SIZE
from PatchICLLib.hints.painted_stacks import PaintedStacks
from PatchICLLib.propagation.gap_filling import ContextKey
from PatchICLLib.propagation.geometry.intensity_scale import IntensityScale
from PatchICLLib.propagation.geometry.normalisation import Normalisation
from PatchICLLib.propagation.geometry.region import Region
from PatchICLLib.propagation.geometry.sliced_volume import SlicedVolume
from PatchICLLib.propagation.geometry.volume_sampler import VolumeSampler
from PatchICLLib.runtime.transfers import to_device

SIZES = (128, 256)  # inputs of the network, pixels a side
FINE_SIZES = (512, 1024)  # with levels more, which look along the uncertain outline alone: for what is thin or large
_LARGE = 0.8  # voxels a side of the region for each pixel of the largest input that is not fine
_VOXELS = 0.6  # a side of the region, at most, for each pixel of the input: small things want more than one
_THIN = 16.0  # pixels of that input
_COARSE = 1.4  # voxels a side for each pixel of any input: from there on the next finer one is taken


def input_size(region: Region) -> int:
    """Input for a region: the smallest with so many pixels for its voxels, or the largest that is not fine."""
    return next((size for size in SIZES if region.pixels <= _VOXELS * size), SIZES[-1])


def input_size_of_painted(region: Region, masks: np.ndarray) -> int:
    """Input for a region and what is painted in it: fine for a large region and a thin structure, and for a huge one.

    Args:
        region: to look through.
        masks: (k, H, W) bool, painted slices.
    """
    for smaller, size in zip((FINE_SIZES[0], SIZES[-1]), reversed(FINE_SIZES), strict=True):
        if region.pixels > _COARSE * smaller:
            return size
    size = input_size(region)
    is_thin = region.pixels > _LARGE * size and thickness(masks, region.spacing) * size < _THIN * region.pixels
    return FINE_SIZES[0] if is_thin else size


def thickness(masks: np.ndarray, spacing: tuple[float, float]) -> float:
    """Mean thickness of what is painted, in voxels of the finer spacing of rows and columns; that of a slab is its own.

    Four times the mean distance to the outside, whose border lies half a voxel before its first voxels.
    """
    total, count = 0.0, 0
    sides = (spacing[0] / min(spacing), spacing[1] / min(spacing))
    for mask in masks:
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        if len(rows):
            held = np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
            distances = ndimage.distance_transform_edt(held, sampling=sides)[held] - 0.5
            total, count = total + float(distances.sum()), count + len(distances)
    return 4 * total / max(1, count)


@dataclass(frozen=True, eq=False)
class PaintedContext:
    """Painted slices of one label through one region.

    Attributes:
        key: label, slices and growth of the region.
        region: what is seen of every slice.
        scale: of all intensities in the region, before they are resampled.
        normalisation: of what is seen through the region then.
        stack: the painted slices on the device; positions count from slice 0, in units of the field of view.
        centre: position subtracted from all positions that the model sees.
    """

    key: ContextKey
    region: Region
    scale: IntensityScale
    normalisation: Normalisation
    stack: PaintedStacks
    centre: float
    _painted: np.ndarray = field(repr=False)
    _sampler: VolumeSampler = field(repr=False)

    @classmethod
    def of(
        cls, volume: SlicedVolume, key: ContextKey, region: Region, size: int, device: torch.device
    ) -> PaintedContext:
        """Cut and normalise painted slices, of which at least one holds the label.

        On the host, where their percentiles are at hand: they are few.

        Args:
            volume: image and painting.
            key: label and slices.
            region: to look through.
            size: of the network's input, pixels a side.
            device: of the stack.
        """
        chosen = list(key.slices)
        painted = volume.painted[chosen] == key.label
        window = region.bounds(painted.shape[1:])
        scale = IntensityScale.of(volume.image[chosen][:, *window], painted[:, *window])
        sampler = VolumeSampler(volume.image, torch.device("cpu"))
        images, masks = sampler.sample(region, chosen, size, scale), region.sample(painted, size)
        normalisation = Normalisation.around(images, masks)
        positions = np.array(chosen) * (volume.step / region.side)
        stack = PaintedStacks(
            to_device(normalisation.standard(images)[None], device),
            to_device(masks[None], device),
            positions[None],
            np.array([len(chosen)]),
        )
        return cls(key, region, scale, normalisation, stack, float(positions.mean()), painted, sampler)

    @property
    def label(self) -> int:
        return self.key.label

    @property
    def slices(self) -> tuple[int, ...]:
        return self.key.slices

    @property
    def size(self) -> int:
        """Of the network's input, pixels a side."""
        return int(self.stack.images.shape[-1])

    @cached_property
    def likelihood(self) -> Likelihoods:
        """Learned from the painted slices at the vote's resolution."""
        seen = self.seen(self._sampler, self.slices)
        return Likelihoods.learned(to_device(seen, self.stack.images.device)[None], self.drawn(self._painted)[None])

    def seen(self, sampler: VolumeSampler, indices: Sequence[int], size: int | None = None) -> Tensor:
        """Slices through the region, about 0 to 1: (n, size, size) on the sampler's device; None: the vote's size."""
        return self.normalisation.unit(sampler.sample(self.region, indices, size or VOTE_SIZE, self.scale))

    def drawn(self, masks: np.ndarray) -> Tensor:
        """What is painted on some slices (k, H, W), as the vote sees it: (k, v, v), 0 to 1, on the stack's device."""
        return to_device(self.region.sample(masks, VOTE_SIZE), self.stack.images.device)
