"""How likely each intensity is to lie inside the structure, learned from the painted slices.

The posterior of inside against outside under the joint histogram of intensity and smoothed intensity, both classes
equally likely beforehand. Geodesic paths that pay for changes of this likelihood, too, follow what tells the structure
from its surroundings (Bai and Sapiro, "A geodesic framework for fast interactive image and video segmentation", 2007).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from PatchICLLib.hints.smoothing import smooth

_BINS = 24
_LOW, _HIGH = -0.4, 1.4  # of Normalisation.unit
_KERNEL = 0.93  # bins by which the histograms are smoothed
_TEXTURE = 0.02  # of the side: smoothing of the second feature
_GRAIN = 0.0105  # of the side: smoothing of the result
_RING = 0.125  # of the side: how far the surroundings of the painted structure reach
_CHUNK = 32  # slices at a time
_FLOOR = 0.04  # share of an even histogram given to every bin: what was never seen tells nothing


@dataclass(frozen=True)
class Likelihood:
    """What the painted slices teach.

    Attributes:
        posterior: (bins^2,) likelihood of inside for each pair of intensity and smoothed intensity.
    """

    posterior: Tensor

    @classmethod
    def learned(cls, images: Tensor, masks: Tensor) -> Likelihood:
        """Of painted slices.

        Args:
            images: (k, v, v) intensities through the region, as ``Normalisation.unit`` gives them.
            masks: (k, v, v), 0 to 1.
        """
        inside = masks >= 0.5
        # a slice without the structure shows what lies outside, too
        near = _grown(inside.any(0)[None], max(1, round(_RING * images.shape[-1])))
        numbers = _bin_pairs(images)
        share_in, share_out = _histogram(numbers[inside]), _histogram(numbers[near & ~inside])
        return cls(share_in / (share_in + share_out))

    def of(self, images: Tensor, check: Callable[[], None] = lambda: None) -> Tensor:
        """Likelihood of inside.

        Args:
            images: (Z, v, v) intensities as above.
            check: called now and then; may raise to stop.

        Returns:
            (Z, v, v), 0 to 1; 0.5 where the painted slices tell nothing.
        """
        found = []
        for first in range(0, len(images), _CHUNK):
            check()
            chunk = self.posterior[_bin_pairs(images[first : first + _CHUNK])]
            found.append(smooth(chunk[:, None], _GRAIN * images.shape[-1])[:, 0])
        return torch.cat(found)


def _bin_pairs(images: Tensor) -> Tensor:
    """Numbers of the bins in the joint histogram, (Z, v, v)."""
    smoothed = smooth(images[:, None], _TEXTURE * images.shape[-1])[:, 0]
    return _bins(images) * _BINS + _bins(smoothed)


def _grown(masks: Tensor, radius: int) -> Tensor:
    """Masks (k, v, v) bool grown by a square."""
    rows = F.max_pool2d(masks.float()[:, None], (2 * radius + 1, 1), 1, (radius, 0))
    return F.max_pool2d(rows, (1, 2 * radius + 1), 1, (0, radius))[:, 0] > 0


def _bins(intensities: Tensor) -> Tensor:
    return ((intensities - _LOW) * (_BINS / (_HIGH - _LOW))).long().clamp_(0, _BINS - 1)


def _histogram(numbers: Tensor) -> Tensor:
    """Smoothed joint histogram, (bins^2,), positive, of sum 1."""
    counts = torch.bincount(numbers, minlength=_BINS**2).float().view(1, 1, _BINS, _BINS)
    shares = smooth(counts, _KERNEL).flatten()
    shares = shares / shares.sum().clamp_min(1e-6) + _FLOOR / _BINS**2
    return shares / shares.sum()
