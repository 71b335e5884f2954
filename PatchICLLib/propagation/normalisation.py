"""Intensities on a common scale: robust to outliers, and the same for all slices of a volume."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_LOW, _HIGH = 0.01, 0.99


@dataclass(frozen=True)
class Normalisation:
    """Maps percentiles 1 and 99 of the painted slices' region to 0 and 1, clips a little beyond, then standardises."""

    low: float
    high: float
    mean: float
    deviation: float

    @classmethod
    def fit(cls, pixels: Tensor) -> Normalisation:
        """Fit on the context's pixels, any shape, at least two different values are expected."""
        flat = pixels.flatten().float()
        # quantiles of a regular subsample are plenty and stay within torch.quantile's limit
        sample = flat[:: max(1, flat.numel() // 50_000)]
        low, high = (float(q) for q in torch.quantile(sample, torch.tensor([_LOW, _HIGH])))
        high = max(high, low + 1e-5)
        unit = ((flat - low) / (high - low)).clamp(-0.2, 1.2)
        return cls(low, high, float(unit.mean()), float(unit.std()) + 1e-3)

    def unit(self, image: Tensor) -> Tensor:
        """To about 0..1, clipped to -0.2..1.2; any shape."""
        return ((image - self.low) / (self.high - self.low)).clamp(-0.2, 1.2)

    def standard(self, image: Tensor) -> Tensor:
        """To mean 0 and deviation 1 over the context; any shape. What the network sees."""
        return (self.unit(image) - self.mean) / self.deviation
