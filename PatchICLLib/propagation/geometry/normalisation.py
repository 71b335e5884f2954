"""Intensities on a common scale: robust to outliers, and the same for all slices of a volume."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_LOW, _HIGH = 0.01, 0.99
_RING = 0.03  # of the side: how far beyond a painted structure its surroundings reach
_RING_LOW, _RING_HIGH = 0.05, 0.95
_BEYOND = 0.4  # what lies far below 0 or above 1 ends at -0.4 and 1.4


@dataclass(frozen=True)
class Normalisation:
    """Maps two percentiles to 0 and 1, presses what lies beyond together, then standardises."""

    low: float
    high: float
    mean: float
    deviation: float

    @classmethod
    def fit(cls, pixels: Tensor) -> Normalisation:
        """Fit on the context's pixels, any shape, at least two different values are expected."""
        return cls._of(pixels, pixels, _LOW, _HIGH)

    @classmethod
    def around(cls, images: Tensor, masks: Tensor) -> Normalisation:
        """Fit on painted structures and their edges, so that contrast is spent where the contour runs.

        A liver then does not drown between lung and bone, as it would in the range of the whole slice.

        Args:
            images: (k, S, S) painted slices through the region of interest.
            masks: (k, S, S), 0 to 1; if all are empty, the whole images count.
        """
        radius = max(1, round(_RING * images.shape[-1]))
        near = F.max_pool2d((masks >= 0.5).float()[:, None], 2 * radius + 1, 1, radius)[:, 0] > 0
        return cls._of(images[near], images, _RING_LOW, _RING_HIGH) if near.any() else cls.fit(images)

    @classmethod
    def _of(cls, ranged: Tensor, pixels: Tensor, low: float, high: float) -> Normalisation:
        flat = ranged.flatten().float()
        # quantiles of a regular subsample are plenty and stay within torch.quantile's limit
        sample = flat[:: max(1, flat.numel() // 50_000)]
        least, most = (float(q) for q in torch.quantile(sample, torch.tensor([low, high])))
        most = max(most, least + 1e-5)
        unit = cls(least, most, 0.0, 1.0).unit(pixels.flatten().float())
        return cls(least, most, float(unit.mean()), float(unit.std()) + 1e-3)

    def unit(self, image: Tensor) -> Tensor:
        """To about 0 to 1, and slowly on to -0.4 and 1.4 beyond; any shape."""
        scaled = (image - self.low) / (self.high - self.low)
        inside = scaled.clamp(0, 1)
        return inside + _BEYOND * torch.tanh(scaled - inside)

    def standard(self, image: Tensor) -> Tensor:
        """To mean 0 and deviation 1 over the context; any shape. What the network sees."""
        return self.standardised(self.unit(image))

    def standardised(self, unit: Tensor) -> Tensor:
        """The same of what ``unit`` gives."""
        return (unit - self.mean) / self.deviation
