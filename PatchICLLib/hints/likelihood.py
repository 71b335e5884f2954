"""How likely each intensity is to lie inside the structure, learned from the painted slices.

The posterior of inside against outside under the joint histogram of intensity and smoothed intensity, both classes
equally likely beforehand. Geodesic paths that pay for changes of this likelihood, too, follow what tells the structure
from its surroundings (Bai and Sapiro, "A geodesic framework for fast interactive image and video segmentation", 2007).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.array_tensor import array_tensor
from PatchICLLib.hints.separable import both_ways, smoothing
from PatchICLLib.runtime.transfers import to_device

_BINS = 24
_LOW, _HIGH = -0.4, 1.4  # of Normalisation.unit
_KERNEL = 0.93  # bins by which the histograms are smoothed
_TEXTURE = 0.02  # of the side: smoothing of the second feature
_GRAIN = 0.0105  # of the side: smoothing of the result
_RING = 0.125  # of the side: how far the surroundings of the painted structure reach
_CHUNK = {"cpu": 64}  # slices at a time
_LARGE_CHUNK = 1024
_FLOOR = 0.04  # share of an even histogram given to every bin: what was never seen tells nothing


@dataclass(frozen=True)
class Likelihoods:
    """What the painted slices of G tasks teach.

    Attributes:
        posterior: (G, bins^2) likelihood of inside for each pair of intensity and smoothed intensity.
    """

    posterior: Tensor

    @classmethod
    def learned(cls, images: Tensor, masks: Tensor, counts: np.ndarray | None = None) -> Likelihoods:
        """Of painted slices.

        Args:
            images: (G, k, v, v) intensities through the regions, as ``Normalisation.unit`` gives them.
            masks: (G, k, v, v), 0 to 1.
            counts: (G,) slices of each task, the others only pad; None if all count.
        """
        tasks, k, size = images.shape[:3]
        inside = masks >= 0.5
        given = torch.ones_like(inside)
        if counts is not None:
            there = np.arange(k) < np.asarray(counts)[:, None]
            given = to_device(array_tensor(there, bool), images.device)[:, :, None, None].expand_as(inside)
            inside = inside & given
        # a slice without the structure shows what lies outside, too
        near = _grown(inside.any(1, keepdim=True), max(1, round(_RING * size)))
        numbers = _bin_pairs(images.flatten(0, 1), _texture(images)).view(tasks, -1)
        share_in, share_out = (_histograms(numbers, x.flatten(1)) for x in (inside, near & given & ~inside))
        return cls(share_in / (share_in + share_out))

    @classmethod
    def join(cls, parts: Sequence[Likelihoods]) -> Likelihoods:
        """All their tasks, in that order."""
        return cls(torch.cat([part.posterior for part in parts]))

    def of(self, images: Tensor, task: np.ndarray, check: Callable[[], None] = lambda: None) -> Tensor:
        """Likelihood of inside.

        Args:
            images: (R, v, v) intensities as above.
            task: (R,) to which task each slice belongs.
            check: called now and then; may raise to stop.

        Returns:
            (R, v, v), 0 to 1; 0.5 where the painted slices tell nothing.
        """
        texture, grain = _texture(images), smoothing(images.shape[-1], _GRAIN * images.shape[-1], images.device)
        first_bins = to_device(array_tensor(np.asarray(task) * _BINS**2, np.int64), images.device)
        posterior, found = self.posterior.flatten(), []
        chunk = _CHUNK.get(images.device.type, _LARGE_CHUNK)
        for part, first in zip(images.split(chunk), first_bins.split(chunk), strict=True):
            check()
            numbers = _bin_pairs(part, texture) + first[:, None, None]
            found.append(both_ways(grain, posterior[numbers]))
        return torch.cat(found)


def _texture(images: Tensor) -> Tensor:
    """The smoothing of the second feature, as a matrix."""
    return smoothing(images.shape[-1], _TEXTURE * images.shape[-1], images.device)


def _bin_pairs(images: Tensor, texture: Tensor) -> Tensor:
    """Numbers of the bins in the joint histogram, (N, v, v)."""
    return _bins(images) * _BINS + _bins(both_ways(texture, images))


def _grown(masks: Tensor, radius: int) -> Tensor:
    """Masks (N, 1, v, v) bool grown by a square."""
    rows = F.max_pool2d(masks.float(), (2 * radius + 1, 1), 1, (radius, 0))
    return F.max_pool2d(rows, (1, 2 * radius + 1), 1, (0, radius)) > 0


def _bins(intensities: Tensor) -> Tensor:
    return ((intensities - _LOW) * (_BINS / (_HIGH - _LOW))).long().clamp_(0, _BINS - 1)


def _histograms(numbers: Tensor, chosen: Tensor) -> Tensor:
    """Smoothed joint histograms of the chosen among (G, n), (G, bins^2), positive, each of sum 1."""
    counts = torch.zeros(len(numbers), _BINS**2, device=numbers.device)
    counts.scatter_add_(1, numbers, chosen.float())  # whole numbers: exact in any order
    kernel = smoothing(_BINS, _KERNEL, numbers.device)
    shares = both_ways(kernel, counts.view(-1, _BINS, _BINS)).flatten(1)
    shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-6) + _FLOOR / _BINS**2
    return shares / shares.sum(1, keepdim=True)
